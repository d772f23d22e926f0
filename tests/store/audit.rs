//! The audit: entries, filters, search, pagination.

use std::collections::HashSet;

use widgetd::domain::{
    Action, Actor, AuditEntry, AuditFilter, Credential, DisplayName, EventId, Failure, NewUser,
    RequestContext, Role, Search, Sort, Status, Target, User, UserChange, UserId,
};
use widgetd::error::Error;

use widgetd::store::Retention;

use crate::backups::ACTIONS_OF_THE_DATABASE;
use crate::history::ACTIONS_OF_RECORDS;
use crate::{
    ALL, ANY_STATE, NOW, Subject, account, assert_pages, cli_at, email, hash, later, new_key,
    new_session, new_user, owner_context, reset_code, secret, to_role, to_status, to_username,
    username, with_username,
};

/// The entry of an action on Ann, without its id, action and detail.
fn entry(context: &RequestContext, actor: &str, actor_id: UserId, ann: UserId) -> AuditEntry {
    AuditEntry {
        id: EventId::new(0),
        at: context.at,
        actor: actor.to_owned(),
        actor_id: Some(actor_id.to_string()),
        address: Some("2001:db8::1".to_owned()),
        action: String::new(),
        target: Some("Ann@example.com".to_owned()),
        target_id: Some(ann.to_string()),
        result: "ok".to_owned(),
        detail: None,
        credential: context.credential.map(|credential| credential.to_string()),
        request_id: context.request.as_ref().map(ToString::to_string),
        changes: None,
    }
}

/// Asserts that some work adds one entry: of this action, with `detail` in its detail, and
/// otherwise equal to `expected`.
async fn check<T>(
    subject: &Subject,
    expected: &AuditEntry,
    action: Action,
    detail: &str,
    work: impl Future<Output = Result<T, Error>>,
) {
    let before = subject.audit().await;
    assert!(work.await.is_ok(), "{action:?}");
    let after = subject.audit().await;
    assert_eq!(after[1..], before, "{action:?}");
    let noted = &after[0];
    assert!(before.iter().all(|earlier| earlier.id < noted.id));
    assert!(noted.detail.as_deref().unwrap_or_default().contains(detail), "{noted:?}");
    let action = action.as_str().to_owned();
    assert_eq!(
        *noted,
        AuditEntry { id: noted.id, action, detail: noted.detail.clone(), ..expected.clone() }
    );
}

