//! Widgets: SQL and row mapping.

use async_trait::async_trait;
use rusqlite::{Connection, OptionalExtension, params};

use super::buckets::Buckets;
use super::conditions::{Index, Order, WhereClause};
use super::deadlines;
use super::engine::SqliteStore;
use super::idempotency::once;
use super::imports;
use super::lists::{Select, select};
use super::portions::Part;
use super::transaction::Transaction;
use super::{audit, several, user_rows};
use crate::domain::{
    Bookmark, Deadline, HistoryEntry, Import, ImportMode, Imported, NewWidget, Page, PageRequest,
    Portion, Precondition, RequestContext, Role, RowEffect, Sort, Timestamp, Upsert, UserId,
    Version, Widget, WidgetChange, WidgetFilter, WidgetName, WidgetRow, WidgetSort, WidgetStore,
};
use crate::error::Error;

pub const WIDGETS: Select<Widget> = select! {
    Widget {
        version: "w.version", name: "w.name", info_url,
        deadline: "w.deadline, w.deadline_date" as deadlines::deadline,
        created_at: "w.created_at",
        owner: "u.email, u.username, u.name, u.public_id, u.version, u.deleted_at IS NOT NULL"
            as user_rows::summary,
    },
    from "widget AS w", with "JOIN user AS u ON u.id = w.owner_id", id "w.id", key "w.name = ?1",
};

const BY_OWNER: Index = Index::new("widget_by_owner").sorted_by("w.deadline");
const BY_DEADLINE: Index = Index::new("widget_by_deadline");

#[async_trait]
impl WidgetStore for SqliteStore {
    async fn create_widget(
        &self,
        new: NewWidget,
        context: &RequestContext,
    ) -> Result<Widget, Error> {
        self.write(context, move |transaction| {
            transaction.require(Role::Admin)?;
            once(transaction, |transaction| insert(transaction, new))
        })
        .await
    }

    async fn get_widget(&self, name: &WidgetName) -> Result<Widget, Error> {
        self.read(|connection| get(connection, name))
    }

    async fn list_widgets(
        &self,
        reader: Option<UserId>,
        filter: WidgetFilter,
        page: PageRequest,
        now: Timestamp,
    ) -> Result<Page<Widget>, Error> {
        self.read_page(reader, filter.search.is_some(), move |connection| {
            list(connection, &filter, page, now)
        })
        .await
    }

    async fn export_widgets(
        &self,
        reader: Option<UserId>,
        filter: WidgetFilter,
        bookmark: Bookmark,
        now: Timestamp,
    ) -> Result<Portion<Widget>, Error> {
        self.read_list(reader, move |connection| list(connection, &filter, bookmark, now)).await
    }

    async fn import_widgets(
        &self,
        import: Import<WidgetRow>,
        context: &RequestContext,
    ) -> Result<Imported, Error> {
        self.write_many(context, move |transaction| {
            transaction.require(Role::Admin)?;
            let mode = import.mode;
            once(transaction, |transaction| {
                imports::run(transaction, import, "name", |row| write_row(transaction, row, mode))
            })
        })
        .await
    }

    async fn list_widget_history(
        &self,
        reader: UserId,
        name: &WidgetName,
        page: PageRequest,
    ) -> Result<Page<HistoryEntry>, Error> {
        let missing = Error::not_found(name.as_str());
        let name = name.clone();
        let list = move |connection: &Connection| {
            let id = find_id(connection, &name)?;
            id.map(|id| audit::list_history(connection, &id, page)).transpose()
        };
        self.read_page(Some(reader), false, list).await?.ok_or(missing)
    }

    async fn upsert_widget(
        &self,
        new: NewWidget,
        precondition: Precondition,
        context: &RequestContext,
    ) -> Result<(Widget, Upsert), Error> {
        self.write(context, move |transaction| {
            transaction.require(Role::Admin)?;
            let old = WIDGETS.find(transaction, [&new.name])?;
            precondition.check(old.as_ref().map(|widget| widget.version))?;
            let Some(old) = old else {
                check_deadline(transaction, new.deadline, transaction.context.at)?;
                return Ok((insert(transaction, new)?, Upsert::Created));
            };
            let NewWidget { info_url, deadline, .. } = new;
            let new = Widget { info_url, deadline, ..old.clone() };
            Ok((update(transaction, old, new, transaction.context.at)?, Upsert::Updated))
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
            let old = get(transaction, &name)?;
            precondition.check(Some(old.version))?;
            let mut new = old.clone();
            new.name = change.name.unwrap_or(new.name);
            new.info_url = change.info_url.unwrap_or(new.info_url);
            new.deadline = change.deadline.unwrap_or(new.deadline);
            update(transaction, old, new, transaction.context.at)
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
            delete_one(transaction, &name, &precondition)
        })
        .await
    }

    async fn delete_widgets(
        &self,
        seen: Vec<(WidgetName, Version)>,
        context: &RequestContext,
    ) -> Result<(), Error> {
        self.write_on_low_disk(context, move |transaction| {
            transaction.require(Role::Admin)?;
            for (name, version) in seen {
                delete_one(transaction, &name, &Precondition::is(version))
                    .map_err(several::in_the_way(name.as_str()))
                    .map_err(several::one_is_gone("widgets"))?;
            }
            Ok(())
        })
        .await
    }
}

