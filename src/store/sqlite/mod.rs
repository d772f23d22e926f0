//! The store in one SQLite file: one thread writes, many connections read.

mod migrate;
mod readers;
mod tokens;
mod users;
mod widgets;
mod writer;

use std::path::Path;

use async_trait::async_trait;
use rusqlite::{Connection, ErrorCode};

use self::readers::Readers;
use self::writer::Writer;
use super::{IfAbsent, Store};
use crate::domain::{
    Authority, Credentials, Email, Login, NewUser, NewWidget, Page, PageRequest, PasswordHash, PublicId, Put, Role,
    Status, Timestamp, TokenId, User, Widget, WidgetName,
};
use crate::error::Error;

/// The engine behind [`super::open`].
pub struct SqliteStore {
    writer: Writer,
    readers: Readers,
}

impl SqliteStore {
    /// See [`super::open`].
    pub fn open(path: &Path, if_absent: IfAbsent) -> Result<Self, Error> {
        prepare_file(path, if_absent)?;
        let mut connection = writer::connect(path)
            .map_err(|cause| Error::internal(&format!("cannot open the database {}", path.display()), cause))?;
        // Only when the file is known to be ours is anything about it changed.
        migrate::migrate(&mut connection, path)?;
        writer::use_write_ahead_log(&connection)?;
        Ok(Self { writer: Writer::start(connection)?, readers: Readers::new(path)? })
    }
}

/// Makes the file where that is allowed, readable by its owner alone: it holds password hashes,
/// and SQLite gives its side files the same mode.
fn prepare_file(path: &Path, if_absent: IfAbsent) -> Result<(), Error> {
    if path.is_dir() {
        return Err(Error::Conflict(format!("{} is a folder, not a database", path.display())));
    }
    if path.exists() {
        return Ok(());
    }
    if if_absent == IfAbsent::Fail {
        return Err(Error::NotFound(format!(
            "there is no database at {}; `widgetd serve` or `widgetd user add` makes one",
            path.display()
        )));
    }
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path).map(drop).map_err(|cause| {
        let hint = match path.parent() {
            Some(folder) if !folder.is_dir() => format!(" (there is no folder {})", folder.display()),
            _ => String::new(),
        };
        Error::internal(&format!("cannot make the database {}{hint}", path.display()), cause)
    })
}

/// What every connection is set to, before its first use. Writers and readers add their own.
fn initialise(connection: &Connection) -> rusqlite::Result<()> {
    connection.set_prepared_statement_cache_capacity(64);
    connection.busy_timeout(std::time::Duration::from_secs(5))?;
    connection.execute_batch("PRAGMA foreign_keys = ON; PRAGMA trusted_schema = OFF;")
}

/// The one place where an error of SQLite gets a meaning, by its code. What is a conflict or an
/// absence is found by statements that cannot fail for it, so that nothing here has to guess.
fn translate(error: &rusqlite::Error) -> Error {
    match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Error::Busy,
        _ => Error::internal("SQLite", error),
    }
}

#[async_trait]
impl Store for SqliteStore {
    async fn get_installation_id(&self) -> Result<String, Error> {
        self.readers.inline(|connection| {
            connection.prepare_cached("SELECT public_id FROM installation")?.query_row([], |row| row.get(0))
        })
    }

    async fn ping(&self) -> Result<(), Error> {
        self.writer.check_alive()?;
        self.readers
            .inline(|connection| connection.prepare_cached("SELECT 1 FROM installation")?.query_row([], |_| Ok(())))
    }

    async fn create_user(&self, new: NewUser, now: Timestamp) -> Result<User, Error> {
        self.writer.run(move |connection| users::create(connection, new, now)).await
    }

    async fn find_credentials(&self, login: &Login) -> Result<Option<Credentials>, Error> {
        self.readers.inline(|connection| users::find_credentials(connection, login))
    }

    async fn get_user(&self, id: PublicId) -> Result<User, Error> {
        self.readers.inline(|connection| users::find(connection, id))?.ok_or_else(users::not_found)
    }

    async fn list_users(&self) -> Result<Vec<User>, Error> {
        self.readers.on_blocking_thread(users::list).await
    }

    async fn has_administrator(&self) -> Result<bool, Error> {
        self.readers.on_blocking_thread(users::has_administrator).await
    }

    async fn set_password(&self, email: &Email, hash: PasswordHash, now: Timestamp) -> Result<User, Error> {
        let email = email.clone();
        self.writer.run(move |connection| users::set_password(connection, &email, &hash, now)).await
    }

    async fn upgrade_password_hash(&self, id: PublicId, old: PasswordHash, new: PasswordHash) -> Result<(), Error> {
        self.writer.run(move |connection| users::upgrade_password_hash(connection, id, &old, &new)).await
    }

    async fn set_role(&self, id: PublicId, role: Role, now: Timestamp) -> Result<(), Error> {
        self.writer.run(move |connection| users::set_role(connection, id, role, now)).await
    }

    async fn set_status(&self, id: PublicId, status: Status, now: Timestamp) -> Result<(), Error> {
        self.writer.run(move |connection| users::set_status(connection, id, status, now)).await
    }

    async fn find_authority(&self, subject: PublicId, token: &TokenId) -> Result<Option<Authority>, Error> {
        self.readers.inline(|connection| tokens::find_authority(connection, subject, token))
    }

    async fn revoke_token(&self, token: &TokenId, expires_at: Timestamp, now: Timestamp) -> Result<(), Error> {
        let token = token.clone();
        self.writer.run(move |connection| tokens::revoke(connection, &token, expires_at, now)).await
    }

    async fn purge_revoked_tokens(&self, now: Timestamp) -> Result<usize, Error> {
        self.writer.run(move |connection| tokens::purge(connection, now)).await
    }

    async fn create_widget(&self, new: NewWidget, now: Timestamp) -> Result<(), Error> {
        self.writer.run(move |connection| widgets::create(connection, &new, now)).await
    }

    async fn get_widget(&self, name: &WidgetName) -> Result<Widget, Error> {
        self.readers.inline(|connection| widgets::find(connection, name))?.ok_or_else(|| widgets::not_found(name))
    }

    async fn list_widgets(&self, request: PageRequest) -> Result<Page<Widget>, Error> {
        self.readers.on_blocking_thread(move |connection| widgets::list(connection, request)).await
    }

    async fn put_widget(&self, widget: NewWidget, now: Timestamp) -> Result<Put, Error> {
        self.writer.run(move |connection| widgets::put(connection, &widget, now)).await
    }

    async fn delete_widget(&self, name: &WidgetName) -> Result<(), Error> {
        let name = name.clone();
        self.writer.run(move |connection| widgets::delete(connection, &name)).await
    }

    async fn close(&self) {
        self.writer.close();
    }
}
