//! `widgetd user`

use clap::Subcommand;
use serde::Serialize;

use super::terminal::{
    Context, all, ask_password, cli_context, confirm, obstacle, one_of, print, print_json,
    print_table,
};
use crate::accounts::UserDetails;
use crate::config::Config;
use crate::domain::{
    Email, Precondition, Role, Search, Session, Status, User, UserChange, UserFilter, Username,
};
use crate::error::Error;
use crate::store::{self, IfAbsent};

#[derive(Subcommand)]
pub enum Command {
    /// Make an account, and the database where there is none
    Add {
        /// The e-mail address to log in with
        email: String,
        /// A name to log in with as well
        #[arg(long)]
        username: Option<String>,
        /// Make it an administrator's: the same as --role admin
        #[arg(long, conflicts_with = "role")]
        admin: bool,
        /// What it may do
        #[arg(long, default_value = "employee", value_parser = one_of(Role::ALL, Role::as_str))]
        role: Role,
        /// Read the password from the first line of stdin instead of asking for it
        #[arg(long)]
        password_stdin: bool,
        /// Print the account as JSON
        #[arg(long)]
        json: bool,
    },
    /// Give an account a new password, which ends all its sessions
    Passwd {
        #[command(flatten)]
        one: One,
        /// Read the password from the first line of stdin instead of asking for it
        #[arg(long)]
        password_stdin: bool,
    },
    /// List the accounts, oldest first
    List {
        /// Those of this status
        #[arg(long, value_parser = one_of(Status::ALL, Status::as_str))]
        status: Option<Status>,
        /// Those of this role
        #[arg(long, value_parser = one_of(Role::ALL, Role::as_str))]
        role: Option<Role>,
        /// Those in whose e-mail address or username each of these words is, or begins a word
        #[arg(long, value_name = "TEXT")]
        search: Option<String>,
        /// Print a JSON array
        #[arg(long)]
        json: bool,
    },
    /// Show an account
    Show(One),
    /// Let an account in that waits for approval
    Approve(One),
    /// Shut an account out: its sessions end and its API keys stop working
    Disable(One),
    /// Let an account in again that was disabled
    Enable(One),
    /// Give an account another role, which holds from its next request
    Role {
        /// The account's e-mail address, username or public id
        account: String,
        /// What it may do
        #[arg(value_parser = one_of(Role::ALL, Role::as_str))]
        role: Role,
        /// Print the account as JSON
        #[arg(long)]
        json: bool,
    },
    /// Make a code with which the account's owner sets a new password, once, within an hour
    ResetCode(One),
    /// List the sessions of an account, or end them all
    Sessions {
        #[command(flatten)]
        one: One,
        /// End them all
        #[arg(long)]
        end: bool,
        /// Do not ask before
        #[arg(long, requires = "end")]
        yes: bool,
    },
    /// Delete an account with its sessions and API keys
    Delete {
        #[command(flatten)]
        one: One,
        /// Do not ask before
        #[arg(long)]
        yes: bool,
    },
}