fn delete_one(
    transaction: &Transaction<'_>,
    name: &WidgetName,
    precondition: &Precondition,
) -> Result<(), Error> {
    let old = get(transaction, name)?;
    precondition.check(Some(old.version))?;
    let id = find_id(transaction, name)?;
    transaction.run("DELETE FROM widget WHERE name = ?1", [name])?;
    Ok(audit::changed(transaction, id.as_deref(), Some(&old), None)?)
}

fn get(connection: &Connection, name: &WidgetName) -> Result<Widget, Error> {
    WIDGETS.find(connection, [name])?.ok_or_else(|| Error::not_found(name.as_str()))
}

/// What stays the same when the name changes: the row id, which no other widget gets.
fn find_id(connection: &Connection, name: &WidgetName) -> rusqlite::Result<Option<String>> {
    connection
        .prepare_cached("SELECT CAST(id AS TEXT) FROM widget WHERE name = ?1")?
        .query_row([name], |row| row.get(0))
        .optional()
}

fn check_deadline(
    transaction: &Transaction<'_>,
    deadline: Deadline,
    now: Timestamp,
) -> Result<(), Error> {
    deadline
        .check_date_not_past(now, transaction.zone)
        .map_err(|why| Error::invalid("deadline", why))
}

fn insert(transaction: &Transaction<'_>, new: NewWidget) -> Result<Widget, Error> {
    let NewWidget { name, info_url, deadline, owner } = new;
    let owner = user_rows::get_row(transaction, owner)?;
    let now = transaction.context.at;
    transaction.run_unless(
        || Error::is_taken("Widget", name.as_str()),
        "INSERT INTO widget (name, info_url, deadline, deadline_date, owner_id, created_at,
                             updated_at, version)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?6, random())",
        params![name, info_url, deadline.timestamp(), deadline.date(), owner, now],
    )?;
    written(transaction, None, &name)
}

/// The widget as it was written, with an event.
fn written(
    transaction: &Transaction<'_>,
    old: Option<&Widget>,
    name: &WidgetName,
) -> Result<Widget, Error> {
    let new = get(transaction, name)?;
    let id = find_id(transaction, name)?;
    audit::changed(transaction, id.as_deref(), old, Some(&new))?;
    Ok(new)
}

/// Creates or updates the widget of a row.
fn write_row(
    transaction: &Transaction<'_>,
    row: WidgetRow,
    mode: ImportMode,
) -> Result<RowEffect, Error> {
    let WidgetRow { name, info_url, deadline, owner, made_at } = row;
    let old = match mode {
        ImportMode::Create => None,
        ImportMode::Upsert => WIDGETS.find(transaction, [&name])?,
    };
    let Some(old) = old else {
        check_deadline(transaction, deadline, made_at)?;
        let owner = user_rows::find_named(transaction, &owner, "owner")?.public_id;
        insert(transaction, NewWidget { name, info_url, deadline, owner })?;
        return Ok(RowEffect::Created);
    };
    let new = Widget { info_url, deadline, ..old.clone() };
    let version = old.version;
    let is_unchanged = update(transaction, old, new, made_at)?.version == version;
    Ok(if is_unchanged { RowEffect::Unchanged } else { RowEffect::Updated })
}

pub fn list<P: Part>(
    connection: &Connection,
    filter: &WidgetFilter,
    part: P,
    now: Timestamp,
) -> rusqlite::Result<P::Of<Widget>> {
    let owner = user_rows::find_row_of(connection, filter.owner.as_ref())?;
    let now_if = |overdue| (filter.overdue == Some(overdue)).then_some(&now);
    let conditions = WhereClause::new("TRUE")
        .and_by(BY_OWNER, "w.owner_id = ?", owner.as_ref())
        .and_by(BY_DEADLINE, "w.deadline < ?", filter.deadline_before.as_ref())
        .and_by(BY_DEADLINE, "w.deadline >= ?", filter.deadline_after.as_ref())
        .and_by(BY_DEADLINE, "w.deadline < ?", now_if(true))
        .and_by(BY_DEADLINE, "w.deadline >= ?", now_if(false))
        .and_match(Some("widget_by_id"), "widget_text", filter.search.as_ref());
    let Sort { key, descending } = filter.sort.unwrap_or_default();
    let order = match key {
        WidgetSort::CreatedAt => {
            Order::new("w.id", descending).indexed("widget_by_id").paged(Buckets::by_id("widget"))
        }
        WidgetSort::Deadline => Order::new("w.deadline", descending)
            .indexed("widget_by_deadline")
            .paged(Buckets::by_deadline("widget")),
    };
    part.read(&WIDGETS, connection, conditions, order)
}

/// A new deadline must not have passed at `made_at`.
fn update(
    transaction: &Transaction<'_>,
    old: Widget,
    new: Widget,
    made_at: Timestamp,
) -> Result<Widget, Error> {
    if new == old {
        return Ok(old);
    }
    if new.deadline != old.deadline {
        check_deadline(transaction, new.deadline, made_at)?;
    }
    let Widget { name, info_url, deadline, .. } = new;
    let (at, date, now) = (deadline.timestamp(), deadline.date(), transaction.context.at);
    transaction.run_unless(
        || Error::is_taken("Widget", name.as_str()),
        "UPDATE widget SET name = ?2, info_url = ?3, deadline = ?4, deadline_date = ?5,
                           updated_at = ?6, version = random()
         WHERE name = ?1",
        params![old.name, name, info_url, at, date, now],
    )?;
    written(transaction, Some(&old), &name)
}
