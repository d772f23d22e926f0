//! Sessions: SQL and row mapping.

use std::net::IpAddr;

use async_trait::async_trait;
use rusqlite::{Connection, OptionalExtension, params};

use super::audit;
use super::authority;
use super::conditions::{Order, WhereClause};
use super::engine::SqliteStore;
use super::lists::{Columns, Select, select};
use super::transaction::Transaction;
use super::user_rows;
use super::values::Address;
use crate::domain::{
    Action, Authority, Credential, Network, NewSession, Page, PageRequest, RequestContext, Role,
    Session, SessionId, SessionStore, Timestamp, UserId,
};
use crate::error::Error;

const MAX_SESSIONS_PER_USER: u32 = 100;

const SESSIONS: Select<Session> = select! {
    Session { id: "s.id", started_at, expires_at, address: "address" as read_address, client },
    from "session AS s", id "s.id", key "s.id = ?1",
};

const OF_USER: &str = "s.user_id = (SELECT id FROM user WHERE public_id = ?)";
const BY_START: Order = Order::new("started_at", false);

fn read_address(columns: &mut Columns<'_>) -> rusqlite::Result<Option<IpAddr>> {
    Ok(columns.get::<Option<Address>>()?.map(|Address(address)| address))
}

#[async_trait]
impl SessionStore for SqliteStore {
    async fn find_session_authority(
        &self,
        subject: UserId,
        id: SessionId,
    ) -> Result<Option<Authority>, Error> {
        self.read(|connection| authority::find_by_session(connection, subject, id))
    }

    async fn find_authority(
        &self,
        user: UserId,
        credential: Credential,
        now: Timestamp,
    ) -> Result<Option<Authority>, Error> {
        self.read(|connection| authority::find(connection, user, credential, now))
    }

    async fn start_session(
        &self,
        new: NewSession,
        epoch: i64,
        context: &RequestContext,
    ) -> Result<(), Error> {
        self.write_on_low_disk(context, move |transaction| {
            transaction.require_user(new.user)?;
            start(transaction, &new, epoch)
        })
        .await
    }

    async fn list_sessions(
        &self,
        user: UserId,
        page: PageRequest,
        now: Timestamp,
    ) -> Result<Page<Session>, Error> {
        self.read_page(Some(user), false, move |connection| {
            let conditions = WhereClause::new("TRUE")
                .and(OF_USER, Some(&user))
                .and("s.expires_at > ?", Some(&now));
            SESSIONS.page(connection, conditions, BY_START, page)
        })
        .await
    }

    async fn renew_session(
        &self,
        user: UserId,
        id: SessionId,
        expires_at: Timestamp,
        now: Timestamp,
    ) -> Result<Option<Timestamp>, Error> {
        self.writer
            .run(move |connection| {
                let renewed = connection
                    .prepare_cached(
                        "UPDATE session SET expires_at = max(expires_at, min(?3, renewable_until))
                         WHERE id = ?1 AND user_id = (SELECT id FROM user WHERE public_id = ?2)
                         AND renewable_until IS NOT NULL AND expires_at > ?4
                         RETURNING expires_at",
                    )?
                    .query_row(params![id, user, expires_at, now], |row| row.get(0))
                    .optional()?;
                Ok(renewed)
            })
            .await
    }

    async fn end_session(
        &self,
        user: UserId,
        id: SessionId,
        action: Action,
        context: &RequestContext,
    ) -> Result<(), Error> {
        self.write_on_low_disk(context, move |transaction| {
            transaction.require_user(user)?;
            purge_expired_of(transaction, user, transaction.context.at)?;
            let ended = transaction
                .prepare_cached(
                    "DELETE FROM session
                     WHERE id = ?1 AND user_id = (SELECT id FROM user WHERE public_id = ?2)",
                )?
                .execute(params![id, user])?;
            if ended == 0 {
                return Err(Error::no_such("session"));
            }
            Ok(audit::done(transaction, action, user, None)?)
        })
        .await
    }