#[tokio::test]
async fn the_audit_has_one_entry_per_action_with_actor_target_time_and_request() {
    let subject = Subject::new();
    let (boss, store) = (subject.add_admin("Boss").await, &subject.store);
    let boss = boss.public_id;
    let context = &RequestContext {
        at: later(5),
        credential: subject.context_of(boss).await.credential,
        ..owner_context(boss, "2001:db8::1")
    };
    let new = NewUser { status: Status::Pending, ..new_user("Ann") };
    let ann = new.public_id;
    let is = &entry(context, "Boss@example.com", boss, ann);
    let s = &subject;
    let own = &RequestContext { at: later(5), ..owner_context(ann, "2001:db8::1") };
    let by_ann = &entry(own, "Ann@example.com", ann, ann);

    let update = async |change| store.update_user(ann, change, ANY_STATE, context).await;
    let (key, code) = (new_key(ann, "nightly report", 1), secret(1));
    let sessions = [new_session(ann), new_session(ann)];

    check(s, is, Action::Register, "employee", store.create_user(new, None, context)).await;
    check(s, is, Action::Approve, "", update(to_status(Status::Active))).await;
    for new in sessions.clone() {
        check(s, by_ann, Action::LogIn, "", store.start_session(new, 0, own)).await;
    }
    for (session, action) in sessions.iter().zip([Action::LogOut, Action::EndSession]) {
        check(s, by_ann, action, "", store.end_session(ann, session.id, action, own)).await;
    }
    check(s, is, Action::EndSessions, "", store.end_sessions(ann, context)).await;
    let set = store.set_password(ann, hash("second"), None, own);
    check(s, by_ann, Action::ChangePassword, "", set).await;
    let create = store.create_reset_code(ann, reset_code(code, later(1_000)), context);
    check(s, is, Action::CreateResetCode, "", create).await;
    let redeem = store.redeem_reset_code(code, hash("third"), own);
    check(s, by_ann, Action::ResetPassword, "", redeem).await;
    check(s, is, Action::ChangeUsername, "Ann.O", update(to_username(username("Ann.O")))).await;
    let name = DisplayName::parse("Ann Lee").ok();
    let change = UserChange { name: Some(name), ..UserChange::default() };
    check(s, is, Action::ChangeName, "", update(change)).await;
    check(s, is, Action::Disable, "", update(to_status(Status::Disabled))).await;
    check(s, is, Action::Enable, "", update(to_status(Status::Active))).await;
    check(s, is, Action::ChangeRole, "manager", update(to_role(Role::Manager))).await;
    check(s, by_ann, Action::CreateKey, "nightly report", store.create_key(key.clone(), own)).await;
    check(s, by_ann, Action::RevokeKey, "nightly report", store.revoke_key(ann, key.id, own)).await;
    check(s, is, Action::Delete, "", store.delete_user(ann, ANY_STATE, context)).await;

    // Every action was checked, but for those of records (`history`) and of the database (`backups`), and all entries survive
    // reopening.
    let audit = subject.audit().await;
    assert!(audit.iter().all(|entry| entry.target_kind().as_str() == "account"));
    let seen: HashSet<_> = audit.iter().map(|entry| entry.action.as_str()).collect();
    assert_eq!(seen.len() + ACTIONS_OF_RECORDS + ACTIONS_OF_THE_DATABASE, Action::ALL.len());
    assert_eq!(subject.reopen().await.audit().await, audit);
}

#[tokio::test]
async fn the_audit_names_actors_that_are_no_users() {
    let subject = Subject::new();
    for (actor, name, expected) in
        [(Actor::CommandLine, "bob", "command line"), (Actor::Service, "cid", "service")]
    {
        subject
            .create_user(new_user(name), None, &RequestContext::local(actor, NOW))
            .await
            .unwrap();
        let noted = subject.audit().await.remove(0);
        assert_eq!((noted.actor.as_str(), noted.actor_id), (expected, None));
        assert_eq!((noted.address, noted.request_id), (None, None));
    }
    // A user who registers is the actor of that.
    let new = new_user("Dan");
    let (id, context) = (new.public_id, owner_context(new.public_id, "192.0.2.7"));
    subject.create_user(new, None, &context).await.unwrap();
    let noted = subject.audit().await.remove(0);
    assert_eq!((noted.actor.as_str(), noted.actor_id), ("Dan@example.com", Some(id.to_string())));
}

#[tokio::test]
async fn the_audit_notes_a_failure_with_its_reason_and_the_known_part_of_its_target() {
    let subject = Subject::new();
    let (ann, store) = (subject.add_user("Ann").await.public_id, &subject.store);
    let session = subject.log_in(ann).await;
    let context = RequestContext { actor: Actor::Anonymous, ..owner_context(ann, "192.0.2.7") };
    for (target, name, id) in [
        (Target::User(ann), Some("Ann@example.com"), Some(ann)),
        (Target::UnknownEmail(email("Eve")), Some("Eve@example.com"), None),
        (Target::Unknown, None, None),
    ] {
        let failure = Failure { action: Action::LogIn, target, reason: "wrong_password" };
        store.record_failure(failure, &context).await.unwrap();
        let noted = subject.audit().await.remove(0);
        let expected = AuditEntry {
            id: noted.id,
            at: NOW,
            actor: "anonymous".to_owned(),
            actor_id: None,
            address: Some("192.0.2.7".to_owned()),
            action: "session.start".to_owned(),
            target: name.map(str::to_owned),
            target_id: id.map(|id| id.to_string()),
            result: "wrong_password".to_owned(),
            detail: None,
            credential: None,
            request_id: context.request.as_ref().map(ToString::to_string),
            changes: None,
        };
        assert_eq!(noted, expected);
    }
    assert_eq!(subject.audit().await.len(), 5);
    assert!(subject.is_live(ann, session).await);
}

