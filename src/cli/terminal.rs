//! What commands have in common: what they open, ask and print.

use std::io::{BufRead, ErrorKind, IsTerminal, Write};
use std::sync::Arc;

use clap::builder::{PossibleValuesParser, TypedValueParser};
use serde::Serialize;

use crate::accounts::{Accounts, HashingMode};
use crate::app;
use crate::clock::Clock;
use crate::config::Config;
use crate::domain::{Actor, NewPassword, Page, PageRequest, RequestContext, Status, User, UserRef};
use crate::error::Error;
use crate::store::{self, IfAbsent, Store};

/// What a command works with.
pub struct Context<'a> {
    pub config: &'a Config,
    pub store: Arc<dyn Store>,
}

impl<'a> Context<'a> {
    /// Opens the store.
    pub fn open(config: &'a Config, if_absent: IfAbsent) -> Result<Self, Error> {
        let store = store::open(&config.database, if_absent)?;
        Ok(Self { config, store })
    }

    /// What people do with accounts.
    pub fn accounts(&self) -> Result<Accounts, Error> {
        app::accounts(self.config, Arc::clone(&self.store), &Clock::System, HashingMode::Foreground)
    }

    /// The account that an argument names.
    pub async fn find(&self, account: &str) -> Result<User, Error> {
        let reference = UserRef::parse(account).map_err(|why| Error::invalid("account", why))?;
        match self.store.get_user_by_name(&reference).await {
            Err(Error::NotFound(_)) => {
                Err(Error::NotFound(format!("there is no account {account}")))
            }
            other => other,
        }
    }

    /// Says what was changed, and where.
    pub async fn finish(self, what: &str) {
        self.store.close().await;
        eprintln!("{what}\nDatabase: {}", self.config.database.display());
    }
}

/// On whose behalf something is done now: whoever sits at the command line.
pub fn cli_context() -> RequestContext {
    RequestContext::local(Actor::CommandLine, Clock::System.now())
}

/// Reads an argument that is one of some names, which the help and the error tell.
pub fn one_of<T: Copy + Send + Sync + 'static>(
    all: &'static [T],
    name: impl Fn(T) -> &'static str + Clone + Send + Sync + 'static,
) -> impl TypedValueParser<Value = T> {
    let names = PossibleValuesParser::new(all.iter().map(|value| name(*value)));
    names.try_map(move |text| {
        all.iter().copied().find(|value| name(*value) == text).ok_or("is not among them")
    })
}

/// What is to be said, behind something made for an account, where the account cannot use it.
pub fn obstacle(user: &User) -> &'static str {
    match user.status {
        Status::Active => "",
        Status::Pending => " The account waits for approval, and cannot use it before.",
        Status::Disabled => " The account is disabled, and cannot use it until it is enabled.",
    }
}

/// Every item of a list, page by page.
pub async fn all<T, F: Future<Output = Result<Page<T>, Error>>>(
    mut get: impl FnMut(PageRequest) -> F,
) -> Result<Vec<T>, Error> {
    let mut items = Vec::new();
    for number in 1.. {
        let page = get(PageRequest::new(number, 10_000)).await?;
        let is_last = page.next().is_none();
        items.extend(page.items);
        if is_last {
            break;
        }
    }
    Ok(items)
}

/// Writes to stdout. A reader that has seen enough, as `head` does, is no failure.
pub fn print(text: &str) -> Result<(), Error> {
    match std::io::stdout().lock().write_all(text.as_bytes()) {
        Err(cause) if cause.kind() != ErrorKind::BrokenPipe => {
            Err(Error::internal("cannot write", cause))
        }
        _ => Ok(()),
    }
}

/// Writes a value to stdout as JSON.
pub fn print_json(value: &impl Serialize) -> Result<(), Error> {
    let text = serde_json::to_string_pretty(value)
        .map_err(|cause| Error::internal("writing JSON", cause))?;
    print(&format!("{text}\n"))
}

/// Writes rows to stdout with their columns below each other. Control characters do not reach the
/// terminal: what a client calls itself is anybody's to choose.
pub fn print_table<const N: usize>(rows: &[[String; N]]) -> Result<(), Error> {
    let width =
        |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: [usize; N] = std::array::from_fn(width);
    let mut text = String::new();
    for row in rows {
        let cells: Vec<_> =
            row.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}")).collect();
        text.push_str(&cells.join("  ").trim_end().replace(char::is_control, "\u{fffd}"));
        text.push('\n');
    }
    print(&text)
}

/// Asks whether to go on with what cannot be undone, unless `yes` has said so.
pub fn confirm(what: &str, yes: bool) -> Result<(), Error> {
    if yes {
        return Ok(());
    }
    if !std::io::stdin().is_terminal() {
        return Err(Error::Conflict(format!("{what}? There is no terminal to ask at; use --yes")));
    }
    eprint!("{what}? [y/N] ");
    let mut answer = String::new();
    std::io::stdin()
        .lock()
        .read_line(&mut answer)
        .map_err(|cause| Error::internal("cannot read the answer", cause))?;
    match answer.trim() {
        "y" | "Y" | "yes" => Ok(()),
        _ => Err(Error::Conflict("given up; nothing was changed".to_owned())),
    }
}

/// Asks for a new password, and judges it.
pub fn ask_password(
    config: &Config,
    from_stdin: bool,
    names: &[String],
) -> Result<NewPassword, Error> {
    judge(config, &read_password(from_stdin)?, names).map_err(|why| Error::invalid("password", why))
}

/// Judges a new password. The error says what is wrong with it.
pub fn judge(config: &Config, password: &str, names: &[String]) -> Result<NewPassword, String> {
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let password = config.password_policy.check_length(password)?;
    config.password_policy.judge(&password, &names)
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
        return Err(Error::Conflict(
            "there is no terminal to ask for the password; use --password-stdin".to_owned(),
        ));
    }
    // Ctrl-C must end the prompt, which gives the terminal its echo back, and not the process.
    ctrlc::set_handler(|| ())
        .map_err(|cause| Error::internal("cannot ask for the password", cause))?;
    let password = rpassword::prompt_password("Password: ").map_err(failed)?;
    if rpassword::prompt_password("Again: ").map_err(failed)? == password {
        Ok(password)
    } else {
        Err(Error::Conflict("the two passwords differ; nothing was changed".to_owned()))
    }
}
