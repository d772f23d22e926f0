//! API keys: SQL and row mapping.

use async_trait::async_trait;
use rusqlite::{Connection, OptionalExtension, params};

use super::audit;
use super::conditions::{Order, WhereClause};
use super::engine::SqliteStore;
use super::lists::{Select, select};
use super::transaction::Transaction;
use super::user_rows;
use crate::domain::{
    Action, ApiKey, ApiKeyStore, Authority, KeyAuthority, KeyId, KeyName, KeyScope, NewApiKey,
    Page, PageRequest, RequestContext, SecretHash, Status, Timestamp, UserId, key_exists,
};
use crate::error::Error;

const MAX_KEYS_PER_USER: u32 = 100;

const KEYS: Select<ApiKey> = select! {
    ApiKey {
        id: "k.public_id", owner: "coalesce(u.email, u.username)", name: "k.name", scope, created_at: "k.created_at", expires_at,
        last_used_at,
    },
    from "api_key AS k", with "JOIN user AS u ON u.id = k.user_id", id "k.id", key "k.public_id = ?1",
};

const OF_USER: &str = "k.user_id = (SELECT id FROM user WHERE public_id = ?)";
const BY_CREATION: Order = Order::new("k.id", false);

#[async_trait]
impl ApiKeyStore for SqliteStore {
    async fn create_key(&self, new: NewApiKey, context: &RequestContext) -> Result<ApiKey, Error> {
        self.write(context, move |transaction| insert(transaction, new)).await
    }

    async fn find_key_authority(&self, hash: &SecretHash) -> Result<Option<KeyAuthority>, Error> {
        self.read(|connection| find_authority(connection, hash))
    }

    async fn list_keys(
        &self,
        owner: Option<UserId>,
        page: PageRequest,
    ) -> Result<Page<ApiKey>, Error> {
        self.read_page(owner, false, move |connection| {
            let conditions = WhereClause::new("TRUE").and(OF_USER, owner.as_ref());
            KEYS.page(connection, conditions, BY_CREATION, page)
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
    let user = user_rows::require_owner(transaction, owner)?;
    let count = "SELECT count(*) FROM api_key WHERE user_id = ?1";
    user_rows::check_count(transaction, user, count, MAX_KEYS_PER_USER, "keys")?;
    transaction.run_unless(
        || key_exists(name.as_str()),
        "INSERT INTO api_key (public_id, user_id, name, scope, hash, created_at, expires_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        params![id, user, name, scope, hash, transaction.context.at, expires_at],
    )?;
    audit::done(transaction, Action::CreateKey, owner, Some(&describe(&name, scope)))?;
    KEYS.find(transaction, [id])?.ok_or_else(|| Error::no_such("key"))
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
