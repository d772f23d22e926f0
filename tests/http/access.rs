//! Access control: one table for the API, one for the pages. A mounted route without a row fails.

use rocket::http::Method::{self, Delete, Get, Patch, Post, Put};
use rocket::http::{ContentType, Status};
use widgetd::domain::{Precondition, Role, Status as AccountStatus};

use crate::support::{Actor, FORM, PASSWORD, TestApp, form, is_for_people};

/// Who sends a request. `Pending` shows an API key and `Disabled` a token from before the account
/// got that status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Who {
    Anonymous,
    Pending,
    Disabled,
    Employee,
    Manager,
    Admin,
    EmployeesReadKey,
    EmployeesWriteKey,
    AdminsReadKey,
    AdminsWriteKey,
}

use Who::{
    Admin, AdminsReadKey, AdminsWriteKey, Anonymous, Disabled, Employee, EmployeesReadKey,
    EmployeesWriteKey, Manager, Pending,
};

const EVERYBODY: [Who; 10] = [
    Anonymous,
    Pending,
    Disabled,
    Employee,
    Manager,
    Admin,
    EmployeesReadKey,
    EmployeesWriteKey,
    AdminsReadKey,
    AdminsWriteKey,
];

/// What happens to every account between its login and its request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Event {
    Nothing,
    Demotion,
    Disabling,
    Deletion,
    NewPassword,
    LogoutEverywhere,
}

/// What carries a token or an API key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Carrier {
    Header,
    Cookie,
}

/// The column that holds for somebody after an event.
fn answered_as(who: Who, event: Event, carrier: Carrier) -> Who {
    let is_key =
        matches!(who, EmployeesReadKey | EmployeesWriteKey | AdminsReadKey | AdminsWriteKey);
    match (event, who) {
        // A cookie holds sessions alone.
        _ if is_key && carrier == Carrier::Cookie => Anonymous,
        (Event::Nothing, _)
        | (_, Anonymous | Pending | Disabled)
        | (Event::Demotion, Employee | EmployeesReadKey | EmployeesWriteKey) => who,
        (Event::Demotion, Manager | Admin) => Employee,
        (Event::Demotion, AdminsReadKey) => EmployeesReadKey,
        (Event::Demotion, AdminsWriteKey) => EmployeesWriteKey,
        // API keys stay valid when the password changes or sessions end.
        (Event::NewPassword | Event::LogoutEverywhere, _) if is_key => who,
        (Event::Disabling | Event::Deletion | Event::NewPassword | Event::LogoutEverywhere, _) => {
            Disabled
        }
    }
}

/// A route below the API or at the root, the fields of a request to it, and the status that each of
/// [`EVERYBODY`] gets.
struct Row {
    method: Method,
    route: &'static str,
    fields: Fields,
    expected: [u16; 10],
}

const fn row(method: Method, route: &'static str, fields: Fields, expected: [u16; 10]) -> Row {
    Row { method, route, fields, expected }
}

/// In a value, `<who>` stands for who sends it, so that nobody takes the name of somebody else. A
/// field `text/csv` is the whole body.
type Fields = &'static [(&'static str, &'static str)];

impl Row {
    fn body(&self, who: Who) -> String {
        let who = (who as usize).to_string();
        let values: Vec<_> =
            self.fields.iter().map(|(_, value)| value.replace("<who>", &who)).collect();
        if self.content_type() == Some("text/csv") {
            return values.concat();
        }
        let fields =
            self.fields.iter().zip(&values).map(|((name, _), value)| (*name, value.as_str()));
        form(&fields.collect::<Vec<_>>())
    }

    fn content_type(&self) -> Option<&'static str> {
        let first = self.fields.first().map(|(name, _)| *name);
        first.map(|name| if name == "text/csv" { name } else { FORM })
    }

    /// Whether a request ends a session or deletes what a later request needs.
    fn is_destructive(&self) -> bool {
        let ends = ["/logout", "/password", "/delete", "/end", "/revoke", "/sign-out"];
        self.method == Delete
            || self.method == Post && ends.iter().any(|end| self.route.ends_with(end))
    }
}

const NONE: Fields = &[];
const WIDGET: Fields = &[("info_url", "https://example.com"), ("deadline", "2026-12-31")];
const NEW_WIDGET: Fields =
    &[("name", "new-<who>"), ("info_url", "https://example.com"), ("deadline", "2026-12-31")];
const STRANGER: Fields = &[("email", "stranger-<who>@example.com"), ("password", PASSWORD)];
const LOGIN: Fields = &[("email", "target@example.com"), ("password", PASSWORD)];
const NEW_PASSWORD: Fields =
    &[("current_password", PASSWORD), ("new_password", "tinker tailor soldier spy")];
const RESET: Fields =
    &[("code", "abcd-efgh-ijkl-mnop"), ("new_password", "tinker tailor soldier spy")];
