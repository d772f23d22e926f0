//! The page that asks before something is done that cannot be undone.

use askama::Template;

use super::frame::Frame;
use crate::domain::Version;

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
}
