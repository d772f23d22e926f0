//! The free space on the disk: below the floor, only some writes are accepted.

use tempfile::TempDir;
use widgetd::domain::{Action, Failure, MinFree, StoreLimits, Target};
use widgetd::error::Error;
use widgetd::store::{OpenMode, Retention};

use crate::authority::{Scene, a_session};
use crate::{
    CLI, NOW, Subject, hash, later, new_session, new_user, owner_context, reset_code, secret,
};

/// More than any disk has.
fn low_disk() -> StoreLimits {
    StoreLimits { min_free: MinFree::from_mib(Some(u32::MAX)), ..StoreLimits::default() }
}

/// What gives space back, or is needed to do so.
const ACCEPTED: [&str; 10] = [
    "delete_task",
    "delete_template",
    "delete_user",
    "delete_widget",
    "end_session",
    "end_sessions",
    "end_sessions: own",
    "revoke_key",
    "start_session",
    "update_user: status",
];

fn is_low(error: &Error) -> bool {
    const LOW: &str = "The disk of the service is nearly full. Until there is more space, only \
                       logins, logouts and deletes are accepted.";
    matches!(error, Error::InsufficientStorage(text) if text == LOW)
}

#[tokio::test]
async fn a_low_disk_refuses_every_write_but_those_that_give_space_back() {
    let scene = Scene::new().await;
    scene
        .subject
        .store
        .create_reset_code(scene.ann, reset_code(secret(8), later(1_000)), CLI)
        .await
        .unwrap();
    let context = scene.context(a_session(&scene).await);
    scene.subject.close().await;
    let subject = Subject::limited(scene.subject.folder, OpenMode::Write, low_disk());
    let scene = Scene { subject, ..scene };
    let store = &scene.subject.store;

    let first = new_user("first");
    let (owner, session) =
        (owner_context(first.public_id, "192.0.2.7"), new_session(first.public_id));
    let registered = store.create_user(first.clone(), Some(session.clone()), &owner).await;
    let set_up = store.create_first_administrator(first, session, &owner).await;
    let anns = owner_context(scene.ann, "192.0.2.7");
    let reset = store.redeem_reset_code(secret(8), hash("new"), &anns).await;
    for refused in [registered.map(drop), set_up.map(drop), reset.map(drop)] {
        assert!(refused.as_ref().is_err_and(is_low), "{refused:?}");
    }
    // The service's own.
    let failure =
        Failure { action: Action::LogIn, target: Target::Unknown, reason: "wrong_password" };
    store.record_failure(failure, &context).await.unwrap();
    store.record_key_use(scene.boss_key, NOW).await.unwrap();
    store.upgrade_password_hash(scene.boss, hash("first"), hash("second")).await.unwrap();
    store.purge(Retention { now: NOW, networks_since: NOW, audit_since: NOW }).await.unwrap();

    let mut accepted = Vec::new();
    for (name, _, result) in scene.attempts(&context).await {
        match result {
            Ok(()) => accepted.push(name),
            Err(error) => assert!(is_low(&error), "{name}: {error:?}"),
        }
    }
    accepted.sort_unstable();
    assert_eq!(accepted, ACCEPTED);
}

#[tokio::test]
async fn without_a_floor_every_disk_has_enough() {
    let none = StoreLimits { min_free: MinFree::from_mib(Some(0)), ..StoreLimits::default() };
    let subject = Subject::limited(TempDir::new().unwrap(), OpenMode::Create, none);
    subject.add_user("ann").await;
}
