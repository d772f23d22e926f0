//! Templates: private to their owner.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::text::{check_bytes, check_path_segment};
use super::{
    Bookmark, HistoryEntry, Page, PageRequest, Portion, Precondition, RequestContext, Search, Sort,
    Timestamp, UserId, Version,
};
use crate::error::Error;

/// A name, which is also a segment of the path: 1 to 100 characters, none of them a control
/// character, no blank at either end, and not `.` or `..`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TemplateName(String);

checked_text!(TemplateName, |text| check_path_segment(text, 100));

/// A text of 1 byte to 64 KiB in UTF-8, stored unchanged.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TemplateBody(String);

checked_text!(TemplateBody, |text| check_bytes(text, Self::MAX_BYTES));

impl TemplateBody {
    pub const MAX_BYTES: usize = 64 * 1024;
}

/// A change of a template. `None` keeps a field.
#[derive(Clone, Debug, Default)]
pub struct TemplateChange {
    pub name: Option<TemplateName>,
    pub body: Option<TemplateBody>,
}

#[derive(Clone, Debug)]
pub struct NewTemplate {
    /// Unique among its owner's templates.
    pub name: TemplateName,
    pub body: TemplateBody,
    pub owner: UserId,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Template {
    pub version: Version,
    pub name: TemplateName,
    pub body: TemplateBody,
    /// Whether the body is only its beginning, as lists have it of a long one.
    pub body_truncated: bool,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

audited! {
    Template: CreateTemplate, UpdateTemplate, DeleteTemplate;
    private name, body;
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TemplateSort {
    /// By code points.
    Name,
    #[default]
    CreatedAt,
    UpdatedAt,
}

named!(TemplateSort { Name => "name", CreatedAt => "created_at", UpdatedAt => "updated_at" });

/// Filter and sort order of a list of templates.
#[derive(Clone, Debug, Default)]
pub struct TemplateFilter {
    pub search: Option<Search>,
    /// In the order of creation by default.
    pub sort: Option<Sort<TemplateSort>>,
}

/// The store of templates. For other users than the owner they do not exist. A change without
/// effect keeps the version.
#[async_trait]
pub trait TemplateStore {
    /// [`Error::Conflict`] if the owner has one with that name, or the maximum number of templates;
    /// [`Error::NotFound`] if the owner does not exist.
    async fn create_template(
        &self,
        new: NewTemplate,
        context: &RequestContext,
    ) -> Result<Template, Error>;

    async fn get_template(&self, owner: UserId, name: &TemplateName) -> Result<Template, Error>;

    /// Its events, latest first, as far as the audit is kept.
    async fn list_template_history(
        &self,
        owner: UserId,
        name: &TemplateName,
        page: PageRequest,
    ) -> Result<Page<HistoryEntry>, Error>;

    /// Of a body of more than 4 KiB, the beginning.
    async fn list_templates(
        &self,
        owner: UserId,
        filter: TemplateFilter,
        page: PageRequest,
    ) -> Result<Page<Template>, Error>;

    /// All templates of such a list, a portion at a time, with their whole bodies.
    async fn export_templates(
        &self,
        owner: UserId,
        filter: TemplateFilter,
        bookmark: Bookmark,
    ) -> Result<Portion<Template>, Error>;

    /// [`Error::Conflict`] if the owner has another one with the new name.
    async fn update_template(
        &self,
        owner: UserId,
        name: &TemplateName,
        change: TemplateChange,
        precondition: Precondition,
        context: &RequestContext,
    ) -> Result<Template, Error>;

    async fn delete_template(
        &self,
        owner: UserId,
        name: &TemplateName,
        precondition: Precondition,
        context: &RequestContext,
    ) -> Result<(), Error>;

    /// Deletes several templates that are as they were seen: all, or none and [`Error::Conflict`] that
    /// says which one is in the way.
    async fn delete_templates(
        &self,
        owner: UserId,
        seen: Vec<(TemplateName, Version)>,
        context: &RequestContext,
    ) -> Result<(), Error>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_any_line_that_can_be_an_address() {
        for text in [
            "a",
            "Welcome, all!",
            "50% off",
            "a/b",
            "a?b#c",
            "'\"<>\\",
            "مرحبا",
            "🎉",
            "...",
            &"ä".repeat(100),
        ] {
            assert_eq!(TemplateName::parse(text).unwrap().as_str(), text);
        }
        for text in [
            "",
            " ",
            ".",
            "..",
            " a",
            "a ",
            "a\u{a0}",
            "\u{3000}a",
            "a\nb",
            "a\0",
            "a\u{202e}b",
            "\u{fffd}",
        ] {
            assert!(TemplateName::parse(text).is_err(), "{text:?}");
        }
        assert!(TemplateName::parse(&"ä".repeat(101)).is_err());
    }

    #[test]
    fn a_body_is_any_text_of_64_kib() {
        for text in
            ["a", " ", "Dear {name},\n\t\u{202e}...\r\n", "\u{1}\u{fffd}", &"ä".repeat(32 * 1024)]
        {
            assert_eq!(TemplateBody::parse(text).unwrap().as_str(), text);
        }
        assert_eq!(TemplateBody::parse(""), Err("is required".to_owned()));
        let why = TemplateBody::parse(&format!("{}a", "ä".repeat(32 * 1024))).unwrap_err();
        assert_eq!(why, "has 65537 bytes in UTF-8; it may have at most 65536");
    }
}
