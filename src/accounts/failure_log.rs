//! The lines of the log about failed attempts, and what they say of whoever made them.

use std::net::{IpAddr, Ipv4Addr};

use crate::domain::{LoginName, Network, RequestContext, StoredCredentials, UserRef};

/// Programs such as fail2ban match this line: it stays as it is, target and all.
pub fn log_failure(context: &RequestContext, account: &str, reason: &str) {
    let ip = address_of(context);
    log::warn!(
        target: "widgetd::accounts",
        "auth.fail ip={ip} account={account} reason={reason}"
    );
}

/// How the log names the account of an attempt: by its e-mail address. Never by a username that no
/// account has, or by what is hardly an address: people type passwords there.
pub fn account_in_log(account: &UserRef, found: Option<&StoredCredentials>) -> String {
    match (found, account) {
        (Some(credentials), _) => credentials.user.email.as_str().to_owned(),
        (None, UserRef::LoginName(LoginName::Email(email))) if email.has_dotted_domain() => {
            email.as_str().to_owned()
        }
        (None, _) => "-".to_owned(),
    }
}

pub fn network_of(context: &RequestContext) -> Network {
    Network::of(address_of(context))
}

/// Whatever does not come over a network counts as one address.
fn address_of(context: &RequestContext) -> IpAddr {
    context.address.unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED))
}
