//! The schema of this program: its migrations, and the refusal of a database that it does not know.

use std::path::Path;

use rusqlite::{Connection, ErrorCode, TransactionBehavior};
use uuid::Uuid;

use super::connection::translate;
use super::space::allow_to_shrink;
use crate::error::Error;

/// Marks a file as a database of this program (`PRAGMA application_id`): "wgtd" in ASCII.
pub const APPLICATION_ID: i32 = 0x7767_7464;

/// Each migrates the schema from the version of its index to the next. Published ones never change.
const MIGRATIONS: &[&str] = &[
    include_str!("migrations/0001_initial.sql"),
    include_str!("migrations/0002_accounts.sql"),
    include_str!("migrations/0003_work.sql"),
    include_str!("migrations/0004_buckets.sql"),
    include_str!("migrations/0005_scoped_search.sql"),
    include_str!("migrations/0006_quota.sql"),
    include_str!("migrations/0007_beginnings.sql"),
    include_str!("migrations/0008_names.sql"),
    include_str!("migrations/0009_idempotency.sql"),
    include_str!("migrations/0010_time_zone.sql"),
    include_str!("migrations/0011_calendar_keys.sql"),
    include_str!("migrations/0012_lists.sql"),
    include_str!("migrations/0013_history.sql"),
    include_str!("migrations/0014_browser_sessions.sql"),
    include_str!("migrations/0015_open_tasks.sql"),
    include_str!("migrations/0016_backup.sql"),
];

/// The version of the schema that this program has.
pub fn newest_version() -> usize {
    MIGRATIONS.len()
}

/// The version of a database's schema: `user_version` counts the applied migrations.
///
/// [`Error::Conflict`] if it is empty, of another program, or of a newer version of this one.
pub fn schema_version(connection: &Connection, path: &Path) -> Result<usize, Error> {
    let (version, application, tables) =
        read_header(connection).map_err(|cause| refusal_of_file(&cause, path))?;
    let path = path.display();
    if application != APPLICATION_ID {
        return Err(Error::Conflict(if tables > 0 || version > 0 || application != 0 {
            format!("{path} is an SQLite database of another program")
        } else {
            format!("{path} is empty. To start anew, delete it; to go on, restore a backup.")
        }));
    }
    if version > newest_version() {
        return Err(Error::Conflict(format!(
            "the database {path} has schema version {version}, and this widgetd {} knows versions up to {}; \
             use the newer widgetd that wrote it",
            env!("CARGO_PKG_VERSION"),
            newest_version()
        )));
    }
    Ok(version)
}

/// The schema's version, the program's id, and the number of tables.
fn read_header(connection: &Connection) -> rusqlite::Result<(usize, i32, i64)> {
    Ok((
        connection.pragma_query_value(None, "user_version", |row| row.get(0))?,
        connection.pragma_query_value(None, "application_id", |row| row.get(0))?,
        connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?,
    ))
}

fn refusal_of_file(cause: &rusqlite::Error, path: &Path) -> Error {
    let path = path.display();
    match translate(cause) {
        _ if cause.sqlite_error_code() == Some(ErrorCode::DatabaseCorrupt) => {
            Error::Conflict(format!("{path} is damaged: {cause}"))
        }
        Error::Internal(_) => Error::internal(&format!("cannot read the database {path}"), cause),
        other => other,
    }
}

/// [`Error::Conflict`] if the schema is not that of this program. The text says how to upgrade it.
pub fn require_newest(connection: &Connection, path: &Path) -> Result<(), Error> {
    let (version, newest) = (schema_version(connection, path)?, newest_version());
    if version == newest {
        return Ok(());
    }
    Err(Error::Conflict(format!(
        "the database {} has schema version {version}, and this widgetd {} needs {newest}. Stop the \
         service, if an older widgetd serves; then `widgetd upgrade` or the start of this one \
         upgrades the database, after a copy.",
        path.display(),
        env!("CARGO_PKG_VERSION"),
    )))
}

/// Makes the schema in a new database.
pub fn create_schema(connection: &mut Connection) -> Result<(), Error> {
    allow_to_shrink(connection)?;
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    apply_missing(&transaction, 0)?;
    transaction.execute(
        "INSERT INTO installation (id, public_id) VALUES (1, ?1)",
        [Uuid::new_v4().to_string()],
    )?;
    transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
    Ok(transaction.commit()?)
}

/// Applies the migrations that a schema of this version lacks. For a transaction.
pub fn apply_missing(transaction: &Connection, version: usize) -> rusqlite::Result<()> {
    for migration in MIGRATIONS.iter().skip(version) {
        transaction.execute_batch(migration)?;
    }
    transaction.pragma_update(None, "user_version", newest_version())
}

#[cfg(test)]
mod tests {
    use super::super::connection::initialise;
    use super::*;

    /// A database as it was before a migration.
    fn before(migration: &str) -> Connection {
        let connection = Connection::open_in_memory().unwrap();
        initialise(&connection).unwrap();
        let earlier = MIGRATIONS.iter().take_while(|earlier| **earlier != migration);
        earlier.for_each(|earlier| connection.execute_batch(earlier).unwrap());
        connection
    }

