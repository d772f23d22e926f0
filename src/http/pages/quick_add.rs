//! What a line says about a new task, and whom a name in it means.

use rocket::Request;
use rocket::request::{FromRequest, Outcome};

use super::address::query_with;
use super::days::{day_in_words, full_date};
use super::parts::Face;
use crate::domain::{Authority, PageRequest, QuickAdd, Search, Timestamp, UserSummary, folded};
use crate::error::Error;
use crate::http::auth::SignedIn;
use crate::http::wire::{Fields, Given, query_of, reject};
use crate::store::Store;

/// How many people a question names at most.
const MOST_SUGGESTED: usize = 5;

/// A guard: the line in the address of the form that it fills; empty without one.
#[derive(Default)]
pub struct Line(String);

#[rocket::async_trait]
impl<'r> FromRequest<'r> for Line {
    type Error = ();

    async fn from_request(request: &'r Request<'_>) -> Outcome<Self, ()> {
        let read = || {
            let mut fields = Fields::from_form(query_of(request).as_bytes())?;
            let line = fields.read("line", |text| Ok(text.trim().to_owned()));
            fields.finish(line)
        };
        match read() {
            Ok(Given::Value(line)) => Outcome::Success(Self(line)),
            Ok(Given::Absent | Given::Null) => Outcome::Success(Self(String::new())),
            Err(error) => reject(request, error),
        }
    }
}

impl Line {
    /// Where the filled form is sent, relative to the root.
    pub fn action(&self) -> String {
        if self.0.is_empty() {
            return "tasks".to_owned();
        }
        format!("new/task{}", query_with("line", &self.0))
    }

    /// `None` without a line.
    pub async fn understood(&self, user: &SignedIn) -> Result<Option<Understood>, Error> {
        if self.0.is_empty() {
            return Ok(None);
        }
        let now = user.context.at;
        Understood::of(&self.0, &*user.store, user.authority, now).await.map(Some)
    }
}

/// What was understood of a line, to be read before it is sent.
pub struct Understood {
    pub title: String,
    /// For the form: `2026-11-22`.
    pub date: String,
    /// `tomorrow, Sunday, 22 November`
    pub due: String,
    /// What the form has in its field: whom the name means, or the name if it may mean several.
    pub assignee: String,
    /// `Bob Stone`
    pub assignee_name: Option<String>,
    /// Whom the name may mean, if not one alone.
    pub choices: Vec<Face>,
    /// What was not understood.
    pub question: Option<String>,
}

impl Understood {
    async fn of(
        line: &str,
        store: &dyn Store,
        reader: Authority,
        now: Timestamp,
    ) -> Result<Self, Error> {
        let today = store.zone().date_of(now);
        let QuickAdd { mut title, date, assignee, whole_title } = QuickAdd::parse(line, today);
        let (mut meant, mut question, mut choices) = (None, None, Vec::new());
        let mut in_form = String::new();
        if let Some(name) = assignee {
            let mut people = find_people(store, reader, &name).await?;
            if people.len() == 1 {
                meant = people.pop();
            } else {
                question = Some(question_about(&name, &people));
                choices = people.iter().map(Face::of).collect();
            }
            match (&meant, choices.is_empty()) {
                (Some(user), _) => in_form = user.names.label().to_owned(),
                (None, true) => title = whole_title,
                (None, false) => in_form = name,
            }
        }
        if title.is_empty() {
            question = Some("What is to be done?".to_owned());
        }
        let due = date.map(|date| match day_in_words(date, today) {
            day if date < today + time::Duration::days(2) => format!("{day}, {}", full_date(date)),
            _ => full_date(date),
        });
        Ok(Self {
            title,
            date: date.map(|date| date.to_string()).unwrap_or_default(),
            due: due.unwrap_or_default(),
            assignee: in_form,
            assignee_name: meant.map(|user| user.names.called().to_owned()),
            choices,
            question,
        })
    }
}

/// `“b” can be Bob Stone or Bea.`
fn question_about(name: &str, people: &[UserSummary]) -> String {
    let mut names: Vec<_> = people.iter().map(|user| user.names.called()).collect();
    if names.is_empty() {
        return format!("Nobody here is called “{name}”.");
    }
    if names.len() > MOST_SUGGESTED {
        names.truncate(MOST_SUGGESTED);
        names.push("others");
    }
    format!("“{name}” can be {}.", names.join(" or "))
}

/// The active users whom a text means: who is called just that, or else whose name, or a word in it,
/// begins with it.
pub async fn find_people(
    store: &dyn Store,
    reader: Authority,
    text: &str,
) -> Result<Vec<UserSummary>, Error> {
    let Ok(search) = Search::parse(text) else { return Ok(Vec::new()) };
    let text = folded(text.trim());
    let page = PageRequest::new(1, 100);
    let found = store.list_people(reader.user, Some(search), page).await?.items;
    let is_called = |user: &&UserSummary| user.names.texts().any(|name| folded(name) == text);
    let exact: Vec<_> = found.iter().filter(is_called).cloned().collect();
    if !exact.is_empty() {
        return Ok(exact);
    }
    let begins = |name: &str| folded(name).starts_with(&*text);
    let words = |name: &str| name.split(|c: char| !c.is_alphanumeric()).any(begins);
    let is_meant = |user: &UserSummary| user.names.texts().any(|name| begins(name) || words(name));
    Ok(found.into_iter().filter(is_meant).collect())
}
