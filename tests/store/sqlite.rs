//! The SQLite engine: its file, other programs, migrations.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use rusqlite::Connection;
use tempfile::TempDir;
use widgetd::clock::Clock;
use widgetd::domain::{
    Authority, Deadline, Email, IdempotencyKey, InfoUrl, NewTask, PageRequest, PasswordHash,
    RequestContext, Role, Search, Status, StoreLimits, TaskFilter, TemplateFilter, Timestamp, User,
    UserFilter, UserId, UserNames, UserSummary, Username, Version, Widget, WidgetFilter, Zone,
};
use widgetd::error::Error;
use widgetd::store::{self, OpenMode, Store};

use crate::{
    ALL, ANY_STATE, CLI, NOW, Subject, account, database, hash, later, new_key, new_session,
    new_task, new_template, new_widget, owner_context, reset_code, secret, widget_name,
};

/// The connection of another program.
fn other(subject: &Subject) -> Connection {
    Connection::open(database(&subject.folder)).unwrap()
}

fn open(path: &Path, mode: OpenMode) -> Result<Arc<dyn Store>, Error> {
    store::open(path, mode, Clock::fixed(NOW), StoreLimits::default())
}

fn refusal(path: &Path, mode: OpenMode) -> String {
    match open(path, mode) {
        Ok(_) => panic!("{} was opened", path.display()),
        Err(error) => error.to_string(),
    }
}

#[test]
fn an_absent_database_is_created_only_where_allowed() {
    let folder = TempDir::new().unwrap();
    let path = database(&folder);
    assert!(
        refusal(&path, OpenMode::Write)
            .starts_with(&format!("there is no database at {}", path.display()))
    );
    assert!(!path.exists());
    let absent = folder.path().join("none");
    let expected = format!("(there is no folder {})", absent.display());
    assert!(refusal(&absent.join("widgetd.db"), OpenMode::Create).contains(&expected));
    assert!(open(&path, OpenMode::Create).is_ok());
    assert!(open(&path, OpenMode::Write).is_ok());
}

#[cfg(unix)]
#[tokio::test]
async fn file_permissions_of_the_database_and_its_side_files_are_the_owner_s_alone() {
    use std::os::unix::fs::PermissionsExt;
    let subject = Subject::new();
    subject.add_user("ann").await;
    let files: Vec<_> = std::fs::read_dir(subject.folder.path()).unwrap().collect();
    assert_eq!(files.len(), 3);
    for file in files {
        let file = file.unwrap();
        assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600, "{file:?}");
    }
}

/// Where a file is put aside.
fn aside(path: &Path) -> std::path::PathBuf {
    path.with_extension("aside")
}

#[cfg(unix)]
#[tokio::test]
async fn a_database_that_is_moved_replaced_or_deleted_refuses_writes_until_it_is_back() {
    for (suffix, is_replaced) in [("", false), ("", true), ("-wal", false), ("-wal", true)] {
        let subject = Subject::new();
        let ann = subject.add_user("ann").await;
        let path = subject.folder.path().join(format!("widgetd.db{suffix}"));
        subject.ping().await.unwrap();
        std::fs::rename(&path, aside(&path)).unwrap();
        if is_replaced {
            std::fs::copy(aside(&path), &path).unwrap();
        }
        let refused = subject.create_widget(new_widget("one", &ann), CLI).await;
        let why =
            "The database of the service was moved, replaced or deleted. Nothing was changed.";
        assert!(matches!(&refused, Err(Error::Unhealthy(text)) if text == why), "{refused:?}");
        subject.clock.advance(std::time::Duration::from_secs(1));
        assert!(matches!(subject.ping().await, Err(Error::Unhealthy(text)) if text == why));

        std::fs::rename(aside(&path), &path).unwrap();
        // Nothing of the refused write is in it.
        subject.create_widget(new_widget("one", &ann), CLI).await.unwrap();
        subject.clock.advance(std::time::Duration::from_secs(1));
        subject.ping().await.unwrap();
    }
}