const SETUP: Fields =
    &[("code", "abcd-efgh-ijkl-mnop"), ("email", "stranger@example.com"), ("password", PASSWORD)];
const TEMPLATE: Fields = &[("body", "Another text.")];
const NEW_TEMPLATE: Fields = &[("name", "new-<who>"), ("body", "A text.")];
/// The forms of pages have all fields of a record.
const WIDGET_FORM: Fields =
    &[("name", "old"), ("info_url", "https://example.com/new"), ("deadline", "2026-12-31")];
const TEMPLATE_FORM: Fields = &[("name", "old"), ("body", "Another text.")];
const NEW_TASK: Fields = &[("title", "new")];
const WIDGETS: Fields =
    &[("text/csv", "name,info_url,deadline\nimported-<who>,https://example.com,2026-12-31\n")];
const TASKS: Fields = &[("text/csv", "title\nimported\n")];
/// Another version than the record's.
const SEEN: Fields = &[("seen", "0123456789abcdef")];
const DONE: Fields = &[("status", "done")];
const KEY: Fields = &[("name", "new-<who>"), ("scope", "write")];

#[rustfmt::skip]
const TABLE: &[Row] = &[
    //                                                                             keys of  an employee    an admin
    //                                               nobody pend disab employ mana admin   read  write   read  write
    row(Get,    "/",                        NONE,      [200, 200, 200, 200, 200, 200,       200, 200,    200, 200]),
    row(Get,    "/healthz",                 NONE,      [200, 200, 200, 200, 200, 200,       200, 200,    200, 200]),
    row(Get,    "/healthz/live",            NONE,      [200, 200, 200, 200, 200, 200,       200, 200,    200, 200]),
    row(Get,    "/healthz/ready",           NONE,      [200, 200, 200, 200, 200, 200,       200, 200,    200, 200]),
    row(Get,    "/ui",                      NONE,      [200, 200, 200, 200, 200, 200,       200, 200,    200, 200]),
    row(Get,    "/swagger.json",            NONE,      [200, 200, 200, 200, 200, 200,       200, 200,    200, 200]),
    row(Get,    "/openapi.json",            NONE,      [200, 200, 200, 200, 200, 200,       200, 200,    200, 200]),
    row(Post,   "/auth/register",           STRANGER,  [201, 201, 201, 201, 201, 201,       201, 201,    201, 201]),
    // From another machine.
    row(Post,   "/auth/setup",              SETUP,     [403, 403, 403, 403, 403, 403,       403, 403,    403, 403]),
    row(Post,   "/auth/login",              LOGIN,     [200, 200, 200, 200, 200, 200,       200, 200,    200, 200]),
    row(Post,   "/auth/reset",              RESET,     [400, 400, 400, 400, 400, 400,       400, 400,    400, 400]),
    row(Post,   "/auth/logout",             NONE,      [401, 401, 401, 200, 200, 200,       403, 403,    403, 403]),
    row(Post,   "/auth/password",           NEW_PASSWORD, [401, 401, 401, 200, 200, 200,    403, 403,    403, 403]),
    row(Get,    "/auth/user",               NONE,      [401, 401, 401, 200, 200, 200,       200, 200,    200, 200]),
    row(Patch,  "/auth/user",               &[("username", "user-<who>")], [401, 401, 401, 200, 200, 200, 403, 200, 403, 200]),
    row(Delete, "/auth/user",               &[("password", PASSWORD)], [401, 401, 401, 204, 204, 204, 403, 403, 403, 403]),
    row(Get,    "/auth/sessions",           NONE,      [401, 401, 401, 200, 200, 200,       200, 200,    200, 200]),
    row(Delete, "/auth/sessions",           NONE,      [401, 401, 401, 204, 204, 204,       403, 403,    403, 403]),
    row(Delete, "/auth/sessions/<id>",      NONE,      [401, 401, 401, 204, 204, 204,       403, 403,    403, 403]),
    row(Get,    "/auth/keys",               NONE,      [401, 401, 401, 200, 200, 200,       200, 200,    200, 200]),
    row(Post,   "/auth/keys",               KEY,       [401, 401, 401, 201, 201, 201,       403, 403,    403, 403]),
    row(Delete, "/auth/keys/<id>",          NONE,      [401, 401, 401, 204, 204, 204,       403, 204,    403, 204]),
    row(Get,    "/users",                   NONE,      [401, 401, 401, 403, 403, 200,       403, 403,    200, 200]),
    row(Post,   "/users",                   STRANGER,  [401, 401, 401, 403, 403, 201,       403, 403,    403, 201]),
    row(Get,    "/users/<public_id>",       NONE,      [401, 401, 401, 403, 403, 200,       403, 403,    200, 200]),
    row(Patch,  "/users/<public_id>",       &[("role", "manager")], [401, 401, 401, 403, 403, 200, 403, 403, 403, 200]),
    row(Delete, "/users/<public_id>",       NONE,      [401, 401, 401, 403, 403, 204,       403, 403,    403, 204]),
    row(Post,   "/users/<public_id>/reset-code", NONE, [401, 401, 401, 403, 403, 201,       403, 403,    403, 403]),
    row(Delete, "/users/<public_id>/sessions", NONE,   [401, 401, 401, 403, 403, 204,       403, 403,    403, 403]),
    row(Get,    "/people",                  NONE,      [401, 401, 401, 403, 200, 200,       403, 403,    200, 200]),
    // Its key is in the address.
    row(Get,    "/calendar.ics",            NONE,      [401, 401, 401, 401, 401, 401,       401, 401,    401, 401]),
    row(Get,    "/search",                  NONE,      [401, 401, 401, 400, 400, 400,       400, 400,    400, 400]),
    row(Get,    "/audit",                   NONE,      [401, 401, 401, 403, 403, 200,       403, 403,    200, 200]),
    row(Get,    "/audit/events",            NONE,      [401, 401, 401, 403, 403, 200,       403, 403,    200, 200]),
    row(Get,    "/widgets",                 NONE,      [401, 401, 401, 200, 200, 200,       200, 200,    200, 200]),
    row(Post,   "/widgets",                 NEW_WIDGET, [401, 401, 401, 403, 403, 201,      403, 403,    403, 201]),
    row(Get,    "/widgets/<name>",          NONE,      [401, 401, 401, 200, 200, 200,       200, 200,    200, 200]),
    row(Get,    "/widgets/<name>/history",  NONE,      [401, 401, 401, 200, 200, 200,       200, 200,    200, 200]),
    row(Put,    "/widgets/<name>",          WIDGET,    [401, 401, 401, 403, 403, 200,       403, 403,    403, 200]),
    row(Patch,  "/widgets/<name>",          WIDGET,    [401, 401, 401, 403, 403, 200,      403, 403,    403, 200]),
    row(Delete, "/widgets/<name>",          NONE,      [401, 401, 401, 403, 403, 204,       403, 403,    403, 204]),
    row(Get,    "/templates",               NONE,      [401, 401, 401, 200, 200, 200,       200, 200,    200, 200]),
    row(Post,   "/templates",               NEW_TEMPLATE, [401, 401, 401, 201, 201, 201,    403, 201,    403, 201]),
    // Each has one of that name; the other one is somebody else's.
    row(Get,    "/templates/<name>",        NONE,      [401, 401, 401, 200, 200, 200,       200, 200,    200, 200]),
    row(Get,    "/templates/<name>/history", NONE,     [401, 401, 401, 200, 200, 200,       200, 200,    200, 200]),
    row(Patch,  "/templates/<name>",        TEMPLATE,  [401, 401, 401, 200, 200, 200,       403, 200,    403, 200]),
    row(Delete, "/templates/<name>",        NONE,      [401, 401, 401, 204, 204, 204,       403, 204,    403, 204]),
    row(Get,    "/templates/theirs",        NONE,      [401, 401, 401, 404, 404, 404,       404, 404,    404, 404]),
    row(Get,    "/templates/theirs/history", NONE,     [401, 401, 401, 404, 404, 404,       404, 404,    404, 404]),
    row(Patch,  "/templates/theirs",        TEMPLATE,  [401, 401, 401, 404, 404, 404,       403, 404,    403, 404]),
    row(Delete, "/templates/theirs",        NONE,      [401, 401, 401, 404, 404, 404,       403, 404,    403, 404]),
    row(Get,    "/tasks",                   NONE,      [401, 401, 401, 200, 200, 200,       200, 200,    200, 200]),
    row(Post,   "/widgets/import",          WIDGETS,   [401, 401, 401, 403, 403, 200,       403, 403,    403, 200]),
    row(Post,   "/tasks/import",            TASKS,     [401, 401, 401, 403, 200, 200,       403, 403,    403, 200]),
    row(Post,   "/tasks",                   NEW_TASK,  [401, 401, 401, 403, 201, 201,       403, 403,    403, 201]),
    // Somebody else's.
    row(Get,    "/tasks/<id>",              NONE,      [401, 401, 401, 404, 200, 200,       404, 404,    200, 200]),
    row(Get,    "/tasks/<id>/history",      NONE,      [401, 401, 401, 404, 200, 200,       404, 404,    200, 200]),
    row(Patch,  "/tasks/<id>",              DONE,      [401, 401, 401, 404, 200, 200,       403, 404,    403, 200]),
    row(Patch,  "/tasks/<id>",              NEW_TASK,  [401, 401, 401, 404, 200, 200,       403, 404,    403, 200]),
    row(Delete, "/tasks/<id>",              NONE,      [401, 401, 401, 403, 204, 204,       403, 403,    403, 204]),
    // Assigned to whoever asks.
    row(Get,    "/tasks/<own>",             NONE,      [401, 401, 401, 200, 200, 200,       200, 200,    200, 200]),
    row(Get,    "/tasks/<own>/history",     NONE,      [401, 401, 401, 200, 200, 200,       200, 200,    200, 200]),
    row(Patch,  "/tasks/<own>",             DONE,      [401, 401, 401, 200, 200, 200,       403, 200,    403, 200]),
    row(Patch,  "/tasks/<own>",             NEW_TASK,  [401, 401, 401, 403, 200, 200,       403, 403,    403, 200]),
    row(Delete, "/tasks/<own>",             NONE,      [401, 401, 401, 403, 204, 204,       403, 403,    403, 204]),
];