#[tokio::test]
async fn audit_pagination_is_latest_first() {
    let subject = Subject::new();
    let mut expected = Vec::new();
    for n in 0..12 {
        let user =
            subject.create_user(new_user(&format!("u{n}")), None, &cli_at(later(n))).await.unwrap();
        expected.insert(0, (later(n), user.names.label().to_owned()));
    }
    let entries = subject.audit().await;
    let found: Vec<_> =
        entries.iter().map(|entry| (entry.at, entry.target.clone().unwrap())).collect();
    assert_eq!(found, expected);
    assert_pages(&entries, async |request| {
        subject.list_audit(None, AuditFilter::default(), request).await
    })
    .await;
}

/// Asserts which entries a filter selects, by their milliseconds after `NOW`.
async fn assert_filtered(subject: &Subject, filter: AuditFilter, expected: &[i64]) {
    let page = subject.list_audit(None, filter.clone(), ALL).await.unwrap();
    let found: Vec<_> =
        page.items.iter().map(|entry| entry.at.as_millis() - NOW.as_millis()).collect();
    assert_eq!((found.as_slice(), page.total), (expected, expected.len() as u64), "{filter:?}");
}

/// A store whose audit has one entry at each of the milliseconds 1 to 6 after `NOW`.
async fn subject_with_a_history() -> (Subject, User, User) {
    let subject = Subject::new();
    let (store, at) = (&subject.store, |n| cli_at(later(n)));
    let new = NewUser { role: Role::Admin, ..with_username("Ann", "Ann.O") };
    let ann = store.create_user(new, None, &at(1)).await.unwrap();
    let bob = store.create_user(new_user("bob"), None, &at(2)).await.unwrap();
    let session = new_session(ann.public_id);
    let credential = Credential::Session { id: session.id, expires_at: session.expires_at };
    let by_ann = |n| RequestContext { actor: Actor::User(ann.public_id), ..at(n) };
    store.start_session(session, 0, &by_ann(3)).await.unwrap();
    let by_ann = |n| RequestContext { credential: Some(credential), ..by_ann(n) };
    store.update_user(bob.public_id, to_role(Role::Manager), ANY_STATE, &by_ann(4)).await.unwrap();
    for (target, n) in [(Target::UnknownEmail(email("Eve")), 5), (Target::User(bob.public_id), 6)] {
        let failure = Failure { action: Action::LogIn, target, reason: "wrong_password" };
        store
            .record_failure(failure, &RequestContext { actor: Actor::Anonymous, ..at(n) })
            .await
            .unwrap();
    }
    (subject, ann, bob)
}

