//! `widgetd user`

use clap::Subcommand;
use serde::Serialize;

use super::database::{Database, all, cli_context, open, warning};
use super::terminal::{ask_password, confirm, one_of, print, print_json, print_list, print_table};
use crate::accounts::{ResetCode, UserDetails};
use crate::config::Config;
use crate::domain::{
    DisplayName, Email, Precondition, Role, Search, Session, Size, Status, User, UserChange,
    UserFilter, UserNames, Username,
};
use crate::error::Error;
use crate::store::OpenMode;

#[derive(Subcommand)]
pub enum UserCommand {
    /// Add an account; creates the database if there is none
    Add {
        /// The e-mail address to log in with; optional if the setting `require_email` is false
        #[arg(required_unless_present = "username")]
        email: Option<String>,
        /// A username, to log in with as well
        #[arg(long)]
        username: Option<String>,
        /// What others call the owner
        #[arg(long)]
        name: Option<String>,
        /// The same as --role admin
        #[arg(long, conflicts_with = "role")]
        admin: bool,
        /// The role, which says what the account may do
        #[arg(long, default_value = "employee", value_parser = one_of::<Role>())]
        role: Role,
        /// Read the password from the first line of stdin instead of asking for it
        #[arg(long)]
        password_stdin: bool,
        /// Print the account as JSON
        #[arg(long)]
        json: bool,
    },
    /// Set a new password, and end all sessions of the account
    Passwd {
        #[command(flatten)]
        arg: AccountArg,
        /// Read the password from the first line of stdin instead of asking for it
        #[arg(long)]
        password_stdin: bool,
    },
    /// List the accounts, oldest first
    List {
        /// Only accounts with this status
        #[arg(long, value_parser = one_of::<Status>())]
        status: Option<Status>,
        /// Only accounts with this role
        #[arg(long, value_parser = one_of::<Role>())]
        role: Option<Role>,
        /// Only accounts whose e-mail address, username or name contains each of these words
        #[arg(long, value_name = "TEXT")]
        search: Option<String>,
        /// Print a JSON array
        #[arg(long)]
        json: bool,
    },
    /// Show an account
    Show(AccountArg),
    /// Approve an account that waits for approval
    Approve(AccountArg),
    /// Disable an account: its sessions end and its API keys stop working
    Disable(AccountArg),
    /// Enable a disabled account
    Enable(AccountArg),
    /// Change the role of an account, from its next request on
    Role {
        /// The account's e-mail address, username or public id
        account: String,
        /// The new role
        #[arg(value_parser = one_of::<Role>())]
        role: Role,
        /// Print the account as JSON
        #[arg(long)]
        json: bool,
    },
    /// Change what others call the owner of an account
    Name {
        /// The account's e-mail address, username or public id
        account: String,
        /// The new name; without it, the account has none
        name: Option<String>,
        /// Print the account as JSON
        #[arg(long)]
        json: bool,
    },
    /// Create a reset code: with it, the owner sets a new password, once, within an hour
    ResetCode(AccountArg),
    /// List or end the sessions of an account
    Sessions {
        #[command(flatten)]
        arg: AccountArg,
        /// End all of them
        #[arg(long)]
        end: bool,
        /// Do not ask for confirmation
        #[arg(long, requires = "end")]
        yes: bool,
    },
    /// Delete an account with its sessions and API keys
    Delete {
        #[command(flatten)]
        arg: AccountArg,
        /// Do not ask for confirmation
        #[arg(long)]
        yes: bool,
    },
}