const NEW_PERSON: Fields = &[("email", "person-<who>@example.com"), ("role", "employee")];
const PERSON: Fields = &[("name", "A name"), ("role", "employee")];
const NAMES: Fields = &[("name", "Name <who>"), ("username", "page-<who>")];
const NOBODY: Fields = &[("assignee", "none")];
const TASK_SELECTED: Fields =
    &[("task", "00000000-0000-4000-8000-000000000000.0123456789abcdef"), ("action", "start")];
const WIDGET_SELECTED: Fields = &[("widget", "none.0123456789abcdef")];
const TEMPLATE_SELECTED: Fields = &[("template", "none.0123456789abcdef")];
const UNDO: Fields = &[("request", "00000000-0000-4000-8000-000000000000")];
const PERSON_SELECTED: Fields = &[("person", "00000000-0000-4000-8000-000000000000")];
const PAGE_KEY: Fields = &[("name", "page <who>"), ("scope", "read")];

/// What the pages answer a browser. 303 leads to `/login`, or away from it with a session.
#[rustfmt::skip]
const PAGES: &[Row] = &[
    //                                                                             keys of  an employee    an admin
    //                                               nobody pend disab employ mana admin   read  write   read  write
    row(Get,    "/",                        NONE,      [303, 303, 303, 200, 200, 200,       303, 303,    303, 303]),
    row(Get,    "/login",                   NONE,      [200, 200, 200, 303, 303, 303,       200, 200,    200, 200]),
    row(Get,    "/register",                NONE,      [200, 200, 200, 303, 303, 303,       200, 200,    200, 200]),
    row(Get,    "/reset",                   NONE,      [200, 200, 200, 200, 200, 200,       200, 200,    200, 200]),
    // From another machine, without the token.
    row(Get,    "/metrics",                 NONE,      [404, 404, 404, 404, 404, 404,       404, 404,    404, 404]),
    // From another machine.
    row(Get,    "/setup/<code>",            NONE,      [403, 403, 403, 403, 403, 403,       403, 403,    403, 403]),
    row(Get,    "/widgets",                 NONE,      [303, 303, 303, 200, 200, 200,       303, 303,    303, 303]),
    row(Get,    "/new/widget",              NONE,      [303, 303, 303, 403, 403, 200,       303, 303,    303, 303]),
    row(Post,   "/widgets",                 NEW_WIDGET, [303, 303, 303, 403, 403, 303,      303, 303,    303, 303]),
    row(Get,    "/widgets/<name>",          NONE,      [303, 303, 303, 200, 200, 200,       303, 303,    303, 303]),
    row(Get,    "/widgets/<name>/edit",     NONE,      [303, 303, 303, 403, 403, 200,       303, 303,    303, 303]),
    row(Post,   "/widgets/<name>",          WIDGET_FORM, [303, 303, 303, 403, 403, 303,     303, 303,    303, 303]),
    row(Get,    "/widgets/<name>/delete",   NONE,      [303, 303, 303, 403, 403, 200,       303, 303,    303, 303]),
    row(Post,   "/widgets/<name>/delete",   SEEN,      [303, 303, 303, 403, 403, 412,       303, 303,    303, 303]),
    row(Get,    "/tasks",                   NONE,      [303, 303, 303, 200, 200, 200,       303, 303,    303, 303]),
    row(Get,    "/board",                   NONE,      [303, 303, 303, 200, 200, 200,       303, 303,    303, 303]),
    row(Get,    "/new/task",                NONE,      [303, 303, 303, 403, 200, 200,       303, 303,    303, 303]),
    row(Post,   "/new/task",                NEW_TASK,  [303, 303, 303, 403, 303, 303,       303, 303,    303, 303]),
    row(Post,   "/tasks",                   NEW_TASK,  [303, 303, 303, 403, 303, 303,       303, 303,    303, 303]),
    // One that does not exist.
    row(Post,   "/selected/tasks",          TASK_SELECTED, [303, 303, 303, 409, 409, 409,   303, 303,    303, 303]),
    // Of nobody.
    row(Post,   "/selected/undo",           UNDO,      [303, 303, 303, 303, 303, 303,       303, 303,    303, 303]),
    row(Post,   "/selected/widgets",        WIDGET_SELECTED, [303, 303, 303, 403, 403, 409, 303, 303,    303, 303]),
    row(Post,   "/selected/templates",      TEMPLATE_SELECTED, [303, 303, 303, 409, 409, 409, 303, 303,  303, 303]),
    // Somebody else's.
    row(Get,    "/tasks/<id>",              NONE,      [303, 303, 303, 404, 200, 200,       303, 303,    303, 303]),
    row(Post,   "/tasks/<id>",              NEW_TASK,  [303, 303, 303, 403, 303, 303,       303, 303,    303, 303]),
    row(Get,    "/tasks/<id>/edit",         NONE,      [303, 303, 303, 403, 200, 200,       303, 303,    303, 303]),
    row(Post,   "/tasks/<id>/status",       DONE,      [303, 303, 303, 404, 303, 303,       303, 303,    303, 303]),
    row(Post,   "/tasks/<id>/assignee",     NOBODY,    [303, 303, 303, 403, 303, 303,       303, 303,    303, 303]),
    row(Get,    "/tasks/<id>/delete",       NONE,      [303, 303, 303, 403, 200, 200,       303, 303,    303, 303]),
    row(Post,   "/tasks/<id>/delete",       SEEN,      [303, 303, 303, 403, 412, 412,       303, 303,    303, 303]),
    // Assigned to whoever asks.
    row(Get,    "/tasks/<own>",             NONE,      [303, 303, 303, 200, 200, 200,       303, 303,    303, 303]),
    row(Post,   "/tasks/<own>/status",      DONE,      [303, 303, 303, 303, 303, 303,       303, 303,    303, 303]),
    row(Get,    "/templates",               NONE,      [303, 303, 303, 200, 200, 200,       303, 303,    303, 303]),
    row(Get,    "/new/template",            NONE,      [303, 303, 303, 200, 200, 200,       303, 303,    303, 303]),
    row(Post,   "/templates",               NEW_TEMPLATE, [303, 303, 303, 303, 303, 303,    303, 303,    303, 303]),
    // Each has one of that name; the other one is somebody else's.
    row(Get,    "/templates/<name>",        NONE,      [303, 303, 303, 200, 200, 200,       303, 303,    303, 303]),
    row(Get,    "/templates/<name>/edit",   NONE,      [303, 303, 303, 200, 200, 200,       303, 303,    303, 303]),
    row(Post,   "/templates/<name>",        TEMPLATE_FORM, [303, 303, 303, 303, 303, 303,   303, 303,    303, 303]),
    row(Get,    "/templates/<name>/delete", NONE,      [303, 303, 303, 200, 200, 200,       303, 303,    303, 303]),
    row(Post,   "/templates/<name>/delete", SEEN,      [303, 303, 303, 412, 412, 412,       303, 303,    303, 303]),
    row(Get,    "/templates/theirs",        NONE,      [303, 303, 303, 404, 404, 404,       303, 303,    303, 303]),
    row(Get,    "/templates/theirs/edit",   NONE,      [303, 303, 303, 404, 404, 404,       303, 303,    303, 303]),
    row(Post,   "/templates/theirs",        TEMPLATE_FORM, [303, 303, 303, 404, 404, 404,   303, 303,    303, 303]),
    row(Get,    "/templates/theirs/delete", NONE,      [303, 303, 303, 404, 404, 404,       303, 303,    303, 303]),
    row(Post,   "/templates/theirs/delete", SEEN,      [303, 303, 303, 404, 404, 404,       303, 303,    303, 303]),
    row(Get,    "/people",                  NONE,      [303, 303, 303, 403, 403, 200,       303, 303,    303, 303]),
    row(Get,    "/people/new",              NONE,      [303, 303, 303, 403, 403, 200,       303, 303,    303, 303]),
    // The answer shows a reset link.
    row(Post,   "/people",                  NEW_PERSON, [303, 303, 303, 403, 403, 200,      303, 303,    303, 303]),
    // One that does not exist.
    row(Post,   "/selected/people",         PERSON_SELECTED, [303, 303, 303, 403, 403, 409, 303, 303,    303, 303]),
    row(Get,    "/people/<id>",             NONE,      [303, 303, 303, 403, 403, 200,       303, 303,    303, 303]),
    row(Get,    "/people/<id>/edit",        NONE,      [303, 303, 303, 403, 403, 200,       303, 303,    303, 303]),
    row(Post,   "/people/<id>",             PERSON,    [303, 303, 303, 403, 403, 303,       303, 303,    303, 303]),
    row(Post,   "/people/<id>/status",      &[("status", "active")], [303, 303, 303, 403, 403, 303, 303, 303,  303, 303]),
    row(Post,   "/people/<id>/reset-code",  NONE,      [303, 303, 303, 403, 403, 200,       303, 303,    303, 303]),
    row(Post,   "/people/<id>/sign-out",    NONE,      [303, 303, 303, 403, 403, 303,       303, 303,    303, 303]),
    row(Get,    "/people/<id>/delete",      NONE,      [303, 303, 303, 403, 403, 200,       303, 303,    303, 303]),
    row(Post,   "/people/<id>/delete",      SEEN,      [303, 303, 303, 403, 403, 412,       303, 303,    303, 303]),
    row(Get,    "/audit",                   NONE,      [303, 303, 303, 403, 403, 200,       303, 303,    303, 303]),
    // A stream.
    row(Get,    "/changes",                 NONE,      [303, 303, 303, 200, 200, 200,       303, 303,    303, 303]),
    row(Get,    "/search",                  NONE,      [303, 303, 303, 200, 200, 200,       303, 303,    303, 303]),
    row(Get,    "/account",                 NONE,      [303, 303, 303, 200, 200, 200,       303, 303,    303, 303]),
    row(Post,   "/account",                 NAMES,     [303, 303, 303, 303, 303, 303,       303, 303,    303, 303]),
    row(Get,    "/account/password",        NONE,      [303, 303, 303, 200, 200, 200,       303, 303,    303, 303]),
    row(Post,   "/account/password",        NEW_PASSWORD, [303, 303, 303, 303, 303, 303,    303, 303,    303, 303]),
    row(Post,   "/account/theme",           &[("theme", "dark")], [303, 303, 303, 303, 303, 303, 303, 303, 303, 303]),
    row(Post,   "/account/shortcuts",       &[("shortcuts", "off")], [303, 303, 303, 303, 303, 303, 303, 303, 303, 303]),
    row(Get,    "/account/keys/new",        NONE,      [303, 303, 303, 200, 200, 200,       303, 303,    303, 303]),
    // The answer shows the key.
    row(Post,   "/account/keys",            PAGE_KEY,  [303, 303, 303, 200, 200, 200,       303, 303,    303, 303]),
    row(Get,    "/account/keys/<id>/revoke", NONE,     [303, 303, 303, 200, 200, 200,       303, 303,    303, 303]),
    row(Post,   "/account/keys/<id>/revoke", NONE,     [303, 303, 303, 303, 303, 303,       303, 303,    303, 303]),
    row(Post,   "/account/sessions/<id>/end", NONE,    [303, 303, 303, 303, 303, 303,       303, 303,    303, 303]),
    row(Get,    "/account/sign-out",        NONE,      [303, 303, 303, 200, 200, 200,       303, 303,    303, 303]),
    row(Post,   "/account/sign-out",        NONE,      [303, 303, 303, 303, 303, 303,       303, 303,    303, 303]),
    row(Get,    "/account/delete",          NONE,      [303, 303, 303, 200, 200, 200,       303, 303,    303, 303]),
    row(Post,   "/account/delete",          &[("password", PASSWORD)], [303, 303, 303, 303, 303, 303, 303, 303, 303, 303]),
    row(Get,    "/assets/<version>/<name..>", NONE,    [200, 200, 200, 200, 200, 200,       200, 200,    200, 200]),
    row(Get,    "/favicon.ico",             NONE,      [200, 200, 200, 200, 200, 200,       200, 200,    200, 200]),
    row(Get,    "/manifest.webmanifest",    NONE,      [200, 200, 200, 200, 200, 200,       200, 200,    200, 200]),
];

