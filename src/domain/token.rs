//! What an access token is to the domain: a name that can be revoked, and an account's standing.

use uuid::Uuid;

use super::{PublicId, Role, Status};

/// The `jti` of an access token: the account's token epoch when it was issued, and a random UUID.
///
/// The epoch is what lets one number in the account's row end every older token at once, exactly,
/// however many were issued in the same second. The token's signature vouches for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenId {
    epoch: i64,
    text: String,
}

impl TokenId {
    /// A new, unique id for a token of an account at `epoch`.
    pub fn generate(epoch: i64) -> Self {
        Self { epoch, text: format!("{epoch}.{}", Uuid::new_v4().simple()) }
    }

    /// Reads what [`TokenId::as_str`] wrote; `None` for anything else.
    pub fn parse(text: String) -> Option<Self> {
        let epoch = text.split_once('.')?.0.parse().ok()?;
        Some(Self { epoch, text })
    }

    /// As it stands in the token and in the table of revoked tokens.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

/// What the store knows, at this moment, of the account that a token names, and of that token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Authority {
    /// The account.
    pub user: PublicId,
    /// Its role now, whatever the token claims.
    pub role: Role,
    /// Its status now.
    pub status: Status,
    /// Its token epoch now; tokens of another epoch have ended.
    pub token_epoch: i64,
    /// Whether this very token was revoked.
    pub revoked: bool,
}

impl Authority {
    /// Whether the token still speaks for the account.
    pub fn honours(&self, token: &TokenId) -> bool {
        !self.revoked && self.status == Status::Active && self.token_epoch == token.epoch
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn authority() -> Authority {
        Authority {
            user: PublicId::generate(),
            role: Role::Employee,
            status: Status::Active,
            token_epoch: 3,
            revoked: false,
        }
    }

    #[test]
    fn a_token_of_the_present_epoch_is_honoured() {
        assert!(authority().honours(&TokenId::generate(3)));
    }

    #[test]
    fn a_token_of_another_epoch_a_revoked_one_and_one_of_an_inactive_account_are_not() {
        assert!(!authority().honours(&TokenId::generate(2)));
        assert!(!authority().honours(&TokenId::generate(4)));
        assert!(!Authority { revoked: true, ..authority() }.honours(&TokenId::generate(3)));
        assert!(!Authority { status: Status::Disabled, ..authority() }.honours(&TokenId::generate(3)));
        assert!(!Authority { status: Status::Pending, ..authority() }.honours(&TokenId::generate(3)));
    }

    #[test]
    fn an_id_reads_back_as_it_was_written() {
        let id = TokenId::generate(12);
        assert_eq!(TokenId::parse(id.as_str().to_owned()), Some(id));
        assert_eq!(TokenId::parse("no-epoch".to_owned()), None);
        assert_eq!(TokenId::parse("x.y".to_owned()), None);
    }
}
