//! API keys: they let a script act for a user without the password.

use async_trait::async_trait;

use super::text::check_line;
use super::{
    Authority, KeyId, KeyScope, Page, PageRequest, RequestContext, SecretHash, Timestamp, UserId,
    Zone,
};
use crate::error::Error;

/// 1 to 100 characters, none of them a control character.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyName(String);

/// The error of a second key of that name.
pub fn key_exists(name: &str) -> Error {
    Error::Conflict(format!("There is a key named {name} already."))
}

checked_text!(KeyName, |text| check_line(text, 100));

/// A key to be created. The store never sees the key itself.
#[derive(Clone, Debug)]
pub struct NewApiKey {
    pub id: KeyId,
    pub owner: UserId,
    /// Unique among its owner's keys.
    pub name: KeyName,
    pub scope: KeyScope,
    pub hash: SecretHash,
    /// The last moment at which it is valid; `None` if it does not expire.
    pub expires_at: Option<Timestamp>,
}

impl NewApiKey {
    /// Parses the last moment of a key: a time, or a date, of which the last moment in the zone
    /// counts.
    pub fn parse_expiry(text: &str, now: Timestamp, zone: &Zone) -> Result<Timestamp, String> {
        let end = Timestamp::parse_end(text, zone)?;
        if end > now { Ok(end) } else { Err(format!("'{text}' is in the past")) }
    }
}

/// A key as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiKey {
    pub id: KeyId,
    /// Its owner's e-mail address, or else username.
    pub owner: String,
    pub name: KeyName,
    pub scope: KeyScope,
    pub created_at: Timestamp,
    /// The last moment at which it is valid, if it expires.
    pub expires_at: Option<Timestamp>,
    /// To the minute; `None` if it was never used.
    pub last_used_at: Option<Timestamp>,
}

/// The current state of the API key of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyAuthority {
    pub id: KeyId,
    pub scope: KeyScope,
    /// The last moment at which it is valid, if it expires.
    pub expires_at: Option<Timestamp>,
    /// The last recorded use.
    pub last_used_at: Option<Timestamp>,
    /// `None` if the owner is not active.
    pub owner: Option<Authority>,
}

impl KeyAuthority {
    /// How old the recorded use may be. To record each use would cost more than the request.
    const USE_PRECISION_MILLIS: i64 = 60_000;

    pub fn has_expired(&self, now: Timestamp) -> bool {
        self.expires_at.is_some_and(|end| now > end)
    }

    pub fn should_record_use(&self, now: Timestamp) -> bool {
        self.last_used_at.is_none_or(|recorded| {
            now.as_millis().saturating_sub(recorded.as_millis()) >= Self::USE_PRECISION_MILLIS
        })
    }
}

/// The API keys that are stored. Only their owner creates and revokes them.
#[async_trait]
pub trait ApiKeyStore {
    /// [`Error::Conflict`] if the owner has a key with that name, or the maximum number of keys.
    async fn create_key(&self, new: NewApiKey, context: &RequestContext) -> Result<ApiKey, Error>;

    /// The authority of the bearer of an API key; `None` if there is no such key.
    async fn find_key_authority(&self, hash: &SecretHash) -> Result<Option<KeyAuthority>, Error>;

    /// The keys of a user, or of all users, in the order of creation.
    async fn list_keys(
        &self,
        owner: Option<UserId>,
        page: PageRequest,
    ) -> Result<Page<ApiKey>, Error>;

    /// [`Error::NotFound`] if the owner has no such key.
    async fn revoke_key(
        &self,
        owner: UserId,
        id: KeyId,
        context: &RequestContext,
    ) -> Result<(), Error>;

    /// Records when a key was last used, if it still exists.
    async fn record_key_use(&self, id: KeyId, at: Timestamp) -> Result<(), Error>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_a_readable_line() {
        for text in ["ci", "Nightly report (prod)", "täglich", &"ä".repeat(100)] {
            assert_eq!(KeyName::parse(text).unwrap().as_str(), text);
        }
        for text in ["", "  ", "a\nb", "a\u{1b}[2J", "a\u{202e}b", &"x".repeat(101)] {
            assert!(KeyName::parse(text).is_err(), "{text:?}");
        }
    }

    fn key(expires_at: Option<i64>, last_used_at: Option<i64>) -> KeyAuthority {
        KeyAuthority {
            id: KeyId::generate(),
            scope: KeyScope::Read,
            expires_at: expires_at.map(Timestamp::from_millis),
            last_used_at: last_used_at.map(Timestamp::from_millis),
            owner: None,
        }
    }

    #[test]
    fn a_key_is_valid_until_its_last_moment_or_does_not_expire() {
        let at = Timestamp::from_millis;
        assert!(!key(Some(1_000), None).has_expired(at(1_000)));
        assert!(key(Some(1_000), None).has_expired(at(1_001)));
        assert!(!key(None, None).has_expired(at(i64::MAX)));
    }

    #[test]
    fn a_key_expires_at_the_end_of_a_date_in_the_zone() {
        let zone = Zone::parse("America/Los_Angeles").unwrap();
        // 2027-01-01T07:59:59.999Z
        let end = Timestamp::from_millis(1_798_790_399_999);
        let parse = |now| NewApiKey::parse_expiry("2026-12-31", now, &zone);
        assert_eq!(parse(Timestamp::from_millis(end.as_millis() - 1)), Ok(end));
        assert_eq!(parse(end), Err("'2026-12-31' is in the past".to_owned()));
    }

    #[test]
    fn a_use_is_recorded_once_a_minute() {
        let at = Timestamp::from_millis;
        assert!(key(None, None).should_record_use(at(0)));
        assert!(!key(None, Some(1)).should_record_use(at(60_000)));
        assert!(key(None, Some(1)).should_record_use(at(60_001)));
    }
}