/// The routes at the root that are not part of the API.
const ROOT: [&str; 4] = ["/", "/healthz", "/healthz/live", "/healthz/ready"];

/// The token of somebody, and what is theirs to name in a path.
#[derive(Default)]
struct Bearer {
    token: Option<String>,
    session: Option<String>,
    key: Option<String>,
    task: Option<String>,
}

impl Bearer {
    async fn of(actor: &Actor<'_>) -> Self {
        let other = actor.again().await;
        let sessions = other.get("/auth/sessions").await;
        let other = sessions.body["items"]
            .as_array()
            .unwrap()
            .iter()
            .find(|session| session["current"] == true);
        let spare = actor.post("/auth/keys", &[("name", "spare"), ("scope", "read")]).await;
        Self {
            token: actor.token.clone(),
            session: Some(other.unwrap()["id"].as_str().unwrap().to_owned()),
            key: Some(spare.body["id"].as_str().unwrap().to_owned()),
            task: None,
        }
    }

    async fn key(actor: &Actor<'_>, scope: &str) -> Self {
        Self { token: actor.key(scope, scope).await.token, ..Self::of_spare(actor).await }
    }

    async fn of_spare(actor: &Actor<'_>) -> Self {
        let keys = actor.get("/auth/keys").await;
        let spare = keys.body["items"]
            .as_array()
            .unwrap()
            .iter()
            .find(|key| key["name"] == "spare")
            .unwrap();
        Self { key: Some(spare["id"].as_str().unwrap().to_owned()), ..Self::default() }
    }
}

