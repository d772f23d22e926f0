//! Headers of every answer: what browsers may do with it, and the request id.

use rocket::fairing::{Fairing, Info, Kind};
use rocket::http::Header;
use rocket::{Request, Response};

use super::request::{REQUEST_ID, done_at, is_https, is_read, request_id};

/// What a page may load and do: only what comes from this origin (W3C CSP level 3). No script may
/// turn text into markup (W3C Trusted Types), but for the pages' own: page.js has the one policy.
const CSP: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; \
    connect-src 'self'; manifest-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'; \
    require-trusted-types-for 'script'; trusted-types widgetd";

/// The same for Swagger UI, which styles elements inline and has images in its style sheet.
pub const SWAGGER_UI_CSP: &str = "default-src 'none'; script-src 'self'; \
    style-src 'self' 'unsafe-inline'; img-src 'self' data:; connect-src 'self'; \
    form-action 'none'; base-uri 'none'; frame-ancestors 'none'";

const ALWAYS: [(&str, &str); 5] = [
    ("X-Content-Type-Options", "nosniff"),
    // For browsers without `frame-ancestors`.
    ("X-Frame-Options", "DENY"),
    // With `no-referrer` browsers would also omit the `Origin` of a same-origin form.
    ("Referrer-Policy", "same-origin"),
    ("Cross-Origin-Opener-Policy", "same-origin"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
];

/// Headers that an answer may set itself.
const DEFAULTS: [(&str, &str); 2] = [
    ("Content-Security-Policy", CSP),
    // Nearly every answer depends on the caller.
    ("Cache-Control", "no-store"),
];

/// Browsers must use TLS for the next year (RFC 6797).
const HSTS: &str = "max-age=31536000";

/// The fairing that adds the common headers.
pub struct CommonHeaders;

#[rocket::async_trait]
impl Fairing for CommonHeaders {
    fn info(&self) -> Info {
        Info { name: "common headers", kind: Kind::Response }
    }

    async fn on_response<'r>(&self, request: &'r Request<'_>, response: &mut Response<'r>) {
        add_common_headers(request, response);
    }
}

/// Adds the headers of every answer. Calling it twice changes nothing.
pub fn add_common_headers(request: &Request<'_>, response: &mut Response<'_>) {
    for (name, value) in ALWAYS {
        response.set_raw_header(name, value);
    }
    for (name, value) in DEFAULTS {
        if !response.headers().contains(name) {
            response.set_raw_header(name, value);
        }
    }
    if is_https(request) {
        response.set_raw_header("Strict-Transport-Security", HSTS);
    }
    if !is_read(request) && done_at(request).is_some() {
        response.set_raw_header("Idempotent-Replayed", "true");
    }
    response.set_header(Header::new(REQUEST_ID, request_id(request).as_str().to_owned()));
}
