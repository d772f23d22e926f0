//! The address of the service behind a proxy.

use url::Url;

/// The address of the service's root for browsers, like `https://example.org/w/`.
///
/// The proxy removes the path before it forwards a request, so routes do not have it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicUrl {
    origin: String,
    is_https: bool,
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
