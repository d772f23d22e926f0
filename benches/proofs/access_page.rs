//! What `docs/access.md` says of each route, and what it means for a caller.

use crate::account_model::Role;

const PAGE: &str = include_str!("../../docs/access.md");

/// The cells of one route, as they are written.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    pub who: &'static str,
    pub key: &'static str,
}

/// What a request carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Via {
    Nothing,
    Session,
    ReadKey,
    WriteKey,
    CalendarKey,
}

/// A caller: the role, unless the account or the credential is not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Access {
    pub role: Option<Role>,
    pub via: Via,
}

/// What of several records of one kind a request names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    Own,
    /// The caller's task, of which more is changed than the status.
    OwnInFull,
    Others,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    Done,
    /// 401
    Unauthenticated,
    /// 403
    Forbidden,
    /// 404
    NotFound,
    /// For everybody alike: 400 or 403.
    WithoutCode,
}

impl Outcome {
    pub fn is(self, status: u16) -> bool {
        match self {
            Self::Done => (200..300).contains(&status),
            Self::Unauthenticated => status == 401,
            Self::Forbidden => status == 403,
            Self::NotFound => status == 404,
            Self::WithoutCode => status == 400 || status == 403,
        }
    }
}

/// The methods and paths of the page, each with its row.
pub fn routes() -> Vec<(String, Row)> {
    let rows = PAGE.lines().filter(|line| line.starts_with("| `"));
    let routes = rows.flat_map(|line| {
        let cells: Vec<_> = line.trim_matches('|').split('|').map(str::trim).collect();
        let [routes, who, key] = cells[..] else { panic!("not three cells: {line}") };
        named_in(routes).into_iter().map(move |route| (route, Row { who, key }))
    });
    routes.collect()
}

/// The routes in a cell: `PUT`, `PATCH` and `DELETE /widgets/{name}` have one path.
fn named_in(cell: &str) -> Vec<String> {
    let mut routes = Vec::new();
    let mut methods = Vec::new();
    for code in cell.split('`').skip(1).step_by(2) {
        let (method, path) = code.split_once(' ').unwrap_or((code, ""));
        if !["GET", "POST", "PUT", "PATCH", "DELETE"].contains(&method) {
            continue;
        }
        methods.push(method);
        if !path.is_empty() {
            let path = path.split('?').next().unwrap_or_default();
            routes.extend(methods.drain(..).map(|method| format!("{method} {path}")));
        }
    }
    assert!(methods.is_empty(), "a method without a path: {cell}");
    routes
}

/// The targets that make a difference for a route.
pub fn targets(path: &str, row: Row) -> &'static [Target] {
    match row.who {
        _ if !path.contains('{') => &[Target::Own],
        "owner" | "assignee; managers: all tasks" => &[Target::Own, Target::Others],
        "assignee: the status; managers: every field" => {
            &[Target::Own, Target::OwnInFull, Target::Others]
        }
        _ => &[Target::Own],
    }
}

/// What the page promises a caller.
pub fn expected(row: Row, target: Target, Access { role, via }: Access) -> Outcome {
    if row.who.starts_with("anyone") {
        return if row.who.contains("code") { Outcome::WithoutCode } else { Outcome::Done };
    }
    let Some(role) = role else { return Outcome::Unauthenticated };
    let required = match row.who {
        "manager" => Role::Manager,
        "administrator" => Role::Admin,
        "user" | "owner" => Role::Employee,
        other if other.starts_with("assignee") => Role::Employee,
        other => panic!("who is {other}?"),
    };
    let is_carried = match row.key {
        "read" => via != Via::CalendarKey,
        "write" => via == Via::Session || via == Via::WriteKey,
        "no" => via == Via::Session,
        "calendar, in the address" => via == Via::CalendarKey,
        other => panic!("which key is {other}?"),
    };
    if role < required || !is_carried {
        return Outcome::Forbidden;
    }
    match (row.who, target) {
        ("owner", Target::Others) => Outcome::NotFound,
        (who, target) if who.starts_with("assignee") && role < Role::Manager => match target {
            Target::Own => Outcome::Done,
            Target::OwnInFull => Outcome::Forbidden,
            Target::Others => Outcome::NotFound,
        },
        _ => Outcome::Done,
    }
}