#[tokio::test]
async fn the_audit_filter_selects_by_user_action_and_time() {
    let (subject, ann, bob) = subject_with_a_history().await;
    let (anns_id, bobs_id) = (ann.public_id.to_string(), bob.public_id.to_string());
    for (name, expected) in [
        (anns_id.as_str(), &[4, 3, 1][..]),
        ("ann@example.com", &[4, 3, 1]),
        ("ANN@EXAMPLE.COM", &[4, 3, 1]),
        ("ann.o", &[4, 3, 1]),
        ("ANN.O", &[4, 3, 1]),
        (&bobs_id, &[6, 4, 2]),
        ("Bob@example.com", &[6, 4, 2]),
        ("eve@example.com", &[5]),
        ("eve", &[]),
        (&UserId::generate().to_string(), &[]),
        ("n@example.com", &[]),
    ] {
        let filter = AuditFilter { user: Some(account(name)), ..AuditFilter::default() };
        assert_filtered(&subject, filter, expected).await;
    }
    for (action, expected) in [
        (Action::LogIn, &[6, 5, 3][..]),
        (Action::Register, &[2, 1]),
        (Action::LogOut, &[]),
        (Action::Delete, &[]),
    ] {
        assert_filtered(
            &subject,
            AuditFilter { action: Some(action), ..AuditFilter::default() },
            expected,
        )
        .await;
    }
    for (since, expected) in [(1, &[6, 5, 4, 3, 2, 1][..]), (4, &[6, 5, 4]), (6, &[6]), (7, &[])] {
        assert_filtered(
            &subject,
            AuditFilter { since: Some(later(since)), ..AuditFilter::default() },
            expected,
        )
        .await;
    }
    let all_three = AuditFilter {
        user: Some(account(&bobs_id)),
        action: Some(Action::LogIn),
        since: Some(later(3)),
        ..AuditFilter::default()
    };
    assert_filtered(&subject, all_three, &[6]).await;
}

#[tokio::test]
async fn the_audit_keeps_the_names_of_a_deleted_user_and_finds_them() {
    let (subject, _, bob) = subject_with_a_history().await;
    let context = RequestContext { at: later(7), ..owner_context(bob.public_id, "192.0.2.7") };
    subject
        .update_user(bob.public_id, to_username(username("bob")), ANY_STATE, &context)
        .await
        .unwrap();
    let before = subject.audit().await;
    assert_eq!(before[0].actor, "bob@example.com");
    subject.delete_user(bob.public_id, ANY_STATE, &cli_at(later(8))).await.unwrap();
    let after = subject.audit().await;
    assert_eq!(after[1..], before);
    assert_eq!(after[0].target.as_deref(), Some("bob@example.com"));
    assert_eq!(after[0].target_id, Some(bob.public_id.to_string()));
    let assert_found = async |expected: &[i64]| {
        for name in [bob.public_id.to_string().as_str(), "bob@example.com"] {
            let filter = AuditFilter { user: Some(account(name)), ..AuditFilter::default() };
            assert_filtered(&subject, filter, expected).await;
        }
    };
    assert_found(&[8, 7, 6, 4, 2]).await;
    // A purged entry is not.
    let retention = Retention { now: NOW, networks_since: NOW, audit_since: later(7) };
    subject.purge(retention).await.unwrap();
    assert_found(&[8, 7]).await;
}

#[tokio::test]
async fn audit_search_matches_word_prefixes_in_both_sort_orders() {
    let subject = Subject::new();
    for name in ["ann.smith", "bob", "cid.smithers"] {
        subject.add_user(name).await;
    }
    let store = &subject.store;
    let targets = async |search: Option<&str>, sort: &str| {
        let filter = AuditFilter {
            search: search.map(|text| Search::parse(text).unwrap()),
            sort: Some(Sort::parse(sort).unwrap()),
            ..AuditFilter::default()
        };
        let page = store.list_audit(None, filter, ALL).await.unwrap();
        assert_eq!(page.total, page.items.len() as u64);
        page.items
            .into_iter()
            .map(|entry| entry.target.unwrap_or_default().replace("@example.com", ""))
            .collect::<Vec<_>>()
    };
    assert_eq!(targets(None, "at").await, ["ann.smith", "bob", "cid.smithers"]);
    assert_eq!(targets(None, "-at").await, ["cid.smithers", "bob", "ann.smith"]);
    assert_eq!(targets(Some("smith"), "at").await, ["ann.smith", "cid.smithers"]);
    assert_eq!(targets(Some("REGISTER command bo"), "-at").await, ["bob"]);
    assert!(targets(Some("mith"), "-at").await.is_empty());
    // A purged entry is not found.
    let all = Retention { now: NOW, networks_since: NOW, audit_since: later(1) };
    store.purge(all).await.unwrap();
    assert!(targets(Some("smith"), "-at").await.is_empty());
}
