//! The page that asks before something is done that cannot be undone. Only what was seen is deleted.

use askama::Template;
use serde_json::{Value, json};

use super::frame::Frame;
use super::seen::NOT_OURS;
use crate::domain::{Precondition, Version};
use crate::http::wire::{Field, FieldContext, input};

#[derive(Template)]
#[template(path = "ask.html")]
pub struct AskPage<'a> {
    pub frame: Frame,
    /// The question.
    pub title: &'static str,
    /// What it is about; empty if the question says it.
    pub name: &'a str,
    pub consequence: &'static str,
    /// The confirming button.
    pub label: &'static str,
    /// Where the answer goes, relative to the root.
    pub action: String,
    /// The version of the record that is shown.
    pub seen: Option<Version>,
    /// The page behind, relative to the root.
    pub back: String,
    /// Whether the answer may end the session of this page.
    pub may_end_session: bool,
}

impl<'a> AskPage<'a> {
    /// Before a record is deleted.
    pub fn to_delete(
        frame: Frame,
        title: &'static str,
        name: &'a str,
        (address, version): (String, Version),
    ) -> Self {
        Self {
            frame,
            title,
            name,
            consequence: "This cannot be undone. Its history stays in the audit.",
            label: "Delete",
            action: format!("{address}/delete"),
            seen: Some(version),
            back: address,
            may_end_session: false,
        }
    }
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
        Self::parse(text).ok_or_else(|| NOT_OURS.to_owned())
    }

    fn schema() -> Value {
        json!({ "type": "string" })
    }
}
