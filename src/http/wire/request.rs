//! Facts about a request that its handler is not the first to need: who sends it, from where, how.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use rocket::Request;
use rocket::http::{Accept, Method, Status};
use sha2::{Digest, Sha256};

use super::services::{Services, ViewContext};
use crate::domain::{
    Actor, IdempotencyKey, RequestContext, RequestId, Timestamp, UserId, turns_direction,
};
use crate::error::Error;

/// How many characters of `User-Agent` are kept.
const MAX_USER_AGENT_CHARS: usize = 200;

/// The header that names a request that is to be done once.
pub const IDEMPOTENCY_KEY: &str = "Idempotency-Key";

/// The header that identifies a request.
pub const REQUEST_ID: &str = "X-Request-Id";

/// The parameter that tries a write, and the field of its answer.
pub const DRY_RUN: &str = "dry_run";

/// The context of a request before anybody is authenticated. It is computed once per request.
pub fn request_context<'r>(request: &'r Request<'_>) -> Result<&'r RequestContext, Error> {
    let services = Services::of(request)?;
    let is_read = is_read(request);
    let dry_run = !is_read && read_dry_run(request)?;
    Ok(request.local_cache(|| RequestContext {
        actor: Actor::Anonymous,
        credential: None,
        password_epoch: None,
        address: Some(client_address(request)),
        // Nothing is recorded of a read, so it is spared these allocations.
        client: if is_read { None } else { user_agent(request) },
        request: if is_read { None } else { Some(request_id(request)) },
        at: services.clock.now(),
        dry_run,
        idempotency_key: None,
    }))
}

/// The key of a request that is to be done once.
pub fn idempotency_key<'r>(
    request: &'r Request<'_>,
) -> Result<Option<&'r Arc<IdempotencyKey>>, Error> {
    let mut given = request.headers().get(IDEMPOTENCY_KEY);
    let Some(text) = given.next().filter(|_| request.method() == Method::Post) else {
        return Ok(None);
    };
    if given.next().is_some() {
        return Err(Error::invalid(IDEMPOTENCY_KEY, "is given more than once"));
    }
    let key = IdempotencyKey::parse(text).map_err(|why| Error::invalid(IDEMPOTENCY_KEY, why))?;
    Ok(request.local_cache(|| Some(Arc::new(key))).as_ref())
}

/// Takes the digest of a request whose body has arrived, if it is to be done once. Then finds out
/// whether it was done before. [`Error::KeyReused`] if the key was given to another request.
pub async fn recognise(request: &Request<'_>, body: &[u8]) -> Result<(), Error> {
    let key = request.local_cache(|| None::<Arc<IdempotencyKey>>);
    let (Some(key), Some(user)) = (key, remembered_user(request)) else { return Ok(()) };
    let mut digest = Sha256::new();
    let content_type = request.headers().get_one("Content-Type").unwrap_or_default();
    for part in [request.uri().to_string().as_bytes(), content_type.as_bytes(), body] {
        digest.update((part.len() as u64).to_le_bytes());
        digest.update(part);
    }
    let digest = digest.finalize().into();
    key.set_digest(digest);
    let services = Services::of(request)?;
    let found = services.store.find_done_request(user, key.as_str(), services.clock.now()).await?;
    match found {
        Some(done) if done.digest != digest => Err(Error::KeyReused),
        Some(done) => {
            key.set_done_at(done.at);
            Ok(())
        }
        None => Ok(()),
    }
}

/// When this request was done, if it is to be done once and was done before.
pub fn done_at(request: &Request<'_>) -> Option<Timestamp> {
    request.local_cache(|| None::<Arc<IdempotencyKey>>).as_ref().and_then(|key| key.done_at())
}

/// The query, without the `?`.
pub fn query_of<'r>(request: &'r Request<'_>) -> &'r str {
    request.uri().query().map_or("", |query| query.as_str())
}

