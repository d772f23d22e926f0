//! What every handler works with.

use std::fmt;
use std::sync::Arc;

use rocket::Request;

use crate::accounts::{Accounts, Sessions};
use crate::clock::Clock;
use crate::domain::{
    AllowedOrigins, PasswordPolicy, PublicUrl, Quota, Reloadable, Secret, TeamName, Timestamp,
    TrustedProxies, Zone,
};
use crate::error::Error;
use crate::store::Store;

/// The path of version 1 of the API.
pub const API: &str = "/api/v1";

/// The path of the API's documentation for people.
pub const API_PAGES: &str = "/api/v1/ui";

/// The services and settings of one process, managed by Rocket.
pub struct Services {
    pub accounts: Accounts,
    pub sessions: Sessions,
    pub store: Arc<dyn Store>,
    pub clock: Clock,
    /// The name of the session cookie, without its prefix.
    pub cookie: String,
    /// The `realm` of challenges (RFC 9110 section 11.5).
    pub realm: String,
    pub team_name: TeamName,
    pub trusted_proxies: Reloadable<TrustedProxies>,
    pub allowed_origins: Reloadable<AllowedOrigins>,
    /// The address that browsers use, if it is not the one that the service listens on.
    pub public_url: Option<PublicUrl>,
    /// Whether the first administrator may be created from another machine.
    pub remote_setup: bool,
    /// What a user may store.
    pub quota: Quota,
    /// Whether every account has an e-mail address.
    pub require_email: bool,
    /// Who bears it may see the metrics.
    pub metrics_token: Option<Secret>,
    /// Whether connections to this service are encrypted.
    pub speaks_tls: bool,
}

/// The path prefix of every address in an answer: empty, or `/w` if a proxy strips that prefix.
#[derive(Clone, Copy)]
pub struct BasePath<'a>(pub &'a str);

impl fmt::Display for BasePath<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

/// What the meaning of a field's text depends on.
pub struct FieldContext {
    pub now: Timestamp,
    /// Where a date begins and ends.
    pub zone: Zone,
    pub password_policy: PasswordPolicy,
    /// Whether every account has an e-mail address.
    pub require_email: bool,
}

/// What a view depends on besides its record.
#[derive(Clone, Copy)]
pub struct ViewContext<'a> {
    pub base: BasePath<'a>,
    pub now: Timestamp,
    pub quota: Quota,
}

impl ViewContext<'_> {
    /// For what has no addresses.
    pub fn new(now: Timestamp, quota: Quota) -> ViewContext<'static> {
        ViewContext { base: BasePath(""), now, quota }
    }

    /// The same for what has no addresses, and outlives the request.
    pub fn without_addresses(self) -> ViewContext<'static> {
        ViewContext::new(self.now, self.quota)
    }
}

impl Services {
    /// The services of the process that answers this request.
    pub fn of<'r>(request: &'r Request<'_>) -> Result<&'r Self, Error> {
        let services = request.rocket().state();
        services.ok_or_else(|| Error::internal("a request", "there are no services"))
    }

    /// The path of the public URL. Its origin is left out, so that links hold under any host name.
    pub fn base_path(&self) -> BasePath<'_> {
        BasePath(self.public_url.as_ref().map_or("", PublicUrl::path))
    }

    /// The context of the fields of a request that is read now.
    pub fn field_context(&self) -> FieldContext {
        FieldContext {
            now: self.clock.now(),
            zone: self.store.zone().clone(),
            password_policy: self.accounts.password_policy(),
            require_email: self.require_email,
        }
    }

    /// The context of views as they are at `now`.
    pub fn view_at(&self, now: Timestamp) -> ViewContext<'_> {
        ViewContext { base: self.base_path(), now, quota: self.quota }
    }
}
