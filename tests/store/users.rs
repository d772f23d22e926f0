//! Users: create, find, list, rename.

use widgetd::domain::{
    Action, Actor, Authority, DisplayName, KeyId, NewUser, RequestContext, Role, Search, Session,
    SessionId, Sort, Status, User, UserChange, UserFilter, UserId, UserNames,
};

use widgetd::error::Error;

use crate::sessions::knows;
use crate::{
    ALL, ANY_STATE, CLI, NOW, Subject, account, assert_conflict, assert_not_found, assert_pages,
    email, hash, later, new_key, new_session, new_user, new_widget, owner_context, reset_code,
    secret, to_status, to_username, username, widget_name, with_username,
};

#[tokio::test]
async fn a_user_is_read_back_as_created_after_reopening() {
    let subject = Subject::new();
    let new =
        NewUser { role: Role::Manager, status: Status::Pending, ..with_username("Ann", "Ann.O") };
    let created = subject.add(new.clone()).await;
    let expected = User {
        public_id: new.public_id,
        names: new.names,
        role: Role::Manager,
        status: Status::Pending,
        token_epoch: 0,
        registered_on: NOW,
        version: created.version,
        used_bytes: 0,
        full_quota_from: NOW,
    };
    assert_eq!(created, expected);

    let subject = subject.reopen().await;
    assert_eq!(subject.get_user(new.public_id).await.unwrap(), expected);
    assert_eq!(
        subject.list_users(None, UserFilter::default(), ALL).await.unwrap().items,
        [expected]
    );
    assert_eq!(subject.credentials("ann@example.com").await.password_hash, hash("first"));
}

#[tokio::test]
async fn a_user_may_be_created_with_a_session_whose_network_is_then_known() {
    let (subject, new) = (Subject::new(), new_user("ann"));
    let (id, store) = (new.public_id, &subject.store);
    let (session, context) = (new_session(id), owner_context(id, "192.0.2.7"));
    let create = store.create_user(new, Some(session.clone()), &context);
    subject.audited(&["account.register", "session.start"], create).await.unwrap();
    let authority = Some(Authority { user: id, role: Role::Employee });
    assert_eq!(store.find_session_authority(id, session.id).await.unwrap(), authority);
    store
        .create_user(
            new_user("bob"),
            None,
            &RequestContext { actor: Actor::Service, ..context.clone() },
        )
        .await
        .unwrap();
    assert!(knows(&subject, "ann@example.com", Some("192.0.2.7")).await);
    assert!(!knows(&subject, "bob@example.com", Some("192.0.2.7")).await);
    let listed = Session {
        id: session.id,
        started_at: NOW,
        expires_at: session.expires_at,
        address: context.address,
        client: context.client,
    };
    assert_eq!(store.list_sessions(id, ALL, NOW).await.unwrap().items, [listed]);
}

#[tokio::test]
async fn a_user_whose_session_is_refused_is_not_created() {
    let subject = Subject::new();
    let new = NewUser { status: Status::Pending, ..new_user("ann") };
    let session = new_session(new.public_id);
    let refused = subject.audited(&[], subject.create_user(new.clone(), Some(session), CLI)).await;
    assert!(refused.is_err());
    assert_not_found(subject.get_user(new.public_id).await);
    subject.add(new).await;
}

#[tokio::test]
async fn a_taken_name_is_a_conflict_and_creates_nothing() {
    let subject = Subject::new();
    let ann = subject.add(with_username("ann", "ann")).await;
    for (new, name) in [
        (new_user("ANN"), "ANN@example.com"),
        (with_username("bob", "Ann"), "Ann"),
        (with_username("ann", "ann"), "ann@example.com"),
    ] {
        let (id, session) = (new.public_id, new_session(new.public_id));
        let context = owner_context(id, "192.0.2.7");
        let create = subject.create_user(new, Some(session.clone()), &context);
        let refused = subject.audited(&[], create).await;
        assert_conflict(refused, &format!("{name} is already registered"));
        assert_not_found(subject.get_user(id).await);
        for id in [id, ann.public_id] {
            assert!(!subject.is_live(id, session.id).await);
        }
    }
    let listed = subject.list_users(None, UserFilter::default(), ALL).await.unwrap();
    assert_eq!((listed.items.as_slice(), listed.total), ([ann].as_slice(), 1));
    // Any number of users have no username.
    subject.add_user("bob").await;
    subject.add_user("cid").await;
}

