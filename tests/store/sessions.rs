//! Sessions and known networks.

use widgetd::domain::{
    Action, Network, NewSession, NewUser, RequestContext, Session, SessionId, Status,
};

use crate::{
    ALL, ANY_STATE, CLI, NOW, Subject, account, assert_credentials, assert_not_found, assert_pages,
    cli_at, later, new_session, new_user, owner_context, to_status,
};

#[tokio::test]
async fn a_session_has_authority_for_its_own_user_alone() {
    let subject = Subject::new();
    let [ann, bob] = subject.add_ids(["ann", "bob"]).await;
    let (anns, bobs) = (subject.log_in(ann).await, subject.log_in(bob).await);
    let subject = subject.reopen().await;
    for (user, session, is_live) in [
        (ann, anns, true),
        (bob, bobs, true),
        (ann, bobs, false),
        (bob, anns, false),
        (ann, SessionId::generate(), false),
    ] {
        assert_eq!(subject.is_live(user, session).await, is_live);
    }
}

#[tokio::test]
async fn a_session_starts_only_for_an_active_user_with_the_current_token_epoch() {
    let subject = Subject::new();
    let (ann, store) = (subject.add_user("ann").await, &subject.store);
    let pending = subject.add(NewUser { status: Status::Pending, ..new_user("bob") }).await;
    let disabled = subject.add(NewUser { status: Status::Disabled, ..new_user("cid") }).await;
    for (user, epoch) in [(&pending, 0), (&disabled, 0), (&ann, -1), (&ann, 1)] {
        let (id, session) = (user.public_id, new_session(user.public_id));
        let from_there = owner_context(id, "192.0.2.7");
        let refused =
            subject.audited(&[], store.start_session(session.clone(), epoch, &from_there)).await;
        assert_credentials(refused);
        store.update_user(id, to_status(Status::Active), ANY_STATE, CLI).await.unwrap();
        assert!(!subject.is_live(id, session.id).await);
        assert!(!knows(&subject, user.names.label(), Some("192.0.2.7")).await);
    }
    let session = new_session(ann.public_id);
    let started = subject
        .audited(&["session.start"], store.start_session(session, ann.token_epoch, CLI))
        .await;
    started.unwrap();
}

#[tokio::test]
async fn renewal_extends_a_browser_session_up_to_its_maximum() {
    let subject = Subject::new();
    let [ann, bob] = subject.add_ids(["ann", "bob"]).await;
    let new = NewSession { renewable_until: Some(later(5_000)), ..new_session(ann) };
    subject.start_session(new.clone(), 0, &owner_context(ann, "192.0.2.7")).await.unwrap();
    let renew = async |user, to, now| {
        subject.audited(&[], subject.renew_session(user, new.id, to, now)).await.unwrap()
    };
    assert_eq!(renew(bob, later(2_000), NOW).await, None);
    assert_eq!(renew(ann, later(2_000), NOW).await, Some(later(2_000)));
    // It never becomes shorter.
    assert_eq!(renew(ann, later(1_500), NOW).await, Some(later(2_000)));
    assert_eq!(renew(ann, later(9_000), later(1_999)).await, Some(later(5_000)));
    assert_eq!(
        subject.list_sessions(ann, ALL, NOW).await.unwrap().items[0].expires_at,
        later(5_000)
    );
    assert_eq!(renew(ann, later(9_000), later(5_000)).await, None);
    subject.end_sessions(ann, &owner_context(ann, "192.0.2.7")).await.unwrap();
    assert_eq!(renew(ann, later(9_000), NOW).await, None);
    // That of an API client ends when its token does.
    let session = subject.log_in(ann).await;
    assert_eq!(subject.renew_session(ann, session, later(2_000), NOW).await.unwrap(), None);
}

