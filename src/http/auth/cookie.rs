//! The cookie in which a browser keeps its session.

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
    let mut headers = request.headers().get("Cookie").peekable();
    if headers.peek().is_none() {
        return Ok(None);
    }
    let name = cookie_name(request)?;
    // Rocket's cookies have decoded names, and anybody may set `%5F%5FHost-`.
    let mut tokens = headers
        .flat_map(|header| header.split(';'))
        .filter_map(|pair| pair.trim_matches(' ').split_once('='))
        .filter(|(given, _)| *given == name)
        .map(|(_, value)| value);
    Ok(tokens.next().filter(|_| tokens.next().is_none()))
}

/// The header that stores a session in the browser for as long as its token lives.
pub fn set_session_cookie(
    request: &Request<'_>,
    token: AccessToken,
) -> Result<Header<'static>, Error> {
    let life = Duration::seconds(i64::from(token.expires_in));
    Ok(Header::new("Set-Cookie", cookie(request, token.text, life)?))
}

/// The header that removes the session from the browser.
pub fn clear_session_cookie(request: &Request<'_>) -> Result<Header<'static>, Error> {
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

/// The name contains the installation, because cookies know neither ports nor, with the prefix,
/// paths.
fn cookie_name(request: &Request<'_>) -> Result<String, Error> {
    let prefix = if is_https(request) { HOST_PREFIX } else { "" };
    Ok(format!("{prefix}{}", Services::of(request)?.cookie))
}
