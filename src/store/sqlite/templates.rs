//! Templates: SQL and row mapping. The owner is part of every statement.

use std::sync::LazyLock;

use async_trait::async_trait;
use rusqlite::{Connection, OptionalExtension, params};

use super::engine::SqliteStore;
use super::lists::{Order, Select, WhereClause, beginning};
use super::search::ScopedSearch;
use super::transaction::Transaction;
use super::user_rows;
use crate::domain::{
    NewTemplate, Page, PageRequest, Precondition, RequestContext, Sort, Template, TemplateChange,
    TemplateFilter, TemplateName, TemplateSort, TemplateStore, UserId, UserRef,
};
use crate::error::Error;

/// Keeps one user from filling the disk.
const MAX_TEMPLATES_PER_USER: u32 = 1_000;

const TEMPLATES: Select<Template> = Select {
    columns: "version, name, created_at, updated_at, body, FALSE",
    tables: "template",
    id: "id",
    from_row: |row| {
        Ok(Template {
            version: row.get(0)?,
            name: row.get(1)?,
            created_at: row.get(2)?,
            updated_at: row.get(3)?,
            body: row.get(4)?,
            body_truncated: row.get(5)?,
        })
    },
};

/// The same for lists.
const BEGINNINGS: Select<Template> = Select {
    columns: concat!("version, name, created_at, updated_at, ", beginning!("body")),
    ..TEMPLATES
};

const DEFAULT_SORT: Sort<TemplateSort> = Sort { key: TemplateSort::CreatedAt, descending: false };

const BY_CREATION: Order = Order::new("created_at, id", "created_at DESC, id DESC");

const BY_NAME: Order = Order::new("name, id", "name DESC, id DESC");

const BY_UPDATE: Order = Order::new("updated_at, id", "updated_at DESC, id DESC");

#[async_trait]
impl TemplateStore for SqliteStore {
    async fn create_template(
        &self,
        new: NewTemplate,
        context: &RequestContext,
    ) -> Result<Template, Error> {
        self.write(context, move |transaction| {
            transaction.require_user(new.owner)?;
            insert(transaction, new)
        })
        .await
    }

    async fn get_template(&self, owner: UserId, name: &TemplateName) -> Result<Template, Error> {
        self.read(|connection| find(connection, owner, name))?.ok_or_else(|| not_found(name))
    }

