//! Retention: what is purged, and when.

use std::time::Duration;

use tempfile::TempDir;
use widgetd::domain::{
    Action, AuditFilter, Failure, NewApiKey, NewTemplate, Quota, RequestContext, StoreLimits,
    Target, TemplateBody, Timestamp, UserId,
};
use widgetd::store::{OpenMode, Retention};

use crate::sessions::knows;
use crate::{
    ALL, ANY_STATE, CLI, NOW, Subject, at_once, cli_at, database, hash, later, new_key,
    new_session, new_template, new_user, new_widget, owner_context, reset_code, secret,
    widget_name,
};

/// A retention that purges nothing of these tests.
const NOTHING: Retention = Retention {
    now: NOW,
    networks_since: Timestamp::from_millis(0),
    audit_since: Timestamp::from_millis(0),
};

#[tokio::test]
async fn retention_purges_sessions_and_reset_codes_from_the_moment_they_expire() {
    let subject = Subject::new();
    let (ann, store) = (subject.add_user("ann").await.public_id, &subject.store);
    let session = subject.log_in(ann).await;
    store.create_reset_code(ann, reset_code(secret(1), later(1_000)), CLI).await.unwrap();
    for (now, is_kept) in [(later(999), true), (later(1_000), false)] {
        store.purge(Retention { now, ..NOTHING }).await.unwrap();
        assert_eq!(subject.is_live(ann, session).await, is_kept);
        let code = store.find_user_by_reset_code(&secret(1), NOW).await.unwrap();
        assert_eq!(code.is_some(), is_kept);
    }
}

#[tokio::test]
async fn retention_purges_a_network_by_the_time_of_its_last_login() {
    let subject = Subject::new();
    let (ann, store) = (subject.add_user("ann").await.public_id, &subject.store);
    for (address, at) in [("192.0.2.7", 1), ("192.0.2.8", 2), ("192.0.2.7", 3)] {
        let context = RequestContext { at: later(at), ..owner_context(ann, address) };
        store.start_session(new_session(ann), 0, &context).await.unwrap();
    }
    for (since, renewed_is_known, other_is_known) in
        [(2, true, true), (3, true, false), (4, false, false)]
    {
        store.purge(Retention { networks_since: later(since), ..NOTHING }).await.unwrap();
        assert_eq!(knows(&subject, "ann@example.com", Some("192.0.2.7")).await, renewed_is_known);
        assert_eq!(knows(&subject, "ann@example.com", Some("192.0.2.8")).await, other_is_known);
    }
}

#[tokio::test]
async fn retention_purges_audit_entries_by_age() {
    let subject = Subject::new();
    let store = &subject.store;
    for (name, at) in [("ann", 1), ("bob", 2), ("cid", 3)] {
        store.create_user(new_user(name), None, &cli_at(later(at))).await.unwrap();
    }
    let all = subject.audit().await;
    for (since, left) in [(1, 3), (2, 2), (3, 1), (4, 0)] {
        store
            .purge(Retention { now: later(10_000), audit_since: later(since), ..NOTHING })
            .await
            .unwrap();
        assert_eq!(subject.audit().await, all[..left]);
        assert_eq!(
            store.list_audit(None, AuditFilter::default(), ALL).await.unwrap().total,
            left as u64
        );
    }
}

#[tokio::test]
async fn retention_can_ask_for_the_time_of_the_last_event_and_of_one_well_before() {
    let subject = Subject::new();
    let store = &subject.store;
    let times = async || store.last_event_times(Duration::from_millis(10)).await.unwrap();
    assert_eq!(times().await, [None, None]);
    for (name, at, before) in
        [("ann", 50, None), ("bob", 60, None), ("cid", 61, Some(50)), ("dan", 20, Some(61))]
    {
        store.create_user(new_user(name), None, &cli_at(later(at))).await.unwrap();
        assert_eq!(times().await, [Some(later(at)), before.map(later)], "{name}");
    }
}

