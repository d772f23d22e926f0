//! The origins whose pages may call the API from a browser.

use url::Url;

/// The origins (RFC 6454) whose pages may read answers of the API.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum AllowedOrigins {
    /// Only the service's own.
    #[default]
    None,
    /// All of them.
    Any,
    /// These, as a browser writes them in the header `Origin`.
    These(Vec<String>),
}

impl AllowedOrigins {
    /// Parses a list of origins like `https://app.example.org`, or `*` alone.
    pub fn parse(origins: &[String]) -> Result<Self, String> {
        if origins.is_empty() {
            return Ok(Self::None);
        }
        if origins.iter().any(|origin| origin == "*") {
            return match origins {
                [_] => Ok(Self::Any),
                _ => Err("'*' stands for all origins, and so alone".to_owned()),
            };
        }
        for origin in origins {
            let is_origin = Url::parse(origin).is_ok_and(|url| {
                matches!(url.scheme(), "http" | "https")
                    && url.origin().ascii_serialization() == *origin
            });
            // A URL's host may contain a star, but it is not a wildcard here.
            if !is_origin || origin.contains('*') {
                return Err(format!(
                    "'{origin}' is not an origin; one looks like https://app.example.org"
                ));
            }
        }
        Ok(Self::These(origins.to_vec()))
    }

    pub fn allow(&self, origin: &str) -> bool {
        match self {
            Self::None => false,
            Self::Any => true,
            Self::These(origins) => origins.iter().any(|allowed| allowed == origin),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(origins: &[&str]) -> Result<AllowedOrigins, String> {
        AllowedOrigins::parse(&origins.iter().map(|&origin| origin.to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn an_origin_is_matched_to_the_letter() {
        let allowed = parse(&["https://app.example.org", "http://localhost:3000"]).unwrap();
        assert!(allowed.allow("https://app.example.org"));
        assert!(allowed.allow("http://localhost:3000"));
        for origin in [
            "https://app.example.org.evil.org",
            "http://app.example.org",
            "http://localhost",
            "null",
            "*",
            "",
        ] {
            assert!(!allowed.allow(origin), "{origin}");
        }
        assert!(parse(&["*"]).unwrap().allow("https://anywhere.example"));
        assert!(!parse(&[]).unwrap().allow("https://anywhere.example"));
    }

    #[test]
    fn what_no_browser_would_send_is_refused() {
        for origin in [
            "app.example.org",
            "https://app.example.org/",
            "https://app.example.org/path",
            "https://App.example.org",
            "https://app.example.org:443",
            "https://*.example.org",
            "ftp://example.org",
            "null",
            "",
        ] {
            assert!(parse(&[origin]).is_err(), "{origin}");
        }
        assert!(parse(&["*", "https://app.example.org"]).is_err());
    }
}