/// Whether a write is only tried, by the query parameter of that name.
fn read_dry_run(request: &Request<'_>) -> Result<bool, Error> {
    let Some(query) = request.uri().query() else { return Ok(false) };
    let mut values = query.segments().filter(|(name, _)| *name == DRY_RUN).map(|(_, value)| value);
    let why = match (values.next(), values.next()) {
        (None | Some("false"), None) => return Ok(false),
        (Some("true"), None) => return Ok(true),
        (_, Some(_)) => "is given more than once".to_owned(),
        (Some(other), None) => format!("'{other}' must be one of true, false"),
    };
    Err(Error::invalid(DRY_RUN, why))
}

/// What the views of an answer depend on: all of them are as at the time of the request, or of the
/// earlier request that it repeats.
pub fn view_context<'r>(request: &'r Request<'_>) -> Result<ViewContext<'r>, Status> {
    let context = request_context(request).and_then(|context| {
        let services = Services::of(request)?;
        Ok(services.view_at(done_at(request).unwrap_or(context.at)))
    });
    context.map_err(|_| Status::InternalServerError)
}

/// Whether a request only reads. Rocket has turned HEAD into GET by then.
pub fn is_read(request: &Request<'_>) -> bool {
    request.method() == Method::Get
}

/// Remembers who sends a request, for the guards behind the one that has authenticated them.
pub fn remember_user(request: &Request<'_>, user: UserId) {
    request.local_cache(|| Some(user));
}

/// Who sends a request, if an earlier guard has authenticated them.
pub fn remembered_user(request: &Request<'_>) -> Option<UserId> {
    *request.local_cache(|| None)
}

/// The address of the client: that of the peer, or the one that trusted proxies name.
pub fn client_address(request: &Request<'_>) -> IpAddr {
    // Every request over TCP has a peer.
    let peer = request.remote().map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |peer| peer.ip());
    let Ok(services) = Services::of(request) else { return peer };
    let forwarded_for: Vec<&str> = request.headers().get("X-Forwarded-For").collect();
    services.trusted_proxies.get().client(peer, forwarded_for.into_iter())
}

/// The beginning of `User-Agent`, without characters that control a terminal or reorder text.
fn user_agent(request: &Request<'_>) -> Option<String> {
    let visible = |c: char| {
        if c.is_control() || turns_direction(c) { char::REPLACEMENT_CHARACTER } else { c }
    };
    let agent = request.headers().get_one("User-Agent")?;
    Some(agent.chars().take(MAX_USER_AGENT_CHARS).map(visible).collect())
}

/// The id of a request: that of a trusted proxy if it is well-formed, or else one that is generated.
pub fn request_id(request: &Request<'_>) -> RequestId {
    request.local_cache(|| given_id(request).unwrap_or_else(RequestId::generate)).clone()
}

fn given_id(request: &Request<'_>) -> Option<RequestId> {
    let mut given = request.headers().get(REQUEST_ID);
    let id = given.next().filter(|_| is_from_proxy(request))?;
    // With two, the proxy has passed on one that its client has sent.
    if given.next().is_some() { None } else { RequestId::parse(id) }
}

/// Whether a trusted proxy has sent the request.
fn is_from_proxy(request: &Request<'_>) -> bool {
    let Ok(services) = Services::of(request) else { return false };
    request.remote().is_some_and(|peer| services.trusted_proxies.get().contains(peer.ip()))
}

/// Whether a browser navigates: the media type that it prefers is HTML.
pub fn wants_page(request: &Request<'_>) -> bool {
    let preferred = request.accept().map(Accept::preferred);
    preferred.is_some_and(|media| media.is_html() && media.weight_or(1.0) > 0.0)
}

/// Whether the client's connection uses TLS: that to this service, or that to a proxy by `public_url`
/// or else by a trusted proxy.
pub fn is_https(request: &Request<'_>) -> bool {
    let Ok(services) = Services::of(request) else { return false };
    if services.speaks_tls {
        return true;
    }
    if let Some(url) = &services.public_url {
        return url.is_https();
    }
    let scheme = request.headers().get_one("X-Forwarded-Proto");
    scheme.is_some_and(|scheme| scheme.eq_ignore_ascii_case("https")) && is_from_proxy(request)
}
