//! Examples of the OpenAPI document: what the service would answer with these values.

use serde_json::Value;

use super::record::Record;
use super::services::{BasePath, FieldContext, ViewContext};
use crate::domain::{PasswordPolicy, Quota, Timestamp, Zone};

/// A type with a value for the document.
pub trait Example: Sized {
    /// The error says which part of it its type refuses.
    fn example() -> Result<Self, String>;
}

/// When the examples are answered: 2026-11-22 at 8:30 UTC.
pub const NOW: Timestamp = Timestamp::from_seconds(1_795_336_200);

/// Stands for the path of the public URL, which is known when the document is complete.
pub const BASE: &str = "{base}";

/// Stands for the path of the operation.
pub const PATH: &str = "{path}";

/// The context of the views of examples.
pub fn view_context() -> ViewContext<'static> {
    ViewContext { base: BasePath(BASE), now: NOW, quota: Quota::default() }
}

/// The context of input that leads to examples of problems.
pub fn field_context() -> FieldContext {
    let password_policy = PasswordPolicy { min_length: 8, min_score: 2 };
    FieldContext { now: NOW, zone: Zone::UTC, password_policy, require_email: true }
}

/// The view of a record's example.
pub fn example_view<R: Record + Example>() -> Result<R::View, String> {
    R::example().map(|record| record.view(&view_context()))
}

/// Puts what is known at last into the texts of an example.
pub fn complete_example(example: &mut Value, base: &str, path: &str) {
    match example {
        Value::String(text) if text.contains('{') => {
            *text = text.replace(BASE, base).replace(PATH, path);
        }
        Value::Array(items) => {
            for item in items {
                complete_example(item, base, path);
            }
        }
        Value::Object(fields) => {
            for field in fields.values_mut() {
                complete_example(field, base, path);
            }
        }
        _ => {}
    }
}