#[derive(clap::Args)]
pub struct AccountArg {
    /// The account's e-mail address, username or public id
    account: String,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub async fn run(config: &Config, command: UserCommand) -> Result<(), Error> {
    match command {
        UserCommand::Add { email, username, name, admin, role, password_stdin, json } => {
            let role = if admin { Role::Admin } else { role };
            let names = UserNames {
                email: parse("email", email.as_deref(), Email::parse)?,
                username: parse("username", username.as_deref(), Username::parse)?,
                name: parse("name", name.as_deref(), DisplayName::parse)?,
            };
            add(config, names, role, password_stdin, json).await
        }
        UserCommand::Passwd { arg, password_stdin } => passwd(config, &arg, password_stdin).await,
        UserCommand::List { status, role, search, json } => {
            let search = parse("search", search.as_deref(), Search::parse)?;
            list(config, &UserFilter { status, role, search, sort: None }, json).await
        }
        UserCommand::Show(arg) => show(config, &arg).await,
        UserCommand::Approve(arg) => {
            set_status(config, arg, Status::Active, &[Status::Pending], "Approved").await
        }
        UserCommand::Enable(arg) => {
            set_status(config, arg, Status::Active, &[Status::Disabled], "Enabled").await
        }
        UserCommand::Disable(arg) => {
            let from = [Status::Pending, Status::Active];
            set_status(config, arg, Status::Disabled, &from, "Disabled").await
        }
        UserCommand::Role { account, role, json } => {
            set_role(config, AccountArg { account, json }, role).await
        }
        UserCommand::Name { account, name, json } => {
            let name = parse("name", name.as_deref(), DisplayName::parse)?;
            set_name(config, AccountArg { account, json }, name).await
        }
        UserCommand::ResetCode(arg) => create_reset_code(config, arg).await,
        UserCommand::Sessions { arg, end: false, .. } => list_sessions(config, &arg).await,
        UserCommand::Sessions { arg, end: true, yes } => end_sessions(config, arg, yes).await,
        UserCommand::Delete { arg, yes } => delete(config, arg, yes).await,
    }
}

/// Parses an argument that may be absent.
fn parse<T>(
    argument: &str,
    text: Option<&str>,
    parse: impl FnOnce(&str) -> Result<T, String>,
) -> Result<Option<T>, Error> {
    text.map(parse).transpose().map_err(|why| Error::invalid(argument, why))
}

async fn add(
    config: &Config,
    names: UserNames,
    role: Role,
    password_stdin: bool,
    json: bool,
) -> Result<(), Error> {
    if names.email.is_none() && config.require_email {
        let unless = "is required, unless the setting `require_email` is false";
        return Err(Error::invalid("email", unless));
    }
    let password = ask_password(config, password_stdin, &names)?;
    // Creates the database last: a cancelled command leaves nothing behind.
    let database = Database::open(config, OpenMode::Create)?;
    let new = UserDetails { names, password };
    let user = database.accounts()?.add(new, role, &cli_context()).await?;
    database.finish(&format!("Added {} as {}.", user.names.label(), user.role.as_str())).await;
    print_if(config, json, &user)
}

async fn passwd(config: &Config, arg: &AccountArg, password_stdin: bool) -> Result<(), Error> {
    let (database, user) = Database::open_account(config, &arg.account, OpenMode::Write).await?;
    let password = ask_password(config, password_stdin, &user.names)?;
    let user = database.accounts()?.set_password(&user, password, &cli_context()).await?;
    database
        .finish(&format!(
            "Changed the password of {}; all its sessions have ended.",
            user.names.label()
        ))
        .await;
    print_if(config, arg.json, &user)
}

/// Prints an account, if `--json` was given.
fn print_if(config: &Config, json: bool, user: &User) -> Result<(), Error> {
    if json { print_json(&UserRow::new(config, user)) } else { Ok(()) }
}

async fn list(config: &Config, filter: &UserFilter, json: bool) -> Result<(), Error> {
    let store = open(config, OpenMode::Read)?;
    let users = all(|page| store.list_users(None, filter.clone(), page)).await?;
    let rows = users.iter().map(|user| UserRow::new(config, user)).collect();
    let headings = ["EMAIL", "ROLE", "STATUS", "REGISTERED", "STORED", "USERNAME", "NAME"];
    print_list(rows, json, "There are no such accounts.", headings, |row| {
        let used = Size(row.used_bytes).to_string();
        let (email, username) = (row.email.unwrap_or("-"), row.username.unwrap_or(""));
        let name = row.name.unwrap_or("");
        [email, row.role, row.status, &row.registered_on, &used, username, name].map(str::to_owned)
    })
}

async fn show(config: &Config, arg: &AccountArg) -> Result<(), Error> {
    let (_, user) = Database::open_account(config, &arg.account, OpenMode::Read).await?;
    if arg.json {
        return print_json(&UserRow::new(config, &user));
    }
    let row = UserRow::new(config, &user);
    let storage = format!("{} of {}", Size(row.used_bytes), Size(row.quota_bytes));
    let lines = [
        ["E-mail", row.email.unwrap_or("-")],
        ["Username", row.username.unwrap_or("-")],
        ["Name", row.name.unwrap_or("-")],
        ["Public id", &row.public_id],
        ["Role", row.role],
        ["Status", row.status],
        ["Registered", &row.registered_on],
        ["Storage", &storage],
    ];
    print_table(&lines.map(|line| line.map(str::to_owned)))
}

/// Changes the status of an account from one of `from`.
async fn set_status(
    config: &Config,
    arg: AccountArg,
    to: Status,
    from: &[Status],
    done: &str,
) -> Result<(), Error> {
    let (database, user) = Database::open_account(config, &arg.account, OpenMode::Write).await?;
    if !from.contains(&user.status) {
        let hint = match user.status {
            Status::Pending => "; `user approve` approves it",
            Status::Disabled if to == Status::Active => "; `user enable` enables it",
            _ => "",
        };
        return Err(Error::Conflict(format!(
            "{} is {}{hint}; nothing was changed",
            user.names.label(),
            user.status.as_str()
        )));
    }
    let to = UserChange { status: Some(to), ..UserChange::default() };
    change(database, &arg, &user, to, done).await
}

async fn set_role(config: &Config, arg: AccountArg, role: Role) -> Result<(), Error> {
    let (database, user) = Database::open_account(config, &arg.account, OpenMode::Write).await?;
    if user.role == role {
        let message = format!(
            "{} is of role {} already; nothing was changed",
            user.names.label(),
            role.as_str()
        );
        return Err(Error::Conflict(message));
    }
    let to = UserChange { role: Some(role), ..UserChange::default() };
    change(database, &arg, &user, to, "Changed").await
}

async fn set_name(
    config: &Config,
    arg: AccountArg,
    name: Option<DisplayName>,
) -> Result<(), Error> {
    let (database, user) = Database::open_account(config, &arg.account, OpenMode::Write).await?;
    let to = UserChange { name: Some(name), ..UserChange::default() };
    change(database, &arg, &user, to, "Changed the name of").await
}

async fn change(
    database: Database<'_>,
    arg: &AccountArg,
    user: &User,
    change: UserChange,
    done: &str,
) -> Result<(), Error> {
    let config = database.config;
    let user = database
        .store
        .update_user(user.public_id, change, Precondition::default(), &cli_context())
        .await?;
    let (role, status) = (user.role.as_str(), user.status.as_str());
    database
        .finish(&format!(
            "{done} {}: it is an account of role {role}, and {status}.",
            user.names.label()
        ))
        .await;
    print_if(config, arg.json, &user)
}

async fn create_reset_code(config: &Config, arg: AccountArg) -> Result<(), Error> {
    let (database, user) = Database::open_account(config, &arg.account, OpenMode::Write).await?;
    let (user, ResetCode { code, expires_at }) =
        database.accounts()?.create_reset_code(user.public_id, &cli_context()).await?;
    let (label, until) = (user.names.label(), expires_at.to_iso_8601());
    let warning = warning(&user);
    database
        .finish(&format!(
            "Created a reset code for {label}. It works once, until {until}.{warning}"
        ))
        .await;
    if arg.json {
        print_json(
            &serde_json::json!({ "code": code.reveal(), "email": user.names.email.as_ref().map(Email::as_str), "expires_at": until }),
        )
    } else {
        print(&format!("{}\n", code.reveal()))
    }
}

async fn list_sessions(config: &Config, arg: &AccountArg) -> Result<(), Error> {
    let (database, user) = Database::open_account(config, &arg.account, OpenMode::Read).await?;
    let sessions =
        all(|page| database.store.list_sessions(user.public_id, page, cli_context().at)).await?;
    let rows = sessions.iter().map(SessionRow::new).collect();
    let empty = format!("{} is not logged in.", user.names.label());
    print_list(rows, arg.json, &empty, ["STARTED", "EXPIRES", "ADDRESS", "CLIENT"], |row| {
        let (address, client) = (row.address.unwrap_or_default(), row.client.unwrap_or(""));
        [row.started_at, row.expires_at, address, client.to_owned()]
    })
}

async fn end_sessions(config: &Config, arg: AccountArg, yes: bool) -> Result<(), Error> {
    let (database, user) = Database::open_account(config, &arg.account, OpenMode::Write).await?;
    confirm(&format!("End all sessions of {}", user.names.label()), yes)?;
    let ended = database.store.end_sessions(user.public_id, &cli_context()).await?;
    database.finish(&format!("Ended the sessions of {}: {ended}.", user.names.label())).await;
    if arg.json { print_json(&serde_json::json!({ "ended": ended })) } else { Ok(()) }
}

async fn delete(config: &Config, arg: AccountArg, yes: bool) -> Result<(), Error> {
    let (database, user) = Database::open_account(config, &arg.account, OpenMode::Write).await?;
    confirm(&format!("Delete {} for ever", user.names.label()), yes)?;
    database.store.delete_user(user.public_id, Precondition::default(), &cli_context()).await?;
    database.finish(&format!("Deleted {}.", user.names.label())).await;
    print_if(config, arg.json, &user)
}

/// An account as `--json` prints it.
#[derive(Serialize)]
struct UserRow<'a> {
    public_id: String,
    email: Option<&'a str>,
    username: Option<&'a str>,
    name: Option<&'a str>,
    role: &'static str,
    status: &'static str,
    registered_on: String,
    used_bytes: u64,
    quota_bytes: u64,
}

impl<'a> UserRow<'a> {
    fn new(config: &Config, user: &'a User) -> Self {
        Self {
            public_id: user.public_id.to_string(),
            email: user.names.email.as_ref().map(Email::as_str),
            username: user.names.username.as_ref().map(Username::as_str),
            name: user.names.name.as_ref().map(DisplayName::as_str),
            role: user.role.as_str(),
            status: user.status.as_str(),
            registered_on: user.registered_on.to_iso_8601(),
            used_bytes: user.used_bytes,
            quota_bytes: config.store.quota.of(user, cli_context().at),
        }
    }
}

/// A session as `--json` prints it.
#[derive(Serialize)]
struct SessionRow<'a> {
    id: String,
    started_at: String,
    expires_at: String,
    address: Option<String>,
    client: Option<&'a str>,
}

impl<'a> SessionRow<'a> {
    fn new(session: &'a Session) -> Self {
        Self {
            id: session.id.to_string(),
            started_at: session.started_at.to_iso_8601(),
            expires_at: session.expires_at.to_iso_8601(),
            address: session.address.map(|address| address.to_string()),
            client: session.client.as_deref(),
        }
    }
}
