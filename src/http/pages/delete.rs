//! The page that asks before a record is deleted. Only what was seen is deleted.

use askama::Template;
use serde_json::{Value, json};

use super::frame::Frame;
use crate::domain::{Precondition, Version};
use crate::http::wire::{Field, FieldContext, input};

/// The question.
#[derive(Template)]
#[template(path = "delete.html")]
pub struct DeletePage<'a> {
    pub frame: Frame,
    /// `task`
    pub kind: &'static str,
    pub name: &'a str,
    /// The record's, relative to the root.
    pub address: String,
    /// The one that is shown.
    pub version: Version,
}

input! {
    /// The answer.
    pub struct DeleteForm {
        /// The version that was shown.
        seen: Option<Version>,
    }
}

impl DeleteForm {
    pub fn precondition(&self) -> Precondition {
        self.seen.map(Precondition::is).unwrap_or_default()
    }
}

impl Field for Version {
    fn parse(text: &str, _: &FieldContext) -> Result<Self, String> {
        Self::parse(text).ok_or_else(|| "is not what a form of these pages sends".to_owned())
    }

    fn schema() -> Value {
        json!({ "type": "string" })
    }
}
