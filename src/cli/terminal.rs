//! Input from the command line and the terminal, and output.

use std::io::{BufRead, ErrorKind, IsTerminal, Write};

use clap::builder::{PossibleValuesParser, TypedValueParser};
use serde::Serialize;

use crate::config::Config;
use crate::domain::{Named, StrongPassword, UserNames};
use crate::error::Error;

/// Parses an argument that names a value. The help and the error list the names.
pub fn one_of<T: Named + Send + Sync>() -> impl TypedValueParser<Value = T> {
    let names = PossibleValuesParser::new(T::ALL.iter().map(|value| value.name()));
    names.try_map(|text| T::parse_name(&text))
}

/// Writes to stdout. It is not an error if the reader has closed it, as `head` does.
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

/// Writes records to stdout, as a JSON array or as a table. `empty` is the message for no records. A
/// person at a terminal gets the headings as well; a program gets rows alone.
pub fn print_list<R: Serialize, const N: usize>(
    records: Vec<R>,
    json: bool,
    empty: &str,
    headings: [&str; N],
    cells: impl Fn(R) -> [String; N],
) -> Result<(), Error> {
    if json {
        return print_json(&records);
    }
    if records.is_empty() {
        eprintln!("{empty}");
        return Ok(());
    }
    let is_for_a_person = std::io::stdout().is_terminal();
    let headings = is_for_a_person.then(|| headings.map(str::to_owned));
    let rows = headings.into_iter().chain(records.into_iter().map(cells));
    print_table(&rows.collect::<Vec<_>>())
}

/// Writes rows to stdout in aligned columns. Control characters are replaced: clients choose some
/// of the texts, and must not control the administrator's terminal.
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

/// Asks for confirmation, unless `yes` was given.
pub fn confirm(what: &str, yes: bool) -> Result<(), Error> {
    if yes {
        return Ok(());
    }
    if !std::io::stdin().is_terminal() {
        return Err(Error::Conflict(format!(
            "{what}? There is no terminal to ask for confirmation; use --yes"
        )));
    }
    eprint!("{what}? [y/N] ");
    let mut answer = String::new();
    std::io::stdin()
        .lock()
        .read_line(&mut answer)
        .map_err(|cause| Error::internal("cannot read the answer", cause))?;
    match answer.trim() {
        "y" | "Y" | "yes" => Ok(()),
        _ => Err(Error::Conflict("cancelled; nothing was changed".to_owned())),
    }
}

/// Asks for a new password and judges it.
pub fn ask_password(
    config: &Config,
    from_stdin: bool,
    names: &UserNames,
) -> Result<StrongPassword, Error> {
    let password = read_password(from_stdin, true)?;
    judge(config, &password, names).map_err(|why| Error::invalid("password", why))
}

/// Judges a new password. The error says why it is refused.
pub fn judge(config: &Config, password: &str, names: &UserNames) -> Result<StrongPassword, String> {
    config.password_policy.judge(&config.password_policy.check_length(password)?, names)
}

/// Asks for a password that the service knows.
pub fn ask_known_password(from_stdin: bool) -> Result<String, Error> {
    read_password(from_stdin, false)
}

/// Asks without echo, twice for a new password, or reads the first line of stdin.
fn read_password(from_stdin: bool, is_new: bool) -> Result<String, Error> {
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
    // Ctrl-C must end the prompt, which restores the terminal's echo, and not the process.
    ctrlc::set_handler(|| ())
        .map_err(|cause| Error::internal("cannot ask for the password", cause))?;
    let password = rpassword::prompt_password("Password: ").map_err(failed)?;
    if !is_new || rpassword::prompt_password("Again: ").map_err(failed)? == password {
        Ok(password)
    } else {
        Err(Error::Conflict("the two passwords differ; nothing was changed".to_owned()))
    }
}
