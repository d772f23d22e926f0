//! Templates: SQL and row mapping. The owner is part of every statement.

use async_trait::async_trait;
use rusqlite::{Connection, OptionalExtension, params};

use super::conditions::{Order, WhereClause};
use super::engine::SqliteStore;
use super::idempotency::once;
use super::lists::{Select, beginning, is_truncated, select};
use super::portions::Part;
use super::search::ScopedSearch;
use super::transaction::Transaction;
use super::{audit, several, user_rows};
use crate::domain::{
    Bookmark, HistoryEntry, NewTemplate, Page, PageRequest, Portion, Precondition, RequestContext,
    Template, TemplateChange, TemplateFilter, TemplateName, TemplateStore, UserId, UserRef,
    Version,
};
use crate::error::Error;

/// Keeps one user from filling the disk.
const MAX_TEMPLATES_PER_USER: u32 = 1_000;

const TEMPLATES: Select<Template> = select! {
    Template {
        version, name, body: "body" => beginning!("body"),
        body_truncated: "FALSE" => is_truncated!("body"), created_at, updated_at,
    },
    from "template", id "id",
    key "owner_id = (SELECT id FROM user WHERE public_id = ?1) AND name = ?2",
};

#[async_trait]
impl TemplateStore for SqliteStore {
    async fn create_template(
        &self,
        new: NewTemplate,
        context: &RequestContext,
    ) -> Result<Template, Error> {
        self.write(context, move |transaction| {
            let owner = user_rows::require_owner(transaction, new.owner)?;
            once(transaction, |transaction| insert(transaction, owner, &new))
        })
        .await
    }

    async fn get_template(&self, owner: UserId, name: &TemplateName) -> Result<Template, Error> {
        self.read(|connection| get(connection, owner, name))
    }

    async fn list_template_history(
        &self,
        owner: UserId,
        name: &TemplateName,
        page: PageRequest,
    ) -> Result<Page<HistoryEntry>, Error> {
        let missing = Error::not_found(name.as_str());
        let name = name.clone();
        let list = move |connection: &Connection| {
            let id = find_id(connection, owner, &name)?;
            id.map(|id| audit::list_history(connection, &id, page)).transpose()
        };
        self.read_page(Some(owner), false, list).await?.ok_or(missing)
    }

    async fn list_templates(
        &self,
        owner: UserId,
        filter: TemplateFilter,
        page: PageRequest,
    ) -> Result<Page<Template>, Error> {
        self.read_page(Some(owner), filter.search.is_some(), move |connection| {
            list(connection, owner, &filter, page)
        })
        .await
    }

    async fn export_templates(
        &self,
        owner: UserId,
        filter: TemplateFilter,
        bookmark: Bookmark,
    ) -> Result<Portion<Template>, Error> {
        self.read_list(Some(owner), move |connection| list(connection, owner, &filter, bookmark))
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
        self.write(context, move |transaction| {
            let row = user_rows::require_owner(transaction, owner)?;
            let old = get(transaction, owner, &name)?;
            precondition.check(Some(old.version))?;
            let mut new = old.clone();
            new.name = change.name.unwrap_or(new.name);
            new.body = change.body.unwrap_or(new.body);
            if new == old {
                return Ok(old);
            }
            transaction.run_unless(
                || Error::is_taken("Template", new.name.as_str()),
                "UPDATE template SET name = ?3, body = ?4, updated_at = ?5, version = random()
                 WHERE owner_id = ?1 AND name = ?2",
                params![row, name, new.name, new.body, transaction.context.at],
            )?;
            written(transaction, Some(&old), owner, &new.name)
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
            delete_one(transaction, owner, &name, &precondition)
        })
        .await
    }

    async fn delete_templates(
        &self,
        owner: UserId,
        seen: Vec<(TemplateName, Version)>,
        context: &RequestContext,
    ) -> Result<(), Error> {
        self.write_on_low_disk(context, move |transaction| {
            for (name, version) in seen {
                delete_one(transaction, owner, &name, &Precondition::is(version))
                    .map_err(several::in_the_way(name.as_str()))
                    .map_err(several::one_is_gone("templates"))?;
            }
            Ok(())
        })
        .await
    }
}

fn delete_one(
    transaction: &Transaction<'_>,
    owner: UserId,
    name: &TemplateName,
    precondition: &Precondition,
) -> Result<(), Error> {
    let row = user_rows::require_owner(transaction, owner)?;
    let old = get(transaction, owner, name)?;
    precondition.check(Some(old.version))?;
    let id = find_id(transaction, owner, name)?;
    let delete = "DELETE FROM template WHERE owner_id = ?1 AND name = ?2";
    transaction.run(delete, params![row, name])?;
    Ok(audit::changed(transaction, id.as_deref(), Some(&old), None)?)
}

fn insert(transaction: &Transaction<'_>, owner: i64, new: &NewTemplate) -> Result<Template, Error> {
    let count = "SELECT count(*) FROM template WHERE owner_id = ?1";
    user_rows::check_count(transaction, owner, count, MAX_TEMPLATES_PER_USER, "templates")?;
    transaction.run_unless(
        || Error::is_taken("Template", new.name.as_str()),
        "INSERT INTO template (owner_id, name, body, created_at, updated_at, version)
         VALUES (?1, ?2, ?3, ?4, ?4, random())",
        params![owner, new.name, new.body, transaction.context.at],
    )?;
    written(transaction, None, new.owner, &new.name)
}

fn get(connection: &Connection, owner: UserId, name: &TemplateName) -> Result<Template, Error> {
    TEMPLATES.find(connection, params![owner, name])?.ok_or_else(|| Error::not_found(name.as_str()))
}

/// What the audit finds the events of a template by: `template:17`. It is no widget's and no task's.
fn find_id(
    connection: &Connection,
    owner: UserId,
    name: &TemplateName,
) -> rusqlite::Result<Option<String>> {
    connection
        .prepare_cached(
            "SELECT 'template:' || id FROM template
             WHERE owner_id = (SELECT id FROM user WHERE public_id = ?1) AND name = ?2",
        )?
        .query_row(params![owner, name], |row| row.get(0))
        .optional()
}

fn list<P: Part>(
    connection: &Connection,
    owner: UserId,
    filter: &TemplateFilter,
    part: P,
) -> rusqlite::Result<P::Of<Template>> {
    let reader = user_rows::find_row(connection, &UserRef::Id(owner))?;
    let search = ScopedSearch::of(filter.search.as_ref(), reader)?;
    let conditions = WhereClause::new("TRUE").and("owner_id = ?", Some(&reader)).and_match(
        None,
        "template_text",
        search.as_ref(),
    );
    part.read(&TEMPLATES, connection, conditions, Order::by_name(filter.sort))
}

/// The template as it was written, with an event that names neither it nor its content.
fn written(
    transaction: &Transaction<'_>,
    old: Option<&Template>,
    owner: UserId,
    name: &TemplateName,
) -> Result<Template, Error> {
    let new = get(transaction, owner, name)?;
    let id = find_id(transaction, owner, name)?;
    audit::changed(transaction, id.as_deref(), old, Some(&new))?;
    Ok(new)
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
            crate::store::traits::OpenMode::Create,
            crate::clock::Clock::System,
            crate::domain::StoreLimits::default(),
        )
        .unwrap();
        for order in ["name", "created_at", "updated_at"] {
            let sql = format!(
                "EXPLAIN QUERY PLAN {} ORDER BY {order}, id LIMIT 100",
                TEMPLATES.to_list_sql("owner_id = 1")
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
