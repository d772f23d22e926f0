//! Tokens: authority and revocation.

use widgetd::domain::{Authority, PublicId, Role, Status, TokenId};

use crate::{NOW, Subject, block_on, email, hash, later};

#[test]
fn authority_is_what_the_account_is_at_this_moment() {
    block_on(async {
        let subject = Subject::new();
        let (store, ann) = (&subject.store, subject.add_user("ann").await);
        let token = TokenId::generate(0);
        let expected = Authority {
            user: ann.public_id,
            role: Role::Employee,
            status: Status::Active,
            token_epoch: 0,
            revoked: false,
        };
        assert_eq!(store.find_authority(ann.public_id, &token).await.unwrap(), Some(expected.clone()));

        store.set_role(ann.public_id, Role::Admin, NOW).await.unwrap();
        store.set_password(&email("ann"), hash("second"), NOW).await.unwrap();
        store.set_status(ann.public_id, Status::Disabled, NOW).await.unwrap();
        store.revoke_token(&token, later(1_000), NOW).await.unwrap();
        let expected =
            Authority { role: Role::Admin, status: Status::Disabled, token_epoch: 2, revoked: true, ..expected };
        assert_eq!(store.find_authority(ann.public_id, &token).await.unwrap(), Some(expected));
        assert_eq!(store.find_authority(PublicId::generate(), &token).await.unwrap(), None);
    });
}

#[test]
fn a_revoked_token_stays_revoked_after_reopening_and_no_other_is() {
    block_on(async {
        let subject = Subject::new();
        let ann = subject.add_user("ann").await;
        let (revoked, other) = (TokenId::generate(0), TokenId::generate(0));
        subject.store.revoke_token(&revoked, later(1_000), NOW).await.unwrap();
        subject.store.revoke_token(&revoked, later(1_000), NOW).await.unwrap();
        let subject = subject.reopen().await;
        for (token, expected) in [(revoked, true), (other, false)] {
            let authority = subject.store.find_authority(ann.public_id, &token).await.unwrap().unwrap();
            assert_eq!(authority.revoked, expected);
        }
    });
}

#[test]
fn a_revocation_is_kept_until_the_token_expires_and_no_longer() {
    block_on(async {
        let subject = Subject::new();
        let store = &subject.store;
        for _ in 0..3 {
            store.revoke_token(&TokenId::generate(0), later(1_000), NOW).await.unwrap();
        }
        assert_eq!(store.purge_revoked_tokens(later(999)).await.unwrap(), 0);
        // A later revocation sweeps up as well.
        store.revoke_token(&TokenId::generate(0), later(2_000), later(1_000)).await.unwrap();
        assert_eq!(store.purge_revoked_tokens(later(1_999)).await.unwrap(), 0);
        assert_eq!(store.purge_revoked_tokens(later(2_000)).await.unwrap(), 1);
    });
}
