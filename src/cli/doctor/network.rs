//! The service from outside: whether it answers, at its own address and through a proxy.

use std::net::IpAddr;
use std::path::Path;

use ureq::http::HeaderMap;

use super::super::client::{client, listener, local_client};
use super::finding::Finding;
use crate::app;
use crate::clock::Clock;
use crate::config::Config;
use crate::domain::{PublicUrl, Timestamp};
use crate::error::Error;
use crate::store;

/// Fewer descriptors than this would limit the connections.
const MIN_DESCRIPTORS: u64 = 4_096;

const MAX_CLOCK_DIFFERENCE_SECONDS: i64 = 60;

/// How long a service may take to answer at its Unix socket.
#[cfg(unix)]
const SOCKET_TIMEOUT: std::time::Duration = std::time::Duration::from_secs(30);

pub fn check_network(config: &Config, findings: &mut Vec<Finding>) {
    findings.push(check_service(config));
    findings.extend(descriptors(config));
    check_exposure(config, findings);
    check_public_url(config, findings);
}

struct Answer {
    status: u16,
    headers: HeaderMap,
    text: String,
}

fn get_health(service: &PublicUrl, client: &ureq::Agent) -> Result<Answer, Error> {
    let url = format!("{}{}/healthz", service.origin(), service.path());
    let failed = |cause: ureq::Error| Error::Conflict(format!("{url} does not answer: {cause}"));
    let mut response = client.get(&url).call().map_err(failed)?;
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    let text = response.body_mut().read_to_string().map_err(failed)?;
    Ok(Answer { status, headers, text })
}

/// The status and text of what answers at a Unix socket.
#[cfg(unix)]
fn get_health_at(file: &Path) -> Result<(u16, String), Error> {
    use std::io::{Read, Write};
    use std::os::unix::net::UnixStream;

    let ask = || -> std::io::Result<String> {
        let mut socket = UnixStream::connect(file)?;
        socket.set_read_timeout(Some(SOCKET_TIMEOUT))?;
        socket
            .write_all(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
        let mut answer = String::new();
        socket.read_to_string(&mut answer)?;
        Ok(answer)
    };
    let failed = |cause: &dyn std::fmt::Display| {
        Error::Conflict(format!("{} does not answer: {cause}", file.display()))
    };
    let answer = ask().map_err(|cause| failed(&cause))?;
    let status = answer.split(' ').nth(1).and_then(|status| status.parse().ok());
    let text = answer.split_once("\r\n\r\n").map(|(_, text)| text.to_owned());
    status.zip(text).ok_or_else(|| failed(&"this is no HTTP"))
}

#[cfg(not(unix))]
fn get_health_at(_: &Path) -> Result<(u16, String), Error> {
    Err(Error::Conflict("Unix sockets are for Unix only".to_owned()))
}

/// Whether the service answers at its own address, and is ready.
pub fn check_service(config: &Config) -> Finding {
    let (address, answer) = if let Some(file) = &config.unix_socket {
        (file.display().to_string(), get_health_at(file))
    } else {
        let address = listener(config);
        let answer = PublicUrl::parse(&format!("{address}/"))
            .map_err(|why| Error::invalid("address", why))
            .and_then(|service| get_health(&service, &local_client(&service)))
            .map(|answer| (answer.status, answer.text));
        (address, answer)
    };
    match answer {
        Ok((200, _)) => Finding::ok("service", format!("{address} is ready")),
        Ok((status, text)) => Finding::wrong(
            "service",
            format!("{address} answers {status}: {}", text.trim()),
            "look into the log of the service",
        ),
        Err(error) => {
            let advice = "start it, or give its settings to this command as well";
            Finding::warning("service", error.to_string(), advice)
        }
    }
}

/// Of the process that holds the lock of the database. Linux only.
fn descriptors(config: &Config) -> Option<Finding> {
    let process = std::fs::read_to_string(store::beside(&config.database, ".lock")).ok()?;
    let process = Path::new("/proc").join(process.trim());
    let limits = std::fs::read_to_string(process.join("limits")).ok()?;
    let limit = limits.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    let limit: u64 = limit.split_whitespace().next()?.parse().ok()?;
    let says = match std::fs::read_dir(process.join("fd")) {
        Ok(open) => format!("{} of {limit} are open", open.count()),
        Err(_) => format!("the limit is {limit}"),
    };
    Some(if limit < MIN_DESCRIPTORS {
        let advice = "set LimitNOFILE=65536 in its unit, or raise `ulimit -n`";
        Finding::warning("descriptors", says, advice)
    } else {
        Finding::ok("descriptors", says)
    })
}

fn check_exposure(config: &Config, findings: &mut Vec<Finding>) {
    if config.tls.is_some() {
        findings.push(match app::load_tls(config) {
            Ok(_) => Finding::ok("certificate", "its files can be used"),
            Err(error) => {
                Finding::wrong("certificate", error.to_string(), "see `tls_cert` (README.md)")
            }
        });
    }
    let (at, is_private) = match &config.unix_socket {
        Some(file) => (file.display().to_string(), true),
        None => (config.address.to_string(), is_private(config.address.ip())),
    };
    findings.push(if is_private {
        Finding::ok("address", format!("{at} is not reachable from the internet"))
    } else if config.tls.is_some() {
        Finding::ok("address", format!("{at} is open to others, with TLS"))
    } else {
        Finding::wrong(
            "address",
            format!("{at} is open to others, without TLS: they can read passwords"),
            "set `tls_cert`, or listen on 127.0.0.1 and put a proxy with TLS in front (docs/operations.md)",
        )
    });
}

fn is_private(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => ip.is_loopback() || ip.is_private() || ip.is_link_local(),
        IpAddr::V6(ip) => ip.is_loopback() || ip.is_unique_local(),
    }
}

