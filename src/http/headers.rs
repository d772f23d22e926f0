//! Headers that stand on many answers: what browsers may do with them, the request's number, and what
//! lets pages of other origins call the API (CORS, WHATWG Fetch section 3.3).

use rocket::fairing::{Fairing, Info, Kind};
use rocket::http::{Header, Method};
use rocket::{Request, Response};

use super::Services;
use super::browser::is_https;
use super::client::request_id;
use super::fallback::allowed_methods;
use crate::domain::AllowedOrigins;

/// What a page of ours may load and do: nothing but what comes from here (W3C CSP level 3). No script
/// may make markup out of a text either (W3C Trusted Types).
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
    form-action 'self'; base-uri 'none'; frame-ancestors 'none'; \
    require-trusted-types-for 'script'; trusted-types 'none'";

/// The same for Swagger UI, which styles its elements one by one and has pictures in its style sheet.
pub const POLICY_OF_SWAGGER_UI: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; \
    img-src 'self' data:; connect-src 'self'; form-action 'none'; base-uri 'none'; frame-ancestors 'none'";

/// What stands on every answer.
const EVERYWHERE: [(&str, &str); 5] = [
    ("X-Content-Type-Options", "nosniff"),
    // For browsers that do not know `frame-ancestors`.
    ("X-Frame-Options", "DENY"),
    // Not `no-referrer`, with which browsers would not say either that a form is of this origin.
    ("Referrer-Policy", "same-origin"),
    ("Cross-Origin-Opener-Policy", "same-origin"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
];

/// What stands on every answer that does not say otherwise.
const UNLESS_SAID: [(&str, &str); 2] = [
    ("Content-Security-Policy", POLICY),
    // Nearly everything depends on who asks.
    ("Cache-Control", "no-store"),
];

/// That browsers are to come over TLS from now on, for a year (RFC 6797).
const HSTS: &str = "max-age=31536000";

/// What scripts of another origin may read beside the body.
const EXPOSED: &str =
    "Link, Total-Count, Location, ETag, Retry-After, WWW-Authenticate, X-Request-Id";

/// What they may send beside what every form may.
const ALLOWED: &str = "Authorization, Content-Type, If-Match, If-None-Match";

/// How long a browser need not ask again, in seconds.
const MAX_AGE: &str = "600";

/// The fairing.
pub struct Headers;

#[rocket::async_trait]
impl Fairing for Headers {
    fn info(&self) -> Info {
        Info { name: "headers that stand on many answers", kind: Kind::Response }
    }

    async fn on_response<'r>(&self, request: &'r Request<'_>, response: &mut Response<'r>) {
        complete(request, response);
        if let Ok(services) = Services::of(request)
            && services.allowed_origins != AllowedOrigins::None
        {
            allow_origin(&services.allowed_origins, request, response);
        }
    }
}

/// Puts on an answer what stands on every one, as often as it is asked to.
pub fn complete(request: &Request<'_>, response: &mut Response<'_>) {
    for (name, value) in EVERYWHERE {
        response.set_raw_header(name, value);
    }
    for (name, value) in UNLESS_SAID {
        if !response.headers().contains(name) {
            response.set_raw_header(name, value);
        }
    }
    if is_https(request) {
        response.set_raw_header("Strict-Transport-Security", HSTS);
    }
    // What is only read has no number, unless it is refused.
    if request.method() != Method::Get || response.status().code >= 400 {
        response.set_header(Header::new("X-Request-Id", request_id(request).to_string()));
    }
}

/// Tells the browser that the page which asked may read the answer. Never with
/// `Access-Control-Allow-Credentials`: a page of another origin has to bring a token of its own.
fn allow_origin(allowed: &AllowedOrigins, request: &Request<'_>, response: &mut Response<'_>) {
    let value = match allowed {
        AllowedOrigins::None => return,
        AllowedOrigins::Any => "*",
        AllowedOrigins::These(_) => {
            // The answer depends on who asks, also where it is no.
            response.adjoin_raw_header("Vary", "Origin");
            match request.headers().get_one("Origin").filter(|origin| allowed.allow(origin)) {
                Some(origin) => origin,
                None => return,
            }
        }
    };
    response.set_header(Header::new("Access-Control-Allow-Origin", value.to_owned()));
    if is_allowed_preflight(request) {
        response.set_header(Header::new(
            "Access-Control-Allow-Methods",
            allowed_methods(request).join(", "),
        ));
        response.set_header(Header::new("Access-Control-Allow-Headers", ALLOWED));
        response.set_header(Header::new("Access-Control-Max-Age", MAX_AGE));
    } else {
        response.set_header(Header::new("Access-Control-Expose-Headers", EXPOSED));
    }
}

/// Whether a browser asks if it may send a request, from an origin that may, to a path that exists.
pub fn is_allowed_preflight(request: &Request<'_>) -> bool {
    let may =
        |origin| Services::of(request).is_ok_and(|services| services.allowed_origins.allow(origin));
    is_preflight(request)
        && request.headers().get_one("Origin").is_some_and(may)
        && !allowed_methods(request).is_empty()
}

fn is_preflight(request: &Request<'_>) -> bool {
    request.method() == Method::Options
        && request.headers().contains("Access-Control-Request-Method")
}