    #[test]
    fn migration_finds_the_dates_of_deadlines() {
        let zones = include_str!("migrations/0010_time_zone.sql");
        let connection = before(zones);
        connection
            .execute_batch(
                "INSERT INTO installation (id, public_id) VALUES (1, 'i');
                 INSERT INTO user (id, public_id, email, email_folded, role, status, password_hash, created_at, updated_at)
                 VALUES (1, 'a', 'a', 'a', 'admin', 'active', '', 7, 9);
                 INSERT INTO task (public_id, title, description, status, deadline, creator_id, created_at, updated_at, version)
                 VALUES ('1', '', '', 'done', 1798761599999, 1, 0, 0, 0), ('2', '', '', 'done', 1798761599000, 1, 0, 0, 0),
                        ('3', '', '', 'done', NULL, 1, 0, 0, 0), ('4', '', '', 'done', -1, 1, 0, 0, 0),
                        ('5', '', '', 'done', 253402300799999, 1, 0, 0, 0), ('6', '', '', 'done', 86399998, 1, 0, 0, 0);
                 INSERT INTO widget (name, info_url, owner_id, created_at, updated_at, deadline)
                 SELECT public_id, '', 1, 0, 0, deadline FROM task WHERE deadline IS NOT NULL;",
            )
            .unwrap();
        connection.execute_batch(zones).unwrap();
        for sql in [
            "SELECT public_id, deadline_date FROM task WHERE deadline_date IS NOT NULL ORDER BY 1",
            "SELECT name, deadline_date FROM widget WHERE deadline_date IS NOT NULL ORDER BY 1",
        ] {
            let mut statement = connection.prepare(sql).unwrap();
            let dates: Vec<(String, String)> = statement
                .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))
                .unwrap()
                .collect::<Result<_, _>>()
                .unwrap();
            let dates: Vec<_> =
                dates.iter().map(|(id, date)| (id.as_str(), date.as_str())).collect();
            assert_eq!(dates, [("1", "2026-12-31"), ("4", "1969-12-31"), ("5", "9999-12-31")]);
        }
        let zone = "SELECT time_zone FROM installation";
        assert_eq!(connection.query_row(zone, [], |row| row.get(0)), Ok("UTC".to_owned()));
    }

    #[test]
    fn migration_finds_the_events_and_forgets_the_words_of_users() {
        let lists = include_str!("migrations/0012_lists.sql");
        let connection = before(lists);
        connection
            .execute_batch(
                "INSERT INTO audit (at, actor, actor_id, action, target, target_id, result)
                 VALUES (1, 'Ann@b.c', 'a', 'x', 'Ann@b.c', 'a', 'ok'), (2, 'anonymous', NULL, 'y', 'Eve@b.c', NULL, 'no'),
                        (3, 'service', NULL, 'x', NULL, NULL, 'ok'), (4, 'Ann@b.c', 'a', 'x', 'bob@b.c', 'b', 'ok');
                 INSERT INTO user (public_id, email, email_folded, role, status, password_hash, created_at, updated_at, deleted_at)
                 VALUES ('a', 'ann', 'ann', 'admin', 'active', '', 0, 0, NULL), ('b', 'ann', 'b', 'admin', 'disabled', '', 0, 0, 9);",
            )
            .unwrap();
        connection.execute_batch(lists).unwrap();
        let events = |connection: &Connection| -> Vec<(String, i64, i64, String)> {
            let mut all =
                connection.prepare("SELECT user, id, at, action FROM audit_user").unwrap();
            let read =
                |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?));
            all.query_map([], read).unwrap().map(Result::unwrap).collect()
        };
        let expected = [
            ("a", 1, 1, "x"),
            ("a", 4, 4, "x"),
            ("ann@b.c", 1, 1, "x"),
            ("ann@b.c", 4, 4, "x"),
            ("b", 4, 4, "x"),
            ("bob@b.c", 4, 4, "x"),
            ("eve@b.c", 2, 2, "y"),
        ];
        let expected =
            expected.map(|(user, id, at, action)| (user.to_owned(), id, at, action.to_owned()));
        assert_eq!(events(&connection), expected);
        // The triggers do the same.
        connection
            .execute_batch("CREATE TEMP TABLE old AS SELECT * FROM audit; DELETE FROM audit;")
            .unwrap();
        assert_eq!(events(&connection), []);
        connection.execute_batch("INSERT INTO audit SELECT * FROM old").unwrap();
        assert_eq!(events(&connection), expected);
        let found = "SELECT group_concat(rowid) FROM user_text WHERE user_text MATCH 'ann'";
        let found: String = connection.query_row(found, [], |row| row.get(0)).unwrap();
        assert_eq!(found, "1");
    }

    #[test]
    fn migration_counts_what_users_store_already() {
        let quota = include_str!("migrations/0006_quota.sql");
        let connection = before(quota);
        connection
            .execute_batch(
                "INSERT INTO user (id, public_id, email, email_folded, role, status, password_hash, created_at, updated_at)
                 VALUES (1, 'a', 'a', 'a', 'admin', 'active', '', 7, 9), (2, 'b', 'b', 'b', 'employee', 'active', '', 7, 9);
                 INSERT INTO widget (name, info_url, deadline, owner_id, created_at, updated_at) VALUES ('w', 'é', 0, 1, 0, 0);
                 INSERT INTO task (public_id, title, description, status, assignee_id, creator_id, created_at, updated_at, version)
                 VALUES ('t', '1234', '123456', 'done', 2, 1, 0, 0, 0);
                 INSERT INTO template (owner_id, name, body, created_at, updated_at, version)
                 VALUES (1, 'n', '1234567', 0, 0, 0), (2, 'n', 'b', 0, 0, 0);",
            )
            .unwrap();
        connection.execute_batch(quota).unwrap();
        let mut statement =
            connection.prepare("SELECT used_bytes, full_quota_from FROM user ORDER BY id").unwrap();
        let users: Vec<(u64, u64)> = statement
            .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))
            .unwrap()
            .collect::<Result<_, _>>()
            .unwrap();
        assert_eq!(users, [(3 * 512 + 3 + 10 + 8, 7), (512 + 2, 7 + 86_400_000)]);
    }
}