#[tokio::test]
async fn a_ping_commits_a_write_once_a_second() {
    let subject = Subject::new();
    let other = other(&subject);
    // Every commit of another connection changes it.
    let commits =
        || other.pragma_query_value(None, "data_version", |row| row.get::<_, i64>(0)).unwrap();
    let before = commits();
    subject.ping().await.unwrap();
    let first = commits();
    assert_ne!(first, before);
    subject.ping().await.unwrap();
    assert_eq!(commits(), first);
    subject.clock.advance(std::time::Duration::from_secs(1));
    subject.ping().await.unwrap();
    assert_ne!(commits(), first);
}

#[test]
fn a_newer_schema_version_is_refused_and_left_unchanged() {
    let folder = TempDir::new().unwrap();
    let path = database(&folder);
    drop(open(&path, OpenMode::Create).unwrap());
    let connection = Connection::open(&path).unwrap();
    let version: i64 =
        connection.pragma_query_value(None, "user_version", |row| row.get(0)).unwrap();
    connection.pragma_update(None, "user_version", version + 41).unwrap();
    let refusal = refusal(&path, OpenMode::Create);
    assert!(refusal.contains(&format!("schema version {}", version + 41)), "{refusal}");
    assert!(refusal.contains(&format!("knows versions up to {version}")), "{refusal}");
    let after: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0)).unwrap();
    assert_eq!(after, version + 41);
}

#[test]
fn a_file_of_another_program_is_refused_and_left_unchanged() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("other.db");
    let connection = Connection::open(&path).unwrap();
    connection.execute_batch("CREATE TABLE theirs (x); INSERT INTO theirs VALUES (1)").unwrap();
    let before = std::fs::read(&path).unwrap();
    assert!(refusal(&path, OpenMode::Create).ends_with("is an SQLite database of another program"));
    assert_eq!(std::fs::read(&path).unwrap(), before);

    let path = folder.path().join("letter.txt");
    std::fs::write(&path, "Dear Ann, this is no database at all. ".repeat(100)).unwrap();
    assert!(refusal(&path, OpenMode::Create).contains("letter.txt"));
    assert!(std::fs::read_to_string(&path).unwrap().starts_with("Dear Ann"));
}

#[tokio::test]
async fn four_concurrent_openings_of_a_new_database_agree() {
    let folder = TempDir::new().unwrap();
    let path = database(&folder);
    let stores = std::thread::scope(|scope| {
        let open = || open(&path, OpenMode::Create).unwrap();
        [(); 4].map(|()| scope.spawn(open)).map(|thread| thread.join().unwrap())
    });
    let id = stores[0].get_installation_id().await.unwrap();
    for store in stores {
        assert_eq!(store.get_installation_id().await.unwrap(), id);
    }
}

#[tokio::test]
async fn another_process_sees_each_write_and_its_own_are_seen_in_wal_mode() {
    let subject = Subject::new();
    let ann = subject.add_user("ann").await;
    subject.create_widget(new_widget("one", &ann), CLI).await.unwrap();
    subject.get_user(ann.public_id).await.unwrap();
    let other = other(&subject);
    let mode: String = other.pragma_query_value(None, "journal_mode", |row| row.get(0)).unwrap();
    assert_eq!(mode, "wal");
    let count: i64 = other.query_row("SELECT count(*) FROM widget", [], |row| row.get(0)).unwrap();
    assert_eq!(count, 1);
    other.execute("UPDATE user SET role = 'admin'", []).unwrap();
    assert!(subject.get_user(ann.public_id).await.unwrap().role.is_admin());
}

