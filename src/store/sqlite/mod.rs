//! The store in one SQLite file: one thread writes, many connections read.

mod api_keys;
mod audit;
mod migrate;
mod places;
mod readers;
mod search;
mod sessions;
mod tasks;
mod templates;
mod users;
mod widgets;
mod writer;

use std::path::Path;

use async_trait::async_trait;
use rusqlite::{Connection, ErrorCode, Row, ToSql};

use self::places::{Order, Window};
use self::readers::Readers;
use self::writer::{JobError, Writer};
use super::{IfAbsent, Retention, Store};
use crate::domain::{
    Action, ApiKey, AuditEntry, AuditFilter, Authority, Failure, KeyAuthority, KeyId, Network,
    NewApiKey, NewSession, NewTask, NewTemplate, NewUser, NewWidget, Page, PageRequest,
    PasswordHash, Precondition, Put, RequestContext, SecretHash, Session, SessionId,
    StoredCredentials, Task, TaskChange, TaskFilter, TaskId, Template, TemplateChange,
    TemplateFilter, TemplateName, Timestamp, User, UserChange, UserFilter, UserId, UserRef,
    Username, Viewer, Widget, WidgetChange, WidgetFilter, WidgetName,
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
        let mut connection = writer::connect(path).map_err(|cause| {
            Error::internal(&format!("cannot open the database {}", path.display()), cause)
        })?;
        // Only when the file is known to be ours is anything about it changed.
        migrate::migrate(&mut connection, path)?;
        writer::use_write_ahead_log(&connection)?;
        for order in [
            widgets::BY_CREATION,
            widgets::BY_DEADLINE,
            tasks::BY_CREATION,
            users::BY_CREATION,
            audit::BY_CREATION,
        ] {
            places::mend(&mut connection, order).map_err(|cause| translate(&cause))?;
        }
        Ok(Self { writer: Writer::start(connection)?, readers: Readers::new(path)? })
    }

    /// Runs a job on somebody's behalf, if they still may have it done.
    async fn write<T: Send + 'static>(
        &self,
        context: &RequestContext,
        job: impl FnOnce(&Connection, &RequestContext) -> Result<T, JobError> + Send + 'static,
    ) -> Result<T, Error> {
        let context = context.clone();
        self.writer
            .run(move |connection| {
                sessions::confirm(connection, &context)?;
                job(connection, &context)
            })
            .await
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
            Some(folder) if !folder.is_dir() => {
                format!(" (there is no folder {})", folder.display())
            }
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

/// The conditions of a list, and the values in them. Only those that are asked for are in the
/// statement, so that SQLite can find them by an index.
#[derive(Default)]
struct Conditions<'a>(Vec<(&'static str, &'a dyn ToSql)>);

impl<'a> Conditions<'a> {
    /// Adds a condition with one value, `?`, if there is one.
    fn and<T: ToSql>(mut self, condition: &'static str, value: Option<&'a T>) -> Self {
        self.0.extend(value.map(|value| (condition, value as &dyn ToSql)));
        self
    }

    /// The conditions as SQL, behind one that always holds or `always` does. Each has a number.
    fn to_sql(&self, always: &str) -> String {
        let numbered = self.0.iter().enumerate();
        let conditions =
            numbered.map(|(n, (condition, _))| condition.replace('?', &format!("?{}", n + 1)));
        [always.to_owned()].into_iter().chain(conditions).collect::<Vec<_>>().join(" AND ")
    }

    /// Whether none is asked for.
    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn values(&self) -> Vec<&'a dyn ToSql> {
        self.0.iter().map(|(_, value)| *value).collect()
    }
}

/// A page of a list, and the number of all its items: both from one moment.
fn page<T>(
    connection: &Connection,
    request: PageRequest,
    columns: &str,
    from: &str,
    order: &str,
    filters: &[&dyn ToSql],
    from_row: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
) -> rusqlite::Result<Page<T>> {
    let moment = connection.unchecked_transaction()?;
    let total: u64 = moment
        .prepare_cached(&format!("SELECT count(*) FROM {from}"))?
        .query_row(filters, |row| row.get(0))?;
    let offset = i64::try_from(request.offset()).unwrap_or(i64::MAX);
    let items = moment
        // What has no number takes the next one.
        .prepare_cached(&format!("SELECT {columns} FROM {from} ORDER BY {order} LIMIT ? OFFSET ?"))?
        .query_map([filters, &[&request.per_page(), &offset]].concat().as_slice(), from_row)?
        .collect::<rusqlite::Result<_>>()?;
    Ok(Page { request, items, total })
}

