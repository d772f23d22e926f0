//! The HTTP client of the commands that talk to a service.

use std::ffi::OsStr;
use std::time::Duration;

use ureq::tls::{PemItem, RootCerts, TlsConfig, parse_pem};

use crate::config::Config;
use crate::domain::PublicUrl;
use crate::error::Error;

/// More than a login takes while many others log in.
const TIMEOUT: Duration = Duration::from_mins(1);

/// The address of a service on this machine, with the name that HTTPie gives `:8000`.
pub fn listener(Config { address, tls, .. }: &Config) -> String {
    let scheme = if tls.is_some() { "https" } else { "http" };
    if address.ip().is_loopback() || address.ip().is_unspecified() {
        format!("{scheme}://localhost:{}", address.port())
    } else {
        format!("{scheme}://{address}")
    }
}

/// A client that sends a password nowhere else: it follows no redirects, and uses a proxy only
/// for https.
pub fn client(service: &PublicUrl) -> Result<ureq::Agent, Error> {
    let roots = match std::env::var_os("REQUESTS_CA_BUNDLE") {
        Some(file) if !file.is_empty() && service.is_https() => certificates(&file)?,
        _ => RootCerts::WebPki,
    };
    Ok(agent(service, TlsConfig::builder().root_certs(roots).build()))
}

/// A client for the service at its own address, which its certificate need not name. Send it no secret.
pub fn local_client(service: &PublicUrl) -> ureq::Agent {
    agent(service, TlsConfig::builder().disable_verification(true).build())
}

fn agent(service: &PublicUrl, tls: TlsConfig) -> ureq::Agent {
    let config = ureq::Agent::config_builder()
        .http_status_as_error(false)
        .max_redirects(0)
        .max_redirects_will_error(false)
        .timeout_global(Some(TIMEOUT))
        .user_agent(concat!("widgetd/", env!("CARGO_PKG_VERSION")))
        .tls_config(tls);
    let config = if service.is_https() { config } else { config.proxy(None) };
    config.build().into()
}

/// The certificates of a private authority, from the file that HTTPie takes them from.
fn certificates(file: &OsStr) -> Result<RootCerts, Error> {
    let wrong =
        |why: String| Error::Conflict(format!("REQUESTS_CA_BUNDLE, {}: {why}", file.display()));
    let pem = std::fs::read(file).map_err(|cause| wrong(cause.to_string()))?;
    let mut certificates = Vec::new();
    for item in parse_pem(&pem) {
        if let PemItem::Certificate(one) = item.map_err(|cause| wrong(cause.to_string()))? {
            certificates.push(one);
        }
    }
    if certificates.is_empty() {
        return Err(wrong("it has no certificate".to_owned()));
    }
    Ok(RootCerts::new_with_certs(&certificates))
}
