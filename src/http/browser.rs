//! What sets browsers apart: they navigate, they keep a session in a cookie, and they send what pages
//! of other sites make them send.

use rocket::Request;
use rocket::http::{Accept, Cookie, Header, SameSite};
use rocket::time::Duration;

use super::Services;
use crate::accounts::AccessToken;
use crate::domain::PublicUrl;
use crate::error::Error;

/// The part of the cookie's name that makes browsers refuse it unless it came over TLS, from this
/// very host, for all of it (RFC 6265bis section 4.1.3.2).
const HOST_PREFIX: &str = "__Host-";

/// Whether a browser navigates: what it wants most is a page.
pub fn wants_page(request: &Request<'_>) -> bool {
    request
        .accept()
        .map(Accept::preferred)
        .is_some_and(|media| media.is_html() && media.weight_or(1.0) > 0.0)
}

/// Whether the client's connection is a TLS one: as `public_url` says, or else a trusted proxy.
pub fn is_https(request: &Request<'_>) -> bool {
    let Ok(services) = Services::of(request) else { return false };
    match &services.public_url {
        Some(url) => url.is_https(),
        None => {
            request
                .headers()
                .get_one("X-Forwarded-Proto")
                .is_some_and(|scheme| scheme.eq_ignore_ascii_case("https"))
                && request.remote().is_some_and(|peer| services.trusted_proxies.contains(peer.ip()))
        }
    }
}

/// Whether a page of this service sent the request. Browsers say so in `Sec-Fetch-Site` (W3C Fetch
/// Metadata section 2.2), and where they do not, in `Origin` (RFC 6454 section 7). Who says neither
/// is no page of ours.
pub fn is_same_origin(request: &Request<'_>) -> bool {
    match request.headers().get_one("Sec-Fetch-Site") {
        Some(site) => site == "same-origin",
        None => request.headers().get_one("Origin").is_some_and(|origin| is_own(request, origin)),
    }
}

/// Whether something else than a page of this service sent the request, by what the browser says. Who
/// says nothing is no browser of our time, which all say so of a form of another site.
pub fn is_foreign(request: &Request<'_>) -> bool {
    let says_where_from =
        ["Sec-Fetch-Site", "Origin"].iter().any(|name| request.headers().contains(*name));
    says_where_from && !is_same_origin(request)
}

fn is_own(request: &Request<'_>, origin: &str) -> bool {
    let public = Services::of(request).ok().and_then(|services| services.public_url.as_ref());
    if public.is_some_and(|url| origin == url.origin()) {
        return true;
    }
    let Some(host) = only(request.headers().get("Host")).filter(|host| !host.is_empty()) else {
        return false;
    };
    let is_behind_public = |url: &PublicUrl| url.origin().split("//").nth(1) == Some(host);
    // Whoever is on the machine itself may go past the proxy; what the proxy serves is known.
    let scheme = if public.is_none() && is_https(request) { "https://" } else { "http://" };
    !public.is_some_and(is_behind_public) && origin.strip_prefix(scheme) == Some(host)
}

fn only<'r>(mut values: impl Iterator<Item = &'r str>) -> Option<&'r str> {
    values.next().filter(|_| values.next().is_none())
}

/// The token of the cookie that a browser keeps its session in. Two of them are none: one was put there
/// by somebody else.
pub fn session_cookie<'r>(request: &'r Request<'_>) -> Result<Option<&'r str>, Error> {
    let mut headers = request.headers().get("Cookie").peekable();
    if headers.peek().is_none() {
        return Ok(None);
    }
    let name = cookie_name(request)?;
    // Not Rocket's cookies: those have their names decoded, and `%5F%5FHost-` is a name that anybody may set.
    let pairs = headers
        .flat_map(|header| header.split(';'))
        .filter_map(|pair| pair.trim_matches(' ').split_once('='));
    Ok(only(pairs.filter(|(given, _)| *given == name).map(|(_, value)| value)))
}

/// 403 for what a page of another site makes a browser send with our cookie.
pub fn check_origin(request: &Request<'_>) -> Result<(), Error> {
    if is_same_origin(request) { Ok(()) } else { Err(foreign()) }
}

/// What is told of a request that another site's page sent.
pub fn foreign() -> Error {
    Error::Forbidden("This was sent from a page of another site, and so was not done.".to_owned())
}

/// What makes a browser keep a session, for as long as its token lives.
pub fn keep_session(request: &Request<'_>, token: AccessToken) -> Result<Header<'static>, Error> {
    let life = Duration::seconds(i64::from(token.expires_in));
    Ok(Header::new("Set-Cookie", cookie(request, token.text, life)?))
}

/// What makes a browser forget its session.
pub fn forget_session(request: &Request<'_>) -> Result<Header<'static>, Error> {
    Ok(Header::new("Set-Cookie", cookie(request, String::new(), Duration::ZERO)?))
}

fn cookie(request: &Request<'_>, value: String, life: Duration) -> Result<String, Error> {
    let cookie = Cookie::build((cookie_name(request)?, value))
        .path("/")
        .max_age(life)
        .same_site(SameSite::Lax)
        .http_only(true)
        .secure(is_https(request));
    Ok(cookie.build().to_string())
}

/// The installation is part of the name, because cookies know neither ports nor, with this prefix, paths.
fn cookie_name(request: &Request<'_>) -> Result<String, Error> {
    let prefix = if is_https(request) { HOST_PREFIX } else { "" };
    Ok(format!("{prefix}{}", Services::of(request)?.cookie))
}