/// An app with everybody in it, which is copied for each request that ends something.
struct Scene {
    app: TestApp,
    bearers: Vec<Bearer>,
    target: String,
    /// Assigned to the target.
    task: String,
}

impl Scene {
    async fn new(event: Event) -> Self {
        let app = TestApp::new().await;
        for name in ["root", "manager", "admin"] {
            let role = if name == "manager" { Role::Manager } else { Role::Admin };
            app.set_role(&app.user(name).await, role).await;
        }
        let again = async |name: &str| {
            Actor { email: format!("{name}@example.com"), ..app.anon() }.again().await
        };
        let (employee, manager, admin) =
            (app.user("employee").await, again("manager").await, again("admin").await);
        let (pending, disabled, target) =
            (app.user("pending").await, app.user("disabled").await, app.user("target").await);
        admin.add_widget("old").await.assert(Status::Created);
        for (owner, name) in
            [(&employee, "old"), (&manager, "old"), (&admin, "old"), (&target, "theirs")]
        {
            owner
                .post("/templates", &[("name", name), ("body", "A text.")])
                .await
                .assert(Status::Created);
        }
        let mut bearers = vec![
            Bearer::default(),
            Bearer { token: pending.key("old", "write").await.token, ..Bearer::default() },
            Bearer { token: disabled.token.clone(), ..Bearer::default() },
            Bearer::of(&employee).await,
            Bearer::of(&manager).await,
            Bearer::of(&admin).await,
            Bearer::key(&employee, "read").await,
            Bearer::key(&employee, "write").await,
            Bearer::key(&admin, "read").await,
            Bearer::key(&admin, "write").await,
        ];
        let owners = [
            &pending, &disabled, &employee, &manager, &admin, &employee, &employee, &admin, &admin,
        ];
        for (bearer, owner) in bearers.iter_mut().skip(1).zip(owners) {
            bearer.task = Some(hand_out(&manager, owner).await);
        }
        let task = hand_out(&manager, &target).await;
        app.set_status(&pending, AccountStatus::Pending).await;
        app.set_status(&disabled, AccountStatus::Disabled).await;
        let target = target.public_id().await.to_string();
        for actor in [&employee, &manager, &admin] {
            happen(&app, actor, event).await;
        }
        app.store.close().await;
        Self { app, bearers, target, task }
    }

