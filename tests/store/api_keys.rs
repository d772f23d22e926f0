//! API keys.

use widgetd::domain::{ApiKey, Authority, KeyAuthority, KeyId, KeyScope, NewApiKey, Role};

use crate::{
    ALL, ANY_STATE, NOW, Subject, assert_conflict, assert_not_found, assert_pages, block_on,
    cli_context, later, new_key, owner_context, secret, to_role,
};

#[test]
fn a_key_is_what_was_stored_also_after_reopening() {
    block_on(async {
        let subject = Subject::new();
        let (ann, mut keys) = (subject.add_user("Ann").await, Vec::new());
        for (scope, expires_at, byte) in
            [(KeyScope::Read, None, 1), (KeyScope::Write, Some(later(1_000)), 2)]
        {
            let new =
                NewApiKey { scope, expires_at, ..new_key(ann.public_id, scope.as_str(), byte) };
            let context = owner_context(ann.public_id, "192.0.2.7");
            let (created, noted) =
                subject.noting(subject.store.create_key(new.clone(), &context)).await;
            let expected = ApiKey {
                id: new.id,
                owner: ann.email.clone(),
                name: new.name,
                scope,
                created_at: NOW,
                expires_at,
                last_used_at: None,
            };
            assert_eq!(created.unwrap(), expected);
            assert_eq!(noted, ["key.create"]);
            keys.push(expected);
        }
        let subject = subject.reopen().await;
        assert_eq!(subject.store.list_keys(None, ALL).await.unwrap().items, keys);
        for (key, byte) in keys.into_iter().zip([1, 2]) {
            let authority = KeyAuthority {
                id: key.id,
                scope: key.scope,
                expires_at: key.expires_at,
                last_used_at: None,
                owner: Some(Authority { user: ann.public_id, role: Role::Employee }),
            };
            assert_eq!(
                subject.store.find_key_authority(&secret(byte)).await.unwrap(),
                Some(authority)
            );
        }
        assert_eq!(subject.store.find_key_authority(&secret(3)).await.unwrap(), None);
    });
}

#[test]
fn a_key_may_do_what_its_owner_may_at_this_moment() {
    block_on(async {
        let subject = Subject::new();
        let (ann, store) = (subject.add_user("ann").await.public_id, &subject.store);
        store.create_key(new_key(ann, "ci", 1), &cli_context()).await.unwrap();
        for role in [Role::Admin, Role::Manager] {
            subject.add_admin(role.as_str()).await;
            store.update_user(ann, to_role(role), ANY_STATE, &cli_context()).await.unwrap();
            let found = store.find_key_authority(&secret(1)).await.unwrap().unwrap();
            assert_eq!(found.owner, Some(Authority { user: ann, role }));
        }
    });
}

#[test]
fn a_key_s_name_is_unique_among_its_owner_s() {
    block_on(async {
        let subject = Subject::new();
        let (ann, bob) =
            (subject.add_user("ann").await.public_id, subject.add_user("bob").await.public_id);
        let store = &subject.store;
        let first = store.create_key(new_key(ann, "ci", 1), &cli_context()).await.unwrap();
        let (refused, noted) =
            subject.noting(store.create_key(new_key(ann, "ci", 2), &cli_context())).await;
        assert_conflict(refused, "There is a key named ci already.");
        assert!(noted.is_empty());
        assert_eq!(store.find_key_authority(&secret(2)).await.unwrap(), None);
        let listed = store.list_keys(Some(ann), ALL).await.unwrap();
        assert_eq!((listed.items.as_slice(), listed.total), ([first.clone()].as_slice(), 1));

        store.create_key(new_key(bob, "ci", 3), &cli_context()).await.unwrap();
        store.create_key(new_key(ann, "nightly", 4), &cli_context()).await.unwrap();
        store.revoke_key(ann, first.id, &cli_context()).await.unwrap();
        store.create_key(new_key(ann, "ci", 5), &cli_context()).await.unwrap();
    });
}

