//! Whether a request comes from this machine, where the first administrator is created.

use std::net::IpAddr;

use rocket::Request;
use rocket::request::{FromRequest, Outcome};
use rocket_okapi::OpenApiFromRequest;
use url::{Host, Url};

use crate::error::Error;
use crate::http::wire::{Services, reject};

/// Headers of a proxy, besides all that start with `X-Forwarded`.
const PROXY_HEADERS: [&str; 3] = ["Forwarded", "X-Real-IP", "Via"];

/// A guard: the client may create the first administrator from where it is.
#[derive(OpenApiFromRequest)]
pub struct MaySetUp;

#[rocket::async_trait]
impl<'r> FromRequest<'r> for MaySetUp {
    type Error = ();

    async fn from_request(request: &'r Request<'_>) -> Outcome<Self, ()> {
        match check_may_set_up(request) {
            Ok(()) => Outcome::Success(Self),
            Err(error) => reject(request, error),
        }
    }
}

/// [`Error::Forbidden`] unless the request comes from this machine or the settings allow others.
pub fn check_may_set_up(request: &Request<'_>) -> Result<(), Error> {
    let services = Services::of(request)?;
    if services.remote_setup || is_from_this_machine(request) {
        return Ok(());
    }
    Err(setup_is_local())
}

/// The error of a setup from another machine.
pub fn setup_is_local() -> Error {
    let why = "The first administrator is made on the machine itself, unless the setting \
        `remote_setup` is true.";
    Error::Forbidden(why.to_owned())
}

/// Whether a client on this machine sent a request directly. Behind a local proxy every client
/// seems to be here; so any header of a proxy counts against a request, and so does a foreign host
/// name, which a proxy may have passed on or a hostile page may have pointed at our address. (A
/// proxy that shows nothing of this is not noticed. Then only the setup code keeps others out.)
pub fn is_from_this_machine(request: &Request<'_>) -> bool {
    // If the service listens at one address, local programs call from that address.
    let listens_at = request.rocket().config().address;
    let is_own = |address: IpAddr| address.to_canonical().is_loopback() || address == listens_at;
    let names_us = |host: &str| {
        let url = Url::parse(&format!("http://{host}/")).ok();
        match url.as_ref().and_then(Url::host) {
            Some(Host::Domain(name)) => name == "localhost",
            Some(Host::Ipv4(address)) => is_own(address.into()),
            Some(Host::Ipv6(address)) => is_own(address.into()),
            None => false,
        }
    };
    let is_of_proxy = |name: &str| {
        name.get(..11).is_some_and(|start| start.eq_ignore_ascii_case("X-Forwarded"))
            || PROXY_HEADERS.iter().any(|known| name.eq_ignore_ascii_case(known))
    };
    request.remote().is_some_and(|peer| is_own(peer.ip()))
        && request.headers().get("Host").all(names_us)
        && !request.headers().iter().any(|header| is_of_proxy(header.name().as_str()))
}
