//! What an event changed.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;

use crate::domain::Changes;

/// The name of each field that changed, with its text before and after, `null` if it had no value.
/// Texts are cut after 255 characters. `null` in place of both: only the owner may see the field.
#[derive(Serialize, JsonSchema)]
pub struct ChangesView(BTreeMap<String, Option<[Option<String>; 2]>>);

impl ChangesView {
    pub fn to_json(changes: &Changes) -> String {
        // Maps of texts always serialize.
        serde_json::to_string(&changes.0).unwrap_or_default()
    }
}

impl From<Changes> for ChangesView {
    fn from(changes: Changes) -> Self {
        Self(changes.0)
    }
}
