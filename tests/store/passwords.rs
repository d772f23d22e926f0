//! Passwords and reset codes.

use widgetd::domain::{Credential, RequestContext, User};

use crate::{
    ANY_STATE, CLI, NOW, Subject, assert_credentials, at_once, cli_at, hash, later, new_session,
    owner_context, reset_code, secret,
};

#[tokio::test]
async fn set_password_ends_every_session_but_the_kept_one() {
    let subject = Subject::new();
    let (ann, bob) = (subject.add_user("ann").await, subject.add_user("bob").await);
    let (id, store) = (ann.public_id, &subject.store);
    let bobs = subject.log_in(bob.public_id).await;
    let (kept, ended) = (subject.log_in(id).await, subject.log_in(id).await);
    let context = owner_context(id, "192.0.2.7");
    let changed = subject
        .audited(&["password.change"], store.set_password(id, hash("second"), Some(kept), &context))
        .await;
    let expected = User { token_epoch: ann.token_epoch + 1, ..ann };
    assert_eq!(changed.unwrap(), expected);
    let found = subject.credentials("ann@example.com").await;
    assert_eq!((found.user, found.password_hash), (expected, hash("second")));
    assert!(subject.is_live(id, kept).await);
    assert!(!subject.is_live(id, ended).await);

    store.set_password(id, hash("third"), None, &context).await.unwrap();
    assert!(!subject.is_live(id, kept).await);
    // Other users are unaffected.
    assert!(subject.is_live(bob.public_id, bobs).await);
    let found = subject.credentials("bob@example.com").await;
    assert_eq!((found.user, found.password_hash), (bob, hash("first")));
}

#[tokio::test]
async fn set_password_refuses_a_login_in_flight_with_the_old_password() {
    let subject = Subject::new();
    let (ann, store) = (subject.add_user("ann").await, &subject.store);
    let changed = store.set_password(ann.public_id, hash("second"), None, CLI).await.unwrap();
    let session = new_session(ann.public_id);
    assert_credentials(store.start_session(session.clone(), ann.token_epoch, CLI).await);
    store.start_session(session, changed.token_epoch, CLI).await.unwrap();
}

#[tokio::test]
async fn a_password_that_was_changed_since_its_check_confirms_no_write() {
    let subject = Subject::new();
    let (ann, store) = (subject.add_user("ann").await, &subject.store);
    let id = ann.public_id;
    let checked =
        RequestContext { password_epoch: Some(ann.token_epoch), ..subject.context_of(id).await };
    let Some(Credential::Session { id: own, .. }) = checked.credential else { unreachable!() };
    store.set_password(id, hash("second"), Some(own), &checked).await.unwrap();
    // The session is the one that was kept.
    assert_credentials(store.set_password(id, hash("third"), Some(own), &checked).await);
    assert_credentials(store.delete_user(id, ANY_STATE, &checked).await);
    assert_eq!(subject.credentials("ann@example.com").await.password_hash, hash("second"));
}

#[tokio::test]
async fn set_password_revokes_the_reset_code() {
    let subject = Subject::new();
    let (ann, bob) = (subject.add_user("ann").await, subject.add_user("bob").await);
    let store = &subject.store;
    for (user, byte) in [(&ann, 1), (&bob, 2)] {
        store
            .create_reset_code(user.public_id, reset_code(secret(byte), later(1_000)), CLI)
            .await
            .unwrap();
    }
    store.set_password(ann.public_id, hash("second"), None, CLI).await.unwrap();
    assert_eq!(store.find_user_by_reset_code(&secret(1), NOW).await.unwrap(), None);
    assert_eq!(store.redeem_reset_code(secret(1), hash("third"), CLI).await.unwrap(), None);
    assert_eq!(subject.credentials("ann@example.com").await.password_hash, hash("second"));
    assert_eq!(store.find_user_by_reset_code(&secret(2), NOW).await.unwrap(), Some(bob));
}

#[tokio::test]
async fn a_password_hash_is_upgraded_only_if_unchanged_since_it_was_read() {
    let subject = Subject::new();
    let (ann, store) = (subject.add_user("ann").await, &subject.store);
    subject.add_user("bob").await;
    let session = subject.log_in(ann.public_id).await;
    store.create_reset_code(ann.public_id, reset_code(secret(1), later(1_000)), CLI).await.unwrap();
    let upgrade = async |old, new| {
        store.upgrade_password_hash(ann.public_id, hash(old), hash(new)).await.unwrap();
    };
    subject.audited(&[], upgrade("first", "dearer")).await;
    let found = subject.credentials("ann@example.com").await;
    assert_eq!((found.user, found.password_hash), (ann.clone(), hash("dearer")));
    assert!(subject.is_live(ann.public_id, session).await);
    assert_eq!(store.find_user_by_reset_code(&secret(1), NOW).await.unwrap().as_ref(), Some(&ann));

    upgrade("first", "lost race").await;
    assert_eq!(subject.credentials("ann@example.com").await.password_hash, hash("dearer"));
    assert_eq!(subject.credentials("bob@example.com").await.password_hash, hash("first"));
}