#[tokio::test]
async fn retention_counts_audit_entries_of_a_slow_clock_from_the_one_before() {
    const DAY: i64 = 86_400_000;
    let subject = Subject::new();
    let store = &subject.store;
    // The clock of "fay" was fast, that of "bob" was slow.
    for (name, at) in [("fay", 900 * DAY), ("ann", 5), ("bob", 1), ("cid", 6)] {
        store.create_user(new_user(name), None, &cli_at(later(at))).await.unwrap();
    }
    let all = subject.audit().await;
    for (since, left) in [(5, vec![0, 1, 2, 3]), (6, vec![0, 3])] {
        let retention = Retention { now: later(DAY), audit_since: later(since), ..NOTHING };
        store.purge(retention).await.unwrap();
        let left: Vec<_> = left.into_iter().map(|n: usize| all[n].clone()).collect();
        assert_eq!(subject.audit().await, left);
    }
}

#[tokio::test]
async fn retention_never_purges_users_api_keys_or_widgets() {
    let subject = Subject::new();
    let (ann, store) = (subject.add_user("ann").await, &subject.store);
    let expired = NewApiKey { expires_at: Some(later(1)), ..new_key(ann.public_id, "ci", 1) };
    store.create_key(expired, CLI).await.unwrap();
    store.create_widget(new_widget("one", &ann), CLI).await.unwrap();
    let ann = store.get_user(ann.public_id).await.unwrap();
    let far = later(100_000_000_000_000);
    store.purge(Retention { now: far, networks_since: far, audit_since: far }).await.unwrap();
    assert_eq!(store.get_user(ann.public_id).await.unwrap(), ann);
    assert_eq!(
        store.find_key_authority(&secret(1)).await.unwrap().unwrap().expires_at,
        Some(later(1))
    );
    assert!(store.get_widget(&widget_name("one")).await.is_ok());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn retention_purges_all_that_is_too_old_however_much_it_is() {
    let subject = Subject::new();
    at_once(9_500, |n| {
        let (store, context) = (subject.store.clone(), cli_at(later(i64::try_from(n).unwrap())));
        let (action, target) = (Action::LogIn, Target::Unknown);
        async move {
            // The queue may be full for a moment.
            let failure = Failure { action, target, reason: "wrong_password" };
            while store.record_failure(failure.clone(), &context).await.is_err() {}
        }
    })
    .await;
    let purge =
        subject.purge(Retention { now: later(20_000), audit_since: later(20_000), ..NOTHING });
    let mut purge = std::pin::pin!(purge);
    // Other writes run between its jobs, of which there are ten for the audit.
    let mut between = 0;
    while tokio::select! {
        biased;
        done = &mut purge => { done.unwrap(); false }
        written = subject.upgrade_password_hash(UserId::generate(), hash("a"), hash("b")) => {
            written.unwrap();
            true
        }
    } {
        between += 1;
    }
    assert!(between >= 8, "{between}");
    assert_eq!(subject.list_audit(None, AuditFilter::default(), ALL).await.unwrap().total, 0);
}

#[tokio::test]
async fn retention_gives_the_space_of_what_was_deleted_back_to_the_disk() {
    let limits = StoreLimits { quota: Quota::from_mib(1_024), ..StoreLimits::default() };
    let subject = Subject::limited(TempDir::new().unwrap(), OpenMode::Create, limits);
    let ann = subject.add_user("ann").await;
    let body = "x".repeat(60_000);
    let pages = |what: &str| -> i64 {
        let file = rusqlite::Connection::open(database(&subject.folder)).unwrap();
        file.pragma_query_value(None, what, |row| row.get(0)).unwrap()
    };
    for n in 0..400 {
        let body = TemplateBody::parse(&body).unwrap();
        let new = NewTemplate { body, ..new_template(&format!("t{n}"), ann.public_id) };
        subject.create_template(new, CLI).await.unwrap();
    }
    let full = pages("page_count");
    subject.delete_user(ann.public_id, ANY_STATE, CLI).await.unwrap();
    assert!(pages("freelist_count") > full / 2);
    subject.purge(NOTHING).await.unwrap();
    assert!(pages("page_count") < full / 2, "{full}");
    // What is written next has some without growing the file.
    assert!((1..3_000).contains(&pages("freelist_count")));
    let integrity: String = rusqlite::Connection::open(database(&subject.folder))
        .unwrap()
        .pragma_query_value(None, "integrity_check", |row| row.get(0))
        .unwrap();
    assert_eq!(integrity, "ok");
}
