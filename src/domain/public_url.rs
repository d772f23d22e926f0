//! The address of the service behind a proxy.

use url::{Host, Url};

/// The address of the service's root for browsers, like `https://example.org/w/`.
///
/// The proxy removes the path before it forwards a request, so routes do not have it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicUrl {
    origin: String,
    is_https: bool,
    is_loopback: bool,
    path: String,
}

impl PublicUrl {
    /// Parses an `http` or `https` URL that ends with a slash, without user, query and fragment.
    pub fn parse(text: &str) -> Result<Self, String> {
        let plain = |url: &Url| {
            matches!(url.scheme(), "http" | "https")
                && url.username().is_empty()
                && url.password().is_none()
                && url.query().is_none()
                && url.fragment().is_none()
                && url.path().ends_with('/')
                && !url.path().contains("//")
        };
        match Url::parse(text).ok().filter(plain) {
            Some(url) => Ok(Self {
                origin: url.origin().ascii_serialization(),
                is_https: url.scheme() == "https",
                is_loopback: match url.host() {
                    Some(Host::Domain(name)) => name == "localhost",
                    Some(Host::Ipv4(address)) => address.is_loopback(),
                    Some(Host::Ipv6(address)) => address.is_loopback(),
                    None => false,
                },
                path: url.path().trim_end_matches('/').to_owned(),
            }),
            None => Err(format!(
                "must look like https://example.org/ or https://example.org/w/, not '{text}'"
            )),
        }
    }

    /// The origin (RFC 6454), as browsers send it in the header `Origin`.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// The host, and the port unless it is that of the scheme.
    pub fn authority(&self) -> &str {
        self.origin.split_once("://").map_or("", |(_, authority)| authority)
    }

    /// Whether the host is the machine that asks.
    pub fn is_loopback(&self) -> bool {
        self.is_loopback
    }

    /// Whether browsers reach the service over TLS.
    pub fn is_https(&self) -> bool {
        self.is_https
    }

    /// The prefix of every path: empty, or like `/w`.
    pub fn path(&self) -> &str {
        &self.path
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_has_an_origin_and_a_path_prefix() {
        let parts = |text| {
            PublicUrl::parse(text)
                .map(|url| format!("{} {} {}", url.origin(), url.is_https(), url.path()))
        };
        assert_eq!(parts("https://example.org/").as_deref(), Ok("https://example.org true "));
        assert_eq!(parts("https://example.org").as_deref(), Ok("https://example.org true "));
        assert_eq!(
            parts("https://Example.org:443/w/").as_deref(),
            Ok("https://example.org true /w")
        );
        assert_eq!(
            parts("http://10.0.0.7:8080/a/b/").as_deref(),
            Ok("http://10.0.0.7:8080 false /a/b")
        );
    }

    #[test]
    fn it_knows_its_host() {
        let host = |text| {
            PublicUrl::parse(text).map(|url| (url.authority().to_owned(), url.is_loopback()))
        };
        for (text, authority, is_loopback) in [
            ("https://example.org:443/w/", "example.org", false),
            ("http://localhost.example.org:8000/", "localhost.example.org:8000", false),
            ("http://128.0.0.1:8000/", "128.0.0.1:8000", false),
            ("http://[2001:db8::1]/", "[2001:db8::1]", false),
            ("http://Localhost:8000/", "localhost:8000", true),
            ("http://127.0.0.2/", "127.0.0.2", true),
            ("http://[::1]:8000/", "[::1]:8000", true),
        ] {
            assert_eq!(host(text), Ok((authority.to_owned(), is_loopback)));
        }
    }

    #[test]
    fn what_is_no_address_of_a_root_is_refused() {
        for text in [
            "",
            "example.org",
            "/w/",
            "ftp://example.org/",
            "https://example.org/w",
            "https://example.org//",
            "https://example.org/?a",
            "https://example.org/#a",
            "https://ann@example.org/",
            "https://ann:x@example.org/",
        ] {
            assert!(PublicUrl::parse(text).unwrap_err().contains("must look like"), "{text}");
        }
    }
}