#[tokio::test]
async fn a_session_row_of_an_inactive_user_has_no_authority() {
    let subject = Subject::new();
    let ann = subject.add_user("ann").await.public_id;
    let session = subject.log_in(ann).await;
    let other = other(&subject);
    for (status, is_live) in [("pending", false), ("disabled", false), ("active", true)] {
        other.execute("UPDATE user SET status = ?1", [status]).unwrap();
        assert_eq!(subject.is_live(ann, session).await, is_live, "{status}");
    }
}

#[tokio::test]
async fn an_unknown_stored_value_is_an_internal_error() {
    let subject = Subject::new();
    let ann = subject.add_user("ann").await;
    let other = other(&subject);
    other
        .execute_batch("PRAGMA ignore_check_constraints = ON; UPDATE user SET role = 'root'")
        .unwrap();
    assert!(matches!(subject.get_user(ann.public_id).await, Err(Error::Internal(_))));
}

/// The columns that keep a deleted user, as the former owner of what others still see.
const KEPT: [&str; 3] = ["task.assignee_id", "task.creator_id", "widget.owner_id"];

#[tokio::test]
async fn a_soft_deleted_user_leaves_rows_only_where_they_are_kept() {
    let subject = Subject::new();
    let store = &subject.store;
    let user = subject.add_user("ann").await;
    let (ann, bob) = (user.public_id, subject.add_user("bob").await.public_id);
    store.start_session(new_session(ann), 0, &owner_context(ann, "192.0.2.7")).await.unwrap();
    store.create_key(new_key(ann, "ci", 1), CLI).await.unwrap();
    store.create_reset_code(ann, reset_code(secret(1), later(1_000)), CLI).await.unwrap();
    let key = IdempotencyKey::parse("k").unwrap();
    key.set_digest([0; 32]);
    let key = Some(Arc::new(key));
    let once = RequestContext { idempotency_key: key, ..subject.context_of(ann).await };
    store.create_template(new_template("one", ann), &once).await.unwrap();
    store.create_template(new_template("one", bob), CLI).await.unwrap();
    store.create_widget(new_widget("one", &user), CLI).await.unwrap();
    let assignee = Some(account("ann@example.com"));
    store.create_task(NewTask { assignee, ..new_task("one", &user) }, CLI).await.unwrap();
    let other = other(&subject);
    let count = |sql: &str| other.query_row(sql, [], |row| row.get::<_, i64>(0)).unwrap();
    // Every column that refers to a user, and how many rows name ann there.
    let rows = || {
        let sql = "SELECT m.name, f.\"from\" FROM sqlite_schema AS m, pragma_foreign_key_list(m.name) AS f
                   WHERE m.type = 'table' AND f.\"table\" = 'user'";
        let mut statement = other.prepare(sql).unwrap();
        let columns = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
        columns
            .map(|column: rusqlite::Result<(String, String)>| {
                let (table, column) = column.unwrap();
                let sql = format!("SELECT count(*) FROM {table} WHERE {column} = 1");
                (format!("{table}.{column}"), count(&sql))
            })
            .collect::<Vec<_>>()
    };
    let words = "SELECT count(*) FROM template_text
                 WHERE template_text MATCH '(1xone AND 1xtext) OR (2xone AND 2xtext)'";
    assert!(rows().len() > 7 && count(words) == 2);
    for (column, rows) in rows() {
        assert!(rows > 0, "give ann a row in {column}");
    }
    store.delete_user(ann, ANY_STATE, CLI).await.unwrap();
    for (column, rows) in rows() {
        assert_eq!(rows > 0, KEPT.contains(&column.as_str()), "{column}");
    }
    assert_eq!(count(words), 1);
    let hash = "SELECT count(*) FROM user WHERE id = 1 AND password_hash = ''";
    assert_eq!(count(hash), 1);
}

