//! Cookies: how one is read and set, and that in which a browser keeps its session.

use rocket::Request;
use rocket::http::{Cookie, Header, SameSite};
use rocket::time::Duration;

use crate::accounts::AccessToken;
use crate::error::Error;
use crate::http::wire::{Services, is_https};

/// With this prefix browsers accept the cookie only over TLS, from this host, for all of it
/// (RFC 6265bis section 4.1.3.2).
const HOST_PREFIX: &str = "__Host-";

/// The token in the session cookie. Two cookies of that name count as none: somebody else set one.
pub fn session_cookie<'r>(request: &'r Request<'_>) -> Result<Option<&'r str>, Error> {
    if !request.headers().contains("Cookie") {
        return Ok(None);
    }
    let name = session_name(request)?;
    let mut tokens = cookies(request, &name);
    Ok(tokens.next().filter(|_| tokens.next().is_none()))
}

/// The values of the cookies of a name. Rocket's cookies have decoded names, and anybody may set
/// `%5F%5FHost-`.
pub fn cookies<'r>(request: &'r Request<'_>, name: &str) -> impl Iterator<Item = &'r str> {
    let pairs = request.headers().get("Cookie").flat_map(|header| header.split(';'));
    let pairs = pairs.filter_map(|pair| pair.trim_matches(' ').split_once('='));
    pairs.filter(move |(given, _)| *given == name).map(|(_, value)| value)
}

/// The header that stores a session in the browser for as long as its token lives.
pub fn set_session_cookie(
    request: &Request<'_>,
    token: AccessToken,
) -> Result<Header<'static>, Error> {
    let life = Duration::seconds(i64::from(token.expires_in));
    Ok(set_cookie(request, (session_name(request)?, token.text), life, SameSite::Lax))
}

/// The header that removes the session from the browser.
pub fn clear_session_cookie(request: &Request<'_>) -> Result<Header<'static>, Error> {
    let empty = (session_name(request)?, String::new());
    Ok(set_cookie(request, empty, Duration::ZERO, SameSite::Lax))
}

/// The header that stores a cookie, which no script can read; without a life, the one that removes it.
pub fn set_cookie(
    request: &Request<'_>,
    (name, value): (String, String),
    life: Duration,
    same_site: SameSite,
) -> Header<'static> {
    let cookie = Cookie::build((name, value))
        .path("/")
        .max_age(life)
        .same_site(same_site)
        .http_only(true)
        .secure(is_https(request));
    Header::new("Set-Cookie", cookie.build().to_string())
}

/// The name of another cookie of the pages. It contains the installation, because cookies do not know
/// ports.
pub fn cookie_name(request: &Request<'_>, purpose: &str) -> Result<String, Error> {
    Ok(format!("{}-{purpose}", Services::of(request)?.cookie))
}

/// The name contains the installation, because cookies know neither ports nor, with the prefix,
/// paths.
fn session_name(request: &Request<'_>) -> Result<String, Error> {
    let prefix = if is_https(request) { HOST_PREFIX } else { "" };
    Ok(format!("{prefix}{}", Services::of(request)?.cookie))
}
