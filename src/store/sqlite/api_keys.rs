//! API keys: SQL and row mapping.

use rusqlite::{Connection, OptionalExtension, Row, params};

use super::users::parsed;
use super::writer::JobError;
use super::{Conditions, audit, page, users};
use crate::domain::{
    Action, ApiKey, Authority, Email, KeyAuthority, KeyId, KeyName, KeyScope, NewApiKey, Page,
    PageRequest, RequestContext, Role, SecretHash, Status, Timestamp, UserId,
};
use crate::error::Error;

/// Makes a key for an account.
pub fn create(
    connection: &Connection,
    new: NewApiKey,
    context: &RequestContext,
) -> Result<ApiKey, JobError> {
    let owner = users::find_by_id(connection, new.owner)?.ok_or_else(users::not_found)?;
    let present: u32 = connection
        .prepare_cached("SELECT count(*) FROM api_key WHERE user_id = (SELECT id FROM user WHERE public_id = ?1)")?
        .query_row([new.owner.encode(&mut [0; 36])], |row| row.get(0))?;
    if present >= MOST {
        return Err(Error::Conflict(format!(
            "There are {MOST} keys already, the most there may be."
        ))
        .into());
    }
    let created = connection
        .prepare_cached(
            "INSERT INTO api_key (public_id, user_id, name, scope, hash, created_at, expires_at)
             SELECT ?1, id, ?3, ?4, ?5, ?6, ?7 FROM user WHERE public_id = ?2
             ON CONFLICT DO NOTHING",
        )?
        .execute(params![
            new.id.encode(&mut [0; 36]),
            new.owner.encode(&mut [0; 36]),
            new.name.as_str(),
            new.scope.as_str(),
            new.hash.as_bytes(),
            context.at.as_millis(),
            new.expires_at.map(Timestamp::as_millis),
        ])?;
    if created == 0 {
        return Err(Error::Conflict(format!(
            "There is a key named {} already.",
            new.name.as_str()
        ))
        .into());
    }
    audit::done(
        connection,
        context,
        Action::CreateKey,
        new.owner,
        Some(&described(new.name.as_str(), new.scope)),
    )?;
    Ok(ApiKey {
        id: new.id,
        owner: owner.email,
        name: new.name,
        scope: new.scope,
        created_at: context.at,
        expires_at: new.expires_at,
        last_used_at: None,
    })
}

/// How many keys an account may have.
const MOST: u32 = 100;

/// A key as the audit tells of it.
fn described(name: &str, scope: KeyScope) -> String {
    format!("{name} ({})", scope.as_str())
}

/// Whose key? Good for what? One statement.
pub fn find_authority(
    connection: &Connection,
    hash: &SecretHash,
) -> rusqlite::Result<Option<KeyAuthority>> {
    connection
        .prepare_cached(
            "SELECT k.public_id, k.scope, k.expires_at, k.last_used_at, u.public_id, u.role, u.status
             FROM api_key AS k JOIN user AS u ON u.id = k.user_id WHERE k.hash = ?1",
        )?
        .query_row([hash.as_bytes()], |row| {
            let owner = Authority { user: parsed(row, 4, UserId::parse)?, role: parsed(row, 5, Role::from_name)? };
            Ok(KeyAuthority {
                id: parsed(row, 0, KeyId::parse)?,
                scope: parsed(row, 1, KeyScope::from_name)?,
                expires_at: row.get::<_, Option<i64>>(2)?.map(Timestamp::from_millis),
                last_used_at: row.get::<_, Option<i64>>(3)?.map(Timestamp::from_millis),
                owner: (parsed(row, 6, Status::from_name)? == Status::Active).then_some(owner),
            })
        })
        .optional()
}

/// What the bearer of a key of this account may do; `None` where the key or the account is no more.
pub fn find_owner(
    connection: &Connection,
    owner: UserId,
    key: KeyId,
) -> rusqlite::Result<Option<Authority>> {
    connection
        .prepare_cached(
            "SELECT u.role FROM api_key AS k JOIN user AS u ON u.id = k.user_id
             WHERE k.public_id = ?1 AND u.public_id = ?2 AND u.status = 'active'",
        )?
        .query_row([key.encode(&mut [0; 36]), owner.encode(&mut [0; 36])], |row| {
            Ok(Authority { user: owner, role: parsed(row, 0, Role::from_name)? })
        })
        .optional()
}

/// A page of an account's keys, or of everybody's, oldest first.
pub fn list(
    connection: &Connection,
    owner: Option<UserId>,
    request: PageRequest,
) -> rusqlite::Result<Page<ApiKey>> {
    let owner = owner.map(|id| id.to_string());
    let conditions = Conditions::default().and("u.public_id = ?", owner.as_ref());
    page(
        connection,
        request,
        "k.public_id, u.email, k.name, k.scope, k.created_at, k.expires_at, k.last_used_at",
        &format!(
            "api_key AS k JOIN user AS u ON u.id = k.user_id WHERE {}",
            conditions.to_sql("TRUE")
        ),
        "k.id",
        &conditions.values(),
        from_row,
    )
}

/// Revokes a key of an account.
pub fn revoke(
    connection: &Connection,
    owner: UserId,
    key: KeyId,
    context: &RequestContext,
) -> Result<(), JobError> {
    let revoked = connection
        .prepare_cached(
            "DELETE FROM api_key WHERE public_id = ?1 AND user_id = (SELECT id FROM user WHERE public_id = ?2)
             RETURNING name, scope",
        )?
        .query_row([key.encode(&mut [0; 36]), owner.encode(&mut [0; 36])], |row| {
            Ok(described(&row.get::<_, String>(0)?, parsed(row, 1, KeyScope::from_name)?))
        })
        .optional()?;
    let Some(detail) = revoked else {
        return Err(Error::no_such("key").into());
    };
    Ok(audit::done(connection, context, Action::RevokeKey, owner, Some(&detail))?)
}

/// Notes when a key was used last.
pub fn record_use(connection: &Connection, key: KeyId, at: Timestamp) -> Result<(), JobError> {
    connection
        .prepare_cached("UPDATE api_key SET last_used_at = max(coalesce(last_used_at, ?2), ?2) WHERE public_id = ?1")?
        .execute(params![key.encode(&mut [0; 36]), at.as_millis()])?;
    Ok(())
}

fn from_row(row: &Row<'_>) -> rusqlite::Result<ApiKey> {
    Ok(ApiKey {
        id: parsed(row, 0, KeyId::parse)?,
        owner: Email::from_stored(row.get(1)?),
        name: KeyName::from_stored(row.get(2)?),
        scope: parsed(row, 3, KeyScope::from_name)?,
        created_at: Timestamp::from_millis(row.get(4)?),
        expires_at: row.get::<_, Option<i64>>(5)?.map(Timestamp::from_millis),
        last_used_at: row.get::<_, Option<i64>>(6)?.map(Timestamp::from_millis),
    })
}
