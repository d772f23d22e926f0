//! Quotas: what users store is counted, and bounded.

use rusqlite::Connection;
use tempfile::TempDir;
use widgetd::domain::{
    InfoUrl, NewTask, NewTemplate, NewUser, Quota, RequestContext, Role, Status, StoreLimits,
    TaskChange, TaskDescription, TemplateBody, TemplateChange, TemplateFilter, User, UserId,
    WidgetChange,
};
use widgetd::error::Error;
use widgetd::store::OpenMode;

use crate::{
    ALL, ANY_STATE, CLI, Subject, account, at_once, cli_at, database, later, new_session, new_task,
    new_template, new_user, new_widget, owner_context, template_name, to_role, to_status,
    to_username, username, widget_name,
};

/// What a row counts besides its texts.
const ROW: u64 = 512;

const DAY: i64 = 86_400_000;

/// 1 MiB for each user, and 64 KiB for a new one.
fn limits() -> StoreLimits {
    StoreLimits { quota: Quota::from_mib(1), ..StoreLimits::default() }
}

fn limited() -> Subject {
    Subject::limited(TempDir::new().unwrap(), OpenMode::Create, limits())
}

/// A template named `n` that counts this many bytes.
fn template_of(size: u64, n: usize, owner: UserId) -> NewTemplate {
    let name = format!("{n:04}");
    NewTemplate { body: body(size - ROW - 4), ..new_template(&name, owner) }
}

fn body(length: u64) -> TemplateBody {
    TemplateBody::parse(&"x".repeat(usize::try_from(length).unwrap())).unwrap()
}

impl Subject {
    async fn used(&self, id: UserId) -> u64 {
        self.store.get_user(id).await.unwrap().used_bytes
    }

    /// A user who registered, and their context.
    async fn registered(&self, name: &str) -> (UserId, RequestContext) {
        let new = new_user(name);
        let context = owner_context(new.public_id, "192.0.2.7");
        self.store.create_user(new.clone(), None, &context).await.unwrap();
        (new.public_id, context)
    }

    /// How many templates of 8 KiB a user can create at this time, and then deletes.
    async fn room(&self, owner: UserId, at: i64) -> usize {
        let context = cli_at(later(at));
        let mut count = 0;
        while self.store.create_template(template_of(8_192, count, owner), &context).await.is_ok() {
            count += 1;
        }
        for n in 0..count {
            let name = template_name(&format!("{n:04}"));
            self.store.delete_template(owner, &name, ANY_STATE, &context).await.unwrap();
        }
        count
    }
}

