//! Which methods a path has.

use rocket::Request;
use rocket::http::Method;
use rocket::http::uri::Path;

/// The rank of the fallback routes, behind every other route.
pub const FALLBACK_RANK: isize = 1_000;

/// The methods of the routes that match this request's path.
pub fn allowed_methods(request: &Request<'_>) -> Vec<&'static str> {
    let mut methods = Vec::new();
    for route in request.rocket().routes().filter(|route| route.rank < FALLBACK_RANK) {
        if has_path(route.uri.path(), request.uri().path()) {
            methods.push(route.method.as_str());
            if route.method == Method::Get {
                methods.push("HEAD");
            }
        }
    }
    methods.sort_unstable();
    methods.dedup();
    methods
}

/// Whether a route's path matches a request's. Like Rocket's own matching, it ignores empty
/// segments and decodes escapes.
fn has_path(pattern: &str, path: Path<'_>) -> bool {
    let mut segments = path.segments().filter(|segment| !segment.is_empty());
    for expected in pattern.split('/').filter(|expected| !expected.is_empty()) {
        match segments.next() {
            Some(_) if expected.ends_with("..>") => return true,
            Some(segment) if expected.starts_with('<') || segment == expected => {}
            _ => return false,
        }
    }
    segments.next().is_none()
}

#[cfg(test)]
mod tests {
    use rocket::http::uri::Origin;

    #[test]
    fn a_path_parameter_matches_one_segment() {
        let has_path =
            |pattern, path: &str| super::has_path(pattern, Origin::parse(path).unwrap().path());
        assert!(has_path("/api/v1/widgets/<name>", "/api/v1/widgets/a"));
        assert!(has_path("/api/v1/widgets", "/api/v1/widgets/"));
        assert!(has_path("/api/v1/widgets", "//api/v1/%77idgets"));
        assert!(!has_path("/api/v1/widgets/<name>", "/api/v1/widgets/"));
        assert!(!has_path("/api/v1/widgets/<name>", "/api/v1/widgets/a/b"));
        assert!(!has_path("/api/v1/widgets/<name>", "/api/v1/widgets"));
        assert!(has_path("/", "/"));
        assert!(!has_path("/", "/x"));
        assert!(has_path("/assets/<version>/<name..>", "/assets/v/a"));
        assert!(has_path("/assets/<version>/<name..>", "/assets/v/a/b/c"));
        assert!(!has_path("/assets/<version>/<name..>", "/assets/v"));
    }
}
