//! Sessions: the guard's question, and who is logged in from where. SQL and row mapping.

use rusqlite::{Connection, OptionalExtension, Row, params};

use super::users::parsed;
use super::writer::JobError;
use super::{api_keys, audit, page, users};
use crate::domain::{
    Action, Actor, Authority, Credential, Network, NewSession, Page, PageRequest, RequestContext,
    Role, Session, SessionId, Timestamp, UserId,
};
use crate::error::{Error, TokenError};

/// Logged in? Active? As what? One statement.
pub fn find_authority(
    connection: &Connection,
    subject: UserId,
    session: SessionId,
) -> rusqlite::Result<Option<Authority>> {
    connection
        .prepare_cached(
            "SELECT u.role FROM session AS s JOIN user AS u ON u.id = s.user_id
             WHERE s.id = ?1 AND u.public_id = ?2 AND u.status = 'active'",
        )?
        .query_row([session.encode(&mut [0; 36]), subject.encode(&mut [0; 36])], |row| {
            Ok(Authority { user: subject, role: parsed(row, 0, Role::from_name)? })
        })
        .optional()
}

/// How many sessions an account may have at once.
const MOST: u32 = 100;

/// Asks once more what the guard asked, in the transaction that writes: a body may have taken its
/// time, and a hash. What came over no network had nothing to prove.
pub fn confirm(connection: &Connection, context: &RequestContext) -> Result<(), JobError> {
    let (Actor::User(user), Some(proof)) = (context.actor, context.proof) else { return Ok(()) };
    let authority = match proof.credential {
        Credential::Session { id, .. } => find_authority(connection, user, id)?,
        Credential::Key { id, .. } => api_keys::find_owner(connection, user, id)?,
    };
    match authority {
        None => Err(Error::Token(TokenError::Revoked).into()),
        Some(Authority { role, .. }) => Ok(role.require(proof.at_least)?),
    }
}

/// Starts a session, unless something has ended the account's sessions since `epoch` was read.
pub fn start(
    connection: &Connection,
    new: &NewSession,
    epoch: i64,
    context: &RequestContext,
) -> Result<(), JobError> {
    purge_expired(connection, context.at)?;
    let started = connection
        .prepare_cached(
            "INSERT INTO session (id, user_id, started_at, expires_at, address, client)
             SELECT ?1, id, ?3, ?4, ?5, ?6 FROM user
             WHERE public_id = ?2 AND status = 'active' AND token_epoch = ?7",
        )?
        .execute(params![
            new.id.encode(&mut [0; 36]),
            new.user.encode(&mut [0; 36]),
            context.at.as_millis(),
            new.expires_at.as_millis(),
            context.address.map(|address| address.to_string()),
            context.client,
            epoch,
        ])?;
    if started == 0 {
        return Err(Error::WrongCredentials.into());
    }
    connection
        .prepare_cached(
            "DELETE FROM session WHERE id IN
                 (SELECT s.id FROM session AS s JOIN user AS u ON u.id = s.user_id WHERE u.public_id = ?1
                  ORDER BY s.id = ?2 DESC, s.started_at DESC LIMIT -1 OFFSET ?3)",
        )?
        .execute(params![new.user.encode(&mut [0; 36]), new.id.encode(&mut [0; 36]), MOST])?;
    if let Some(address) = context.address {
        connection
            .prepare_cached(
                "INSERT INTO known_network (user_id, network, last_seen_at)
                 SELECT id, ?2, ?3 FROM user WHERE public_id = ?1
                 ON CONFLICT DO UPDATE SET last_seen_at = excluded.last_seen_at",
            )?
            .execute(params![
                new.user.encode(&mut [0; 36]),
                Network::of(address).to_string(),
                context.at.as_millis()
            ])?;
    }
    Ok(audit::done(connection, context, Action::LogIn, new.user, None)?)
}

/// A page of an account's sessions, oldest first.
pub fn list(
    connection: &Connection,
    user: UserId,
    now: Timestamp,
    request: PageRequest,
) -> rusqlite::Result<Page<Session>> {
    page(
        connection,
        request,
        "s.id, s.started_at, s.expires_at, s.address, s.client",
        "session AS s JOIN user AS u ON u.id = s.user_id WHERE u.public_id = ?1 AND s.expires_at > ?2",
        "s.started_at, s.id",
        &[&user.to_string(), &now.as_millis()],
        from_row,
    )
}

/// Ends one session of an account.
pub fn end(
    connection: &Connection,
    user: UserId,
    session: SessionId,
    action: Action,
    context: &RequestContext,
) -> Result<(), JobError> {
    purge_expired(connection, context.at)?;
    let ended = connection
        .prepare_cached("DELETE FROM session WHERE id = ?1 AND user_id = (SELECT id FROM user WHERE public_id = ?2)")?
        .execute([session.encode(&mut [0; 36]), user.encode(&mut [0; 36])])?;
    if ended == 0 {
        return Err(Error::no_such("session").into());
    }
    Ok(audit::done(connection, context, action, user, None)?)
}

/// Ends all sessions of an account, and answers how many those were.
pub fn end_all(
    connection: &Connection,
    user: UserId,
    context: &RequestContext,
) -> Result<usize, JobError> {
    if users::find_by_id(connection, user)?.is_none() {
        return Err(users::not_found().into());
    }
    purge_expired(connection, context.at)?;
    let ended = end_all_but(connection, user, None)?;
    // A login whose password is being checked at this moment is one of them.
    connection
        .prepare_cached("UPDATE user SET token_epoch = token_epoch + 1 WHERE public_id = ?1")?
        .execute([user.encode(&mut [0; 36])])?;
    audit::done(connection, context, Action::EndSessions, user, None)?;
    Ok(ended)
}

/// Ends the sessions of an account, but for the one that is kept.
pub fn end_all_but(
    connection: &Connection,
    user: UserId,
    kept: Option<SessionId>,
) -> rusqlite::Result<usize> {
    connection
        .prepare_cached(
            "DELETE FROM session WHERE user_id = (SELECT id FROM user WHERE public_id = ?1) AND id IS NOT ?2",
        )?
        .execute(params![user.encode(&mut [0; 36]), kept.map(|id| id.to_string())])
}

/// Forgets what has expired: such a token is refused for its `exp`.
pub fn purge_expired(connection: &Connection, now: Timestamp) -> rusqlite::Result<usize> {
    connection
        .prepare_cached("DELETE FROM session WHERE expires_at <= ?1")?
        .execute([now.as_millis()])
}

/// Forgets where nobody has logged in from since `before`.
pub fn purge_networks(connection: &Connection, before: Timestamp) -> rusqlite::Result<usize> {
    connection
        .prepare_cached("DELETE FROM known_network WHERE last_seen_at < ?1")?
        .execute([before.as_millis()])
}

fn from_row(row: &Row<'_>) -> rusqlite::Result<Session> {
    Ok(Session {
        id: parsed(row, 0, SessionId::parse)?,
        started_at: Timestamp::from_millis(row.get(1)?),
        expires_at: Timestamp::from_millis(row.get(2)?),
        address: row.get::<_, Option<String>>(3)?.and_then(|text| text.parse().ok()),
        client: row.get(4)?,
    })
}
