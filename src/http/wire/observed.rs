//! What only those who answer a request know of it, for the access log.

use std::sync::{Arc, OnceLock};

use rocket::fairing::{Fairing, Info, Kind};
use rocket::{Request, Response};

use super::request::remembered_user;
use crate::domain::UserId;
use crate::telemetry::{Requests, RouteIndex};

/// The route and the user of a request, once they are known.
#[derive(Default)]
pub struct Observed {
    pub route: OnceLock<RouteIndex>,
    pub user: OnceLock<UserId>,
}

/// That of this request.
pub fn observed<'r>(request: &'r Request<'_>) -> &'r Arc<Observed> {
    request.local_cache(Arc::default)
}

/// Remembers the route that is tried, unless there is one: that whose guard has rejected the request
/// first, or else the one that answers.
pub fn observe_route(request: &Request<'_>) {
    let route = &observed(request).route;
    if route.get().is_none()
        && let Some(tried) = request.route()
        && let Some(requests) = request.rocket().state::<Arc<Requests>>()
        && let Some(index) = requests.find(tried.method.as_str(), tried.uri.path())
    {
        // It was not set just now.
        let _ = route.set(index);
    }
}

/// The fairing that observes what has become of a request.
pub struct Observe;

#[rocket::async_trait]
impl Fairing for Observe {
    fn info(&self) -> Info {
        Info { name: "observe", kind: Kind::Response }
    }

    async fn on_response<'r>(&self, request: &'r Request<'_>, _: &mut Response<'r>) {
        observe_route(request);
        if let Some(user) = remembered_user(request) {
            // It is set once.
            let _ = observed(request).user.set(user);
        }
    }
}