#[track_caller]
fn assert_full<T: std::fmt::Debug>(result: Result<T, Error>, message: &str) {
    match result {
        Err(Error::InsufficientStorage(text)) => assert_eq!(text, message),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn used_bytes_are_those_of_the_templates_created_tasks_and_owned_widgets() {
    let subject = Subject::new();
    let (ann, bob) = (subject.add_admin("ann").await, subject.add_admin("bob").await);
    let (store, id) = (&subject.store, ann.public_id);
    assert_eq!(subject.used(id).await, 0);

    store.create_template(template_of(600, 1, id), CLI).await.unwrap();
    assert_eq!(subject.used(id).await, 600);
    let change = TemplateChange { name: Some(template_name("é")), body: None };
    store.update_template(id, &template_name("0001"), change, ANY_STATE, CLI).await.unwrap();
    assert_eq!(subject.used(id).await, 598);
    store.delete_template(id, &template_name("é"), ANY_STATE, CLI).await.unwrap();
    assert_eq!(subject.used(id).await, 0);

    let assignee = Some(account("bob@example.com"));
    let task = NewTask { assignee, ..new_task("tasks", &ann) };
    let task = store.create_task(task, CLI).await.unwrap().id;
    let described = TaskDescription::parse("ten bytes.").unwrap();
    let change = TaskChange { description: Some(described), ..TaskChange::default() };
    let bobs = subject.context_of(bob.public_id).await;
    store.update_task(task, change, ANY_STATE, &bobs).await.unwrap();
    assert_eq!(subject.used(id).await, ROW + 15);
    store.delete_task(task, ANY_STATE, &bobs).await.unwrap();
    assert_eq!(subject.used(id).await, 0);

    store.create_widget(new_widget("one", &ann), CLI).await.unwrap();
    assert_eq!(subject.used(id).await, ROW + 3 + 19);
    let change = WidgetChange {
        info_url: Some(InfoUrl::parse("http://example.com").unwrap()),
        ..WidgetChange::default()
    };
    store.update_widget(&widget_name("one"), change, ANY_STATE, &bobs).await.unwrap();
    assert_eq!(subject.used(id).await, ROW + 3 + 18);
    assert_eq!(subject.used(bob.public_id).await, 0);
}

#[tokio::test]
async fn used_bytes_include_changes_by_other_programs() {
    let subject = Subject::new();
    let (ann, bob) = (subject.add_admin("ann").await, subject.add_admin("bob").await);
    for name in ["one", "two", "three"] {
        subject.store.create_widget(new_widget(name, &ann), CLI).await.unwrap();
    }
    let other = Connection::open(database(&subject.folder)).unwrap();
    other
        .execute_batch(
            "UPDATE widget SET info_url = info_url || 'é' WHERE name = 'one';
             UPDATE widget SET owner_id = 2, name = name || 'x' WHERE name = 'two';
             DELETE FROM widget WHERE name = 'three';",
        )
        .unwrap();
    let used = (subject.used(ann.public_id).await, subject.used(bob.public_id).await);
    assert_eq!(used, (ROW + 3 + 19 + 2, ROW + 4 + 19));
}

/// What refers to users and does not count, because it has another limit.
const BOUNDED: [&str; 4] = ["api_key", "known_network", "reset_code", "session"];

#[test]
fn every_table_of_records_is_counted() {
    let subject = Subject::new();
    let other = Connection::open(database(&subject.folder)).unwrap();
    let sql = "SELECT DISTINCT m.name, EXISTS (SELECT 1 FROM pragma_table_xinfo(m.name) WHERE name = 'size')
                   AND (SELECT count(*) FROM sqlite_schema AS t WHERE t.type = 'trigger' AND t.tbl_name = m.name
                        AND t.name LIKE m.name || '_quota_%') = 3
               FROM sqlite_schema AS m, pragma_foreign_key_list(m.name) AS f
               WHERE m.type = 'table' AND f.\"table\" = 'user' ORDER BY m.name";
    let mut statement = other.prepare(sql).unwrap();
    let tables = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
    let tables: Vec<(String, bool)> = tables.map(Result::unwrap).collect();
    assert!(tables.len() >= 7, "{tables:?}");
    for (table, is_counted) in tables {
        assert_ne!(is_counted, BOUNDED.contains(&table.as_str()), "{table}");
    }
}

#[tokio::test]
async fn quota_bounds_what_a_user_stores_and_deleting_gives_it_back() {
    let subject = limited();
    let [ann, bob] = subject.add_ids(["ann", "bob"]).await;
    let (store, context) = (&subject.store, subject.context_of(ann).await);
    for n in 0..32 {
        store.create_template(template_of(32_768, n, ann), &context).await.unwrap();
    }
    assert_eq!(subject.used(ann).await, 1_048_576);

    let full = "Your account cannot store more than 1 MiB. Please delete something.";
    let one_more = template_of(ROW + 5, 32, ann);
    assert_full(store.create_template(one_more.clone(), &context).await, full);
    let name = template_name("0000");
    let to = |length| TemplateChange { name: None, body: Some(body(length)) };
    let update = async |length| {
        store.update_template(ann, &name, to(length), ANY_STATE, &context).await.map(drop)
    };
    assert_full(update(32_768 - ROW - 4 + 1).await, full);
    assert_eq!(store.get_template(ann, &name).await.unwrap().body, body(32_768 - ROW - 4));
    assert_eq!(subject.used(ann).await, 1_048_576);
    // Others have their own.
    store.create_template(template_of(32_768, 0, bob), CLI).await.unwrap();

    update(32_768 - ROW - 4 - 600).await.unwrap();
    store.create_template(one_more, &context).await.unwrap();
    store.delete_template(ann, &template_name("0001"), ANY_STATE, &context).await.unwrap();
    store.create_template(template_of(32_768, 1, ann), &context).await.unwrap();
}

#[tokio::test]
async fn a_user_above_the_quota_may_shrink_and_replace_but_not_grow() {
    let subject = Subject::new();
    let ann = subject.add_user("ann").await.public_id;
    for n in 0..40 {
        subject.create_template(template_of(32_768, n, ann), CLI).await.unwrap();
    }
    subject.close().await;
    // The setting was lowered.
    let subject = Subject::limited(subject.folder, OpenMode::Write, limits());
    let context = subject.context_of(ann).await;
    let (store, name) = (&subject.store, template_name("0000"));
    let to = |text: String| TemplateChange {
        name: None,
        body: Some(TemplateBody::parse(&text).unwrap()),
    };
    let length = 32_768 - 512 - 4;
    for (text, fits) in
        [("y".repeat(length), true), ("y".repeat(length - 9), true), ("y".repeat(length), false)]
    {
        let result = store.update_template(ann, &name, to(text), ANY_STATE, &context).await;
        assert_eq!(result.is_ok(), fits, "{:?}", result.err());
    }
    store.update_user(ann, to_username(username("ann")), ANY_STATE, &context).await.unwrap();
    store.delete_template(ann, &name, ANY_STATE, &context).await.unwrap();
}

/// Whoever creates a record pays for it. Nobody else can take a user above their quota, and being
/// assigned a task costs nothing.
#[tokio::test]
async fn quota_is_that_of_the_creator_whoever_changes_a_task() {
    let subject = limited();
    let (ann, bob) = (subject.add_admin("ann").await, subject.add_admin("bob").await);
    let (store, bobs) = (&subject.store, subject.context_of(bob.public_id).await);
    let assignee = Some(account("bob@example.com"));
    let task = NewTask { assignee, ..new_task("one", &ann) };
    let task = store.create_task(task, CLI).await.unwrap().id;
    let free = 1_048_576 - subject.used(ann.public_id).await;
    for n in 0..usize::try_from(free / 8_192).unwrap() {
        store.create_template(template_of(8_192, n, ann.public_id), CLI).await.unwrap();
    }
    let describe = async |length: usize| {
        let text = TaskDescription::parse(&"x".repeat(length)).unwrap();
        let change = TaskChange { description: Some(text), ..TaskChange::default() };
        store.update_task(task, change, ANY_STATE, &bobs).await
    };
    describe(7_000).await.unwrap();
    let message = "This counts for ann@example.com, who cannot store more than 1 MiB.";
    assert_full(describe(8_000).await, message);
    describe(6_999).await.unwrap();
    assert_eq!(subject.used(bob.public_id).await, 0);
    // Ann is full now, and Bob still creates tasks, also for her.
    let assignee = Some(account("ann@example.com"));
    let text = TaskDescription::parse(&"x".repeat(9_000)).unwrap();
    let bobs_task = NewTask { assignee, description: text, ..new_task("two", &bob) };
    store.create_task(bobs_task, &bobs).await.unwrap();
    // What a deleted user leaves still counts for them.
    store.delete_user(ann.public_id, ANY_STATE, CLI).await.unwrap();
    let other = Connection::open(database(&subject.folder)).unwrap();
    let used = || {
        other.query_row("SELECT used_bytes FROM user WHERE id = 1", [], |row| row.get::<_, u64>(0))
    };
    assert_eq!(used().unwrap(), ROW + 3 + 6_999);
}

#[tokio::test]
async fn quota_of_a_user_who_registered_is_a_sixteenth_for_a_day_unless_they_are_approved() {
    const PART: usize = 8;
    const WHOLE: usize = 128;
    let subject = limited();
    let store = &subject.store;
    let (ann, _) = subject.registered("ann").await;
    for (at, room) in [(0, PART), (DAY - 1, PART), (DAY, WHOLE)] {
        assert_eq!(subject.room(ann, at).await, room, "{at}");
    }
    let added = subject.add_user("added").await.public_id;
    assert_eq!(subject.room(added, 0).await, WHOLE);
    // Setup: the first administrator.
    let boss = NewUser { role: Role::Admin, ..new_user("boss") };
    let (id, context) = (boss.public_id, owner_context(boss.public_id, "192.0.2.7"));
    store.create_first_administrator(boss, new_session(id), &context).await.unwrap();
    assert_eq!(subject.room(id, 0).await, WHOLE);

    for (name, status, changes, room) in [
        ("approved", Status::Pending, &[to_status(Status::Active)][..], WHOLE),
        ("promoted", Status::Active, &[to_role(Role::Manager)], WHOLE),
        ("renamed", Status::Active, &[to_username(username("renamed"))], PART),
        ("disabled", Status::Active, &[to_status(Status::Disabled)], PART),
        (
            "enabled",
            Status::Active,
            &[to_status(Status::Disabled), to_status(Status::Active)],
            WHOLE,
        ),
    ] {
        let new = NewUser { status, ..new_user(name) };
        let id = new.public_id;
        store.create_user(new, None, &owner_context(id, "192.0.2.7")).await.unwrap();
        for change in changes {
            store.update_user(id, change.clone(), ANY_STATE, CLI).await.unwrap();
        }
        assert_eq!(subject.room(id, 0).await, room, "{name}");
    }
    // An approval after the first day takes nothing away.
    let late = User { used_bytes: 0, ..store.get_user(ann).await.unwrap() };
    let at = cli_at(later(2 * DAY));
    let promoted = store.update_user(ann, to_role(Role::Manager), ANY_STATE, &at).await.unwrap();
    assert_eq!(promoted.full_quota_from, late.full_quota_from);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn quota_holds_under_64_concurrent_writes_of_each_of_many_new_users() {
    const USERS: usize = 20;
    let subject = limited();
    let mut all = Vec::new();
    for n in 0..USERS {
        all.push(subject.registered(&format!("user{n}")).await);
    }
    let results = at_once(USERS * 64, |n| {
        let (owner, context) = all[n % USERS].clone();
        let (store, new) = (subject.store.clone(), template_of(4_096, n, owner));
        async move {
            // The queue may be full for a moment.
            loop {
                match store.create_template(new.clone(), &context).await {
                    Err(Error::Busy) => tokio::task::yield_now().await,
                    answer => return answer.map(drop),
                }
            }
        }
    })
    .await;
    let stored = results.iter().filter(|result| result.is_ok()).count();
    assert_eq!(stored, USERS * 16);
    assert!(results.iter().filter_map(|result| result.as_ref().err()).all(is_full));
    let mut sum = 0;
    for (owner, _) in &all {
        let used = subject.used(*owner).await;
        assert_eq!(used, 65_536);
        sum += used;
        let listed = subject.list_templates(*owner, TemplateFilter::default(), ALL).await.unwrap();
        assert_eq!(listed.total, 16);
    }
    assert_eq!(sum, 20 * 1_048_576 / 16);
}

fn is_full(error: &Error) -> bool {
    matches!(error, Error::InsufficientStorage(_))
}
