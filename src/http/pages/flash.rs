//! What the last form has done: a message in a cookie, which the next page shows and clears.

use rocket::http::{Header, SameSite};
use rocket::time::Duration;
use rocket::{Request, Response};

use super::parts::status_in_words;
use crate::domain::{RequestId, TaskStatus};
use crate::error::Error;
use crate::http::auth::{cookie_name, cookies, set_cookie};

/// What its cookie is for, in the cookie's name.
const PURPOSE: &str = "done";

/// How long the next page may take, in seconds.
const FLASH_SECONDS: i64 = 60;

/// The pages of records, as a message may link to them.
const RECORDS: [&str; 4] = ["tasks/", "widgets/", "templates/", "people/"];

/// What was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Said {
    Added,
    Changed,
    Unchanged,
    Deleted,
    Assigned,
    Undone,
    Approved,
    Enabled,
    Disabled,
    SignedOut,
    PasswordChanged,
    Revoked,
    Moved(TaskStatus),
}

impl Said {
    /// All but moves, which have the names of their statuses.
    const OTHERS: [Self; 12] = [
        Self::Added,
        Self::Changed,
        Self::Unchanged,
        Self::Deleted,
        Self::Assigned,
        Self::Undone,
        Self::Approved,
        Self::Enabled,
        Self::Disabled,
        Self::SignedOut,
        Self::PasswordChanged,
        Self::Revoked,
    ];

    /// Its name in a cookie.
    const fn name(self) -> &'static str {
        match self {
            Self::Added => "added",
            Self::Changed => "changed",
            Self::Unchanged => "unchanged",
            Self::Deleted => "deleted",
            Self::Assigned => "assigned",
            Self::Undone => "undone",
            Self::Approved => "approved",
            Self::Enabled => "enabled",
            Self::Disabled => "disabled",
            Self::SignedOut => "signed-out",
            Self::PasswordChanged => "password",
            Self::Revoked => "revoked",
            Self::Moved(status) => status.as_str(),
        }
    }

    fn from_name(name: &str) -> Option<Self> {
        let moved = TaskStatus::from_name(name).map(Self::Moved);
        moved.or_else(|| Self::OTHERS.into_iter().find(|said| said.name() == name))
    }

    fn text(self) -> String {
        match self {
            Self::Added => "Added.".to_owned(),
            Self::Changed => "Saved.".to_owned(),
            Self::Unchanged => "Nothing was changed.".to_owned(),
            Self::Deleted => "Deleted.".to_owned(),
            Self::Assigned => "Assigned.".to_owned(),
            Self::Undone => "As before.".to_owned(),
            Self::Approved => "Approved. They can sign in now.".to_owned(),
            Self::Enabled => "Enabled. They can sign in again.".to_owned(),
            Self::Disabled => {
                "Disabled. They are signed out, and their API keys do not work.".to_owned()
            }
            Self::SignedOut => "Signed out.".to_owned(),
            Self::PasswordChanged => {
                "Your password is changed. Every other session has ended.".to_owned()
            }
            Self::Revoked => "Revoked. Scripts with that key are shut out.".to_owned(),
            Self::Moved(status) => format!("Moved to “{}”.", status_in_words(status)),
        }
    }
}

/// A message for the next page. It names only what the service knows: a cookie may be anybody's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flash {
    said: Said,
    /// The record's address, relative to the root; empty without one.
    pub record: String,
    /// The status that takes a move back.
    pub undo: Option<TaskStatus>,
    /// The request whose changes of several tasks can be taken back.
    pub undo_request: Option<RequestId>,
    /// How many records it was done with.
    count: usize,
}

/// Stands before the id of a request, which may be any word.
const REQUEST: char = '@';

impl Flash {
    pub const fn new(said: Said) -> Self {
        Self { said, record: String::new(), undo: None, undo_request: None, count: 1 }
    }

    /// With a link to a record.
    pub fn about(self, record: String) -> Self {
        Self { record, ..self }
    }

    pub fn with_undo(self, status: TaskStatus) -> Self {
        Self { undo: Some(status), ..self }
    }