fn check_public_url(config: &Config, findings: &mut Vec<Finding>) {
    let Some(service) = &config.public_url else { return };
    let name = format!("{}{}/", service.origin(), service.path());
    if config.trusted_proxies.get().is_empty() && config.tls.is_none() {
        findings.push(Finding::wrong(
            "proxy",
            "`trusted_proxies` is empty: all requests seem to come from the proxy, and share its rate limits",
            "set it to the proxy's address, such as [\"127.0.0.1\"]",
        ));
    }
    let answer = match client(service).and_then(|client| get_health(service, &client)) {
        Ok(answer) if answer.status == 200 => answer,
        Ok(Answer { status, .. }) => {
            let says = format!("{name} answers {status}");
            findings.push(Finding::wrong(
                "proxy",
                says,
                "look into the configuration of the proxy",
            ));
            return;
        }
        Err(error) => {
            let advice = "look at its name, its certificate and the proxy";
            findings.push(Finding::wrong("proxy", error.to_string(), advice));
            return;
        }
    };
    let mut wanted = vec!["content-security-policy", "x-content-type-options"];
    if service.is_https() {
        wanted.push("strict-transport-security");
    }
    let missing: Vec<_> =
        wanted.into_iter().filter(|name| !answer.headers.contains_key(*name)).collect();
    findings.push(if missing.is_empty() {
        Finding::ok("proxy", format!("{name} answers, with the headers that widgetd sends"))
    } else {
        Finding::wrong(
            "proxy",
            format!("{name} answers without {}", missing.join(", ")),
            "let the proxy pass the headers on, and see that this is widgetd",
        )
    });
    findings.extend(clock_difference(&answer.headers, Clock::System.now()));
}

/// Between this machine and what answers at the public address.
fn clock_difference(headers: &HeaderMap, now: Timestamp) -> Option<Finding> {
    let date = headers.get("date")?.to_str().ok()?;
    let date = time::OffsetDateTime::parse(
        &date.replace("GMT", "+0000"),
        &time::format_description::well_known::Rfc2822,
    );
    let difference = (date.ok()?.unix_timestamp() - now.as_seconds()).abs();
    (difference > MAX_CLOCK_DIFFERENCE_SECONDS).then(|| {
        Finding::wrong(
            "clock",
            format!("it differs by {difference} seconds from that of the public address"),
            "set the clock, or have it set (`timedatectl set-ntp true`)",
        )
    })
}
