//! What a resource says of its records, once for all the answers that carry one.

use schemars::JsonSchema;
use serde::Serialize;

use super::schemas::DateTime;
use super::services::{API, ViewContext};
use crate::domain::Timestamp;

/// A record that clients read.
pub trait Record: Sized {
    /// What clients see of it.
    type View: Serialize + JsonSchema + Send + 'static;

    /// The opaque part of the entity tag (RFC 9110 section 8.8.3): it changes with everything that
    /// a client sees, except what goes by the second.
    fn etag(&self, now: Timestamp) -> String;

    fn view(self, context: &ViewContext<'_>) -> Self::View;
}

/// When a record was created and changed, as fields of its view: `#[serde(flatten)]`.
#[derive(Serialize, JsonSchema)]
pub struct Times {
    /// `12/31/26 11:59:59 PM UTC`
    created_at: String,
    created_at_iso8601: DateTime,
    /// `12/31/26 11:59:59 PM UTC`
    updated_at: String,
    updated_at_iso8601: DateTime,
}

impl Times {
    pub fn new(created_at: Timestamp, updated_at: Timestamp) -> Self {
        Self {
            created_at: created_at.to_clock_text(),
            created_at_iso8601: DateTime(created_at),
            updated_at: updated_at.to_clock_text(),
            updated_at_iso8601: DateTime(updated_at),
        }
    }
}

/// A record with an address of its own.
pub trait Addressed: Record {
    /// The path below the API.
    fn path(&self) -> String;

    /// The address, as `link` and `Location` name it.
    fn link(&self, context: &ViewContext<'_>) -> String {
        address(&self.path(), context)
    }
}

/// The address of a path below the API.
pub fn address(path: &str, context: &ViewContext<'_>) -> String {
    format!("{}{API}{path}", context.base)
}