#[test]
fn key_pagination_follows_the_order_of_creation_for_one_owner_or_all() {
    block_on(async {
        let subject = Subject::new();
        let (ann, bob) =
            (subject.add_user("ann").await.public_id, subject.add_user("bob").await.public_id);
        let (store, mut all, mut anns) = (&subject.store, Vec::new(), Vec::new());
        for byte in (0..14).rev() {
            let owner = if byte % 2 == 0 { ann } else { bob };
            let key = store
                .create_key(new_key(owner, &format!("key {byte}"), byte), &cli_context())
                .await
                .unwrap();
            all.push(key.clone());
            if owner == ann {
                anns.push(key);
            }
        }
        assert_pages(&all, async |request| store.list_keys(None, request).await).await;
        assert_pages(&anns, async |request| store.list_keys(Some(ann), request).await).await;
    });
}

#[test]
fn a_revoked_key_is_dead_after_reopening() {
    block_on(async {
        let subject = Subject::new();
        let (ann, store) = (subject.add_user("ann").await.public_id, &subject.store);
        let key = store.create_key(new_key(ann, "ci", 1), &cli_context()).await.unwrap();
        store.create_key(new_key(ann, "nightly", 2), &cli_context()).await.unwrap();
        let (revoked, noted) = subject.noting(store.revoke_key(ann, key.id, &cli_context())).await;
        revoked.unwrap();
        assert_eq!(noted, ["key.revoke"]);
        assert_eq!(store.find_key_authority(&secret(1)).await.unwrap(), None);
        let subject = subject.reopen().await;
        assert_eq!(subject.store.find_key_authority(&secret(1)).await.unwrap(), None);
        assert!(subject.store.find_key_authority(&secret(2)).await.unwrap().is_some());
        assert_eq!(subject.store.list_keys(Some(ann), ALL).await.unwrap().total, 1);
    });
}

#[test]
fn a_key_is_revoked_once_and_only_by_its_own_account() {
    block_on(async {
        let subject = Subject::new();
        let (ann, bob) =
            (subject.add_user("ann").await.public_id, subject.add_user("bob").await.public_id);
        let key = subject.store.create_key(new_key(ann, "ci", 1), &cli_context()).await.unwrap().id;
        let revoke = async |owner, id| {
            subject.noting(subject.store.revoke_key(owner, id, &cli_context())).await
        };
        for (owner, id) in [(bob, key), (ann, KeyId::generate())] {
            let (refused, noted) = revoke(owner, id).await;
            assert_not_found(refused);
            assert!(noted.is_empty());
        }
        assert!(subject.store.find_key_authority(&secret(1)).await.unwrap().is_some());
        revoke(ann, key).await.0.unwrap();
        assert_not_found(revoke(ann, key).await.0);
    });
}

#[test]
fn the_last_use_of_a_key_never_goes_back() {
    block_on(async {
        let subject = Subject::new();
        let (ann, store) = (subject.add_user("ann").await.public_id, &subject.store);
        let used = store.create_key(new_key(ann, "used", 1), &cli_context()).await.unwrap();
        let idle = store.create_key(new_key(ann, "idle", 2), &cli_context()).await.unwrap();
        for (at, noted_at) in [(1, 1), (5, 5), (3, 5), (6, 6)] {
            let (written, noted) = subject.noting(store.record_key_use(used.id, later(at))).await;
            written.unwrap();
            assert!(noted.is_empty());
            let last_used_at = Some(later(noted_at));
            let found = store.find_key_authority(&secret(1)).await.unwrap().unwrap();
            assert_eq!(found.last_used_at, last_used_at);
            let listed = store.list_keys(Some(ann), ALL).await.unwrap().items;
            assert_eq!(listed, [ApiKey { last_used_at, ..used.clone() }, idle.clone()]);
        }
    });
}

#[test]
fn an_account_has_a_hundred_keys_and_no_more() {
    block_on(async {
        let subject = Subject::new();
        let (ann, bob) =
            (subject.add_user("ann").await.public_id, subject.add_user("bob").await.public_id);
        let store = &subject.store;
        let key = |n: u8| new_key(ann, &n.to_string(), n);
        for n in 0..100 {
            store.create_key(key(n), &cli_context()).await.unwrap();
        }
        let (refused, noted) = subject.noting(store.create_key(key(100), &cli_context())).await;
        assert_conflict(refused, "There are 100 keys already, the most there may be.");
        assert!(noted.is_empty());
        store.create_key(new_key(bob, "one", 200), &cli_context()).await.unwrap();
        store
            .revoke_key(
                ann,
                store.list_keys(Some(ann), ALL).await.unwrap().items[0].id,
                &cli_context(),
            )
            .await
            .unwrap();
        store.create_key(key(100), &cli_context()).await.unwrap();
    });
}
