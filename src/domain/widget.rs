//! Widgets: every user reads, administrators write.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use url::Url;

use super::{
    Bookmark, Deadline, HistoryEntry, Import, Imported, Page, PageRequest, Portion, Precondition,
    RequestContext, Search, Sort, Timestamp, UserId, UserRef, UserSummary, Version,
};
use crate::error::Error;

/// A widget's name, which is also a segment of its path: 1 to 100 of `a-z 0-9 - _`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WidgetName(String);

checked_text!(WidgetName);

impl WidgetName {
    /// The error echoes the input.
    pub fn parse(text: &str) -> Result<Self, String> {
        let allowed =
            |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'_');
        if text.is_empty() {
            return Err("is required".to_owned());
        }
        if !text.bytes().all(allowed) {
            return Err(format!(
                "'{text}' contains one or more invalid characters. Widget name must contain only \
                 lowercase letters, numbers, hyphen and underscore characters."
            ));
        }
        if text.len() > 100 {
            return Err(format!(
                "'{text}' has {} characters; a widget name has at most 100",
                text.len()
            ));
        }
        Ok(Self(text.to_owned()))
    }

    /// Parses a name from a path. Upper case is folded to lower case.
    pub fn from_path(text: &str) -> Result<Self, String> {
        // The error echoes the name as it was written.
        Self::parse(&text.to_ascii_lowercase()).or_else(|_| Self::parse(text))
    }
}

/// An absolute http or https URL (WHATWG URL) of at most 255 characters, stored as it was typed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InfoUrl(String);

checked_text!(InfoUrl);

impl InfoUrl {
    /// The error echoes the input.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text.chars().count() > 255 {
            return Err("must have at most 255 characters".to_owned());
        }
        if is_web_url(text) {
            Ok(Self(text.to_owned()))
        } else {
            Err(format!("{text} is not a valid http or https URL"))
        }
    }
}

fn is_web_url(text: &str) -> bool {
    // The URL standard's parser drops blanks and line breaks and adds missing slashes. Input that
    // it would repair is refused, because the URL is stored and shown as it was typed.
    let has_authority = |scheme: &str| {
        text.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme))
            && !text[scheme.len()..].starts_with('/')
    };
    (has_authority("http://") || has_authority("https://"))
        && !text.contains(|c: char| c.is_whitespace() || c.is_control() || c == '\\')
        && Url::parse(text).is_ok_and(|url| url.has_host())
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum WidgetSort {
    #[default]
    CreatedAt,
    Deadline,
}

named!(WidgetSort { CreatedAt => "created_at", Deadline => "deadline" });

/// Filter and sort order of a list of widgets.
#[derive(Clone, Debug, Default)]
pub struct WidgetFilter {
    pub owner: Option<UserRef>,
    /// Due before this moment.
    pub deadline_before: Option<Timestamp>,
    /// Due at this moment or after it.
    pub deadline_after: Option<Timestamp>,
    /// Whether the deadline has passed.
    pub overdue: Option<bool>,
    pub search: Option<Search>,
    /// In the order of creation by default.
    pub sort: Option<Sort<WidgetSort>>,
}

/// A change of a widget. `None` keeps a field.
#[derive(Clone, Debug, Default)]
pub struct WidgetChange {
    pub name: Option<WidgetName>,
    pub info_url: Option<InfoUrl>,
    pub deadline: Option<Deadline>,
}

#[derive(Clone, Debug)]
pub struct NewWidget {
    pub name: WidgetName,
    pub info_url: InfoUrl,
    pub deadline: Deadline,
    pub owner: UserId,
}

/// A widget in an import.
#[derive(Clone, Debug)]
pub struct WidgetRow {
    pub name: WidgetName,
    pub info_url: InfoUrl,
    pub deadline: Deadline,
    /// Of a new widget.
    pub owner: UserRef,
    /// When the deadline must not have passed.
    pub made_at: Timestamp,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Widget {
    pub version: Version,
    pub name: WidgetName,
    pub info_url: InfoUrl,
    pub deadline: Deadline,
    pub created_at: Timestamp,
    pub owner: UserSummary,
}

audited_texts!(WidgetName, InfoUrl);

audited! {
    Widget: CreateWidget, UpdateWidget, DeleteWidget;
    name name;
    fields name, info_url, deadline, owner;
}

/// The effect of an upsert.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Upsert {
    Created,
    /// The record existed, maybe with the same content.
    Updated,
}