    async fn list_templates(
        &self,
        owner: UserId,
        filter: TemplateFilter,
        page: PageRequest,
    ) -> Result<Page<Template>, Error> {
        self.read_list(Some(owner), move |connection| list(connection, owner, &filter, page)).await
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
        self.write(context, move |transaction| {
            transaction.require_user(owner)?;
            let old = get(transaction, owner, &name, &precondition)?;
            let mut new = old.clone();
            new.name = change.name.unwrap_or(new.name);
            new.body = change.body.unwrap_or(new.body);
            update(transaction, owner, old, new)
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
        self.write_on_low_disk(context, move |transaction| {
            transaction.require_user(owner)?;
            get(transaction, owner, &name, &precondition)?;
            transaction
                .prepare_cached(
                    "DELETE FROM template
                     WHERE owner_id = (SELECT id FROM user WHERE public_id = ?1) AND name = ?2",
                )?
                .execute(params![owner, name])?;
            Ok(())
        })
        .await
    }
}

fn not_found(name: &TemplateName) -> Error {
    Error::NotFound(format!("{} not found in database.", name.as_str()))
}

fn is_taken(name: &TemplateName) -> Error {
    Error::Conflict(format!("Template name: {} already exists, must be unique.", name.as_str()))
}

fn insert(transaction: &Transaction<'_>, new: NewTemplate) -> Result<Template, Error> {
    let NewTemplate { name, body, owner } = new;
    let present: u32 = transaction
        .prepare_cached(
            "SELECT count(*) FROM template
             WHERE owner_id = (SELECT id FROM user WHERE public_id = ?1)",
        )?
        .query_row([owner], |row| row.get(0))?;
    if present >= MAX_TEMPLATES_PER_USER {
        return Err(Error::Conflict(format!(
            "There are {MAX_TEMPLATES_PER_USER} templates already, the most there may be."
        )));
    }
    let now = transaction.context.at;
    let version = transaction
        .prepare_cached(
            "INSERT INTO template (owner_id, name, body, created_at, updated_at, version)
             SELECT id, ?2, ?3, ?4, ?4, random() FROM user WHERE public_id = ?1 AND deleted_at IS NULL
             ON CONFLICT DO NOTHING RETURNING version",
        )?
        .query_row(params![owner, name, body, now], |row| row.get(0))
        .optional()?;
    let Some(version) = version else {
        let is_there = find(transaction, owner, &name)?.is_some();
        return Err(if is_there { is_taken(&name) } else { user_rows::not_found() });
    };
    Ok(Template { version, name, body, body_truncated: false, created_at: now, updated_at: now })
}

fn find(
    connection: &Connection,
    owner: UserId,
    name: &TemplateName,
) -> rusqlite::Result<Option<Template>> {
    static BY_NAME: LazyLock<String> = LazyLock::new(|| {
        TEMPLATES.to_sql("owner_id = (SELECT id FROM user WHERE public_id = ?1) AND name = ?2")
    });
    TEMPLATES.find(connection, &BY_NAME, params![owner, name])
}

/// The template before a write, if the precondition holds for it.
fn get(
    connection: &Connection,
    owner: UserId,
    name: &TemplateName,
    precondition: &Precondition,
) -> Result<Template, Error> {
    let template = find(connection, owner, name)?.ok_or_else(|| not_found(name))?;
    precondition.check(Some(template.version))?;
    Ok(template)
}

fn list(
    connection: &Connection,
    owner: UserId,
    filter: &TemplateFilter,
    page: PageRequest,
) -> rusqlite::Result<Page<Template>> {
    let reader = user_rows::find_row(connection, &UserRef::Id(owner))?;
    let search =
        filter.search.as_ref().map(|words| ScopedSearch::new(words, reader)).transpose()?;
    let conditions = WhereClause::new("TRUE").and("owner_id = ?", Some(&reader)).and(
        "id IN (SELECT rowid FROM template_text WHERE template_text MATCH ?)",
        search.as_ref(),
    );
    let Sort { key, descending } = filter.sort.unwrap_or(DEFAULT_SORT);
    let order = match key {
        TemplateSort::Name => BY_NAME,
        TemplateSort::CreatedAt => BY_CREATION,
        TemplateSort::UpdatedAt => BY_UPDATE,
    };
    BEGINNINGS.page(connection, &conditions, order, descending, page)
}

fn update(
    transaction: &Transaction<'_>,
    owner: UserId,
    old: Template,
    new: Template,
) -> Result<Template, Error> {
    if new == old {
        return Ok(old);
    }
    let now = transaction.context.at;
    let version = transaction
        .prepare_cached(
            "UPDATE template SET name = ?3, body = ?4, updated_at = ?5, version = random()
             WHERE owner_id = (SELECT id FROM user WHERE public_id = ?1) AND name = ?2
             AND NOT EXISTS (
                 SELECT 1 FROM template AS other
                 WHERE other.owner_id = template.owner_id AND other.name = ?3 AND other.id <> template.id)
             RETURNING version",
        )?
        .query_row(params![owner, old.name, new.name, new.body, now], |row| row.get(0))
        .optional()?
        .ok_or_else(|| is_taken(&new.name))?;
    Ok(Template { version, updated_at: now, ..new })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_sorted_without_reading_the_bodies() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("test.db");
        let store = SqliteStore::open(
            &path,
            crate::store::traits::IfAbsent::Create,
            crate::clock::Clock::System,
            crate::domain::StoreLimits::default(),
        )
        .unwrap();
        for order in ["name", "created_at", "updated_at"] {
            let sql = format!(
                "EXPLAIN QUERY PLAN {} ORDER BY {order}, id LIMIT 100",
                BEGINNINGS.to_sql("owner_id = 1")
            );
            let plan: Vec<String> = store
                .read(|connection| {
                    let mut plan = connection.prepare(&sql)?;
                    plan.query_map([], |row| row.get(3))?.collect()
                })
                .unwrap();
            assert_eq!(plan.len(), 1, "{order}: {plan:?}");
            assert!(plan[0].contains("USING INDEX"), "{order}: {plan:?}");
        }
    }
}
