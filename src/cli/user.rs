//! `widgetd user`

use std::fmt::Write as _;
use std::io::{BufRead, ErrorKind, IsTerminal, Write};
use std::sync::Arc;

use clap::Subcommand;
use serde::Serialize;

use crate::accounts::Accounts;
use crate::app;
use crate::clock::Clock;
use crate::config::Config;
use crate::domain::{Email, NewPassword, Role, User, Username};
use crate::error::Error;
use crate::store::{self, IfAbsent, Store};

#[derive(Subcommand)]
pub enum Command {
    /// Make an account, and the database where there is none
    Add {
        /// The e-mail address to log in with
        email: String,
        /// Make it an administrator's
        #[arg(long)]
        admin: bool,
        /// Read the password from the first line of stdin instead of asking for it
        #[arg(long)]
        password_stdin: bool,
    },
    /// Give an account a new password, which ends all its tokens
    Passwd {
        /// The account's e-mail address
        email: String,
        /// Read the password from the first line of stdin instead of asking for it
        #[arg(long)]
        password_stdin: bool,
    },
    /// List the accounts, oldest first
    List {
        /// Print a JSON array
        #[arg(long)]
        json: bool,
    },
}

/// Runs one of the commands.
pub fn run(config: &Config, command: Command) -> Result<(), Error> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .map_err(|cause| Error::internal("cannot start", cause))?;
    runtime.block_on(async {
        match command {
            Command::Add { email, admin, password_stdin } => add(config, &email, admin, password_stdin).await,
            Command::Passwd { email, password_stdin } => passwd(config, &email, password_stdin).await,
            Command::List { json } => list(config, json).await,
        }
    })
}

async fn add(config: &Config, email: &str, admin: bool, password_stdin: bool) -> Result<(), Error> {
    let email = parse(email)?;
    let password = ask_password(config, password_stdin, &email)?;
    // The database is made last: a command that is given up leaves nothing behind.
    let store = store::open(&config.database, IfAbsent::Create)?;
    let accounts = accounts(config, &store)?;
    let role = if admin { Role::Admin } else { Role::Employee };
    let user = accounts.register(email, None, password, role).await?;
    store.close().await;
    say_changed(config, &format!("Added {} as {}.", user.email, user.role.as_str()));
    Ok(())
}

async fn passwd(config: &Config, email: &str, password_stdin: bool) -> Result<(), Error> {
    let email = parse(email)?;
    let store = store::open(&config.database, IfAbsent::Fail)?;
    let password = ask_password(config, password_stdin, &email)?;
    let accounts = accounts(config, &store)?;
    let user = accounts.set_password(&email, password).await.map_err(|error| match error {
        Error::NotFound(_) => Error::NotFound(format!("there is no account {email}")),
        other => other,
    })?;
    store.close().await;
    say_changed(config, &format!("Changed the password of {}; all its tokens have ended.", user.email));
    Ok(())
}

async fn list(config: &Config, json: bool) -> Result<(), Error> {
    let users = store::open(&config.database, IfAbsent::Fail)?.list_users().await?;
    if json {
        let rows: Vec<Row<'_>> = users.iter().map(Row::new).collect();
        let text = serde_json::to_string_pretty(&rows).map_err(|cause| Error::internal("writing JSON", cause))?;
        return print(&format!("{text}\n"));
    }
    let width = users.iter().map(|user| user.email.as_str().len()).max().unwrap_or(0);
    let mut lines = String::new();
    for user in &users {
        let Row { email, role, status, registered_on, .. } = Row::new(user);
        // Writing into a String cannot fail.
        let _ = writeln!(lines, "{email:width$}  {role:8}  {status:8}  {registered_on}");
    }
    if users.is_empty() {
        eprintln!("There are no accounts yet.");
    }
    print(&lines)
}

/// Writes to stdout. A reader that has seen enough, as `head` does, is no failure.
fn print(text: &str) -> Result<(), Error> {
    match std::io::stdout().lock().write_all(text.as_bytes()) {
        Err(cause) if cause.kind() != ErrorKind::BrokenPipe => Err(Error::internal("cannot write", cause)),
        _ => Ok(()),
    }
}

/// An account as `--json` prints it.
#[derive(Serialize)]
struct Row<'a> {
    public_id: String,
    email: &'a str,
    username: Option<&'a str>,
    role: &'static str,
    status: &'static str,
    registered_on: String,
}

impl<'a> Row<'a> {
    fn new(user: &'a User) -> Self {
        Self {
            public_id: user.public_id.to_string(),
            email: user.email.as_str(),
            username: user.username.as_ref().map(Username::as_str),
            role: user.role.as_str(),
            status: user.status.as_str(),
            registered_on: user.registered_on.to_iso_8601(),
        }
    }
}

fn parse(email: &str) -> Result<Email, Error> {
    Email::parse(email).map_err(|why| Error::invalid("email", why))
}

fn accounts(config: &Config, store: &Arc<dyn Store>) -> Result<Accounts, Error> {
    app::accounts(config, Arc::clone(store), Clock::System, 1)
}

/// Asks for a new password, and judges it.
fn ask_password(config: &Config, from_stdin: bool, email: &Email) -> Result<NewPassword, Error> {
    let wrong = |why| Error::invalid("password", why);
    let password = config.password_policy.check_length(&read_password(from_stdin)?).map_err(wrong)?;
    config.password_policy.judge(&password, &[email.as_str()]).map_err(wrong)
}

/// Asks twice without echo, or takes the first line of stdin.
fn read_password(from_stdin: bool) -> Result<String, Error> {
    let failed = |cause: std::io::Error| match cause.kind() {
        ErrorKind::Interrupted => Error::Conflict("interrupted; nothing was changed".to_owned()),
        _ => Error::internal("cannot read the password", cause),
    };
    if from_stdin {
        let mut line = String::new();
        std::io::stdin().lock().read_line(&mut line).map_err(failed)?;
        return Ok(line.trim_end_matches(['\r', '\n']).to_owned());
    }
    if !std::io::stdin().is_terminal() {
        return Err(Error::Conflict("there is no terminal to ask for the password; use --password-stdin".to_owned()));
    }
    // Ctrl-C must end the prompt, which gives the terminal its echo back, and not the process.
    ctrlc::set_handler(|| ()).map_err(|cause| Error::internal("cannot ask for the password", cause))?;
    let password = rpassword::prompt_password("Password: ").map_err(failed)?;
    if rpassword::prompt_password("Again: ").map_err(failed)? == password {
        Ok(password)
    } else {
        Err(Error::Conflict("the two passwords differ; nothing was changed".to_owned()))
    }
}

fn say_changed(config: &Config, what: &str) {
    eprintln!("{what}\nDatabase: {}", config.database.display());
}
