//! Who sends a request: from where, with what, and under which number the log and the audit know it.

use std::net::{IpAddr, Ipv4Addr};

use rocket::Request;
use rocket::request::{FromRequest, Outcome};
use rocket_okapi::r#gen::OpenApiGenerator;
use rocket_okapi::request::{OpenApiFromRequest, RequestHeaderInput};
use url::{Host, Url};

use super::Services;
use super::error::Problem;
use super::guards::reject;
use crate::accounts::Caller;
use crate::domain::{Actor, RequestContext, RequestId, TrustedProxies, turns_direction};
use crate::error::Error;

/// By which headers, beside all that start with `X-Forwarded`, proxies tell that they pass on what somebody
/// else asks.
const PASSED_ON: [&str; 3] = ["Forwarded", "X-Real-IP", "Via"];

/// How much of what a client calls itself is kept.
const MAX_AGENT_CHARS: usize = 200;

/// A guard that lets everybody in, and knows where they are.
pub struct Client(RequestContext);

impl Client {
    /// Something done on behalf of whoever has proved who they are.
    pub fn on_behalf_of(self, caller: &Caller) -> RequestContext {
        RequestContext {
            actor: Actor::User(caller.authority.user),
            credential: Some(caller.credential),
            ..self.0
        }
    }

    /// Something done by somebody who has not proved to be anyone.
    pub fn unproven(self) -> RequestContext {
        self.0
    }
}

/// The sender of a request, who has not proved to be anyone yet. Found out when somebody first asks.
pub fn request_context<'r>(request: &'r Request<'_>) -> Result<&'r RequestContext, Error> {
    let services = Services::of(request)?;
    Ok(request.local_cache(|| RequestContext {
        actor: Actor::Anonymous,
        credential: None,
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

/// Whether the first administrator may be made from where a request is from: this machine, unless the
/// settings allow others. [`Error::Forbidden`] where not.
pub fn may_set_up(request: &Request<'_>) -> Result<(), Error> {
    let services = Services::of(request)?;
    if services.remote_setup || is_from_this_machine(request) {
        return Ok(());
    }
    let why = "The first administrator is made on the machine itself, unless the setting `remote_setup` is true.";
    Err(Error::Forbidden(why.to_owned()))
}

/// Whether somebody on this machine has made a request, past every proxy. Behind a proxy on it all the world
/// seems to be here; so whatever tells of one counts against a request, and so does another host's name,
/// which a proxy may have passed on, or a page that has given its own name our address. (A proxy that tells
/// nothing of all that is not noticed. Then the code alone keeps others out.)
fn is_from_this_machine(request: &Request<'_>) -> bool {
    // Where it listens at one address alone, programs on the machine call from that.
    let listens_at = request.rocket().config().address;
    let is_own = |address: IpAddr| address.to_canonical().is_loopback() || address == listens_at;
    let names_us =
        |host: &str| match Url::parse(&format!("http://{host}/")).ok().as_ref().and_then(Url::host)
        {
            Some(Host::Domain(name)) => name == "localhost",
            Some(Host::Ipv4(address)) => is_own(address.into()),
            Some(Host::Ipv6(address)) => is_own(address.into()),
            None => false,
        };
    let tells_of_proxy = |name: &str| {
        name.get(..11).is_some_and(|start| start.eq_ignore_ascii_case("X-Forwarded"))
            || PASSED_ON.iter().any(|known| name.eq_ignore_ascii_case(known))
    };
    request.remote().is_some_and(|peer| is_own(peer.ip()))
        && request.headers().get("Host").all(names_us)
        && !request.headers().iter().any(|header| tells_of_proxy(header.name().as_str()))
}

/// A guard for those who may make the first administrator from where they are.
pub struct MaySetUp;

#[rocket::async_trait]
impl<'r> FromRequest<'r> for MaySetUp {
    type Error = ();

    async fn from_request(request: &'r Request<'_>) -> Outcome<Self, ()> {
        match may_set_up(request) {
            Ok(()) => Outcome::Success(Self),
            Err(error) => reject(request, Problem::from(error)),
        }
    }
}

impl OpenApiFromRequest<'_> for MaySetUp {
    fn from_request_input(
        _: &mut OpenApiGenerator,
        _: String,
        _: bool,
    ) -> rocket_okapi::Result<RequestHeaderInput> {
        Ok(RequestHeaderInput::None)
    }
}

/// What a client calls itself, in part, and so that neither a terminal nor the text around it is controlled by it.
fn harmless(agent: &str) -> String {
    let visible = |c: char| {
        if c.is_control() || turns_direction(c) { char::REPLACEMENT_CHARACTER } else { c }
    };
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
        match request_context(request) {
            Ok(context) => Outcome::Success(Self(context.clone())),
            Err(error) => reject(request, Problem::from(error)),
        }
    }
}

impl OpenApiFromRequest<'_> for Client {
    fn from_request_input(
        _: &mut OpenApiGenerator,
        _: String,
        _: bool,
    ) -> rocket_okapi::Result<RequestHeaderInput> {
        Ok(RequestHeaderInput::None)
    }
}
