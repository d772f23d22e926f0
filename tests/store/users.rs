//! Accounts.

use widgetd::domain::{Login, NewUser, PublicId, Role, Status, Username};

use crate::{NOW, Subject, assert_conflict, assert_not_found, block_on, email, hash, later, new_user};

fn username(text: &str) -> Username {
    Username::parse(text).unwrap()
}

#[test]
fn an_account_is_what_was_stored_also_after_reopening() {
    block_on(async {
        let subject = Subject::new();
        let new = NewUser {
            username: Some(username("Ann.O")),
            role: Role::Manager,
            status: Status::Pending,
            ..new_user("Ann")
        };
        let created = subject.store.create_user(new.clone(), NOW).await.unwrap();
        assert_eq!((created.public_id, &created.email, &created.username), (new.public_id, &new.email, &new.username));
        assert_eq!((created.role, created.status, created.token_epoch), (Role::Manager, Status::Pending, 0));
        assert_eq!(created.registered_on, NOW);

        let subject = subject.reopen().await;
        assert_eq!(subject.store.get_user(new.public_id).await.unwrap(), created);
        assert_eq!(subject.store.list_users().await.unwrap(), [created]);
    });
}

#[test]
fn an_absent_account_is_not_found() {
    block_on(async {
        let subject = Subject::new();
        let (store, id) = (&subject.store, PublicId::generate());
        assert_not_found(store.get_user(id).await);
        assert_not_found(store.set_role(id, Role::Admin, NOW).await);
        assert_not_found(store.set_status(id, Status::Disabled, NOW).await);
        assert_not_found(store.set_password(&email("ann"), hash("x"), NOW).await);
        assert!(store.find_credentials(&Login::Email(email("ann"))).await.unwrap().is_none());
        assert!(store.list_users().await.unwrap().is_empty());
    });
}

#[test]
fn credentials_are_found_by_either_name_in_any_letter_case() {
    block_on(async {
        let subject = Subject::new();
        let new = NewUser { username: Some(username("Ann.O")), ..new_user("Ann") };
        let user = subject.store.create_user(new, NOW).await.unwrap();
        for login in [
            Login::Email(email("ann")),
            Login::Email(email("ANN")),
            Login::Username(username("ann.o")),
            Login::Username(username("ANN.O")),
        ] {
            let found = subject.store.find_credentials(&login).await.unwrap().unwrap();
            assert_eq!((found.user, found.password_hash), (user.clone(), hash("first")));
        }
        assert!(subject.store.find_credentials(&Login::Username(username("ann"))).await.unwrap().is_none());
    });
}

#[test]
fn a_taken_name_is_told_and_nothing_is_stored() {
    block_on(async {
        let subject = Subject::new();
        subject.store.create_user(NewUser { username: Some(username("ann")), ..new_user("ann") }, NOW).await.unwrap();
        let store = &subject.store;
        assert_conflict(store.create_user(new_user("ANN"), NOW).await, "ANN@example.com is already registered");
        let same_username = NewUser { username: Some(username("Ann")), ..new_user("bob") };
        assert_conflict(store.create_user(same_username, NOW).await, "Ann is already registered");
        let both = NewUser { username: Some(username("ann")), ..new_user("ann") };
        assert_conflict(store.create_user(both, NOW).await, "ann@example.com is already registered");
        assert_eq!(store.list_users().await.unwrap().len(), 1);
        // Any number of accounts have no username.
        subject.add_user("bob").await;
        subject.add_user("cid").await;
    });
}

#[test]
fn accounts_are_listed_in_the_order_of_registration() {
    block_on(async {
        let subject = Subject::new();
        for name in ["cid", "ann", "bob"] {
            subject.add_user(name).await;
        }
        let users = subject.store.list_users().await.unwrap();
        let emails: Vec<_> = users.iter().map(|user| user.email.as_str()).collect();
        assert_eq!(emails, ["cid@example.com", "ann@example.com", "bob@example.com"]);
    });
}

#[test]
fn an_administrator_counts_while_active() {
    block_on(async {
        let subject = Subject::new();
        let ann = subject.add_user("ann").await;
        assert!(!subject.store.has_administrator().await.unwrap());
        subject.store.set_role(ann.public_id, Role::Admin, NOW).await.unwrap();
        assert!(subject.store.has_administrator().await.unwrap());
        subject.store.set_status(ann.public_id, Status::Disabled, NOW).await.unwrap();
        assert!(!subject.store.has_administrator().await.unwrap());
    });
}

#[test]
fn a_new_password_is_stored_and_begins_another_epoch() {
    block_on(async {
        let subject = Subject::new();
        let (ann, bob) = (subject.add_user("ann").await, subject.add_user("bob").await);
        let changed = subject.store.set_password(&email("ANN"), hash("second"), later(1)).await.unwrap();
        assert_eq!((changed.public_id, changed.token_epoch), (ann.public_id, ann.token_epoch + 1));
        let found = subject.store.find_credentials(&Login::Email(email("ann"))).await.unwrap().unwrap();
        assert_eq!((found.user, found.password_hash), (changed, hash("second")));
        assert_eq!(subject.store.get_user(bob.public_id).await.unwrap(), bob);
    });
}

#[test]
fn a_hash_is_upgraded_only_while_it_is_the_one_that_was_read() {
    block_on(async {
        let subject = Subject::new();
        let ann = subject.add_user("ann").await;
        let stored = async || {
            let found = subject.store.find_credentials(&Login::Email(email("ann"))).await.unwrap().unwrap();
            (found.password_hash, found.user.token_epoch)
        };
        subject.store.upgrade_password_hash(ann.public_id, hash("first"), hash("dearer")).await.unwrap();
        assert_eq!(stored().await, (hash("dearer"), 0));
        subject.store.upgrade_password_hash(ann.public_id, hash("first"), hash("lost race")).await.unwrap();
        assert_eq!(stored().await, (hash("dearer"), 0));
    });
}

#[test]
fn a_role_changes_without_ending_tokens_and_a_status_but_active_ends_them() {
    block_on(async {
        let subject = Subject::new();
        let id = subject.add_user("ann").await.public_id;
        let store = &subject.store;
        let state = async || {
            let user = store.get_user(id).await.unwrap();
            (user.role, user.status, user.token_epoch)
        };
        store.set_role(id, Role::Manager, NOW).await.unwrap();
        assert_eq!(state().await, (Role::Manager, Status::Active, 0));
        store.set_status(id, Status::Disabled, NOW).await.unwrap();
        assert_eq!(state().await, (Role::Manager, Status::Disabled, 1));
        store.set_status(id, Status::Active, NOW).await.unwrap();
        assert_eq!(state().await, (Role::Manager, Status::Active, 1));
        store.set_status(id, Status::Pending, NOW).await.unwrap();
        assert_eq!(state().await, (Role::Manager, Status::Pending, 2));
    });
}