/// The store of widgets. Administrators write. A change without effect keeps the version. Only a
/// changed deadline is checked.
#[async_trait]
pub trait WidgetStore {
    /// [`Error::Conflict`] if the name is taken, [`Error::NotFound`] if the owner does not exist.
    async fn create_widget(
        &self,
        new: NewWidget,
        context: &RequestContext,
    ) -> Result<Widget, Error>;

    async fn get_widget(&self, name: &WidgetName) -> Result<Widget, Error>;

    /// For a user, unless the program itself reads. `now` decides which are overdue.
    async fn list_widgets(
        &self,
        reader: Option<UserId>,
        filter: WidgetFilter,
        page: PageRequest,
        now: Timestamp,
    ) -> Result<Page<Widget>, Error>;

    /// The events of a widget since it was created, latest first.
    async fn list_widget_history(
        &self,
        reader: UserId,
        name: &WidgetName,
        page: PageRequest,
    ) -> Result<Page<HistoryEntry>, Error>;

    /// All widgets of such a list, a portion at a time.
    async fn export_widgets(
        &self,
        reader: Option<UserId>,
        filter: WidgetFilter,
        bookmark: Bookmark,
        now: Timestamp,
    ) -> Result<Portion<Widget>, Error>;

    /// Creates or updates widgets by their names: all, or none and [`Error::Invalid`].
    async fn import_widgets(
        &self,
        import: Import<WidgetRow>,
        context: &RequestContext,
    ) -> Result<Imported, Error>;

    /// Updates the widget of that name and keeps its owner, or creates it.
    async fn upsert_widget(
        &self,
        new: NewWidget,
        precondition: Precondition,
        context: &RequestContext,
    ) -> Result<(Widget, Upsert), Error>;

    /// [`Error::Conflict`] if the new name is taken.
    async fn update_widget(
        &self,
        name: &WidgetName,
        change: WidgetChange,
        precondition: Precondition,
        context: &RequestContext,
    ) -> Result<Widget, Error>;

    async fn delete_widget(
        &self,
        name: &WidgetName,
        precondition: Precondition,
        context: &RequestContext,
    ) -> Result<(), Error>;

    /// Deletes several widgets that are as they were seen: all, or none and [`Error::Conflict`] that
    /// says which one is in the way.
    async fn delete_widgets(
        &self,
        seen: Vec<(WidgetName, Version)>,
        context: &RequestContext,
    ) -> Result<(), Error>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_plain_lower_case() {
        for text in ["a", "widget-1", "new_widget", &"x".repeat(100)] {
            assert_eq!(WidgetName::parse(text).unwrap().as_str(), text);
        }
        for text in ["", "Widget", "a b", "a/b", "ä", "a.b", "a\0", &"x".repeat(101)] {
            assert!(WidgetName::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_bad_name_is_echoed() {
        let why = WidgetName::parse("no spaces").unwrap_err();
        assert!(why.starts_with("'no spaces' contains one or more invalid characters. "), "{why}");
    }

    #[test]
    fn a_name_in_a_path_is_folded_to_lower_case() {
        assert_eq!(WidgetName::from_path("Widget-1").unwrap().as_str(), "widget-1");
        assert!(WidgetName::from_path("Not.One").unwrap_err().starts_with("'Not.One' contains"));
    }

    #[test]
    fn web_addresses_are_accepted_as_typed() {
        for text in [
            "https://example.com",
            "HTTP://EXAMPLE.com:8080/a?b=c#d",
            "http://[::1]/",
            "https://exämple.com/ü",
        ] {
            assert_eq!(InfoUrl::parse(text).unwrap().as_str(), text);
        }
    }

    #[test]
    fn what_is_no_web_address_is_refused() {
        let long = format!("https://example.com/{}", "x".repeat(236));
        for text in [
            "",
            "example.com",
            "ftp://example.com",
            "javascript:alert(1)",
            "http:example.com",
            "http://",
            "https:///x",
            "http://exa mple.com",
            " http://example.com",
            "http://example.com\n",
            "http://a\\b",
            "http://example.com:99999",
            &long,
        ] {
            assert!(InfoUrl::parse(text).is_err(), "{text}");
        }
        assert!(InfoUrl::parse(&long[..255]).is_ok());
    }
}
