//! What writers do, step by step, and what must be there after the steps that were acknowledged.

use std::collections::BTreeMap;
use std::path::Path;

use rusqlite::Connection as Database;

use crate::connection::{request, request_with_body};
use crate::program::PASSWORD;

const IMPORTED: u32 = 20;

pub fn email(writer: usize) -> String {
    format!("writer{writer}@example.com")
}

/// What a writer does, again and again with another number.
#[derive(Debug)]
pub enum Step {
    Create { name: String },
    Change { name: String, n: usize },
    LogIn { email: String },
    Import { title: String },
    LogOut { email: String },
    Delete { name: String },
}

impl Step {
    pub fn nth(writer: usize, n: usize) -> Self {
        let name = format!("w{writer}-{}", n / 6);
        match n % 6 {
            0 => Self::Create { name },
            1 => Self::Change { name, n },
            2 => Self::LogIn { email: email(writer) },
            3 => Self::Import { title: name },
            4 => Self::LogOut { email: email(writer) },
            // Every second widget stays.
            _ if n % 12 == 11 => Self::Delete { name },
            _ => Self::Change { name, n },
        }
    }

    /// `token` is that of the last login.
    /// Each attempt at a change is another one, so that one that was refused and done would be told.
    pub fn request(&self, admin: &str, token: &str, attempt: usize) -> Vec<u8> {
        match self {
            Self::Create { name } => {
                let url = ("info_url", "https://example.com");
                let fields = [("name", name.as_str()), url, ("deadline", "2099-12-31")];
                request("POST", "/widgets", admin, &fields)
            }
            Self::Change { name, n } => {
                let url = format!("https://example.com/changed/{n}/{attempt}");
                request("PATCH", &format!("/widgets/{name}"), admin, &[("info_url", &url)])
            }
            Self::Delete { name } => request("DELETE", &format!("/widgets/{name}"), admin, &[]),
            Self::LogIn { email } => {
                let fields = [("email", email.as_str()), ("password", PASSWORD)];
                request("POST", "/auth/login", "", &fields)
            }
            Self::LogOut { .. } => request("POST", "/auth/logout", token, &[]),
            Self::Import { title } => {
                let rows = format!("{title}\n").repeat(IMPORTED as usize);
                request_with_body(
                    "POST",
                    "/tasks/import",
                    admin,
                    "text/csv",
                    &format!("title\n{rows}"),
                )
            }
        }
    }
}

/// What there is of one writer, by name and number: widgets and whether they have changed, tasks,
/// sessions, and the audit's entries of widgets.
pub type State = BTreeMap<(&'static str, String), u32>;

fn add(state: &mut State, what: &'static str, name: &str, count: u32) {
    *state.entry((what, name.to_owned())).or_default() += count;
}

pub fn apply(state: &mut State, step: &Step) {
    match step {
        Step::Create { name } => {
            add(state, "widget", name, 1);
            add(state, "event", name, 1);
        }
        Step::Change { name, .. } => {
            // A change that changes nothing is no event.
            state.insert(("changed", name.clone()), 1);
            add(state, "event", name, 1);
        }
        Step::Delete { name } => {
            state.remove(&("widget", name.clone()));
            state.remove(&("changed", name.clone()));
            add(state, "event", name, 1);
        }
        Step::LogIn { email } => add(state, "session", email, 1),
        Step::LogOut { email } => {
            state.remove(&("session", email.clone()));
        }
        Step::Import { title } => add(state, "task", title, IMPORTED),
    }
}

/// What there is of each writer; with it, what is not whole.
fn read(folder: &Path, writers: usize) -> rusqlite::Result<(Vec<State>, Option<String>)> {
    let database = Database::open(folder.join("widgetd.db"))?;
    let mut states = vec![State::new(); writers];
    let writer_of = |name: &str| {
        let digits = name.trim_start_matches(|c: char| !c.is_ascii_digit());
        digits.split(|c: char| !c.is_ascii_digit()).next()?.parse::<usize>().ok()
    };
    for (what, query) in [
        ("widget", "SELECT name, 1 FROM widget"),
        ("changed", "SELECT name, 1 FROM widget WHERE info_url LIKE '%/changed/%'"),
        ("task", "SELECT title, count(*) FROM task GROUP BY title"),
        (
            "session",
            "SELECT email, count(*) FROM session JOIN user ON user.id = user_id
             WHERE role <> 'admin' GROUP BY email",
        ),
        (
            "event",
            "SELECT record, count(*) FROM audit WHERE action GLOB 'widget.*' GROUP BY record",
        ),
    ] {
        let mut statement = database.prepare(query)?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let name: String = row.get(0)?;
            let writer = writer_of(&name).expect("a writer's name");
            add(&mut states[writer], what, &name, row.get(1)?);
        }
    }
    let text = |sql: &str| database.query_row(sql, [], |row| row.get::<_, String>(0));
    let mut wrong = Some(text("PRAGMA integrity_check")?).filter(|verdict| verdict != "ok");
    for list in ["widget", "task"] {
        let counted = format!(
            "SELECT (SELECT count(*) FROM {list}) || ' rows and a count of ' || coalesce(sum(size), 0)
             FROM bucket WHERE list = '{list}.id' AND shift = 10
             HAVING coalesce(sum(size), 0) <> (SELECT count(*) FROM {list})"
        );
        match text(&counted) {
            Ok(difference) => wrong = Some(format!("{list}: {difference}")),
            Err(rusqlite::Error::QueryReturnedNoRows) => {}
            Err(error) => return Err(error),
        }
        let index = format!("INSERT INTO {list}_text ({list}_text) VALUES ('integrity-check')");
        if let Err(error) = database.execute_batch(&index) {
            wrong = Some(format!("the index of {list}: {error}"));
        }
    }
    Ok((states, wrong))
}

/// What is wrong: each writer's last acknowledged step is done, and the one after it done or not.
pub fn compare(folder: &Path, expected: &[(usize, State)]) -> Option<String> {
    let (found, wrong) = match read(folder, expected.len()) {
        Ok(read) => read,
        Err(error) => return Some(error.to_string()),
    };
    if wrong.is_some() {
        return wrong;
    }
    expected.iter().zip(&found).enumerate().find_map(|(writer, ((steps, state), found))| {
        if found == state {
            return None;
        }
        let step = Step::nth(writer, *steps);
        let mut next = state.clone();
        apply(&mut next, &step);
        let unlike = |from: &State, with: &State| -> Vec<String> {
            let others = from.iter().filter(|(name, count)| with.get(name) != Some(count));
            others.take(5).map(|((what, name), count)| format!("{count} {what} {name}")).collect()
        };
        (*found != next).then(|| {
            format!(
                "writer {writer} after {steps} acknowledged steps: there is {:?} instead of {:?}; {step:?} \
                 was not acknowledged",
                unlike(found, state),
                unlike(state, found),
            )
        })
    })
}