#[derive(clap::Args)]
pub struct One {
    /// The account's e-mail address, username or public id
    account: String,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Runs one of the commands.
pub async fn run(config: &Config, command: Command) -> Result<(), Error> {
    match command {
        Command::Add { email, username, admin, role, password_stdin, json } => {
            let role = if admin { Role::Admin } else { role };
            let one = One { account: email, json };
            add(config, one, username.as_deref(), role, password_stdin).await
        }
        Command::Passwd { one, password_stdin } => passwd(config, &one, password_stdin).await,
        Command::List { status, role, search, json } => {
            let search = search.as_deref().map(Search::new);
            list(config, &UserFilter { status, role, search, sort: None }, json).await
        }
        Command::Show(one) => show(config, &one).await,
        Command::Approve(one) => {
            set_status(config, one, Status::Active, &[Status::Pending], "Approved").await
        }
        Command::Enable(one) => {
            set_status(config, one, Status::Active, &[Status::Disabled], "Enabled").await
        }
        Command::Disable(one) => {
            set_status(
                config,
                one,
                Status::Disabled,
                &[Status::Pending, Status::Active],
                "Disabled",
            )
            .await
        }
        Command::Role { account, role, json } => {
            set_role(config, One { account, json }, role).await
        }
        Command::ResetCode(one) => create_reset_code(config, one).await,
        Command::Sessions { one, end: false, .. } => list_sessions(config, &one).await,
        Command::Sessions { one, end: true, yes } => end_sessions(config, one, yes).await,
        Command::Delete { one, yes } => delete(config, one, yes).await,
    }
}

async fn add(
    config: &Config,
    One { account: email, json }: One,
    username: Option<&str>,
    role: Role,
    password_stdin: bool,
) -> Result<(), Error> {
    let email = Email::parse(&email).map_err(|why| Error::invalid("email", why))?;
    let username =
        username.map(Username::parse).transpose().map_err(|why| Error::invalid("username", why))?;
    let names: Vec<String> = [email.as_str()]
        .into_iter()
        .chain(username.as_ref().map(Username::as_str))
        .map(str::to_owned)
        .collect();
    let password = ask_password(config, password_stdin, &names)?;
    // The database is made last: a command that is given up leaves nothing behind.
    let context = Context::open(config, IfAbsent::Create)?;
    let user = context
        .accounts()?
        .add(UserDetails { email, username, password }, role, &cli_context())
        .await?;
    context.finish(&format!("Added {} as {}.", user.email, user.role.as_str())).await;
    print_if(json, &user)
}

async fn passwd(config: &Config, one: &One, password_stdin: bool) -> Result<(), Error> {
    let context = Context::open(config, IfAbsent::Fail)?;
    let user = context.find(&one.account).await?;
    let password = ask_password(config, password_stdin, &user.names())?;
    let user = context.accounts()?.set_password(&user, password, &cli_context()).await?;
    context
        .finish(&format!("Changed the password of {}; all its sessions have ended.", user.email))
        .await;
    print_if(one.json, &user)
}

/// Prints an account, where that is asked for.
fn print_if(json: bool, user: &User) -> Result<(), Error> {
    if json { print_json(&Row::new(user)) } else { Ok(()) }
}

async fn list(config: &Config, filter: &UserFilter, json: bool) -> Result<(), Error> {
    let store = store::open(&config.database, IfAbsent::Fail)?;
    let users = all(|page| store.list_users(filter.clone(), page)).await?;
    if json {
        return print_json(&users.iter().map(Row::new).collect::<Vec<_>>());
    }
    if users.is_empty() {
        eprintln!("There are no such accounts.");
    }
    let rows: Vec<_> = users
        .iter()
        .map(Row::new)
        .map(|row| {
            [row.email, row.role, row.status, &row.registered_on, row.username.unwrap_or("")]
                .map(str::to_owned)
        })
        .collect();
    print_table(&rows)
}

async fn show(config: &Config, one: &One) -> Result<(), Error> {
    let context = Context::open(config, IfAbsent::Fail)?;
    let user = context.find(&one.account).await?;
    if one.json {
        return print_json(&Row::new(&user));
    }
    let row = Row::new(&user);
    let lines = [
        ["E-mail", row.email],
        ["Username", row.username.unwrap_or("-")],
        ["Public id", &row.public_id],
        ["Role", row.role],
        ["Status", row.status],
        ["Registered", &row.registered_on],
    ];
    print_table(&lines.map(|line| line.map(str::to_owned)))
}

/// Gives an account another status, if it has one of those `from`.
async fn set_status(
    config: &Config,
    one: One,
    to: Status,
    from: &[Status],
    done: &str,
) -> Result<(), Error> {
    let context = Context::open(config, IfAbsent::Fail)?;
    let user = context.find(&one.account).await?;
    if !from.contains(&user.status) {
        let hint = match user.status {
            Status::Pending => "; `user approve` lets it in",
            Status::Disabled if to == Status::Active => "; `user enable` lets it in again",
            _ => "",
        };
        return Err(Error::Conflict(format!(
            "{} is {}{hint}; nothing was changed",
            user.email,
            user.status.as_str()
        )));
    }
    change(context, &one, &user, UserChange { status: Some(to), ..UserChange::default() }, done)
        .await
}

async fn set_role(config: &Config, one: One, role: Role) -> Result<(), Error> {
    let context = Context::open(config, IfAbsent::Fail)?;
    let user = context.find(&one.account).await?;
    if user.role == role {
        let message =
            format!("{} is of role {} already; nothing was changed", user.email, role.as_str());
        return Err(Error::Conflict(message));
    }
    change(
        context,
        &one,
        &user,
        UserChange { role: Some(role), ..UserChange::default() },
        "Changed",
    )
    .await
}

async fn change(
    context: Context<'_>,
    one: &One,
    user: &User,
    change: UserChange,
    done: &str,
) -> Result<(), Error> {
    let user = context
        .store
        .update_user(user.public_id, change, Precondition::default(), &cli_context())
        .await?;
    let (role, status) = (user.role.as_str(), user.status.as_str());
    context
        .finish(&format!("{done} {}: it is an account of role {role}, and {status}.", user.email))
        .await;
    print_if(one.json, &user)
}

async fn create_reset_code(config: &Config, one: One) -> Result<(), Error> {
    let context = Context::open(config, IfAbsent::Fail)?;
    let user = context.find(&one.account).await?;
    let (code, user, expires_at) =
        context.accounts()?.create_reset_code(user.public_id, &cli_context()).await?;
    let (email, until) = (user.email.as_str(), expires_at.to_iso_8601());
    let obstacle = obstacle(&user);
    context
        .finish(&format!("Made a reset code for {email}. It works once, until {until}.{obstacle}"))
        .await;
    if one.json {
        print_json(
            &serde_json::json!({ "code": code.reveal(), "email": email, "expires_at": until }),
        )
    } else {
        print(&format!("{}\n", code.reveal()))
    }
}

async fn list_sessions(config: &Config, one: &One) -> Result<(), Error> {
    let context = Context::open(config, IfAbsent::Fail)?;
    let user = context.find(&one.account).await?;
    let sessions =
        all(|page| context.store.list_sessions(user.public_id, page, cli_context().at)).await?;
    if one.json {
        return print_json(&sessions.iter().map(SessionRow::new).collect::<Vec<_>>());
    }
    if sessions.is_empty() {
        eprintln!("{} is not logged in.", user.email);
    }
    let rows: Vec<_> = sessions
        .iter()
        .map(SessionRow::new)
        .map(|row| {
            [
                row.started_at,
                row.expires_at,
                row.address.unwrap_or_default(),
                row.client.unwrap_or("").to_owned(),
            ]
        })
        .collect();
    print_table(&rows)
}

async fn end_sessions(config: &Config, one: One, yes: bool) -> Result<(), Error> {
    let context = Context::open(config, IfAbsent::Fail)?;
    let user = context.find(&one.account).await?;
    confirm(&format!("End all sessions of {}", user.email), yes)?;
    let ended = context.store.end_sessions(user.public_id, &cli_context()).await?;
    context.finish(&format!("Ended the sessions of {}: {ended}.", user.email)).await;
    if one.json { print_json(&serde_json::json!({ "ended": ended })) } else { Ok(()) }
}

async fn delete(config: &Config, one: One, yes: bool) -> Result<(), Error> {
    let context = Context::open(config, IfAbsent::Fail)?;
    let user = context.find(&one.account).await?;
    confirm(&format!("Delete {} for ever", user.email), yes)?;
    context.store.delete_user(user.public_id, Precondition::default(), &cli_context()).await?;
    context.finish(&format!("Deleted {}.", user.email)).await;
    print_if(one.json, &user)
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