/// Asserts that no method finds a user of this id.
pub async fn assert_absent(subject: &Subject, id: UserId) {
    let store = &subject.store;
    assert_not_found(store.get_user(id).await);
    assert_not_found(store.get_user_by_name(&account(&id.to_string())).await);
    assert!(store.find_credentials(&account(&id.to_string()), None).await.unwrap().is_none());
    assert_not_found(store.set_password(id, hash("second"), None, CLI).await);
    assert_not_found(store.update_user(id, to_username(username("another")), ANY_STATE, CLI).await);
    for change in [UserChange::default(), to_status(Status::Active), to_username(username("other"))]
    {
        assert_not_found(store.update_user(id, change, ANY_STATE, CLI).await);
    }
    assert_not_found(store.delete_user(id, ANY_STATE, CLI).await);
    assert_not_found(store.create_reset_code(id, reset_code(secret(77), later(1_000)), CLI).await);
    assert!(store.find_user_by_reset_code(&secret(77), NOW).await.unwrap().is_none());
    assert!(!subject.is_live(id, SessionId::generate()).await);
    assert_not_found(store.end_session(id, SessionId::generate(), Action::EndSession, CLI).await);
    assert_not_found(store.end_sessions(id, CLI).await);
    assert_not_found(store.create_key(new_key(id, "ci", 77), CLI).await);
    assert!(store.find_key_authority(&secret(77)).await.unwrap().is_none());
    assert_not_found(store.revoke_key(id, KeyId::generate(), CLI).await);
}

#[tokio::test]
async fn an_absent_user_is_not_found() {
    let subject = Subject::new();
    subject.audited(&[], assert_absent(&subject, UserId::generate())).await;
    for name in ["ann@example.com", "ann.o"] {
        assert_not_found(subject.get_user_by_name(&account(name)).await);
        assert!(subject.find_credentials(&account(name), None).await.unwrap().is_none());
    }
    assert_eq!(subject.list_users(None, UserFilter::default(), ALL).await.unwrap().total, 0);
}

#[tokio::test]
async fn a_user_is_found_by_id_email_and_username_in_any_letter_case() {
    let subject = Subject::new();
    let ann = subject.add(with_username("Ann", "Ann.O")).await;
    let bob = subject.add(NewUser { password_hash: hash("of bob"), ..new_user("bob") }).await;
    let id = ann.public_id.to_string();
    for name in ["ann@example.com", "ANN@EXAMPLE.COM", "ann.o", "ANN.O", &id, &id.to_uppercase()] {
        let found = subject.credentials(name).await;
        assert_eq!((found.user, found.password_hash), (ann.clone(), hash("first")), "{name}");
        assert_eq!(subject.get_user_by_name(&account(name)).await.unwrap(), ann, "{name}");
    }
    assert_eq!(subject.credentials("bob@example.com").await.user, bob);
    assert_eq!(subject.credentials("bob@example.com").await.password_hash, hash("of bob"));
    // An email does not match a username, nor the reverse.
    for name in ["ann", "ann.o@example.com"] {
        assert_not_found(subject.get_user_by_name(&account(name)).await);
    }
}

#[tokio::test]
async fn user_pagination_follows_the_order_of_registration() {
    let subject = Subject::new();
    let mut users = Vec::new();
    for name in ["leo", "kim", "joe", "ida", "hal", "gil", "fay", "eve", "dan", "cid", "bob", "ann"]
    {
        users.push(subject.add_user(name).await);
    }
    assert_pages(&users, async |request| {
        subject.list_users(None, UserFilter::default(), request).await
    })
    .await;
}

#[tokio::test]
async fn the_filter_selects_users_by_status_and_role() {
    let subject = Subject::new();
    for (name, role, status) in [
        ("ann", Role::Admin, Status::Active),
        ("bob", Role::Employee, Status::Active),
        ("cid", Role::Admin, Status::Disabled),
        ("dan", Role::Employee, Status::Pending),
    ] {
        subject.add(NewUser { role, status, ..new_user(name) }).await;
    }
    for (status, role, expected) in [
        (None, None, &["ann", "bob", "cid", "dan"][..]),
        (Some(Status::Active), None, &["ann", "bob"]),
        (Some(Status::Pending), None, &["dan"]),
        (None, Some(Role::Admin), &["ann", "cid"]),
        (Some(Status::Active), Some(Role::Admin), &["ann"]),
        (Some(Status::Pending), Some(Role::Manager), &[]),
    ] {
        let filter = UserFilter { status, role, ..UserFilter::default() };
        let expected: Vec<_> = expected.iter().map(|name| email(name).into_string()).collect();
        assert_eq!(subject.emails(filter.clone()).await, expected, "{filter:?}");
        let total = subject.list_users(None, filter, ALL).await.unwrap().total;
        assert_eq!(total, expected.len() as u64);
    }
}