    async fn end_sessions(&self, user: UserId, context: &RequestContext) -> Result<usize, Error> {
        self.write_on_low_disk(context, move |transaction| {
            transaction.require_user_or(user, Role::Admin)?;
            // Also refuses a login whose password is being checked at this moment.
            let found = transaction
                .prepare_cached(
                    "UPDATE user SET token_epoch = token_epoch + 1
                     WHERE public_id = ?1 AND deleted_at IS NULL",
                )?
                .execute([user])?;
            if found == 0 {
                return Err(user_rows::not_found());
            }
            purge_expired_of(transaction, user, transaction.context.at)?;
            let ended = end_all_but(transaction, user, None)?;
            audit::done(transaction, Action::EndSessions, user, None)?;
            Ok(ended)
        })
        .await
    }
}

/// Starts a session, unless the user's sessions were ended since `epoch` was read.
pub fn start(transaction: &Transaction<'_>, new: &NewSession, epoch: i64) -> Result<(), Error> {
    let RequestContext { at, address, client, .. } = transaction.context;
    purge_expired_of(transaction, new.user, *at)?;
    let started = transaction
        .prepare_cached(
            "INSERT INTO session (id, user_id, started_at, expires_at, address, client,
                                  renewable_until)
             SELECT ?1, id, ?3, ?4, ?5, ?6, ?8 FROM user
             WHERE public_id = ?2 AND status = 'active' AND token_epoch = ?7",
        )?
        .execute(params![
            new.id,
            new.user,
            at,
            new.expires_at,
            address.map(Address),
            client,
            epoch,
            new.renewable_until
        ])?;
    if started == 0 {
        return Err(Error::WrongCredentials("login"));
    }
    transaction
        .prepare_cached(
            "DELETE FROM session WHERE id IN
                 (SELECT s.id FROM session AS s JOIN user AS u ON u.id = s.user_id WHERE u.public_id = ?1
                  ORDER BY s.id = ?2 DESC, s.started_at <= ?4 + 60000 DESC, s.started_at DESC
                  LIMIT -1 OFFSET ?3)",
        )?
        .execute(params![new.user, new.id, MAX_SESSIONS_PER_USER, at])?;
    if let Some(address) = *address {
        transaction
            .prepare_cached(
                "INSERT INTO known_network (user_id, network, last_seen_at)
                 SELECT id, ?2, ?3 FROM user WHERE public_id = ?1
                 ON CONFLICT DO UPDATE SET last_seen_at = excluded.last_seen_at",
            )?
            .execute(params![new.user, Network::of(address), at])?;
    }
    Ok(audit::done(transaction, Action::LogIn, new.user, None)?)
}

/// Ends the sessions of a user except `kept`.
pub fn end_all_but(
    connection: &Connection,
    user: UserId,
    kept: Option<SessionId>,
) -> rusqlite::Result<usize> {
    connection
        .prepare_cached(
            "DELETE FROM session WHERE user_id = (SELECT id FROM user WHERE public_id = ?1) AND id IS NOT ?2",
        )?
        .execute(params![user, kept])
}

/// Deletes the expired sessions of a user, of which there are few.
fn purge_expired_of(
    connection: &Connection,
    user: UserId,
    now: Timestamp,
) -> rusqlite::Result<usize> {
    connection
        .prepare_cached(
            "DELETE FROM session
             WHERE user_id = (SELECT id FROM user WHERE public_id = ?1) AND expires_at <= ?2",
        )?
        .execute(params![user, now])
}

/// Deletes up to `?2` sessions that have expired by `?1`. Their tokens are refused by `exp` anyway.
pub const PURGE: &str =
    "DELETE FROM session WHERE id IN (SELECT id FROM session WHERE expires_at <= ?1 LIMIT ?2)";

/// Deletes up to `?2` networks without a login since `?1`.
pub const PURGE_NETWORKS: &str = "DELETE FROM known_network WHERE (user_id, network) IN
     (SELECT user_id, network FROM known_network WHERE last_seen_at < ?1 LIMIT ?2)";
