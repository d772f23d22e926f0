//! Who sends a request: from where, with what, and under which number the log and the audit know it.

use std::net::{IpAddr, Ipv4Addr};

use rocket::Request;
use rocket::request::{FromRequest, Outcome};
use rocket_okapi::r#gen::OpenApiGenerator;
use rocket_okapi::request::{OpenApiFromRequest, RequestHeaderInput};

use super::Services;
use super::error::Problem;
use super::guards::turn_away;
use crate::accounts::Caller;
use crate::domain::{Actor, By, RequestId, TrustedProxies};
use crate::error::Error;

/// How much of what a client calls itself is kept.
const MAX_AGENT_CHARS: usize = 200;

/// A guard that lets everybody in, and knows where they are.
pub struct Client(By);

impl Client {
    /// Something done on behalf of whoever has proved who they are.
    pub fn on_behalf_of(self, caller: &Caller) -> By {
        By { actor: Actor::Account(caller.authority.user), proof: Some(caller.proof), ..self.0 }
    }

    /// Something done by somebody who has not proved to be anyone.
    pub fn unproven(self) -> By {
        self.0
    }
}

/// The sender of a request, who has not proved to be anyone yet. Found out when somebody first asks.
pub fn sender<'r>(request: &'r Request<'_>) -> Result<&'r By, Error> {
    let services = Services::of(request)?;
    Ok(request.local_cache(|| By {
        actor: Actor::Nobody,
        proof: None,
        address: Some(address(request, &services.trusted_proxies)),
        client: request.headers().get_one("User-Agent").map(harmless),
        request: Some(request_id(request)),
        at: services.clock.now(),
    }))
}

fn address(request: &Request<'_>, trusted: &TrustedProxies) -> IpAddr {
    // Every request over TCP has a peer.
    let peer = request.remote().map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |peer| peer.ip());
    let forwarded_for: Vec<&str> = request.headers().get("X-Forwarded-For").collect();
    trusted.client(peer, forwarded_for.into_iter())
}

/// What a client calls itself, in part, and so that a terminal which shows it is not controlled by it.
fn harmless(agent: &str) -> String {
    let visible = |c: char| if c.is_control() { char::REPLACEMENT_CHARACTER } else { c };
    agent.chars().take(MAX_AGENT_CHARS).map(visible).collect()
}

/// The number of a request, which it gets when somebody first asks for it.
pub fn request_id(request: &Request<'_>) -> RequestId {
    struct Number(RequestId);
    request.local_cache(|| Number(RequestId::generate())).0
}

#[rocket::async_trait]
impl<'r> FromRequest<'r> for Client {
    type Error = ();

    async fn from_request(request: &'r Request<'_>) -> Outcome<Self, ()> {
        match sender(request) {
            Ok(by) => Outcome::Success(Self(by.clone())),
            Err(error) => turn_away(request, Problem::from(error)),
        }
    }
}

impl OpenApiFromRequest<'_> for Client {
    fn from_request_input(_: &mut OpenApiGenerator, _: String, _: bool) -> rocket_okapi::Result<RequestHeaderInput> {
        Ok(RequestHeaderInput::None)
    }
}
