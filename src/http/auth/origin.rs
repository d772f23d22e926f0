//! Whether a page of this service sent a request, or a page of another site did.

use rocket::Request;

use crate::domain::PublicUrl;
use crate::error::Error;
use crate::http::wire::{Services, is_https};

/// Whether a page of this service sent the request. Browsers say so in `Sec-Fetch-Site` (W3C Fetch
/// Metadata section 2.2), older ones in `Origin` (RFC 6454 section 7). A request with neither is
/// not from a page of ours.
pub fn is_same_origin(request: &Request<'_>) -> bool {
    if let Some(site) = request.headers().get_one("Sec-Fetch-Site") {
        return site == "same-origin";
    }
    let origin = request.headers().get_one("Origin");
    origin.is_some_and(|origin| is_own(request, origin))
}

/// Whether a browser says that anything but a page of this service sent the request. A client that
/// says nothing is not a browser: they all say it of a form of another site.
pub fn is_cross_site(request: &Request<'_>) -> bool {
    let headers = request.headers();
    let is_browser = headers.contains("Sec-Fetch-Site") || headers.contains("Origin");
    is_browser && !is_same_origin(request)
}

/// Whether this origin is the one that the request was sent to.
pub fn is_own(request: &Request<'_>, origin: &str) -> bool {
    let services = Services::of(request).ok();
    let public = services.and_then(|services| services.public_url.as_ref());
    if public.is_some_and(|url| origin == url.origin()) {
        return true;
    }
    let mut hosts = request.headers().get("Host");
    let (Some(host), None) = (hosts.next().filter(|host| !host.is_empty()), hosts.next()) else {
        return false;
    };
    let is_public_host = |url: &PublicUrl| url.origin().split("//").nth(1) == Some(host);
    // A browser on the machine itself may bypass the proxy, under another host name.
    let bypasses = public.is_some() && !services.is_some_and(|services| services.speaks_tls);
    let scheme = if is_https(request) && !bypasses { "https://" } else { "http://" };
    !public.is_some_and(is_public_host) && origin.strip_prefix(scheme) == Some(host)
}

/// The address of the service's root for browsers, with a slash at its end: that of the settings, or the
/// one that the request was sent to. Without either, `./`.
pub fn site_address(request: &Request<'_>) -> String {
    let public = Services::of(request).ok().and_then(|services| services.public_url.as_ref());
    if let Some(url) = public {
        return format!("{}{}/", url.origin(), url.path());
    }
    let mut hosts = request.headers().get("Host");
    match (hosts.next().filter(|host| is_host(host)), hosts.next()) {
        (Some(host), None) if is_https(request) => format!("https://{host}/"),
        (Some(host), None) => format!("http://{host}/"),
        _ => "./".to_owned(),
    }
}

/// Whether a text is a host with or without a port, and nothing else of an address.
fn is_host(text: &str) -> bool {
    let is_of_host = |c: u8| c.is_ascii_alphanumeric() || b".-_:[]".contains(&c);
    !text.is_empty() && text.bytes().all(is_of_host)
}

/// 403 for a request that a page of another site sent.
pub fn check_same_origin(request: &Request<'_>) -> Result<(), Error> {
    if is_same_origin(request) { Ok(()) } else { Err(cross_site()) }
}

/// The error of a cross-site request.
pub fn cross_site() -> Error {
    let why = "This was sent from a page of another site, and so was not done.";
    Error::Forbidden(why.to_owned())
}