#[tokio::test]
async fn session_pagination_is_oldest_first() {
    let subject = Subject::new();
    let [ann, bob] = subject.add_ids(["ann", "bob"]).await;
    subject.log_in(bob).await;
    let mut expected = Vec::new();
    for n in [3, 1, 11, 5, 0, 7, 2, 10, 4, 9, 6, 8] {
        let new = new_session(ann);
        let context =
            RequestContext { at: later(n), ..owner_context(ann, &format!("2001:db8::{n}")) };
        subject.start_session(new.clone(), 0, &context).await.unwrap();
        expected.push(Session {
            id: new.id,
            started_at: context.at,
            expires_at: new.expires_at,
            address: context.address,
            client: context.client,
        });
    }
    expected.sort_by_key(|session| session.started_at);
    let subject = subject.reopen().await;
    assert_pages(&expected, async |request| subject.list_sessions(ann, request, NOW).await).await;
}

#[tokio::test]
async fn an_expired_session_is_neither_listed_nor_ended() {
    let subject = Subject::new();
    let ann = subject.add_user("ann").await.public_id;
    let session = new_session(ann);
    subject.start_session(session.clone(), 0, CLI).await.unwrap();
    for (at, total) in [(later(999), 1), (later(1_000), 0), (later(1_001), 0)] {
        let page = subject.list_sessions(ann, ALL, at).await.unwrap();
        assert_eq!((page.items.len() as u64, page.total), (total, total));
        // The command line has neither an address nor a client.
        assert!(page.items.iter().all(|item| (item.address, &item.client) == (None, &None)));
    }
    let context = cli_at(later(1_000));
    assert_not_found(subject.end_session(ann, session.id, Action::EndSession, &context).await);
    assert_eq!(subject.end_sessions(ann, &context).await.unwrap(), 0);
}

#[tokio::test]
async fn the_limit_of_100_sessions_per_user_ends_the_oldest() {
    let subject = Subject::new();
    let [ann, bob] = subject.add_ids(["ann", "bob"]).await;
    let bobs = subject.log_in(bob).await;
    let mut sessions = Vec::new();
    for n in 0..103 {
        let new = new_session(ann);
        let context = RequestContext { at: later(n), ..owner_context(ann, "192.0.2.7") };
        subject.start_session(new.clone(), 0, &context).await.unwrap();
        sessions.push(new.id);
    }
    assert_eq!(subject.list_sessions(ann, ALL, later(103)).await.unwrap().total, 100);
    for (n, session) in sessions.into_iter().enumerate() {
        assert_eq!(subject.is_live(ann, session).await, n >= 3, "{n}");
    }
    assert!(subject.is_live(bob, bobs).await);
}

#[tokio::test]
async fn the_limit_of_sessions_ends_those_of_a_fast_clock_first() {
    let subject = Subject::new();
    let ann = subject.add_user("ann").await.public_id;
    let mut sessions = Vec::new();
    for n in 0..102 {
        // The clock is set right before the last two.
        let at = later(if n < 100 { 90_000 } else { n });
        let (new, context) = (new_session(ann), RequestContext { at, ..owner_context(ann, "::1") });
        let new = NewSession { expires_at: later(100_000), ..new };
        subject.start_session(new.clone(), 0, &context).await.unwrap();
        sessions.push(new.id);
    }
    for session in &sessions[100..] {
        assert!(subject.is_live(ann, *session).await);
    }
    assert_eq!(subject.list_sessions(ann, ALL, later(103)).await.unwrap().total, 100);
}