#[tokio::test]
async fn user_search_matches_word_prefixes_in_both_sort_orders() {
    let subject = Subject::new();
    let ann = subject.add(with_username("Ann_O'Hara", "boss")).await;
    subject.add(NewUser { status: Status::Pending, ..new_user("annxo%hara") }).await;
    subject.add(with_username("bob*", "Ann.B")).await;
    let [first, second, third] =
        ["Ann_O'Hara@example.com", "annxo%hara@example.com", "bob*@example.com"];
    for (search, expected) in [
        ("ann", &[first, second, third][..]),
        ("ANN example", &[first, second, third]),
        ("hara@EXAMPLE", &[first, second]),
        ("bos", &[first]),
        ("ann.b", &[third]),
        ("oss", &[]),
        ("%", &[]),
        ("*", &[]),
        ("annb", &[]),
        ("boss OR bob", &[]),
        ("", &[]),
    ] {
        let filter =
            UserFilter { search: Some(Search::parse(search).unwrap()), ..UserFilter::default() };
        assert_eq!(subject.emails(filter).await, expected, "{search}");
    }
    let filter = UserFilter {
        search: Some(Search::parse("ann").unwrap()),
        sort: Some(Sort::parse("-registered_on").unwrap()),
        ..UserFilter::default()
    };
    assert_eq!(subject.emails(filter).await, [third, second, first]);
    assert_eq!(
        subject
            .emails(UserFilter {
                sort: Some(Sort::parse("-registered_on").unwrap()),
                ..UserFilter::default()
            })
            .await,
        [third, second, first]
    );
    let filter = UserFilter {
        status: Some(Status::Pending),
        search: Some(Search::parse("ann").unwrap()),
        ..UserFilter::default()
    };
    assert_eq!(subject.emails(filter).await, [second]);
    subject
        .update_user(ann.public_id, to_username(username("chief")), ANY_STATE, CLI)
        .await
        .unwrap();
    let found = async |word| {
        subject
            .emails(UserFilter {
                search: Some(Search::parse(word).unwrap()),
                ..UserFilter::default()
            })
            .await
    };
    assert_eq!((found("chief").await, found("boss").await), (vec![first.to_owned()], Vec::new()));
}

#[tokio::test]
async fn a_new_username_replaces_the_old_one_and_frees_it() {
    let subject = Subject::new();
    let (ann, store) = (subject.add(with_username("ann", "ann")).await, &subject.store);
    let context = owner_context(ann.public_id, "192.0.2.7");
    // A change of letter case alone is a change too.
    for (old, new) in [("ann", "ANN"), ("ANN", "Ann.O")] {
        let before = subject.credentials(old).await.user;
        let rename = to_username(username(new));
        let update = store.update_user(ann.public_id, rename.clone(), ANY_STATE, &context);
        let changed = subject.audited(&["account.username"], update).await.unwrap();
        assert_ne!(changed.version, before.version);
        let expected = User {
            names: UserNames { username: Some(username(new)), ..ann.names.clone() },
            version: changed.version,
            ..ann.clone()
        };
        assert_eq!(changed, expected);
        assert_eq!(store.get_user_by_name(&account(new)).await.unwrap(), expected);
        let same = store.update_user(ann.public_id, rename, ANY_STATE, &context);
        assert_eq!(subject.audited(&[], same).await.unwrap(), expected);
    }
    assert_not_found(store.get_user_by_name(&account("ann")).await);
    let bob = subject.add(with_username("bob", "ANN")).await;
    let taken = store.update_user(bob.public_id, to_username(username("ann.o")), ANY_STATE, CLI);
    assert_conflict(subject.audited(&[], taken).await, "ann.o is already registered");
    assert_eq!(store.get_user(bob.public_id).await.unwrap(), bob);
}

fn named(name: Option<&str>) -> UserChange {
    let name = name.map(|name| DisplayName::parse(name).unwrap());
    UserChange { name: Some(name), ..UserChange::default() }
}

#[tokio::test]
async fn a_name_is_given_shown_with_records_searched_and_removed() {
    let subject = Subject::new();
    let (ann, store) = (subject.add_admin("ann").await, &subject.store);
    store.create_widget(new_widget("one", &ann), CLI).await.unwrap();
    let context = subject.context_of(ann.public_id).await;
    let found = async || {
        let search = Some(Search::parse("zoe").unwrap());
        subject.emails(UserFilter { search, ..UserFilter::default() }).await.len()
    };
    let mut last = ann;
    for (name, finds) in [(Some("Zoé 愛"), 1), (Some("Bo"), 0), (None, 0)] {
        let change = named(name);
        let update = store.update_user(last.public_id, change.clone(), ANY_STATE, &context);
        let changed = subject.audited(&["account.name"], update).await.unwrap();
        assert_eq!(changed.names.name, change.name.clone().flatten());
        assert_ne!(changed.version, last.version);
        assert_eq!(found().await, finds);
        // Whatever shows the user has another tag.
        let owner = store.get_widget(&widget_name("one")).await.unwrap().owner;
        assert_eq!(owner, changed.summary());
        let same = store.update_user(last.public_id, change, ANY_STATE, &context);
        assert_eq!(subject.audited(&[], same).await.unwrap(), changed);
        last = changed;
    }
    let bob = subject.add_user("bob").await.public_id;
    let by_bob = &owner_context(bob, "192.0.2.7");
    let refused = store.update_user(last.public_id, named(Some("Eve")), ANY_STATE, by_bob).await;
    assert!(matches!(refused, Err(Error::RoleRequired(Role::Admin))), "{refused:?}");
}