#[tokio::test]
async fn a_reset_code_sets_the_password_once_and_ends_all_sessions() {
    let subject = Subject::new();
    let (ann, bob) = (subject.add_user("ann").await, subject.add_user("bob").await);
    let (sessions, store) = (
        [subject.log_in(ann.public_id).await, subject.log_in(bob.public_id).await],
        &subject.store,
    );
    let create = store.create_reset_code(ann.public_id, reset_code(secret(1), later(1_000)), CLI);
    let created = subject.audited(&["password.reset_code"], create).await;
    assert_eq!(created.unwrap(), ann);
    store.create_reset_code(bob.public_id, reset_code(secret(2), later(1_000)), CLI).await.unwrap();

    let subject = subject.reopen().await;
    let store = &subject.store;
    assert_eq!(store.find_user_by_reset_code(&secret(1), NOW).await.unwrap(), Some(ann.clone()));
    let redeemed = subject
        .audited(&["password.reset"], store.redeem_reset_code(secret(1), hash("second"), CLI))
        .await;
    let expected = User { token_epoch: ann.token_epoch + 1, ..ann.clone() };
    assert_eq!(redeemed.unwrap(), Some(expected.clone()));
    let found = subject.credentials("ann@example.com").await;
    assert_eq!((found.user, found.password_hash), (expected, hash("second")));
    assert!(!subject.is_live(ann.public_id, sessions[0]).await);
    assert_credentials(store.start_session(new_session(ann.public_id), ann.token_epoch, CLI).await);

    assert_eq!(store.find_user_by_reset_code(&secret(1), NOW).await.unwrap(), None);
    assert_eq!(store.redeem_reset_code(secret(1), hash("third"), CLI).await.unwrap(), None);
    assert_eq!(subject.credentials("ann@example.com").await.password_hash, hash("second"));

    assert!(subject.is_live(bob.public_id, sessions[1]).await);
    assert_eq!(subject.credentials("bob@example.com").await.password_hash, hash("first"));
    assert_eq!(store.find_user_by_reset_code(&secret(2), NOW).await.unwrap(), Some(bob));
}

#[tokio::test]
async fn a_wrong_reset_code_changes_nothing() {
    let subject = Subject::new();
    let (ann, store) = (subject.add_user("ann").await, &subject.store);
    let session = subject.log_in(ann.public_id).await;
    store.create_reset_code(ann.public_id, reset_code(secret(1), later(1_000)), CLI).await.unwrap();
    assert_eq!(store.find_user_by_reset_code(&secret(2), NOW).await.unwrap(), None);
    let redeem = store.redeem_reset_code(secret(2), hash("second"), CLI);
    assert_eq!(subject.audited(&[], redeem).await.unwrap(), None);
    let found = subject.credentials("ann@example.com").await;
    assert_eq!((found.user, found.password_hash), (ann.clone(), hash("first")));
    assert!(subject.is_live(ann.public_id, session).await);
    assert_eq!(store.find_user_by_reset_code(&secret(1), NOW).await.unwrap(), Some(ann));
}

#[tokio::test]
async fn a_new_reset_code_replaces_the_older_one() {
    let subject = Subject::new();
    let (ann, store) = (subject.add_user("ann").await, &subject.store);
    store.create_reset_code(ann.public_id, reset_code(secret(1), later(1_000)), CLI).await.unwrap();
    store.create_reset_code(ann.public_id, reset_code(secret(2), later(500)), CLI).await.unwrap();
    assert_eq!(store.redeem_reset_code(secret(1), hash("second"), CLI).await.unwrap(), None);
    assert_eq!(store.find_user_by_reset_code(&secret(2), later(500)).await.unwrap(), None);
    assert!(store.redeem_reset_code(secret(2), hash("second"), CLI).await.unwrap().is_some());
}

#[tokio::test]
async fn a_reset_code_is_valid_until_the_moment_it_expires() {
    let subject = Subject::new();
    let (ann, store) = (subject.add_user("ann").await, &subject.store);
    store.create_reset_code(ann.public_id, reset_code(secret(1), later(1_000)), CLI).await.unwrap();
    for (at, is_good) in [(later(999), true), (later(1_000), false), (later(1_001), false)] {
        assert_eq!(store.find_user_by_reset_code(&secret(1), at).await.unwrap().is_some(), is_good);
    }
    let redeem =
        async |at| store.redeem_reset_code(secret(1), hash("second"), &cli_at(at)).await.unwrap();
    assert_eq!(redeem(later(1_000)).await, None);
    assert_eq!(subject.credentials("ann@example.com").await.password_hash, hash("first"));
    assert!(redeem(later(999)).await.is_some());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reset_code_redeemed_64_times_at_once_succeeds_once() {
    let subject = Subject::new();
    let ann = subject.add_user("ann").await;
    subject
        .create_reset_code(ann.public_id, reset_code(secret(1), later(1_000)), CLI)
        .await
        .unwrap();
    let new = |n| hash(&format!("new {n}"));
    let redeem = |n| {
        let store = subject.store.clone();
        async move { store.redeem_reset_code(secret(1), new(n), CLI).await.unwrap() }
    };
    let answers = at_once(64, redeem).await.into_iter().enumerate();
    let redeemed: Vec<_> = answers.filter_map(|(n, user)| user.map(|_| new(n))).collect();
    assert_eq!(redeemed, [subject.credentials("ann@example.com").await.password_hash]);
    let resets = subject.audit().await.into_iter().filter(|entry| entry.action == "password.reset");
    assert_eq!(resets.count(), 1);
}
