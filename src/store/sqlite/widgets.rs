//! Widgets: SQL and row mapping.

use std::sync::LazyLock;

use async_trait::async_trait;
use rusqlite::{Connection, OptionalExtension, params};

use super::buckets::Buckets;
use super::engine::SqliteStore;
use super::lists::{Order, Select, WhereClause};
use super::transaction::Transaction;
use super::user_rows;
use crate::domain::{
    Deadline, NewWidget, Page, PageRequest, Precondition, RequestContext, Role, Sort, Timestamp,
    Upsert, UserId, UserSummary, Widget, WidgetChange, WidgetFilter, WidgetName, WidgetSort,
    WidgetStore,
};
use crate::error::Error;

const WIDGETS: Select<Widget> = Select {
    columns: "w.version, w.name, w.info_url, w.deadline, w.created_at,
              u.email, u.public_id, u.deleted_at IS NOT NULL",
    tables: "widget AS w JOIN user AS u ON u.id = w.owner_id",
    id: "w.id",
    from_row: |row| {
        Ok(Widget {
            version: row.get(0)?,
            name: row.get(1)?,
            info_url: row.get(2)?,
            deadline: row.get(3)?,
            created_at: row.get(4)?,
            owner: user_rows::summary(row, 5)?,
        })
    },
};

const DEFAULT_SORT: Sort<WidgetSort> = Sort { key: WidgetSort::CreatedAt, descending: false };

const BY_CREATION: Order = Order::new("w.id", "w.id DESC").counted(Buckets::by_id("widget"));

const BY_DEADLINE: Order = Order::new("w.deadline, w.id", "w.deadline DESC, w.id DESC")
    .counted(Buckets::by_deadline("widget"));

#[async_trait]
impl WidgetStore for SqliteStore {
    async fn create_widget(
        &self,
        new: NewWidget,
        context: &RequestContext,
    ) -> Result<Widget, Error> {
        self.write(context, move |transaction| {
            transaction.require(Role::Admin)?;
            insert(transaction, new)
        })
        .await
    }

    async fn get_widget(&self, name: &WidgetName) -> Result<Widget, Error> {
        self.read(|connection| find(connection, name))?.ok_or_else(|| not_found(name))
    }

    async fn list_widgets(
        &self,
        reader: Option<UserId>,
        filter: WidgetFilter,
        page: PageRequest,
        now: Timestamp,
    ) -> Result<Page<Widget>, Error> {
        self.read_list(reader, move |connection| list(connection, &filter, page, now)).await
    }

