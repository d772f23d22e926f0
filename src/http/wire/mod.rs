//! How a request is read and an answer is written: nothing here knows a resource or a page.

pub mod body;
pub mod conditions;
pub mod cors;
pub mod csv;
pub mod delay;
pub mod describe;
pub mod dry_run;
pub mod event_stream;
pub mod example;
pub mod export;
pub mod fallback;
pub mod field;
pub mod fields;
pub mod headers;
pub mod import;
pub mod input;
pub mod json;
pub mod list;
pub mod observed;
pub mod openapi;
pub mod path;
pub mod problem;
pub mod record;
pub mod request;
pub mod responses;
pub mod routes;
pub mod schemas;
pub mod services;
pub mod table;

pub use self::body::{
    Body, Draft, PageForm, SubmittedForm, TIME_PER_BYTE, attach_body, reject_unrouted,
};
pub use self::conditions::Conditions;
pub use self::describe::{add_content, add_problem, add_response, with_schema, with_text};
pub use self::dry_run::is_dry_run;
pub use self::event_stream::{EventStream, EventText, PING, Resume};
pub use self::example::{BASE, Example, NOW, example_view, view_context};
pub use self::export::{Export, ListOrCsv, ListOrCsvQuery};
pub use self::fallback::has_empty_segments;
pub use self::field::{Field, InputField, OrNone, describe_field, object_schema};
pub use self::fields::{Fields, Given, IS_NOT_KNOWN, WHOLE_BODY, with_plain_lines};
pub use self::headers::{SWAGGER_UI_CSP, add_common_headers};
pub use self::import::{CsvBody, ImportDone, ImportQuery};
pub use self::input::{Empty, Input, max_body_of};
pub use self::list::{Filter, FilterQuery, List, ListQuery, admitted};
pub use self::observed::{Observed, observed};
pub use self::openapi::{
    Document, KEY_MAY_ONLY_READ, LIST_LIMIT, Operations, RATE_LIMITED, WRITE_LIMIT,
};
pub use self::path::{InPath, escape_segment};
pub use self::problem::{Problem, reject, remember, remember_or, remembered};
pub use self::record::{Addressed, Record, Times};
pub use self::request::{
    IDEMPOTENCY_KEY, client_address, idempotency_key, is_https, is_read, query_of, remember_user,
    request_context, request_id, wants_page,
};
pub use self::responses::{
    Announced, Created, CreatedWithMessage, Done, Found, NO_STORE, NoContent, SecretCreated,
    StatusView, Updated, Upserted, View, add_not_modified, forbid_storing, respond_with_text,
    see_other,
};
pub use self::schemas::{Date, DateTime, EmailAddress, Id, Link, Name, Url, one_of, success};
pub use self::services::{API, API_PAGES, BasePath, FieldContext, Services, ViewContext};
pub use self::table::{NewOwner, Row, made_at, read as read_table};

// Macros.
pub(crate) use self::csv::columns;
pub(crate) use self::field::field;
pub(crate) use self::input::{filter, input};
pub(crate) use self::openapi::operations;
pub(crate) use self::path::{id_in_path, name_in_path};