    pub fn with_undo_of(self, undo_request: Option<RequestId>) -> Self {
        Self { undo_request, ..self }
    }

    pub fn of_several(self, count: usize) -> Self {
        Self { count, ..self }
    }

    pub fn text(&self) -> String {
        let mut text = self.said.text();
        if self.count == 1 {
            return text;
        }
        // “3 deleted.”
        if let Some(first) = text.get_mut(..1) {
            first.make_ascii_lowercase();
        }
        format!("{} {text}", self.count)
    }

    /// The header that leaves the message to the next page.
    pub fn to_header(&self, request: &Request<'_>) -> Result<Header<'static>, Error> {
        flash_cookie(request, self.to_cookie(), Duration::seconds(FLASH_SECONDS))
    }

    fn to_cookie(&self) -> String {
        let undo = match (&self.undo_request, self.undo) {
            (Some(request), _) => format!("{REQUEST}{request}"),
            (None, Some(status)) => status.as_str().to_owned(),
            (None, None) => String::new(),
        };
        format!("{}!{undo}!{}!{}", self.said.name(), self.count, self.record)
    }

    fn parse(text: &str) -> Option<Self> {
        let (said, rest) = text.split_once('!')?;
        let (undo, rest) = rest.split_once('!')?;
        let (count, record) = rest.split_once('!')?;
        let key = RECORDS.iter().find_map(|page| record.strip_prefix(page));
        let is_key = |key: &str| {
            key.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~%".contains(&byte))
        };
        if !record.is_empty() && !key.is_some_and(is_key) {
            return None;
        }
        let (undo, undo_request) = match (undo, undo.strip_prefix(REQUEST)) {
            ("", _) => (None, None),
            (_, Some(request)) => (None, Some(RequestId::parse(request)?)),
            (status, None) => (Some(TaskStatus::from_name(status)?), None),
        };
        let (said, count) = (Said::from_name(said)?, count.parse().ok()?);
        Some(Self { said, record: record.to_owned(), undo, undo_request, count })
    }

    /// The message for the page that answers this request.
    pub fn of(request: &Request<'_>) -> Option<Self> {
        let name = cookie_name(request, PURPOSE).ok()?;
        cookies(request, &name).next().and_then(Self::parse)
    }
}

fn flash_cookie(
    request: &Request<'_>,
    value: String,
    life: Duration,
) -> Result<Header<'static>, Error> {
    Ok(set_cookie(request, (cookie_name(request, PURPOSE)?, value), life, SameSite::Strict))
}

/// Clears the message that a page has shown.
pub fn clear_flash(request: &Request<'_>, response: &mut Response<'_>) {
    if Flash::of(request).is_some()
        && let Ok(cookie) = flash_cookie(request, String::new(), Duration::ZERO)
    {
        response.adjoin_header(cookie);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_read_as_it_was_written() {
        let flash = Flash::new(Said::Moved(TaskStatus::Done)).about("tasks/0-1".to_owned());
        for flash in [flash.clone().with_undo(TaskStatus::Pending), flash] {
            assert_eq!(Flash::parse(&flash.to_cookie()), Some(flash));
        }
        for flash in Said::OTHERS.map(Flash::new) {
            // A proxy may give any id.
            let request = RequestId::parse("pending");
            let flash = flash.of_several(3).with_undo_of(request);
            assert_eq!(Flash::parse(&flash.to_cookie()), Some(flash));
        }
        assert_eq!(Flash::new(Said::Deleted).of_several(3).text(), "3 deleted.");
    }

    #[test]
    fn a_message_that_is_not_ours_is_ignored() {
        for text in [
            "",
            "done",
            "done!",
            "hacked!!1!",
            "done!evil!1!tasks/1",
            "done!!1!https://evil.example",
            "done!!1!//evil.example",
            "done!!1!tasks/../account",
            "done!!1!tasks/a\"b",
            "done!!1!account",
            "done!!x!tasks/1",
        ] {
            assert_eq!(Flash::parse(text), None, "{text}");
        }
    }
}
