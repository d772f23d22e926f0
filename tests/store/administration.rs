//! Administration of users: setup, roles, status, soft delete.

use widgetd::domain::{
    Authority, NewSession, NewUser, PageRequest, Role, Search, Status, User, UserChange,
    UserFilter, UserId, UserNames, WidgetFilter, check_administrator_remains,
};
use widgetd::error::Error;
use widgetd::store::Store;

use crate::users::assert_absent;
use crate::{
    ALL, ANY_STATE, CLI, NOW, Subject, account, assert_conflict, assert_credentials,
    assert_not_found, at_once, later, new_key, new_session, new_user, new_widget, owner_context,
    reset_code, secret, to_role, to_status, username, widget_name, with_username,
};

#[tokio::test]
async fn has_administrator_counts_active_administrators_alone() {
    let subject = Subject::new();
    let ann = NewUser { role: Role::Admin, status: Status::Pending, ..new_user("ann") };
    let (ann, store) = (subject.add(ann).await, &subject.store);
    subject.add_user("bob").await;
    assert!(!store.has_administrator().await.unwrap());
    store.update_user(ann.public_id, to_status(Status::Active), ANY_STATE, CLI).await.unwrap();
    assert!(store.has_administrator().await.unwrap());
}

const IS_ONE: &str = "There is an administrator already.";

/// A first administrator and its session.
fn first(name: &str) -> (NewUser, NewSession) {
    let new = NewUser { role: Role::Admin, ..new_user(name) };
    let session = new_session(new.public_id);
    (new, session)
}

#[tokio::test]
async fn setup_creates_the_first_administrator_with_a_session_and_an_audit_entry() {
    let (subject, (new, session)) = (Subject::new(), first("ann"));
    let (id, context) = (new.public_id, owner_context(new.public_id, "127.0.0.1"));
    let create = subject.create_first_administrator(new, session.clone(), &context);
    let created = subject.audited(&["account.register", "session.start"], create).await;
    assert_eq!(created.unwrap(), subject.get_user(id).await.unwrap());
    let registered = subject.audit().await.remove(1);
    assert_eq!(
        (registered.actor.as_str(), registered.detail.as_deref()),
        ("ann@example.com", Some("admin, active"))
    );

    let subject = subject.reopen().await;
    assert!(subject.has_administrator().await.unwrap());
    let authority = Some(Authority { user: id, role: Role::Admin });
    assert_eq!(subject.find_session_authority(id, session.id).await.unwrap(), authority);
}

#[tokio::test]
async fn setup_is_a_conflict_while_an_active_administrator_exists() {
    let subject = Subject::new();
    // An administrator who may not log in does not count.
    for (name, status) in [("bob", Status::Disabled), ("cid", Status::Pending)] {
        subject.add(NewUser { role: Role::Admin, status, ..new_user(name) }).await;
    }
    let (ann, session) = first("ann");
    subject.create_first_administrator(ann, session, CLI).await.unwrap();
    // This conflict precedes the one of a taken name.
    for name in ["dan", "ann"] {
        let (new, session) = first(name);
        let id = new.public_id;
        let create = subject.create_first_administrator(new, session.clone(), CLI);
        let refused = subject.audited(&[], create).await;
        assert_conflict(refused, IS_ONE);
        assert_absent(&subject, id).await;
        assert!(!subject.is_live(id, session.id).await);
    }
}