    /// The path of a request to a route, where `bearer` names what is theirs.
    fn path(&self, row: &Row, bearer: &Bearer) -> String {
        const ABSENT: &str = "00000000-0000-4000-8000-000000000000";
        let task = bearer.task.as_deref().unwrap_or(ABSENT);
        if row.route.starts_with("/tasks") {
            return row.route.replace("<id>", &self.task).replace("<own>", task);
        }
        if row.route.starts_with("/people") {
            return row.route.replace("<id>", &self.target);
        }
        let own = if row.route.contains("/keys/") { &bearer.key } else { &bearer.session };
        row.route
            .replace("<version>/<name..>", "any/js/app.js")
            .replace("<code>", "abcd-efgh-ijkl-mnop")
            .replace("<name>", "old")
            .replace("<public_id>", &self.target)
            .replace("<id>", own.as_deref().unwrap_or(ABSENT))
    }
}

/// Makes a task, and answers its id.
async fn hand_out(manager: &Actor<'_>, assignee: &Actor<'_>) -> String {
    let task = manager.post("/tasks", &[("title", "old"), ("assignee", &assignee.email)]).await;
    task.assert(Status::Created).body["id"].as_str().unwrap().to_owned()
}

async fn happen(app: &TestApp, actor: &Actor<'_>, event: Event) {
    let id = app.find(&actor.email).await.public_id;
    let context = app.cli_context();
    match event {
        Event::Nothing => {}
        Event::Demotion => app.set_role(actor, Role::Employee).await,
        Event::Disabling => app.set_status(actor, AccountStatus::Disabled).await,
        Event::Deletion => {
            app.store.delete_user(id, Precondition::default(), &context).await.unwrap();
        }
        Event::NewPassword => {
            let hash = widgetd::domain::PasswordHash::from_stored("another".to_owned());
            app.store.set_password(id, hash, None, &context).await.map(drop).unwrap();
        }
        Event::LogoutEverywhere => app.store.end_sessions(id, &context).await.map(drop).unwrap(),
    }
}

