//! What an event changed.

use schemars::JsonSchema;
use serde::Serialize;

use crate::domain::{ChangedFields, Changes};

/// The name of each field that changed, with its text before and after, `null` if it had no value.
/// Texts are cut after 255 characters. `null` in place of both: only the owner may see the field.
#[derive(Serialize, JsonSchema)]
pub struct ChangesView(ChangedFields);

impl From<Changes> for ChangesView {
    fn from(changes: Changes) -> Self {
        Self(changes.0)
    }
}