/// A page of a whole list, found by its places: what it costs does not grow with its number. `alias` is
/// the table's name in `tables`.
fn page_by_place<T>(
    connection: &Connection,
    request: PageRequest,
    order: Order,
    is_descending: bool,
    columns: &str,
    (tables, alias): (&str, &str),
    from_row: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
) -> rusqlite::Result<Page<T>> {
    let moment = connection.unchecked_transaction()?;
    let total = u64::try_from(places::size(&moment, order)?).unwrap_or(0);
    let Some(window) = places::window(&moment, order, request, is_descending)? else {
        return Ok(Page { request, items: Vec::new(), total });
    };
    let sql = format!(
        "SELECT {columns} FROM {tables} WHERE {alias}.id IN (SELECT id FROM {table} WHERE {walk} LIMIT ?3 OFFSET ?4)
         ORDER BY {alias}.{column}, {alias}.id",
        walk = window.walk(order),
        table = order.table,
        column = order.column
    );
    let Window { start, take, skip, .. } = window;
    let mut items = moment
        .prepare_cached(&sql)?
        .query_map([start.key, start.id, take, skip], from_row)?
        .collect::<rusqlite::Result<Vec<_>>>()?;
    if is_descending {
        items.reverse();
    }
    Ok(Page { request, items, total })
}

#[async_trait]
impl Store for SqliteStore {
    async fn get_installation_id(&self) -> Result<String, Error> {
        self.readers.inline(|connection| {
            connection
                .prepare_cached("SELECT public_id FROM installation")?
                .query_row([], |row| row.get(0))
        })
    }

    async fn ping(&self) -> Result<(), Error> {
        self.writer.check_alive()?;
        self.readers.inline(|connection| {
            connection.prepare_cached("SELECT 1 FROM installation")?.query_row([], |_| Ok(()))
        })
    }

    async fn create_user(
        &self,
        new: NewUser,
        session: Option<NewSession>,
        context: &RequestContext,
    ) -> Result<User, Error> {
        self.write(context, move |connection, context| {
            users::create(connection, new, session.as_ref(), context)
        })
        .await
    }

    async fn create_first_administrator(
        &self,
        new: NewUser,
        session: NewSession,
        context: &RequestContext,
    ) -> Result<User, Error> {
        self.write(context, move |connection, context| {
            users::create_first_administrator(connection, new, &session, context)
        })
        .await
    }

    async fn find_credentials(
        &self,
        account: &UserRef,
        network: Option<Network>,
    ) -> Result<Option<StoredCredentials>, Error> {
        self.readers.inline(|connection| users::find_credentials(connection, account, network))
    }

    async fn get_user(&self, id: UserId) -> Result<User, Error> {
        self.readers
            .inline(|connection| users::find_by_id(connection, id))?
            .ok_or_else(users::not_found)
    }

    async fn get_user_by_name(&self, account: &UserRef) -> Result<User, Error> {
        self.readers
            .inline(|connection| users::find(connection, account))?
            .ok_or_else(users::not_found)
    }

    async fn list_users(
        &self,
        filter: UserFilter,
        request: PageRequest,
    ) -> Result<Page<User>, Error> {
        self.readers
            .on_blocking_thread(move |connection| users::list(connection, &filter, request))
            .await
    }

    async fn has_administrator(&self) -> Result<bool, Error> {
        self.readers.on_blocking_thread(users::has_administrator).await
    }

    async fn set_password(
        &self,
        id: UserId,
        hash: PasswordHash,
        kept: Option<SessionId>,
        context: &RequestContext,
    ) -> Result<User, Error> {
        self.write(context, move |connection, context| {
            users::set_password(connection, id, &hash, kept, Action::ChangePassword, context)
        })
        .await
    }

    async fn upgrade_password_hash(
        &self,
        id: UserId,
        old: PasswordHash,
        new: PasswordHash,
    ) -> Result<(), Error> {
        self.writer
            .run(move |connection| users::upgrade_password_hash(connection, id, &old, &new))
            .await
    }

    async fn set_username(
        &self,
        id: UserId,
        username: Username,
        context: &RequestContext,
    ) -> Result<User, Error> {
        self.write(context, move |connection, context| {
            users::set_username(connection, id, username, context)
        })
        .await
    }

    async fn update_user(
        &self,
        id: UserId,
        change: UserChange,
        context: &RequestContext,
    ) -> Result<User, Error> {
        self.write(context, move |connection, context| {
            users::change(connection, id, change, context)
        })
        .await
    }