#[tokio::test]
async fn search_index_has_every_word_under_the_reader_of_its_record_alone() {
    let subject = Subject::new();
    let [ann, bob] = subject.add_ids(["ann", "bob"]).await;
    let boss = subject.add_admin("boss").await;
    for owner in [ann, bob] {
        subject.create_template(new_template("Dear Zoë", owner), CLI).await.unwrap();
    }
    for assignee in [Some(account("ann@example.com")), Some(account("bob@example.com")), None] {
        subject.create_task(NewTask { assignee, ..new_task("Write", &boss) }, CLI).await.unwrap();
    }
    let other = other(&subject);
    for (index, table, reader, records) in [
        ("template_text", "template", "owner_id", 2),
        ("task_assignee_text", "task", "assignee_id", 2),
    ] {
        other
            .execute_batch(&format!(
                "CREATE VIRTUAL TABLE temp.word USING fts5vocab (main, {index}, instance)"
            ))
            .unwrap();
        let sql = format!(
            "SELECT count(DISTINCT word.doc), count(*) FILTER (WHERE term NOT LIKE {reader} || 'x%')
             FROM temp.word LEFT JOIN {table} AS r ON r.id = word.doc"
        );
        let found: (i64, i64) =
            other.query_row(&sql, [], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
        assert_eq!(found, (records, 0), "{index}");
        other.execute_batch("DROP TABLE temp.word").unwrap();
    }
}

#[tokio::test]
async fn another_program_cannot_change_a_text_without_its_index() {
    let subject = Subject::new();
    let ann = subject.add_user("ann").await;
    let template = subject.create_template(new_template("one", ann.public_id), CLI).await.unwrap();
    subject.create_task(new_task("one", &ann), CLI).await.unwrap();
    let other = other(&subject);
    for sql in ["UPDATE template SET body = 'x'", "UPDATE task SET title = 'x', assignee_id = 1"] {
        let why = other.execute(sql, []).unwrap_err().to_string();
        assert!(why.contains("no such function: scoped_words"), "{why}");
    }
    assert_eq!(subject.get_template(ann.public_id, &template.name).await.unwrap(), template);
    // What has no index of its own, and whole records, can be changed.
    assert_eq!(other.execute("UPDATE task SET status = 'done'", []).unwrap(), 1);
    for table in ["task", "template"] {
        assert_eq!(other.execute(&format!("DELETE FROM {table}"), []).unwrap(), 1);
    }
    let check: String = other.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
    assert_eq!(check, "ok");
}

/// The schema of version 4, before words had readers.
const SCHEMA_4: [&str; 4] = [
    include_str!("../../src/store/sqlite/migrations/0001_initial.sql"),
    include_str!("../../src/store/sqlite/migrations/0002_accounts.sql"),
    include_str!("../../src/store/sqlite/migrations/0003_work.sql"),
    include_str!("../../src/store/sqlite/migrations/0004_buckets.sql"),
];

#[tokio::test]
async fn migration_indexes_the_words_of_existing_records() {
    let folder = TempDir::new().unwrap();
    let id = "82d30184-4619-41c6-9ea7-b5e609e179bf";
    let records = format!(
        "PRAGMA application_id = 0x77677464; PRAGMA user_version = 4;
         INSERT INTO installation VALUES (1, '3f7c8edc-b045-4f67-9a46-6cc3e7960a3d');
         INSERT INTO user (id, public_id, email, email_folded, role, status, password_hash, created_at, updated_at)
         VALUES (7, '{id}', 'ann@example.com', 'ann@example.com', 'employee', 'active', '', 0, 0);
         INSERT INTO template VALUES (1, 7, 'Dear Zoë', 'text', 0, 0, 1);
         INSERT INTO task VALUES (1, '{id}', 'Dear Zoë', '', 'pending', NULL, 7, 7, 0, 0, 1),
                                 (2, '{id}2', 'Dear Zoë', '', 'pending', NULL, NULL, 7, 0, 0, 1);
         INSERT INTO widget VALUES (1, 'dear-zoe', 'https://example.org', 0, 7, 0, 0, 1);"
    );
    let schema = SCHEMA_4.concat();
    Connection::open(database(&folder)).unwrap().execute_batch(&(schema + &records)).unwrap();
    let subject = Subject::upgraded(folder);
    let (ann, search) = (UserId::parse(id).unwrap(), || Some(Search::parse("zoe dea").unwrap()));
    let templates = TemplateFilter { search: search(), ..TemplateFilter::default() };
    assert_eq!(subject.list_templates(ann, templates, ALL).await.unwrap().total, 1);
    let tasks = || TaskFilter { search: search(), ..TaskFilter::default() };
    let reader = Authority { user: ann, role: Role::Employee };
    assert_eq!(subject.list_tasks(reader, tasks(), ALL, NOW).await.unwrap().total, 1);
    let widgets = WidgetFilter { search: search(), ..WidgetFilter::default() };
    assert_eq!(subject.list_widgets(None, widgets, ALL, NOW).await.unwrap().total, 1);
    let words = "SELECT count(*) FROM task_text WHERE task_text MATCH 'zoe'";
    let found: i64 = other(&subject).query_row(words, [], |row| row.get(0)).unwrap();
    assert_eq!(found, 2);
}

/// A database of version 0.1.0.
const VERSION_0_1_0: &str = include_str!("fixtures/schema_1.sql");

/// A folder with such a database.
fn folder_of_0_1_0() -> TempDir {
    let folder = TempDir::new().unwrap();
    Connection::open(database(&folder)).unwrap().execute_batch(VERSION_0_1_0).unwrap();
    folder
}

/// Stands for every version, as versions are random.
const ANY_VERSION: Version = Version::from_stored(0);

/// Its users, with their password hashes.
fn accounts_of_0_1_0() -> [(User, PasswordHash); 3] {
    let user = |id, email: &str, username: Option<&str>, role, registered_on: i64| User {
        public_id: UserId::parse(id).unwrap(),
        names: UserNames {
            email: Some(Email::parse(email).unwrap()),
            username: username.map(|text| Username::parse(text).unwrap()),
            name: None,
        },
        role,
        status: Status::Active,
        token_epoch: 0,
        registered_on: Timestamp::from_millis(registered_on),
        version: ANY_VERSION,
        // The administrator has the two widgets.
        used_bytes: if role == Role::Admin { 2 * (512 + 3 + 23) } else { 0 },
        full_quota_from: Timestamp::from_millis(match role {
            Role::Employee => registered_on + 86_400_000,
            Role::Manager | Role::Admin => registered_on,
        }),
    };
    [
        (
            user(
                "82d30184-4619-41c6-9ea7-b5e609e179bf",
                "Ada@example.com",
                None,
                Role::Admin,
                1_795_231_488_934,
            ),
            "H81hjH5xBbcKjrQkQHYmdA$jz3Pu+patAeUrEipbaHT1TkTl2NOAYJ2r+YslWlfJ0A",
        ),
        (
            user(
                "6cfbbcd7-43a3-42fb-a9d4-5f6e31a7ce37",
                "Bob@example.com",
                Some("Bob.B"),
                Role::Employee,
                1_795_231_489_235,
            ),
            "u2Jr3loKRbqZ5wbhopZrNg$HeWQEKlVL6p3bVyZ3RIJvXVsfuEDAD9nAmLpczKyvNo",
        ),
        (
            user(
                "b8efa9e5-bde4-477e-ac1d-32a8d337ed88",
                "cid@example.com",
                None,
                Role::Employee,
                1_795_231_489_529,
            ),
            "47ZgrtakcL8dPCIecsDaYQ$szAUjD13dkzV5Mk59S+vlT9Jaen90HGDm2XgU1Geq+k",
        ),
    ]
    .map(|(user, end)| (user, hash(&format!("$argon2id$v=19$m=64,t=1,p=1${end}"))))
}

#[tokio::test]
async fn migration_from_version_0_1_0_keeps_the_data() {
    let subject = Subject::upgraded(folder_of_0_1_0());
    let store = &subject.store;
    assert_eq!(store.get_installation_id().await.unwrap(), "3f7c8edc-b045-4f67-9a46-6cc3e7960a3d");

    let accounts = accounts_of_0_1_0();
    let listed = store.list_users(None, UserFilter::default(), ALL).await.unwrap().items;
    let listed: Vec<_> =
        listed.into_iter().map(|user| User { version: ANY_VERSION, ..user }).collect();
    assert_eq!(listed, accounts.clone().map(|(user, _)| user));
    for (user, password_hash) in &accounts {
        assert_eq!(subject.credentials(user.names.label()).await.password_hash, *password_hash);
    }
    assert_eq!(subject.credentials("bob.b").await.user.public_id, accounts[1].0.public_id);
    let widgets = store
        .list_widgets(None, WidgetFilter::default(), PageRequest::DEFAULT, NOW)
        .await
        .unwrap()
        .items;
    let versions: BTreeSet<_> = widgets.iter().map(|widget| widget.version.to_string()).collect();
    assert_eq!(versions.len(), 2);
    let widgets: Vec<_> = widgets
        .into_iter()
        .map(|widget| Widget {
            version: ANY_VERSION,
            owner: UserSummary { version: ANY_VERSION, ..widget.owner },
            ..widget
        })
        .collect();
    let expected =
        [("one", 1_795_231_490_448), ("two", 1_795_231_490_747)].map(|(name, created_at)| Widget {
            version: ANY_VERSION,
            name: widget_name(name),
            info_url: InfoUrl::parse(&format!("https://example.com/{name}")).unwrap(),
            deadline: Deadline::parse("2099-12-31", &Zone::UTC).unwrap(),
            created_at: Timestamp::from_millis(created_at),
            owner: accounts[0].0.summary(),
        });
    assert_eq!(widgets, expected);

    // New features work on migrated users.
    let bob = accounts[1].0.public_id;
    let session = subject.log_in(bob).await;
    store.create_key(new_key(bob, "ci", 1), CLI).await.unwrap();
    store.create_reset_code(bob, reset_code(secret(1), later(1_000)), CLI).await.unwrap();
    store.delete_user(accounts[2].0.public_id, ANY_STATE, CLI).await.unwrap();

    let subject = subject.reopen().await;
    assert!(subject.is_live(bob, session).await);
    assert!(subject.find_key_authority(&secret(1)).await.unwrap().is_some());
    assert!(subject.find_user_by_reset_code(&secret(1), NOW).await.unwrap().is_some());
    assert_eq!(subject.audit().await.len(), 4);
}

/// The schema of a subject's database, and its version.
fn schema(subject: &Subject) -> (i64, Vec<String>) {
    let other = other(subject);
    let version = other.pragma_query_value(None, "user_version", |row| row.get(0)).unwrap();
    let mut statement = other
        .prepare("SELECT type || ' ' || name || ': ' || coalesce(sql, '') FROM sqlite_schema")
        .unwrap();
    let mut schema: Vec<String> =
        statement.query_map([], |row| row.get(0)).unwrap().collect::<Result<_, _>>().unwrap();
    schema.sort();
    (version, schema)
}

/// The bytes of a closed database.
fn content(subject: &Subject) -> Vec<u8> {
    std::fs::read(database(&subject.folder)).unwrap()
}

#[tokio::test]
async fn migration_yields_the_schema_of_a_new_database_and_runs_once() {
    let upgraded = Subject::upgraded(folder_of_0_1_0());
    assert_eq!(schema(&upgraded), schema(&Subject::new()));

    upgraded.close().await;
    let before = content(&upgraded);
    let again = upgraded.reopen().await;
    again.close().await;
    assert!(content(&again) == before, "opening it again changed something");
}
