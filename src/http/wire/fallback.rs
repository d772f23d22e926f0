//! Answers every request that no other route does: rejected by a guard, a wrong method, or an
//! unknown path.

use rocket::data::ToByteUnit;
use rocket::fairing::{Fairing, Info, Kind};
use rocket::form::Form;
use rocket::http::{Method, Status};
use rocket::route::{Handler, Outcome};
use rocket::{Data, Request, Response, Route};

use super::body::{MAX_DISCARDED_BYTES, discard, incomplete};
use super::cors::is_allowed_preflight;
use super::fields::WHOLE_BODY;
use super::problem::{Problem, remember, remember_or};
use super::routes::{FALLBACK_RANK, allowed_methods};
use crate::error::Error;

/// A route for each method and every path. Rocket answers HEAD as GET.
pub fn routes() -> Vec<Route> {
    use Method::{Connect, Delete, Get, Options, Patch, Post, Put, Trace};
    [Get, Put, Post, Delete, Options, Trace, Connect, Patch]
        .into_iter()
        .map(|method| {
            let mut route = Route::ranked(FALLBACK_RANK, method, "/<path..>", Fallback);
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
        // A client that is still sending never sees an answer that comes with a closed connection.
        discard(data.open(MAX_DISCARDED_BYTES.bytes())).await;
        if is_allowed_preflight(request) {
            return Outcome::Success(Response::build().status(Status::NoContent).finalize());
        }
        let problem = remember_or(request, || {
            let allowed = allowed_methods(request);
            if allowed.is_empty() {
                Problem::of_status(Status::NotFound)
            } else {
                Problem::method_not_allowed(request.method().as_str(), allowed.join(", "))
            }
        });
        Outcome::from(request, problem.cloned())
    }
}

/// The first bytes of a body that Rocket peeks at, to look for `_method` in a form.
const PEEKED_BYTES: usize = "_method=delete".len();

/// Rejects three kinds of requests before routing.
///
/// A form that starts with `_method=`: Rocket would take its value as the request's method, so
/// that a form of another site could delete something. A GET with a body, which has no meaning
/// (RFC 9110 section 9.3.1) and would be ignored silently. And a body whose connection closed within
/// its first bytes: Rocket drops that error, and the body would be taken as whole.
pub struct RejectAmbiguousBodies;

#[rocket::async_trait]
impl Fairing for RejectAmbiguousBodies {
    fn info(&self) -> Info {
        Info { name: "ambiguous bodies", kind: Kind::Request }
    }

    async fn on_request(&self, request: &mut Request<'_>, data: &mut Data<'_>) {
        let has_ended = data.peek_complete();
        // Rocket has peeked at as much already.
        let start = data.peek(PEEKED_BYTES).await;
        let problem = if start.len() < PEEKED_BYTES && !has_ended {
            incomplete()
        } else if start.is_empty() {
            return;
        } else if overrides_method(request, start) {
            Error::invalid("_method", "is not known here").into()
        } else if matches!(request.method(), Method::Get | Method::Head) {
            Error::invalid(WHOLE_BODY, "is not expected: GET takes none").into()
        } else {
            return;
        };
        remember(request, problem);
        // Only the fallback has this method; the original one of a form is lost by now.
        request.set_method(Method::Trace);
    }
}

/// Whether Rocket takes the request's method from its form, parsed as Rocket does.
fn overrides_method(request: &Request<'_>, start: &[u8]) -> bool {
    let is_form = request.content_type().is_some_and(|content_type| content_type.is_form());
    let first_field = std::str::from_utf8(start).ok().and_then(|text| Form::values(text).next());
    is_form && first_field.is_some_and(|field| field.name == "_method")
}
