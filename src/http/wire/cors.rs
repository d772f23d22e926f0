//! Lets pages of other origins call the API (CORS, WHATWG Fetch section 3.3).

use rocket::fairing::{Fairing, Info, Kind};
use rocket::http::{Header, Method};
use rocket::{Request, Response};

use super::routes::allowed_methods;
use super::services::Services;
use crate::domain::AllowedOrigins;

/// The headers that scripts of another origin may read.
const EXPOSED: &str = "Link, Total-Count, Location, ETag, Retry-After, WWW-Authenticate, \
    X-Request-Id, Dry-Run, Idempotent-Replayed";

/// The headers that they may send.
const ALLOWED: &str = "Authorization, Content-Type, If-Match, If-None-Match, Idempotency-Key, \
    Last-Event-ID";

/// How long a browser may cache a preflight, in seconds.
const MAX_AGE: &str = "600";

/// The fairing. It never sends `Access-Control-Allow-Credentials`: a page of another origin needs
/// a token of its own.
pub struct Cors;

#[rocket::async_trait]
impl Fairing for Cors {
    fn info(&self) -> Info {
        Info { name: "CORS", kind: Kind::Response }
    }

    async fn on_response<'r>(&self, request: &'r Request<'_>, response: &mut Response<'r>) {
        let Ok(services) = Services::of(request) else { return };
        let allowed = services.allowed_origins.get();
        let value = match &**allowed {
            AllowedOrigins::None => return,
            AllowedOrigins::Any => "*",
            AllowedOrigins::These(_) => {
                // The answer depends on the origin, also for an origin that is not allowed.
                response.adjoin_raw_header("Vary", "Origin");
                let origin = request.headers().get_one("Origin");
                match origin.filter(|origin| allowed.allow(origin)) {
                    Some(origin) => origin,
                    None => return,
                }
            }
        };
        response.set_header(Header::new("Access-Control-Allow-Origin", value.to_owned()));
        if is_allowed_preflight(request) {
            let methods = allowed_methods(request).join(", ");
            response.set_header(Header::new("Access-Control-Allow-Methods", methods));
            response.set_header(Header::new("Access-Control-Allow-Headers", ALLOWED));
            response.set_header(Header::new("Access-Control-Max-Age", MAX_AGE));
        } else {
            response.set_header(Header::new("Access-Control-Expose-Headers", EXPOSED));
        }
    }
}

/// Whether this is the preflight of an allowed origin for a path that exists.
pub fn is_allowed_preflight(request: &Request<'_>) -> bool {
    let is_allowed = |origin| {
        Services::of(request).is_ok_and(|services| services.allowed_origins.get().allow(origin))
    };
    request.method() == Method::Options
        && request.headers().contains("Access-Control-Request-Method")
        && request.headers().get_one("Origin").is_some_and(is_allowed)
        && !allowed_methods(request).is_empty()
}
