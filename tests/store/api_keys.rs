//! API keys.

use widgetd::domain::{ApiKey, Authority, KeyAuthority, KeyId, KeyScope, NewApiKey, Role};

use crate::{
    ALL, CLI, NOW, Subject, assert_conflict, assert_not_found, assert_pages, later, new_key,
    owner_context, secret,
};

#[tokio::test]
async fn an_api_key_is_read_back_as_created_after_reopening() {
    let subject = Subject::new();
    let (ann, mut keys) = (subject.add_user("Ann").await, Vec::new());
    for (scope, expires_at, byte) in
        [(KeyScope::Read, None, 1), (KeyScope::Write, Some(later(1_000)), 2)]
    {
        let new = NewApiKey { scope, expires_at, ..new_key(ann.public_id, scope.as_str(), byte) };
        let context = owner_context(ann.public_id, "192.0.2.7");
        let created =
            subject.audited(&["key.create"], subject.create_key(new.clone(), &context)).await;
        let expected = ApiKey {
            id: new.id,
            owner: ann.names.label().to_owned(),
            name: new.name,
            scope,
            created_at: NOW,
            expires_at,
            last_used_at: None,
        };
        assert_eq!(created.unwrap(), expected);
        keys.push(expected);
    }
    let subject = subject.reopen().await;
    assert_eq!(subject.list_keys(None, ALL).await.unwrap().items, keys);
    for (key, byte) in keys.into_iter().zip([1, 2]) {
        let authority = KeyAuthority {
            id: key.id,
            scope: key.scope,
            expires_at: key.expires_at,
            last_used_at: None,
            owner: Some(Authority { user: ann.public_id, role: Role::Employee }),
        };
        assert_eq!(subject.find_key_authority(&secret(byte)).await.unwrap(), Some(authority));
    }
    assert_eq!(subject.find_key_authority(&secret(3)).await.unwrap(), None);
}

#[tokio::test]
async fn an_api_key_name_is_unique_per_owner() {
    let subject = Subject::new();
    let [ann, bob] = subject.add_ids(["ann", "bob"]).await;
    let store = &subject.store;
    let first = store.create_key(new_key(ann, "ci", 1), CLI).await.unwrap();
    let refused = subject.audited(&[], store.create_key(new_key(ann, "ci", 2), CLI)).await;
    assert_conflict(refused, "There is a key named ci already.");
    assert_eq!(store.find_key_authority(&secret(2)).await.unwrap(), None);
    let listed = store.list_keys(Some(ann), ALL).await.unwrap();
    assert_eq!((listed.items.as_slice(), listed.total), ([first.clone()].as_slice(), 1));

    store.create_key(new_key(bob, "ci", 3), CLI).await.unwrap();
    store.create_key(new_key(ann, "nightly", 4), CLI).await.unwrap();
    store.revoke_key(ann, first.id, CLI).await.unwrap();
    store.create_key(new_key(ann, "ci", 5), CLI).await.unwrap();
}

#[tokio::test]
async fn api_key_pagination_follows_the_order_of_creation_for_one_owner_or_all() {
    let subject = Subject::new();
    let [ann, bob] = subject.add_ids(["ann", "bob"]).await;
    let (store, mut all, mut anns) = (&subject.store, Vec::new(), Vec::new());
    for byte in (0..14).rev() {
        let owner = if byte % 2 == 0 { ann } else { bob };
        let key =
            store.create_key(new_key(owner, &format!("key {byte}"), byte), CLI).await.unwrap();
        all.push(key.clone());
        if owner == ann {
            anns.push(key);
        }
    }
    assert_pages(&all, async |request| store.list_keys(None, request).await).await;
    assert_pages(&anns, async |request| store.list_keys(Some(ann), request).await).await;
}

#[tokio::test]
async fn an_api_key_is_revoked_for_good_once_and_only_by_its_owner() {
    let subject = Subject::new();
    let [ann, bob] = subject.add_ids(["ann", "bob"]).await;
    let key = subject.create_key(new_key(ann, "ci", 1), CLI).await.unwrap().id;
    subject.create_key(new_key(ann, "nightly", 2), CLI).await.unwrap();
    let revoke = async |owner, id| subject.revoke_key(owner, id, CLI).await;
    for (owner, id) in [(bob, key), (ann, KeyId::generate())] {
        assert_not_found(subject.audited(&[], revoke(owner, id)).await);
    }
    assert!(subject.find_key_authority(&secret(1)).await.unwrap().is_some());
    subject.audited(&["key.revoke"], revoke(ann, key)).await.unwrap();
    assert_not_found(subject.audited(&[], revoke(ann, key)).await);
    assert_eq!(subject.find_key_authority(&secret(1)).await.unwrap(), None);
    let subject = subject.reopen().await;
    assert_eq!(subject.find_key_authority(&secret(1)).await.unwrap(), None);
    assert!(subject.find_key_authority(&secret(2)).await.unwrap().is_some());
    assert_eq!(subject.list_keys(Some(ann), ALL).await.unwrap().total, 1);
}

#[tokio::test]
async fn last_used_at_of_an_api_key_never_decreases() {
    let subject = Subject::new();
    let (ann, store) = (subject.add_user("ann").await.public_id, &subject.store);
    let used = store.create_key(new_key(ann, "used", 1), CLI).await.unwrap();
    let idle = store.create_key(new_key(ann, "idle", 2), CLI).await.unwrap();
    for (at, noted_at) in [(1, 1), (5, 5), (3, 5), (6, 6)] {
        let written = subject.audited(&[], store.record_key_use(used.id, later(at))).await;
        written.unwrap();
        let last_used_at = Some(later(noted_at));
        let found = store.find_key_authority(&secret(1)).await.unwrap().unwrap();
        assert_eq!(found.last_used_at, last_used_at);
        let listed = store.list_keys(Some(ann), ALL).await.unwrap().items;
        assert_eq!(listed, [ApiKey { last_used_at, ..used.clone() }, idle.clone()]);
    }
}

#[tokio::test]
async fn the_limit_of_100_api_keys_per_user_holds() {
    let subject = Subject::new();
    let [ann, bob] = subject.add_ids(["ann", "bob"]).await;
    let store = &subject.store;
    let key = |n: u8| new_key(ann, &n.to_string(), n);
    for n in 0..100 {
        store.create_key(key(n), CLI).await.unwrap();
    }
    let refused = subject.audited(&[], store.create_key(key(100), CLI)).await;
    assert_conflict(refused, "There are 100 keys already, the most there may be.");
    store.create_key(new_key(bob, "one", 200), CLI).await.unwrap();
    store
        .revoke_key(ann, store.list_keys(Some(ann), ALL).await.unwrap().items[0].id, CLI)
        .await
        .unwrap();
    store.create_key(key(100), CLI).await.unwrap();
}
