//! Answers every request that no other route does: rejected by a guard, a wrong method, or an
//! unknown path.

use rocket::fairing::{Fairing, Info, Kind};
use rocket::http::{Method, Status};
use rocket::route::{Handler, Outcome};
use rocket::{Data, Request, Response, Route};

use super::body::{discard_body, reject_unrouted};
use super::cors::is_allowed_preflight;
use super::problem::{Problem, remember_or};
use super::routes::{FALLBACK_RANK, allowed_methods};

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
    async fn handle<'r>(&self, request: &'r Request<'_>, _: Data<'r>) -> Outcome<'r> {
        discard_body(request).await;
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

/// Rejects paths with empty segments or a slash at the end. Rocket takes them for the path without,
/// but the rules of a proxy do not.
pub struct RejectEmptySegments;

#[rocket::async_trait]
impl Fairing for RejectEmptySegments {
    fn info(&self) -> Info {
        Info { name: "empty segments", kind: Kind::Request }
    }

    async fn on_request(&self, request: &mut Request<'_>, _: &mut Data<'_>) {
        if has_empty_segments(request) {
            reject_unrouted(request, Problem::of_status(Status::NotFound));
        }
    }
}

/// Whether a path is not spelt as a route is.
pub fn has_empty_segments(request: &Request<'_>) -> bool {
    let path = request.uri().path().as_str();
    path.contains("//") || (path.ends_with('/') && path != "/")
}