#[tokio::test]
async fn a_user_without_an_email_is_known_by_the_username() {
    let subject = Subject::new();
    let store = &subject.store;
    let nameless = |text: &str| {
        let new = with_username("x", text);
        NewUser { names: UserNames { email: None, ..new.names }, role: Role::Admin, ..new }
    };
    let ann = subject.add(nameless("Ann.O")).await;
    let bob = subject.add(nameless("bob")).await;
    assert_eq!(ann.names.label(), "Ann.O");
    assert_eq!(subject.credentials("ann.o").await.user, ann);
    let taken = store.create_user(nameless("ANN.o"), None, CLI).await;
    assert_conflict(taken, "ANN.o is already registered");

    store.create_widget(new_widget("one", &ann), CLI).await.unwrap();
    let context = subject.context_of(bob.public_id).await;
    store.delete_user(ann.public_id, ANY_STATE, &context).await.unwrap();
    let entry = subject.audit().await.remove(0);
    assert_eq!((&*entry.actor, entry.target.as_deref()), ("bob", Some("Ann.O")));
    // The username is free, and the widget still says whose it was.
    subject.add(nameless("ann.o")).await;
    let owner = store.get_widget(&widget_name("one")).await.unwrap().owner;
    assert_eq!((owner.is_deleted, owner.names.called()), (true, "Ann.O"));
}

#[tokio::test]
async fn people_are_the_active_users_by_name_found_by_any_part_of_their_names() {
    let subject = Subject::new();
    let person = |email: &str, username: Option<&str>, name: Option<&str>| {
        let new = new_user(email);
        let names = UserNames {
            username: username.map(crate::username),
            name: name.map(|name| DisplayName::parse(name).unwrap()),
            ..new.names.clone()
        };
        NewUser { names, ..new }
    };
    let zoe = subject.add(person("zoe", Some("zozo"), Some("Ärmel Zoë"))).await;
    let bob = subject.add(person("bob", Some("Mcbob"), None)).await;
    let ann = subject.add(person("ann", None, None)).await;
    let gone = subject.add(person("gone", None, Some("Gone Zoë"))).await;
    subject.delete_user(gone.public_id, ANY_STATE, CLI).await.unwrap();
    for status in [Status::Pending, Status::Disabled] {
        subject.add(NewUser { status, ..person(status.as_str(), None, Some("Zoë")) }).await;
    }
    let list = async |text: &str, page| {
        let search = (!text.is_empty()).then(|| Search::parse(text).unwrap());
        subject.list_people(ann.public_id, search, page).await.unwrap()
    };
    let summaries = [&ann, &zoe, &bob].map(User::summary);
    assert_eq!(list("", ALL).await.items, summaries);
    for (text, expected) in [
        ("zo", &[&zoe][..]),
        ("OE", &[&zoe]),
        ("rmel", &[&zoe]),
        ("armel ZOE", &[&zoe]),
        ("cbo", &[&bob]),
        ("@example", &[&ann, &zoe, &bob]),
        ("ann zoe", &[]),
        ("%", &[]),
        ("_", &[]),
    ] {
        let expected: Vec<_> = expected.iter().map(|user| user.summary()).collect();
        let found = list(text, ALL).await;
        assert_eq!((found.total, found.items), (expected.len() as u64, expected), "{text}");
    }
    for n in 0..4 {
        subject.add(person(&format!("more{n}"), None, None)).await;
    }
    let all = list("", ALL).await.items;
    assert_eq!(all.len(), 7);
    assert_pages(&all, async |page| Ok(list("", page).await)).await;
}

#[tokio::test]
async fn a_user_is_created_together_with_its_reset_code() {
    let subject = Subject::new();
    let code = reset_code(secret(1), later(1_000));
    let create =
        subject.create_user(NewUser { reset_code: Some(code), ..new_user("ann") }, None, CLI);
    let ann = subject.audited(&["account.register", "password.reset_code"], create).await.unwrap();
    assert_eq!(subject.find_user_by_reset_code(&secret(1), NOW).await.unwrap(), Some(ann));
}
