//! Where requests end up that no other route answers: refused by a guard, sent to a path with
//! another method than it knows, or to a path that nobody knows.

use rocket::data::ToByteUnit;
use rocket::fairing::{Fairing, Info, Kind};
use rocket::form::Form;
use rocket::http::uri::Path;
use rocket::http::{Method, Status};
use rocket::route::{Handler, Outcome};
use rocket::tokio::io::{AsyncRead, AsyncReadExt, copy, sink};
use rocket::tokio::time::{Duration, timeout};
use rocket::{Data, Request, Response, Route};

use super::error::{Problem, refuse};
use super::fields::WHOLE_BODY;
use super::headers::is_allowed_preflight;
use crate::error::Error;

/// How much of a body that nobody wants is read all the same.
const UNWANTED_BYTES: u64 = 16 * 1024 * 1024;

/// For how long it is read.
const UNWANTED_TIME: Duration = Duration::from_secs(5);

/// Behind every other route.
const LAST: isize = 1_000;

/// A route for each method and every path. HEAD is not among them: Rocket answers it as GET.
pub fn routes() -> Vec<Route> {
    use Method::{Connect, Delete, Get, Options, Patch, Post, Put, Trace};
    [Get, Put, Post, Delete, Options, Trace, Connect, Patch]
        .into_iter()
        .map(|method| {
            let mut route = Route::ranked(LAST, method, "/<path..>", Fallback);
            route.name = Some("fallback".into());
            route
        })
        .collect()
}

#[derive(Clone)]
struct Fallback;

#[rocket::async_trait]
impl Handler for Fallback {
    async fn handle<'r>(&self, request: &'r Request<'_>, data: Data<'r>) -> Outcome<'r> {
        discard(data.open(UNWANTED_BYTES.bytes())).await;
        if is_allowed_preflight(request) {
            return Outcome::Success(Response::build().status(Status::NoContent).finalize());
        }
        // A guard's refusal, where there was one.
        let problem = request.local_cache(|| {
            let allowed = allowed_methods(request);
            if allowed.is_empty() {
                Problem::of_status(Status::NotFound)
            } else {
                Problem::method_not_allowed(request.method().as_str(), allowed.join(", "))
            }
        });
        Outcome::Success(problem.to_response(request))
    }
}

/// Reads a body to nowhere, within bounds. A client that is still sending when the connection
/// is closed never gets to see the answer that tells it why.
pub async fn discard(mut body: impl AsyncRead + Unpin) {
    // An error means that the client is gone, and running out of time that it is too slow.
    let _ = timeout(UNWANTED_TIME, copy(&mut (&mut body).take(UNWANTED_BYTES), &mut sink())).await;
}

/// The methods of the routes that have this request's path.
pub fn allowed_methods(request: &Request<'_>) -> Vec<&'static str> {
    let mut methods = Vec::new();
    for route in request.rocket().routes().filter(|route| route.rank < LAST) {
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

/// Whether a route's path, whose segments may be `<parameters>` and whose last one may stand for
/// `<many..>`, is that of a request. As in Rocket's own matching, slashes that separate nothing do not
/// count, and escapes are read.
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

/// Refuses two kinds of requests before any route sees them.
///
/// A form that starts with `_method=`: Rocket takes such a value for the request's method before
/// anyone is asked, so that a form of another site could delete something. And a GET with a body,
/// which has no meaning (RFC 9110 section 9.3.1) and would else be ignored in silence.
pub struct RejectMethodOverride;

#[rocket::async_trait]
impl Fairing for RejectMethodOverride {
    fn info(&self) -> Info {
        Info { name: "requests that mean something else than they seem to", kind: Kind::Request }
    }

    async fn on_request(&self, request: &mut Request<'_>, data: &mut Data<'_>) {
        // As much as Rocket has looked at already, and read as Rocket reads it.
        let start = data.peek("_method=delete".len()).await;
        if start.is_empty() {
            return;
        }
        let is_form = request.content_type().is_some_and(|content_type| content_type.is_form());
        let first_field =
            std::str::from_utf8(start).ok().and_then(|text| Form::values(text).next());
        let error = if is_form && first_field.is_some_and(|field| field.name == "_method") {
            Error::invalid("_method", "is not known here")
        } else if matches!(request.method(), Method::Get | Method::Head) {
            Error::invalid(WHOLE_BODY, "is not expected: GET takes none")
        } else {
            return;
        };
        refuse(request, error.into());
        // No route but the fallback has this method; which one a form meant is lost by now.
        request.set_method(Method::Trace);
    }
}

#[cfg(test)]
mod tests {
    use rocket::http::uri::Origin;

    #[test]
    fn a_parameter_stands_for_one_segment() {
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