/// Sends a request to a route of the API, or one at the root.
async fn send(
    app: &TestApp,
    row: &Row,
    path: &str,
    (who, token): (Who, Option<String>),
    carrier: Carrier,
) -> u16 {
    let actor = Actor { token, ..app.anon() };
    let content_type = row.content_type();
    match carrier {
        Carrier::Header if ROOT.contains(&row.route) => {
            app.client.req(row.method, path.to_owned()).dispatch().await.status().code
        }
        Carrier::Header => {
            actor
                .send(row.method, path, content_type.map(|t| t.parse().unwrap()), row.body(who))
                .await
                .status
                .code
        }
        Carrier::Cookie => {
            let path =
                if ROOT.contains(&row.route) { path.to_owned() } else { format!("/api/v1{path}") };
            let script = actor.in_a_browser().script();
            script.send(row.method, &path, content_type, &row.body(who)).await.status.code
        }
    }
}

async fn assert_access(event: Event, carrier: Carrier) {
    let scene = Scene::new(event).await;
    let mut app = scene.app.copy(&[]).await;
    for row in TABLE {
        for (who, bearer) in EVERYBODY.into_iter().zip(&scene.bearers) {
            let expected = row.expected[answered_as(who, event, carrier) as usize];
            let status =
                send(&app, row, &scene.path(row, bearer), (who, bearer.token.clone()), carrier)
                    .await;
            assert_eq!(
                status, expected,
                "{} {} as {who:?} after {event:?}, {carrier:?}",
                row.method, row.route
            );
            if row.is_destructive() && status < 400 {
                // The next request does not see what this one has ended.
                app = scene.app.copy(&[]).await;
            }
        }
    }
    for row in PAGES {
        for (who, bearer) in EVERYBODY.into_iter().zip(&scene.bearers) {
            let expected = row.expected[answered_as(who, event, Carrier::Cookie) as usize];
            let visitor = Actor { token: bearer.token.clone(), ..app.anon() }.in_a_browser();
            let path = scene.path(row, bearer);
            let (content_type, body) = (row.content_type(), row.body(who));
            let answer = visitor.send(row.method, &path, content_type, &body).await;
            let what = format!("{} {} as {who:?} after {event:?}", row.method, row.route);
            assert_eq!(answer.status.code, expected, "{what}: {}", answer.text);
            if row.method == Post && expected == 303 {
                let has_session =
                    [Employee, Manager, Admin].contains(&answered_as(who, event, Carrier::Cookie));
                let signs_out = ["/account/sign-out", "/account/delete"].contains(&row.route);
                let is_login = answer.leads_to(&path).starts_with("/login");
                assert_eq!(is_login, !has_session || signs_out, "{what}");
            }
            if row.is_destructive() && answer.status.code < 400 {
                app = scene.app.copy(&[]).await;
            }
        }
    }
}

