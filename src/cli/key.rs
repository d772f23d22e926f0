//! `widgetd key`

use clap::Subcommand;
use serde::Serialize;

use super::database::{Database, all, cli_context, warning};
use super::terminal::{confirm, one_of, print, print_json, print_list};
use crate::accounts;
use crate::config::Config;
use crate::domain::{ApiKey, KeyId, KeyName, KeyScope, NewApiKey, Timestamp, UserId};
use crate::error::Error;
use crate::store::OpenMode;

#[derive(Subcommand)]
pub enum KeyCommand {
    /// Create an API key for an account and print it; it is not shown again
    Add {
        /// The account's e-mail address, username or public id
        account: String,
        /// A name to tell the account's keys apart
        #[arg(long)]
        name: String,
        /// What the key may do; `write` includes `read`
        #[arg(long, default_value = "read", value_parser = one_of::<KeyScope>())]
        scope: KeyScope,
        /// The last day it works, or an RFC 3339 time [default: never expires]
        #[arg(long, value_name = "DATE")]
        expires: Option<String>,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// List the API keys of an account, or of all accounts
    List {
        /// The account's e-mail address, username or public id
        account: Option<String>,
        /// Print a JSON array
        #[arg(long)]
        json: bool,
    },
    /// Revoke an API key; its next request is refused
    Revoke {
        /// The account's e-mail address, username or public id
        account: String,
        /// The key's name or id
        key: String,
        /// Print the key's record as JSON
        #[arg(long)]
        json: bool,
        /// Do not ask for confirmation
        #[arg(long)]
        yes: bool,
    },
}

pub async fn run(config: &Config, command: KeyCommand) -> Result<(), Error> {
    let open = |mode| Database::open(config, mode);
    match command {
        KeyCommand::Add { account, name, scope, expires, json } => {
            let database = open(OpenMode::Write)?;
            add(database, &account, &name, scope, expires.as_deref(), json).await
        }
        KeyCommand::List { account, json } => {
            list(&open(OpenMode::Read)?, account.as_deref(), json).await
        }
        KeyCommand::Revoke { account, key, json, yes } => {
            revoke(open(OpenMode::Write)?, &account, &key, json, yes).await
        }
    }
}

async fn add(
    database: Database<'_>,
    account: &str,
    name: &str,
    scope: KeyScope,
    expires: Option<&str>,
    json: bool,
) -> Result<(), Error> {
    let name = KeyName::parse(name).map_err(|why| Error::invalid("name", why))?;
    let expires = expires
        .map(|text| NewApiKey::parse_expiry(text, cli_context().at, database.store.zone()))
        .transpose()
        .map_err(|why| Error::invalid("expires", why))?;
    let owner = database.find(account).await?;
    let (secret, key) = accounts::create_key(
        &*database.store,
        owner.public_id,
        name,
        scope,
        expires,
        &cli_context(),
    )
    .await?;
    let (name, warning) = (key.name.as_str(), warning(&owner));
    database
        .finish(&format!(
            "Created the key {name} of {}. It is not shown again.{warning}",
            owner.names.label()
        ))
        .await;
    if json {
        print_json(&CreatedKeyRow { key: secret.reveal(), row: KeyRow::new(&key) })
    } else {
        print(&format!("{}\n", secret.reveal()))
    }
}

async fn list(database: &Database<'_>, account: Option<&str>, json: bool) -> Result<(), Error> {
    let owner = match account {
        Some(account) => Some(database.find(account).await?.public_id),
        None => None,
    };
    let keys = keys_of(database, owner).await?;
    let rows = keys.iter().map(KeyRow::new).collect();
    let moment = |at: Option<String>| at.unwrap_or_else(|| "never".to_owned());
    let headings = ["OWNER", "NAME", "SCOPE", "EXPIRY", "LAST USE"];
    print_list(rows, json, "There are no such keys.", headings, |row| {
        let (expires, used) = (moment(row.expires_at), moment(row.last_used_at));
        let (expires, used) = (format!("expires {expires}"), format!("used {used}"));
        [row.owner.to_owned(), row.name.to_owned(), row.scope.to_owned(), expires, used]
    })
}

async fn revoke(
    database: Database<'_>,
    account: &str,
    key: &str,
    json: bool,
    yes: bool,
) -> Result<(), Error> {
    let owner = database.find(account).await?;
    let keys = keys_of(&database, Some(owner.public_id)).await?;
    let id = KeyId::parse(key);
    let found = keys.into_iter().find(|one| one.name.as_str() == key || Some(one.id) == id);
    let found = found
        .ok_or_else(|| Error::NotFound(format!("{} has no key {key}", owner.names.label())))?;
    let name = found.name.as_str();
    confirm(&format!("Revoke the key {name} of {}", owner.names.label()), yes)?;
    database.store.revoke_key(owner.public_id, found.id, &cli_context()).await?;
    database.finish(&format!("Revoked the key {name} of {}.", owner.names.label())).await;
    if json { print_json(&KeyRow::new(&found)) } else { Ok(()) }
}

async fn keys_of(database: &Database<'_>, owner: Option<UserId>) -> Result<Vec<ApiKey>, Error> {
    all(|page| database.store.list_keys(owner, page)).await
}

/// A key as `--json` prints it.
#[derive(Serialize)]
struct KeyRow<'a> {
    id: String,
    owner: &'a str,
    name: &'a str,
    scope: &'static str,
    created_at: String,
    expires_at: Option<String>,
    last_used_at: Option<String>,
}

/// A new key, with the key itself.
#[derive(Serialize)]
struct CreatedKeyRow<'a> {
    key: &'a str,
    #[serde(flatten)]
    row: KeyRow<'a>,
}

impl<'a> KeyRow<'a> {
    fn new(key: &'a ApiKey) -> Self {
        Self {
            id: key.id.to_string(),
            owner: key.owner.as_str(),
            name: key.name.as_str(),
            scope: key.scope.as_str(),
            created_at: key.created_at.to_iso_8601(),
            expires_at: key.expires_at.map(Timestamp::to_iso_8601),
            last_used_at: key.last_used_at.map(Timestamp::to_iso_8601),
        }
    }
}
