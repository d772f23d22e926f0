//! `widgetd login`: the one command that talks to the service instead of the database.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::json;

use super::client::{client, listener};
use super::httpie_session::{HttpieSession, SessionName};
use super::terminal::{ask_known_password, print};
use crate::clock::Clock;
use crate::config::Config;
use crate::domain::PublicUrl;
use crate::error::Error;

#[derive(clap::Args)]
pub struct LoginArgs {
    /// The account's e-mail address or username
    name: String,
    /// The service's address [default: the setting `public_url`, else that of this machine]
    ///
    /// To another machine it has to be https. The certificate of a private authority is read from
    /// the file in the variable `REQUESTS_CA_BUNDLE`, as HTTPie does.
    #[arg(long)]
    url: Option<String>,
    /// The name of the HTTPie session
    #[arg(long, value_name = "NAME", default_value = "widgetd", value_parser = SessionName::parse)]
    session: SessionName,
    /// Print the access token instead of writing an HTTPie session
    #[arg(long, conflicts_with = "session")]
    print_token: bool,
    /// Read the password from the first line of stdin instead of asking for it
    #[arg(long)]
    password_stdin: bool,
}

/// What a service answers to a login. `access_token` is there if it succeeds.
#[derive(Deserialize)]
struct Answer {
    message: String,
    #[serde(default)]
    errors: BTreeMap<String, String>,
    access_token: Option<String>,
    expires_in: Option<u32>,
}

/// An access token, and how many seconds it lives.
struct Token {
    text: String,
    expires_in: u32,
}

pub fn run(config: &Config, arguments: LoginArgs) -> Result<(), Error> {
    let LoginArgs { name, url, session, print_token, password_stdin } = arguments;
    let service = service(config, url.as_deref())?;
    // Read first: a login whose token cannot be kept is of no use.
    let file =
        if print_token { None } else { Some(HttpieSession::open(service.authority(), &session)?) };
    let password = ask_known_password(password_stdin)?;
    let token = log_in(&service, &name, &password)?;
    let until = Clock::System.now().plus_seconds(token.expires_in.into()).to_iso_8601();
    match file {
        None => {
            eprintln!("Logged in as {name} until {until}.");
            print(&format!("{}\n", token.text))
        }
        Some(file) => {
            let path = file.path.display().to_string();
            file.save(&token.text)?;
            let tasks = format!("{}{}/api/v1/tasks", short(service.origin()), service.path());
            eprintln!("Logged in as {name} until {until}. Try: http --session={session} {tasks}");
            eprintln!("Session: {path}");
            Ok(())
        }
    }
}

/// The service to log in to. A password is not sent in the clear to another machine.
fn service(config: &Config, url: Option<&str>) -> Result<PublicUrl, Error> {
    let parse = |url: &str| {
        PublicUrl::parse(&format!("{}/", url.trim_end_matches('/')))
            .map_err(|why| Error::invalid("url", why))
    };
    let service = match (url, &config.public_url) {
        (Some(url), _) => parse(url)?,
        (None, Some(url)) => url.clone(),
        (None, None) if config.unix_socket.is_some() => {
            let why = "is required, because the service listens at a Unix socket";
            return Err(Error::invalid("--url", why));
        }
        (None, None) => parse(&listener(config))?,
    };
    if service.is_https() || service.is_loopback() {
        return Ok(service);
    }
    Err(Error::Conflict(format!(
        "http would show your password to the network on its way to {}. Use --url https://...",
        service.authority()
    )))
}

/// An origin in the shorthand of HTTPie, if it has one.
fn short(origin: &str) -> String {
    origin
        .strip_prefix("http://localhost:")
        .map_or_else(|| origin.to_owned(), |port| format!(":{port}"))
}

fn log_in(service: &PublicUrl, name: &str, password: &str) -> Result<Token, Error> {
    let url = format!("{}{}/api/v1/auth/login", service.origin(), service.path());
    let failed = |why: String| Error::Conflict(format!("cannot log in at {url}: {why}"));
    let mut response = client(service)?
        .post(&url)
        .send_json(json!({ "login": name, "password": password }))
        .map_err(|cause| failed(cause.to_string()))?;
    let status = response.status().as_u16();
    let text = response.body_mut().read_to_string().map_err(|cause| failed(cause.to_string()))?;
    let stranger = || failed(format!("this is not widgetd; it answered {status}"));
    let answer: Answer = serde_json::from_str(&text).map_err(|_| stranger())?;
    match answer {
        Answer { access_token: Some(text), expires_in: Some(expires_in), .. } if status == 200 => {
            // Anything else does not fit into a header, or a line of output.
            let is_token = text.bytes().all(|byte| byte.is_ascii_graphic());
            if is_token { Ok(Token { text, expires_in }) } else { Err(stranger()) }
        }
        _ if status == 200 => Err(stranger()),
        Answer { message, errors, .. } => {
            let fields = errors.iter().map(|(field, why)| format!("\n{field}: {why}"));
            let message = message + &fields.collect::<String>();
            // A service must not control the terminal.
            let is_control = |c: char| c.is_control() && c != '\n';
            Err(Error::Conflict(message.replace(is_control, "\u{fffd}")))
        }
    }
}
