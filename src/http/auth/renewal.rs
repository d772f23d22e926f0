//! A browser's session lives on while it is used: an answer may bring the next cookie.

use std::sync::OnceLock;

use rocket::fairing::{Fairing, Info, Kind};
use rocket::{Request, Response};

use super::cookie::set_session_cookie;
use crate::accounts::{AccessToken, Caller};
use crate::http::wire::{Services, is_dry_run};

/// The token for the next cookie.
fn renewed<'r>(request: &'r Request<'_>) -> &'r OnceLock<AccessToken> {
    request.local_cache(OnceLock::new)
}

/// Extends the session in the cookie of a request, if it is time. Once, although several guards may
/// ask for the caller.
pub async fn renew(request: &Request<'_>, caller: Caller) {
    let Ok(Services { sessions, .. }) = Services::of(request) else { return };
    if !sessions.should_renew(caller) || is_dry_run(request) {
        return;
    }
    let renewed = renewed(request);
    if renewed.get().is_none()
        && let Some(token) = sessions.renew(caller).await
    {
        let _ = renewed.set(token);
    }
}

/// The fairing that sends the next cookie, unless the answer has one of its own.
pub struct RenewSessions;

#[rocket::async_trait]
impl Fairing for RenewSessions {
    fn info(&self) -> Info {
        Info { name: "session renewal", kind: Kind::Response }
    }

    async fn on_response<'r>(&self, request: &'r Request<'_>, response: &mut Response<'r>) {
        // Without a cookie there is no session of a browser. Looking for its token costs an allocation.
        if !request.headers().contains("Cookie") {
            return;
        }
        let Some(token) = renewed(request).get() else { return };
        match set_session_cookie(request, token.clone()) {
            Ok(cookie) => {
                let name = |cookie: &str| cookie.split('=').next().map(str::to_owned);
                let is_its_own = |other: &str| name(other) == name(&cookie.value);
                if !response.headers().get("Set-Cookie").any(is_its_own) {
                    response.adjoin_header(cookie);
                }
            }
            Err(error) => log::warn!("cannot renew a session: {error}"),
        }
    }
}
