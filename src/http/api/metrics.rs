//! `/metrics`, for a monitoring system. To all others it does not exist.

use std::sync::Arc;

use rocket::http::Status;
use rocket::request::{FromRequest, Outcome};
use rocket::{Request, Route, State, get, routes};
use sha2::{Digest, Sha256};

use crate::error::Error;
use crate::http::auth::is_from_this_machine;
use crate::http::wire::{Problem, Services, reject};
use crate::telemetry::{METRICS_TYPE, Requests, expose};

pub fn routes() -> Vec<Route> {
    routes![get_metrics]
}

/// A guard: who may see the metrics.
struct Monitor;

#[rocket::async_trait]
impl<'r> FromRequest<'r> for Monitor {
    type Error = ();

    async fn from_request(request: &'r Request<'_>) -> Outcome<Self, ()> {
        match may_see_metrics(request) {
            Ok(true) => Outcome::Success(Self),
            Ok(false) => reject(request, Problem::of_status(Status::NotFound)),
            Err(error) => reject(request, error),
        }
    }
}

/// Whether a request bears the token of the settings, or was sent on this machine without a proxy.
fn may_see_metrics(request: &Request<'_>) -> Result<bool, Error> {
    let services = Services::of(request)?;
    let given = request.headers().get_one("Authorization");
    let given = given.and_then(|header| header.strip_prefix("Bearer "));
    if let (Some(given), Some(token)) = (given, &services.metrics_token) {
        return Ok(is_same(given, token.reveal()));
    }
    let is_own = |peer: std::net::SocketAddr| {
        let address = peer.ip().to_canonical();
        address.is_loopback() && !services.trusted_proxies.get().contains(peer.ip())
    };
    Ok(request.remote().is_some_and(is_own) && is_from_this_machine(request))
}

/// Compares hashes, each byte of them, so that the time tells nothing.
fn is_same(given: &str, token: &str) -> bool {
    let [given, token] = [given, token].map(Sha256::digest);
    given.iter().zip(token).fold(0, |difference, (a, b)| difference | (a ^ b)) == 0
}

#[get("/metrics")]
async fn get_metrics(
    _monitor: Monitor,
    services: &State<Services>,
    requests: &State<Arc<Requests>>,
) -> Result<(rocket::http::ContentType, String), Problem> {
    let sizes = services.store.measure().await?;
    let text = expose(requests, sizes)?;
    let content_type = METRICS_TYPE.parse().unwrap_or(rocket::http::ContentType::Plain);
    Ok((content_type, text))
}