    async fn upsert_widget(
        &self,
        new: NewWidget,
        precondition: Precondition,
        context: &RequestContext,
    ) -> Result<(Widget, Upsert), Error> {
        self.write(context, move |transaction| {
            transaction.require(Role::Admin)?;
            let old = find(transaction, &new.name)?;
            precondition.check(old.as_ref().map(|widget| widget.version))?;
            let Some(old) = old else {
                check_deadline(new.deadline, transaction)?;
                return Ok((insert(transaction, new)?, Upsert::Created));
            };
            let NewWidget { info_url, deadline, .. } = new;
            let new = Widget { info_url, deadline, ..old.clone() };
            Ok((update(transaction, old, new)?, Upsert::Updated))
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
        self.write(context, move |transaction| {
            transaction.require(Role::Admin)?;
            let old = get(transaction, &name, &precondition)?;
            let mut new = old.clone();
            new.name = change.name.unwrap_or(new.name);
            new.info_url = change.info_url.unwrap_or(new.info_url);
            new.deadline = change.deadline.unwrap_or(new.deadline);
            update(transaction, old, new)
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
        self.write_on_low_disk(context, move |transaction| {
            transaction.require(Role::Admin)?;
            get(transaction, &name, &precondition)?;
            transaction.prepare_cached("DELETE FROM widget WHERE name = ?1")?.execute([name])?;
            Ok(())
        })
        .await
    }
}

fn not_found(name: &WidgetName) -> Error {
    Error::NotFound(format!("{} not found in database.", name.as_str()))
}

fn is_taken(name: &WidgetName) -> Error {
    Error::Conflict(format!("Widget name: {} already exists, must be unique.", name.as_str()))
}

fn check_deadline(deadline: Deadline, transaction: &Transaction<'_>) -> Result<(), Error> {
    deadline
        .check_date_not_past(transaction.context.at)
        .map_err(|why| Error::invalid("deadline", why))
}

fn insert(transaction: &Transaction<'_>, new: NewWidget) -> Result<Widget, Error> {
    let now = transaction.context.at;
    let inserted = transaction
        .prepare_cached(
            "INSERT INTO widget (name, info_url, deadline, owner_id, created_at, updated_at, version)
             SELECT ?1, ?2, ?3, id, ?5, ?5, random() FROM user WHERE public_id = ?4 AND deleted_at IS NULL
             ON CONFLICT DO NOTHING
             RETURNING version, (SELECT email FROM user WHERE id = owner_id)",
        )?
        .query_row(params![new.name, new.info_url, new.deadline, new.owner, now], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })
        .optional()?;
    let NewWidget { name, info_url, deadline, owner } = new;
    let Some((version, email)) = inserted else {
        let is_there = find(transaction, &name)?.is_some();
        return Err(if is_there { is_taken(&name) } else { user_rows::not_found() });
    };
    let owner = UserSummary { email, public_id: owner, is_deleted: false };
    Ok(Widget { version, name, info_url, deadline, created_at: now, owner })
}

fn find(connection: &Connection, name: &WidgetName) -> rusqlite::Result<Option<Widget>> {
    static BY_NAME: LazyLock<String> = LazyLock::new(|| WIDGETS.to_sql("w.name = ?1"));
    WIDGETS.find(connection, &BY_NAME, [name])
}

/// The widget before a write, if the precondition holds for it.
fn get(
    connection: &Connection,
    name: &WidgetName,
    precondition: &Precondition,
) -> Result<Widget, Error> {
    let widget = find(connection, name)?.ok_or_else(|| not_found(name))?;
    precondition.check(Some(widget.version))?;
    Ok(widget)
}

fn list(
    connection: &Connection,
    filter: &WidgetFilter,
    page: PageRequest,
    now: Timestamp,
) -> rusqlite::Result<Page<Widget>> {
    let owner = user_rows::find_row_of(connection, filter.owner.as_ref())?;
    let now_if = |overdue| (filter.overdue == Some(overdue)).then_some(&now);
    let conditions = WhereClause::new("TRUE")
        .and("w.owner_id = ?", owner.as_ref())
        .and("w.deadline < ?", filter.deadline_before.as_ref())
        .and("w.deadline >= ?", filter.deadline_after.as_ref())
        .and("w.deadline < ?", now_if(true))
        .and("w.deadline >= ?", now_if(false))
        .and(
            "w.id IN (SELECT rowid FROM widget_text WHERE widget_text MATCH ?)",
            filter.search.as_ref(),
        );
    let Sort { key, descending } = filter.sort.unwrap_or(DEFAULT_SORT);
    let order = match key {
        WidgetSort::CreatedAt => BY_CREATION,
        WidgetSort::Deadline => BY_DEADLINE,
    };
    WIDGETS.page(connection, &conditions, order, descending, page)
}

fn update(transaction: &Transaction<'_>, old: Widget, new: Widget) -> Result<Widget, Error> {
    if new == old {
        return Ok(old);
    }
    if new.deadline != old.deadline {
        check_deadline(new.deadline, transaction)?;
    }
    let version = transaction
        .prepare_cached(
            "UPDATE widget SET name = ?2, info_url = ?3, deadline = ?4, updated_at = ?5, version = random()
             WHERE name = ?1 AND NOT EXISTS (
                 SELECT 1 FROM widget AS other WHERE other.name = ?2 AND other.id <> widget.id)
             RETURNING version",
        )?
        .query_row(
            params![old.name, new.name, new.info_url, new.deadline, transaction.context.at],
            |row| row.get(0),
        )
        .optional()?
        .ok_or_else(|| is_taken(&new.name))?;
    Ok(Widget { version, ..new })
}