    async fn delete_user(&self, id: UserId, context: &RequestContext) -> Result<(), Error> {
        self.write(context, move |connection, context| users::delete(connection, id, context)).await
    }

    async fn create_reset_code(
        &self,
        id: UserId,
        code: SecretHash,
        expires_at: Timestamp,
        context: &RequestContext,
    ) -> Result<User, Error> {
        self.write(context, move |connection, context| {
            users::create_reset_code(connection, id, &code, expires_at, context)
        })
        .await
    }

    async fn find_user_by_reset_code(
        &self,
        code: &SecretHash,
        now: Timestamp,
    ) -> Result<Option<User>, Error> {
        self.readers.inline(|connection| users::find_by_reset_code(connection, code, now))
    }

    async fn redeem_reset_code(
        &self,
        code: SecretHash,
        hash: PasswordHash,
        context: &RequestContext,
    ) -> Result<Option<User>, Error> {
        self.write(context, move |connection, context| {
            users::redeem_reset_code(connection, &code, &hash, context)
        })
        .await
    }

    async fn find_session_authority(
        &self,
        subject: UserId,
        id: SessionId,
    ) -> Result<Option<Authority>, Error> {
        self.readers.inline(|connection| sessions::find_authority(connection, subject, id))
    }

    async fn start_session(
        &self,
        new: NewSession,
        epoch: i64,
        context: &RequestContext,
    ) -> Result<(), Error> {
        self.write(context, move |connection, context| {
            sessions::start(connection, &new, epoch, context)
        })
        .await
    }

    async fn list_sessions(
        &self,
        user: UserId,
        now: Timestamp,
        request: PageRequest,
    ) -> Result<Page<Session>, Error> {
        self.readers
            .on_blocking_thread(move |connection| sessions::list(connection, user, now, request))
            .await
    }

    async fn end_session(
        &self,
        user: UserId,
        id: SessionId,
        action: Action,
        context: &RequestContext,
    ) -> Result<(), Error> {
        self.write(context, move |connection, context| {
            sessions::end(connection, user, id, action, context)
        })
        .await
    }

    async fn end_sessions(&self, user: UserId, context: &RequestContext) -> Result<usize, Error> {
        self.write(context, move |connection, context| sessions::end_all(connection, user, context))
            .await
    }

    async fn create_key(&self, new: NewApiKey, context: &RequestContext) -> Result<ApiKey, Error> {
        self.write(context, move |connection, context| api_keys::create(connection, new, context))
            .await
    }

    async fn find_key_authority(&self, hash: &SecretHash) -> Result<Option<KeyAuthority>, Error> {
        self.readers.inline(|connection| api_keys::find_authority(connection, hash))
    }

    async fn list_keys(
        &self,
        owner: Option<UserId>,
        request: PageRequest,
    ) -> Result<Page<ApiKey>, Error> {
        self.readers
            .on_blocking_thread(move |connection| api_keys::list(connection, owner, request))
            .await
    }

    async fn revoke_key(
        &self,
        owner: UserId,
        id: KeyId,
        context: &RequestContext,
    ) -> Result<(), Error> {
        self.write(context, move |connection, context| {
            api_keys::revoke(connection, owner, id, context)
        })
        .await
    }

    async fn record_key_use(&self, id: KeyId, at: Timestamp) -> Result<(), Error> {
        self.writer.run(move |connection| api_keys::record_use(connection, id, at)).await
    }

    async fn record_failure(
        &self,
        failure: Failure,
        context: &RequestContext,
    ) -> Result<(), Error> {
        // It tells of somebody who was refused, whoever that was.
        let context = context.clone();
        self.writer.run(move |connection| audit::refused(connection, &failure, &context)).await
    }

    async fn list_audit(
        &self,
        filter: AuditFilter,
        request: PageRequest,
    ) -> Result<Page<AuditEntry>, Error> {
        self.readers
            .on_blocking_thread(move |connection| audit::list(connection, &filter, request))
            .await
    }

    async fn purge(&self, retention: Retention) -> Result<(), Error> {
        self.writer
            .run(move |connection| {
                sessions::purge_expired(connection, retention.now)?;
                users::purge_expired_codes(connection, retention.now)?;
                Ok(sessions::purge_networks(connection, retention.networks_since)?)
            })
            .await?;
        // Part by part, so that other writes get their turn.
        while self
            .writer
            .run(move |connection| audit::purge_batch(connection, retention.audit_since))
            .await?
        {}
        Ok(())
    }

