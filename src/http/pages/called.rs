//! What people who stand in events are called now. Events have the names of then.

use std::collections::{BTreeMap, BTreeSet};

use crate::domain::{UserId, UserSummary};
use crate::error::Error;
use crate::store::Store;

/// What users are called now, by id.
pub struct Called(BTreeMap<String, String>);

/// A name as it is shown, and the event's own if that is another one.
pub struct ShownName {
    pub text: String,
    pub then: Option<String>,
}

impl Called {
    /// Of all users of a page, with one query.
    pub async fn of(
        store: &dyn Store,
        ids: impl Iterator<Item = Option<&String>>,
    ) -> Result<Self, Error> {
        let ids: BTreeSet<_> = ids.flatten().collect();
        let ids = ids.into_iter().filter_map(|id| UserId::parse(id)).collect();
        let users = store.get_people(ids).await?;
        let name = |user: &UserSummary| user.names.called().to_owned();
        Ok(Self(users.iter().map(|user| (user.public_id.to_string(), name(user))).collect()))
    }

    /// A user who is no more keeps the name of then.
    pub fn name(&self, id: Option<&str>, then: String) -> ShownName {
        match id.and_then(|id| self.0.get(id)) {
            Some(now) if *now != then => ShownName { text: now.clone(), then: Some(then) },
            _ => ShownName { text: then, then: None },
        }
    }
}
