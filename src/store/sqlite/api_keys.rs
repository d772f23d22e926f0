//! API keys: SQL and row mapping.

use async_trait::async_trait;
use rusqlite::{Connection, OptionalExtension, params};

use super::audit;
use super::engine::SqliteStore;
use super::lists::{Order, Select, WhereClause};
use super::transaction::Transaction;
use super::user_rows;
use crate::domain::{
    Action, ApiKey, ApiKeyStore, Authority, KeyAuthority, KeyId, KeyName, KeyScope, NewApiKey,
    Page, PageRequest, RequestContext, SecretHash, Status, Timestamp, UserId,
};
use crate::error::Error;

const MAX_KEYS_PER_USER: u32 = 100;

const KEYS: Select<ApiKey> = Select {
    columns: "k.public_id, u.email, k.name, k.scope, k.created_at, k.expires_at, k.last_used_at",
    tables: "api_key AS k JOIN user AS u ON u.id = k.user_id",
    id: "k.id",
    from_row: |row| {
        Ok(ApiKey {
            id: row.get(0)?,
            owner: row.get(1)?,
            name: row.get(2)?,
            scope: row.get(3)?,
            created_at: row.get(4)?,
            expires_at: row.get(5)?,
            last_used_at: row.get(6)?,
        })
    },
};

const BY_CREATION: Order = Order::new("k.id", "k.id DESC");

#[async_trait]
impl ApiKeyStore for SqliteStore {
    async fn create_key(&self, new: NewApiKey, context: &RequestContext) -> Result<ApiKey, Error> {
        self.write(context, move |transaction| {
            transaction.require_user(new.owner)?;
            insert(transaction, new)
        })
        .await
    }

    async fn find_key_authority(&self, hash: &SecretHash) -> Result<Option<KeyAuthority>, Error> {
        self.read(|connection| find_authority(connection, hash))
    }

    async fn list_keys(
        &self,
        owner: Option<UserId>,
        page: PageRequest,
    ) -> Result<Page<ApiKey>, Error> {
        self.read_list(owner, move |connection| {
            let conditions = WhereClause::new("TRUE").and("u.public_id = ?", owner.as_ref());
            KEYS.page(connection, &conditions, BY_CREATION, false, page)
        })
        .await
    }

    async fn revoke_key(
        &self,
        owner: UserId,
        id: KeyId,
        context: &RequestContext,
    ) -> Result<(), Error> {
        self.write_on_low_disk(context, move |transaction| {
            transaction.require_user(owner)?;
            let detail = transaction
                .prepare_cached(
                    "DELETE FROM api_key
                     WHERE public_id = ?1 AND user_id = (SELECT id FROM user WHERE public_id = ?2)
                     RETURNING name, scope",
                )?
                .query_row(params![id, owner], |row| Ok(describe(&row.get(0)?, row.get(1)?)))
                .optional()?
                .ok_or_else(|| Error::no_such("key"))?;
            Ok(audit::done(transaction, Action::RevokeKey, owner, Some(&detail))?)
        })
        .await
    }

    async fn record_key_use(&self, id: KeyId, at: Timestamp) -> Result<(), Error> {
        self.writer
            .run(move |connection| {
                connection
                    .prepare_cached(
                        "UPDATE api_key SET last_used_at = max(coalesce(last_used_at, ?2), ?2)
                         WHERE public_id = ?1",
                    )?
                    .execute(params![id, at])?;
                Ok(())
            })
            .await
    }
}

/// A key as the audit names it.
fn describe(name: &KeyName, scope: KeyScope) -> String {
    format!("{} ({})", name.as_str(), scope.as_str())
}

fn insert(transaction: &Transaction<'_>, new: NewApiKey) -> Result<ApiKey, Error> {
    let NewApiKey { id, owner, name, scope, hash, expires_at } = new;
    let user = user_rows::find_by_id(transaction, owner)?.ok_or_else(user_rows::not_found)?;
    let present: u32 = transaction
        .prepare_cached(
            "SELECT count(*) FROM api_key
             WHERE user_id = (SELECT id FROM user WHERE public_id = ?1)",
        )?
        .query_row([owner], |row| row.get(0))?;
    if present >= MAX_KEYS_PER_USER {
        return Err(Error::Conflict(format!(
            "There are {MAX_KEYS_PER_USER} keys already, the most there may be."
        )));
    }
    let now = transaction.context.at;
    let inserted = transaction
        .prepare_cached(
            "INSERT INTO api_key (public_id, user_id, name, scope, hash, created_at, expires_at)
             SELECT ?1, id, ?3, ?4, ?5, ?6, ?7 FROM user WHERE public_id = ?2
             ON CONFLICT DO NOTHING",
        )?
        .execute(params![id, owner, name, scope, hash, now, expires_at])?;
    if inserted == 0 {
        let message = format!("There is a key named {} already.", name.as_str());
        return Err(Error::Conflict(message));
    }
    audit::done(transaction, Action::CreateKey, owner, Some(&describe(&name, scope)))?;
    let (owner, created_at) = (user.email, now);
    Ok(ApiKey { id, owner, name, scope, created_at, expires_at, last_used_at: None })
}

fn find_authority(
    connection: &Connection,
    hash: &SecretHash,
) -> rusqlite::Result<Option<KeyAuthority>> {
    connection
        .prepare_cached(
            "SELECT k.public_id, k.scope, k.expires_at, k.last_used_at, u.public_id, u.role, u.status
             FROM api_key AS k JOIN user AS u ON u.id = k.user_id WHERE k.hash = ?1",
        )?
        .query_row([hash], |row| {
            let owner = Authority { user: row.get(4)?, role: row.get(5)? };
            Ok(KeyAuthority {
                id: row.get(0)?,
                scope: row.get(1)?,
                expires_at: row.get(2)?,
                last_used_at: row.get(3)?,
                owner: (row.get::<_, Status>(6)? == Status::Active).then_some(owner),
            })
        })
        .optional()
}