#[tokio::test]
async fn an_ended_session_stays_ended_after_reopening_and_others_live() {
    let subject = Subject::new();
    let ann = subject.add_user("ann").await.public_id;
    let sessions =
        [subject.log_in(ann).await, subject.log_in(ann).await, subject.log_in(ann).await];
    for (session, action) in [(sessions[0], Action::LogOut), (sessions[1], Action::EndSession)] {
        let ended = subject
            .audited(&[action.as_str()], subject.end_session(ann, session, action, CLI))
            .await;
        ended.unwrap();
        assert!(!subject.is_live(ann, session).await);
    }
    let subject = subject.reopen().await;
    for (session, is_live) in sessions.into_iter().zip([false, false, true]) {
        assert_eq!(subject.is_live(ann, session).await, is_live);
    }
    let listed = subject.list_sessions(ann, ALL, NOW).await.unwrap();
    assert_eq!((listed.items[0].id, listed.total), (sessions[2], 1));
    // The next login is not refused.
    subject.start_session(new_session(ann), 0, CLI).await.unwrap();
}

#[tokio::test]
async fn a_session_is_ended_once_and_only_by_its_own_user() {
    let subject = Subject::new();
    let [ann, bob] = subject.add_ids(["ann", "bob"]).await;
    let session = subject.log_in(ann).await;
    let end = async |user, id| subject.end_session(user, id, Action::EndSession, CLI).await;
    for (user, id) in [(bob, session), (ann, SessionId::generate())] {
        assert_not_found(subject.audited(&[], end(user, id)).await);
    }
    assert!(subject.is_live(ann, session).await);
    end(ann, session).await.unwrap();
    assert_not_found(subject.audited(&[], end(ann, session)).await);
}

#[tokio::test]
async fn end_sessions_ends_all_sessions_of_a_user_and_logins_in_flight() {
    let subject = Subject::new();
    let (ann, bob) = (subject.add_user("ann").await, subject.add_user("bob").await.public_id);
    let (id, bobs) = (ann.public_id, subject.log_in(bob).await);
    let mut sessions = Vec::new();
    for _ in 0..3 {
        sessions.push(subject.log_in(id).await);
    }
    let ended = subject.audited(&["session.end_all"], subject.end_sessions(id, CLI)).await;
    assert_eq!(ended.unwrap(), 3);

    let subject = subject.reopen().await;
    for session in sessions {
        assert!(!subject.is_live(id, session).await);
    }
    assert_credentials(subject.start_session(new_session(id), ann.token_epoch, CLI).await);
    assert_eq!(subject.end_sessions(id, CLI).await.unwrap(), 0);
    assert!(subject.is_live(bob, bobs).await);
    let session = subject.log_in(id).await;
    assert!(subject.is_live(id, session).await);
}

/// Whether the user has logged in from the network of this address.
pub async fn knows(subject: &Subject, name: &str, address: Option<&str>) -> bool {
    let network = address.map(|address| Network::of(address.parse().unwrap()));
    subject.find_credentials(&account(name), network).await.unwrap().unwrap().knows_network
}

#[tokio::test]
async fn a_network_is_known_to_a_user_after_a_login_from_it() {
    let subject = Subject::new();
    let (ann, store) = (subject.add_user("ann").await.public_id, &subject.store);
    subject.add_user("bob").await;
    assert!(!knows(&subject, "ann@example.com", Some("192.0.2.7")).await);
    for address in ["192.0.2.7", "2001:db8:1:2::1", "192.0.2.7"] {
        store.start_session(new_session(ann), 0, &owner_context(ann, address)).await.unwrap();
    }
    store.end_sessions(ann, CLI).await.unwrap();
    let subject = subject.reopen().await;
    for (address, is_known) in [
        (Some("192.0.2.7"), true),
        (Some("::ffff:192.0.2.7"), true),
        (Some("192.0.2.8"), false),
        (Some("2001:db8:1:2::1"), true),
        (Some("2001:db8:1:2:ffff::9"), true),
        (Some("2001:db8:1:3::1"), false),
        (None, false),
    ] {
        assert_eq!(knows(&subject, "ann@example.com", address).await, is_known, "{address:?}");
        assert_eq!(knows(&subject, &ann.to_string(), address).await, is_known, "{address:?}");
        assert!(!knows(&subject, "bob@example.com", address).await, "{address:?}");
    }
}
