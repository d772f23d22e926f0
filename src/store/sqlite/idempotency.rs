//! Creates that are done once: the first one stores its result in its own transaction, and the others
//! get that.

use rusqlite::{Connection, OptionalExtension, params};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::transaction::Transaction;
use super::user_rows;
use crate::domain::{DoneRequest, IDEMPOTENCY_SECONDS, Timestamp, UserId};
use crate::error::Error;

/// Runs `job`, unless the request was done before: then the result is the one of that time.
/// [`Error::KeyReused`] if its key belongs to another request.
pub fn once<T: Serialize + DeserializeOwned>(
    transaction: &Transaction<'_>,
    job: impl FnOnce(&Transaction<'_>) -> Result<T, Error>,
) -> Result<T, Error> {
    let (key, authority) = (&transaction.context.idempotency_key, transaction.authority());
    let (Some(key), Some(authority)) = (key, authority) else { return job(transaction) };
    let Some(digest) = key.digest() else {
        return Err(Error::internal("a request with an idempotency key", "it has no digest"));
    };
    let now = transaction.context.at;
    if let Some(done) = find(transaction, authority.user, key.as_str(), now)? {
        if done.digest != *digest {
            return Err(Error::KeyReused);
        }
        key.set_done_at(done.at);
        return read_result(transaction, authority.user, key.as_str());
    }
    let user = user_rows::get_row(transaction, authority.user)?;
    // One that has expired, and is not purged yet.
    transaction.run(
        "DELETE FROM idempotency_key WHERE user_id = ?1 AND key = ?2",
        params![user, key.as_str()],
    )?;
    let done = job(transaction)?;
    let result = serde_json::to_string(&done)
        .map_err(|cause| Error::internal("cannot store a result", cause))?;
    transaction.run(
        "INSERT INTO idempotency_key (user_id, key, digest, done_at, result)
         VALUES (?1, ?2, ?3, ?4, ?5)",
        params![user, key.as_str(), digest, now, result],
    )?;
    Ok(done)
}

/// The request of a user and key, if it was done in the last day.
pub fn find(
    connection: &Connection,
    user: UserId,
    key: &str,
    now: Timestamp,
) -> rusqlite::Result<Option<DoneRequest>> {
    connection
        .prepare_cached(
            "SELECT digest, done_at FROM idempotency_key
             WHERE user_id = (SELECT id FROM user WHERE public_id = ?1) AND key = ?2 AND done_at > ?3",
        )?
        .query_row(params![user, key, now.plus_seconds(-IDEMPOTENCY_SECONDS)], |row| {
            Ok(DoneRequest { digest: row.get(0)?, at: row.get(1)? })
        })
        .optional()
}

fn read_result<T: DeserializeOwned>(
    connection: &Connection,
    user: UserId,
    key: &str,
) -> Result<T, Error> {
    let result: String = connection
        .prepare_cached(
            "SELECT result FROM idempotency_key
             WHERE user_id = (SELECT id FROM user WHERE public_id = ?1) AND key = ?2",
        )?
        .query_row(params![user, key], |row| row.get(0))?;
    serde_json::from_str(&result).map_err(|cause| {
        // Another version of this program has stored it.
        log::warn!("cannot read the result of a request that was done: {cause}");
        Error::Conflict(
            "This request was done already. What it answered is not known any more.".to_owned(),
        )
    })
}

/// Deletes up to `?2` keys of requests done by `?1`.
pub const PURGE: &str = "DELETE FROM idempotency_key
     WHERE id IN (SELECT id FROM idempotency_key WHERE done_at <= ?1 LIMIT ?2)";