#[tokio::test]
async fn setup_with_a_taken_name_is_a_conflict_and_creates_nobody() {
    let subject = Subject::new();
    subject.add_user("Ann").await;
    let (ann, session) = first("ann");
    let refused = subject.audited(&[], subject.create_first_administrator(ann, session, CLI)).await;
    assert_conflict(refused, "ann@example.com is already registered");
    assert!(!subject.has_administrator().await.unwrap());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn setup_of_64_first_administrators_at_once_succeeds_for_one() {
    let subject = Subject::new();
    let create = |n| {
        let (store, (new, session)) = (subject.store.clone(), first(&format!("u{n}")));
        async move { store.create_first_administrator(new, session, CLI).await }
    };
    let mut created = Vec::new();
    for answer in at_once(64, create).await {
        match answer {
            Ok(user) => created.push(user),
            refused => assert_conflict(refused, IS_ONE),
        }
    }
    assert_eq!(subject.list_users(None, UserFilter::default(), ALL).await.unwrap().items, created);
    assert_eq!(created.len(), 1);
}

#[tokio::test]
async fn a_new_role_holds_at_once_for_sessions_and_api_keys_and_ends_neither() {
    let subject = Subject::new();
    subject.add_admin("boss").await;
    let (store, ann) = (&subject.store, subject.add_user("ann").await);
    let (id, session) = (ann.public_id, subject.log_in(ann.public_id).await);
    store.create_key(new_key(id, "ci", 1), CLI).await.unwrap();
    let mut before = ann.version;
    for role in [Role::Admin, Role::Manager, Role::Employee] {
        let update = store.update_user(id, to_role(role), ANY_STATE, CLI);
        let changed = subject.audited(&["account.role"], update).await.unwrap();
        assert_ne!(changed.version, before);
        before = changed.version;
        let expected = User { role, version: changed.version, ..ann.clone() };
        assert_eq!((changed, store.get_user(id).await.unwrap()), (expected.clone(), expected));
        let authority = Some(Authority { user: id, role });
        assert_eq!(store.find_session_authority(id, session).await.unwrap(), authority);
        assert_eq!(store.find_key_authority(&secret(1)).await.unwrap().unwrap().owner, authority);
    }
    // An unchanged status ends no session either.
    store.update_user(id, to_status(Status::Active), ANY_STATE, CLI).await.unwrap();
    assert!(subject.is_live(id, session).await);
}

#[tokio::test]
async fn an_inactive_status_ends_sessions_and_reset_codes_and_suspends_api_keys() {
    let subject = Subject::new();
    let (store, bob) = (&subject.store, subject.add_user("bob").await);
    let bobs = subject.log_in(bob.public_id).await;
    store.create_reset_code(bob.public_id, reset_code(secret(2), later(1_000)), CLI).await.unwrap();
    for (name, status) in [("ann", Status::Disabled), ("cid", Status::Pending)] {
        let user = subject.add_user(name).await;
        let (id, session) = (user.public_id, subject.log_in(user.public_id).await);
        store.create_key(new_key(id, "ci", 1), CLI).await.unwrap();
        store.create_reset_code(id, reset_code(secret(3), later(1_000)), CLI).await.unwrap();

        let shut_out = store.update_user(id, to_status(status), ANY_STATE, CLI).await.unwrap();
        assert_ne!(shut_out.version, user.version);
        let expected =
            User { status, token_epoch: user.token_epoch + 1, version: shut_out.version, ..user };
        assert_eq!((&shut_out, &store.get_user(id).await.unwrap()), (&expected, &expected));
        assert!(!subject.is_live(id, session).await);
        assert_eq!(store.find_user_by_reset_code(&secret(3), NOW).await.unwrap(), None);
        assert_eq!(store.find_key_authority(&secret(1)).await.unwrap().unwrap().owner, None);

        // Active again, the user has the API keys, and none of the sessions.
        let back = store.update_user(id, to_status(Status::Active), ANY_STATE, CLI).await.unwrap();
        assert_eq!(back, User { status: Status::Active, version: back.version, ..expected });
        assert!(!subject.is_live(id, session).await);
        assert_eq!(store.find_user_by_reset_code(&secret(3), NOW).await.unwrap(), None);
        assert_eq!(
            store.find_key_authority(&secret(1)).await.unwrap().unwrap().owner.unwrap().user,
            id
        );
        store.delete_user(id, ANY_STATE, CLI).await.unwrap();
    }
    assert!(subject.is_live(bob.public_id, bobs).await);
    assert_eq!(store.find_user_by_reset_code(&secret(2), NOW).await.unwrap(), Some(bob));
}

#[tokio::test]
async fn the_audit_names_each_change_of_a_user_and_notes_none_where_nothing_changes() {
    let subject = Subject::new();
    subject.add_admin("boss").await;
    let ann = subject.add(NewUser { status: Status::Pending, ..new_user("ann") }).await.public_id;
    for (name, status, role, expected) in [
        (None, None, None, &[][..]),
        (None, Some(Status::Pending), Some(Role::Employee), &[]),
        (
            Some("ann.o"),
            Some(Status::Active),
            Some(Role::Manager),
            &["account.approve", "account.role", "account.username"],
        ),
        (Some("ann.o"), Some(Status::Active), Some(Role::Manager), &[]),
        (None, Some(Status::Disabled), Some(Role::Manager), &["account.disable"]),
        (None, Some(Status::Disabled), None, &[]),
        (None, Some(Status::Active), Some(Role::Admin), &["account.enable", "account.role"]),
        (Some("ann"), None, Some(Role::Employee), &["account.role", "account.username"]),
        (None, Some(Status::Pending), None, &["account.disable"]),
        (None, Some(Status::Active), None, &["account.approve"]),
        (None, Some(Status::Disabled), Some(Role::Admin), &["account.disable", "account.role"]),
    ] {
        let name = name.map(username);
        let change = UserChange { username: name.clone(), name: None, status, role };
        let before = subject.get_user(ann).await.unwrap();
        let update = subject.update_user(ann, change, ANY_STATE, CLI);
        let changed = subject.audited(expected, update).await.unwrap();
        let expected = User {
            names: UserNames {
                username: name.or_else(|| before.names.username.clone()),
                ..before.names.clone()
            },
            status: status.unwrap_or(before.status),
            role: role.unwrap_or(before.role),
            token_epoch: changed.token_epoch,
            version: changed.version,
            ..before.clone()
        };
        assert_eq!((&changed, &subject.get_user(ann).await.unwrap()), (&expected, &expected));
        let is_same = (changed.status, changed.role, &changed.names)
            == (before.status, before.role, &before.names);
        assert_eq!(changed == before, is_same);
    }
}

/// The updates, and the delete, by which an administrator stops being one.
const DEPARTURES: [Option<UserChange>; 5] = [
    Some(to_role(Role::Manager)),
    Some(to_status(Status::Disabled)),
    Some(to_status(Status::Pending)),
    Some(UserChange {
        username: None,
        name: None,
        status: Some(Status::Disabled),
        role: Some(Role::Employee),
    }),
    None,
];

async fn depart(store: &dyn Store, id: UserId, departure: Option<UserChange>) -> Result<(), Error> {
    match departure {
        Some(change) => store.update_user(id, change, ANY_STATE, CLI).await.map(drop),
        None => store.delete_user(id, ANY_STATE, CLI).await,
    }
}

/// The message of the conflict about the last administrator.
fn refusal() -> String {
    check_administrator_remains((Role::Admin, Status::Active), None, || Ok::<_, Error>(0))
        .unwrap_err()
        .to_string()
}

#[tokio::test]
async fn the_last_active_administrator_is_not_demoted_disabled_or_deleted() {
    let subject = Subject::new();
    let ann = subject.add_admin("ann").await;
    let session = subject.log_in(ann.public_id).await;
    subject.add(NewUser { role: Role::Admin, status: Status::Disabled, ..new_user("bob") }).await;
    subject.add_user("cid").await;
    for departure in DEPARTURES {
        let refused =
            subject.audited(&[], depart(&*subject.store, ann.public_id, departure.clone())).await;
        assert_conflict(refused, &refusal());
    }
    assert_eq!(subject.get_user(ann.public_id).await.unwrap(), ann);
    assert!(subject.is_live(ann.public_id, session).await);
    // An update that leaves an administrator is allowed.
    subject.update_user(ann.public_id, to_role(Role::Admin), ANY_STATE, CLI).await.unwrap();
}

#[tokio::test]
async fn an_administrator_who_is_not_the_last_may_leave() {
    for departure in DEPARTURES {
        let subject = Subject::new();
        let (ann, bob) = (subject.add_admin("ann").await, subject.add_admin("bob").await);
        depart(&*subject.store, ann.public_id, departure.clone()).await.unwrap();
        assert_conflict(
            depart(&*subject.store, bob.public_id, departure.clone()).await,
            &refusal(),
        );
        assert!(subject.has_administrator().await.unwrap());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_the_last_two_administrators_who_leave_at_once_one_remains() {
    // Often enough for a check outside the transaction to fail.
    for departure in DEPARTURES.into_iter().cycle().take(50) {
        let subject = Subject::new();
        let ids =
            [subject.add_admin("ann").await.public_id, subject.add_admin("bob").await.public_id];
        let leave = |n: usize| {
            let (store, departure) = (subject.store.clone(), departure.clone());
            async move { depart(&*store, ids[n], departure).await }
        };
        let (left, refused): (Vec<_>, Vec<_>) =
            at_once(2, leave).await.into_iter().partition(Result::is_ok);
        assert_eq!(left.len(), 1, "{departure:?}");
        for answer in refused {
            assert_conflict(answer, &refusal());
        }
        let remaining = UserFilter {
            role: Some(Role::Admin),
            status: Some(Status::Active),
            ..UserFilter::default()
        };
        assert_eq!(subject.list_users(None, remaining, ALL).await.unwrap().total, 1);
    }
}

#[tokio::test]
async fn soft_delete_of_a_user_ends_its_sessions_api_keys_and_reset_codes() {
    let subject = Subject::new();
    let ann = subject.add(with_username("ann", "Ann.O")).await;
    let (bob, store) = (subject.add_user("bob").await, &subject.store);
    let mut sessions = Vec::new();
    for (id, byte) in [(ann.public_id, 1), (bob.public_id, 2)] {
        sessions.push(subject.log_in(id).await);
        store.create_key(new_key(id, "ci", byte), CLI).await.unwrap();
        store.create_reset_code(id, reset_code(secret(byte), later(1_000)), CLI).await.unwrap();
    }
    let deleted = subject
        .audited(&["account.delete"], store.delete_user(ann.public_id, ANY_STATE, CLI))
        .await;
    deleted.unwrap();

    let subject = subject.reopen().await;
    let store = &subject.store;
    assert_absent(&subject, ann.public_id).await;
    for name in ["ann@example.com", "ann.o"] {
        assert_not_found(store.get_user_by_name(&account(name)).await);
        assert!(store.find_credentials(&account(name), None).await.unwrap().is_none());
    }
    assert!(!subject.is_live(ann.public_id, sessions[0]).await);
    assert!(store.find_key_authority(&secret(1)).await.unwrap().is_none());
    assert!(store.find_user_by_reset_code(&secret(1), NOW).await.unwrap().is_none());
    let late = store.start_session(new_session(ann.public_id), ann.token_epoch, CLI).await;
    assert_credentials(late);

    let listed = store.list_users(None, UserFilter::default(), ALL).await.unwrap();
    assert_eq!((listed.items.as_slice(), listed.total), ([bob.clone()].as_slice(), 1));
    let searched =
        UserFilter { search: Some(Search::parse("ann").unwrap()), ..UserFilter::default() };
    assert!(subject.emails(searched).await.is_empty());
    let keys = store.list_keys(None, ALL).await.unwrap();
    assert_eq!((keys.items.len(), keys.total), (1, 1));

    // Other users keep theirs.
    assert!(subject.is_live(bob.public_id, sessions[1]).await);
    assert!(store.find_key_authority(&secret(2)).await.unwrap().is_some());
    assert_eq!(store.find_user_by_reset_code(&secret(2), NOW).await.unwrap(), Some(bob));
}

#[tokio::test]
async fn soft_delete_of_a_user_frees_its_names_and_keeps_it_as_owner_of_its_widgets() {
    let subject = Subject::new();
    let new = with_username("Ann", "Ann.O");
    let (former, store) = (subject.add(new.clone()).await, &subject.store);
    store.create_widget(new_widget("one", &former), CLI).await.unwrap();
    store.delete_user(former.public_id, ANY_STATE, CLI).await.unwrap();
    let namesake = subject.add(NewUser { public_id: UserId::generate(), ..new }).await;
    store.create_widget(new_widget("two", &namesake), CLI).await.unwrap();
    let namesake = store.get_user(namesake.public_id).await.unwrap();

    for name in ["ann@example.com", "ann.o"] {
        assert_eq!(store.get_user_by_name(&account(name)).await.unwrap(), namesake);
    }
    assert_absent(&subject, former.public_id).await;
    let listed = store
        .list_widgets(None, WidgetFilter::default(), PageRequest::DEFAULT, NOW)
        .await
        .unwrap()
        .items;
    for (widget, user, is_deleted) in [("one", former, true), ("two", namesake, false)] {
        let widget = store.get_widget(&widget_name(widget)).await.unwrap();
        assert_eq!(
            (widget.owner.names.label(), widget.owner.public_id),
            ("Ann@example.com", user.public_id)
        );
        assert_eq!(widget.owner.is_deleted, is_deleted);
        assert!(listed.contains(&widget));
    }
    // The names are free again.
    let namesake = store.get_user_by_name(&account("ann.o")).await.unwrap();
    store.delete_user(namesake.public_id, ANY_STATE, CLI).await.unwrap();
    assert_not_found(store.get_user_by_name(&account("ann.o")).await);
}
