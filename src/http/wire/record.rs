//! What a resource says of its records, once for all the answers that carry one.

use schemars::JsonSchema;
use serde::Serialize;

use super::services::{API, ViewContext};
use crate::domain::Timestamp;

/// A record that clients read.
pub trait Record: Sized {
    /// What clients see of it.
    type View: Serialize + JsonSchema;

    /// The opaque part of the entity tag (RFC 9110 section 8.8.3): it changes with everything that
    /// a client sees, except what goes by the second.
    fn etag(&self, now: Timestamp) -> String;

    fn view(self, context: &ViewContext<'_>) -> Self::View;
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
