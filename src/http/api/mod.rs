//! The API, one file per resource: its fields, inputs, views and handlers. Each file returns its
//! routes together with their part of the OpenAPI document.

pub mod api_keys;
mod audit;
pub mod auth;
mod calendar;
mod changes;
pub mod current_user;
pub mod deadline;
pub mod event_feed;
mod examples;
mod history;
pub mod metrics;
mod people;
mod samples;
pub mod search;
pub mod service;
mod sessions;
pub mod tables;
pub mod tasks;
pub mod templates;
pub mod user_fields;
pub mod users;
pub mod widgets;

use crate::http::wire::Operations;

/// The name and description of each group of operations.
pub const TAGS: &[(&str, &str)] = &[
    ("Accounts", "Register, log in and log out."),
    ("Your account", "Your account, and where you are logged in."),
    ("API keys", "For scripts that act for you."),
    ("Administration", "For administrators: all accounts, and the audit."),
    ("Widgets", "Shared: every user reads, administrators write."),
    ("Tasks", "Assigned: managers create them, the assignee moves them on."),
    ("Templates", "Private: only you see yours."),
    ("Search", "Everything that you may see."),
    ("Calendar", "Deadlines for calendar programs."),
    ("Service", "The service itself."),
];

pub const DESCRIPTION: &str = "\
User accounts, bearer tokens and API keys, and records that are shared, assigned or private. The \
group of each kind of record says who reads and writes it.

**From this page**: if you are signed in to the pages, you need nothing else. The browser sends the \
session's cookie with every call, and what you call is done as you. The cookie works for pages of this \
service only: a write that another site causes is refused, and no script can read it.

**From a script**: send a token in the header `Authorization: Bearer ...`. Log in with `POST \
/auth/login` and take the `access_token` of the answer, which lives as long as its `expires_in` says, \
or create an API key. A token works from anywhere. To try one here, press *Authorize*: where both a \
token and a cookie are sent, the token counts.

Every write takes a form or JSON with the same fields. With `dry_run=true` it is answered as if it \
was done, and changes nothing. Every error has one shape, `ErrorView`.";

/// The routes below the API, and their parts of the document.
pub fn routes() -> Vec<Operations> {
    vec![
        auth::routes(),
        current_user::routes(),
        sessions::routes(),
        api_keys::routes(),
        users::routes(),
        audit::routes(),
        event_feed::routes(),
        widgets::routes(),
        tasks::routes(),
        people::routes(),
        search::routes(),
        calendar::routes(),
        templates::routes(),
        service::document_routes(),
    ]
}