    async fn create_widget(&self, new: NewWidget, context: &RequestContext) -> Result<(), Error> {
        self.write(context, move |connection, context| {
            widgets::create(connection, &new, context.at)
        })
        .await
    }

    async fn get_widget(&self, name: &WidgetName) -> Result<Widget, Error> {
        self.readers
            .inline(|connection| widgets::find(connection, name))?
            .ok_or_else(|| widgets::not_found(name))
    }

    async fn list_widgets(
        &self,
        filter: WidgetFilter,
        request: PageRequest,
        now: Timestamp,
    ) -> Result<Page<Widget>, Error> {
        self.readers
            .on_blocking_thread(move |connection| widgets::list(connection, &filter, request, now))
            .await
    }

    async fn upsert_widget(
        &self,
        widget: NewWidget,
        precondition: Precondition,
        context: &RequestContext,
    ) -> Result<Put, Error> {
        self.write(context, move |connection, context| {
            widgets::put(connection, &widget, &precondition, context.at)
        })
        .await
    }

    async fn update_widget(
        &self,
        name: &WidgetName,
        change: WidgetChange,
        precondition: Precondition,
        context: &RequestContext,
    ) -> Result<Widget, Error> {
        let name = name.clone();
        self.write(context, move |connection, context| {
            widgets::update(connection, &name, &change, &precondition, context.at)
        })
        .await
    }

    async fn delete_widget(
        &self,
        name: &WidgetName,
        precondition: Precondition,
        context: &RequestContext,
    ) -> Result<(), Error> {
        let name = name.clone();
        self.write(context, move |connection, _| widgets::delete(connection, &name, &precondition))
            .await
    }

    async fn create_template(
        &self,
        new: NewTemplate,
        context: &RequestContext,
    ) -> Result<Template, Error> {
        self.write(context, move |connection, context| {
            templates::create(connection, &new, context.at)
        })
        .await
    }

    async fn get_template(&self, owner: UserId, name: &TemplateName) -> Result<Template, Error> {
        self.readers
            .inline(|connection| templates::find(connection, owner, name))?
            .ok_or_else(|| templates::not_found(name))
    }

    async fn list_templates(
        &self,
        owner: UserId,
        filter: TemplateFilter,
        request: PageRequest,
    ) -> Result<Page<Template>, Error> {
        self.readers
            .on_blocking_thread(move |connection| {
                templates::list(connection, owner, &filter, request)
            })
            .await
    }

    async fn update_template(
        &self,
        owner: UserId,
        name: &TemplateName,
        change: TemplateChange,
        precondition: Precondition,
        context: &RequestContext,
    ) -> Result<Template, Error> {
        let name = name.clone();
        self.write(context, move |connection, context| {
            templates::update(connection, owner, &name, &change, &precondition, context.at)
        })
        .await
    }

    async fn delete_template(
        &self,
        owner: UserId,
        name: &TemplateName,
        precondition: Precondition,
        context: &RequestContext,
    ) -> Result<(), Error> {
        let name = name.clone();
        self.write(context, move |connection, _| {
            templates::delete(connection, owner, &name, &precondition)
        })
        .await
    }

    async fn create_task(&self, new: NewTask, context: &RequestContext) -> Result<Task, Error> {
        self.write(context, move |connection, context| tasks::create(connection, &new, context))
            .await
    }

    async fn get_task(&self, id: TaskId, viewer: Viewer) -> Result<Task, Error> {
        self.readers
            .inline(|connection| tasks::find(connection, id, viewer))?
            .ok_or_else(tasks::not_found)
    }

    async fn list_tasks(
        &self,
        filter: TaskFilter,
        viewer: Viewer,
        now: Timestamp,
        request: PageRequest,
    ) -> Result<Page<Task>, Error> {
        self.readers
            .on_blocking_thread(move |connection| {
                tasks::list(connection, &filter, viewer, now, request)
            })
            .await
    }

    async fn update_task(
        &self,
        id: TaskId,
        change: TaskChange,
        viewer: Viewer,
        precondition: Precondition,
        context: &RequestContext,
    ) -> Result<Task, Error> {
        self.write(context, move |connection, context| {
            tasks::update(connection, id, &change, viewer, &precondition, context)
        })
        .await
    }

    async fn delete_task(
        &self,
        id: TaskId,
        precondition: Precondition,
        context: &RequestContext,
    ) -> Result<(), Error> {
        self.write(context, move |connection, _| tasks::delete(connection, id, &precondition)).await
    }

    async fn close(&self) {
        self.writer.close();
    }
}