#[rocket::async_test]
async fn access_of_fresh_tokens_and_keys() {
    assert_access(Event::Nothing, Carrier::Header).await;
}

#[rocket::async_test]
async fn access_after_a_demotion_is_that_of_an_employee() {
    assert_access(Event::Demotion, Carrier::Header).await;
}

#[rocket::async_test]
async fn access_of_a_disabled_account_is_401() {
    assert_access(Event::Disabling, Carrier::Header).await;
}

#[rocket::async_test]
async fn access_of_a_deleted_account_is_401() {
    assert_access(Event::Deletion, Carrier::Header).await;
}

#[rocket::async_test]
async fn access_after_a_new_password_is_401_but_for_keys() {
    assert_access(Event::NewPassword, Carrier::Header).await;
}

#[rocket::async_test]
async fn access_of_ended_sessions_is_401_but_for_keys() {
    assert_access(Event::LogoutEverywhere, Carrier::Header).await;
}

#[rocket::async_test]
async fn access_by_cookie_is_that_of_its_token() {
    assert_access(Event::Nothing, Carrier::Cookie).await;
}

#[rocket::async_test]
async fn access_of_an_ended_session_is_401_also_by_cookie() {
    assert_access(Event::LogoutEverywhere, Carrier::Cookie).await;
}

#[rocket::async_test]
async fn access_tables_have_every_mounted_route() {
    let app = TestApp::new().await;
    for route in app.routes() {
        let path = route.uri.path();
        let (table, path) = match path.strip_prefix("/api/v1") {
            Some(path) => (TABLE, path),
            None if is_for_people(route) => (PAGES, path),
            None => (TABLE, path),
        };
        let found = table.iter().any(|row| row.method == route.method && row.route == path);
        assert!(found, "{} {} has no row", route.method, route.uri);
    }
}

#[rocket::async_test]
async fn access_is_checked_before_the_body() {
    let app = TestApp::new().await;
    let employee = app.user("ann").await;
    for (method, path) in
        [(Post, "/widgets"), (Put, "/widgets/Not%20a%20name"), (Patch, "/users/x")]
    {
        app.anon()
            .send(method, path, Some(ContentType::JSON), "{")
            .await
            .assert(Status::Unauthorized);
        employee.send(method, path, Some(ContentType::JSON), "{").await.assert(Status::Forbidden);
    }
}
