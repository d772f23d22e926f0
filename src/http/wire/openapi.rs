//! The OpenAPI document: what Okapi derives from the types of the handlers, completed by rules.
//!
//! A handler's types say what it answers. The rules add what follows from that: a body can be
//! invalid, a path can name nothing, a store can be busy. An operation itself names only what its
//! types cannot know, with [`Operations::also`].

use std::sync::LazyLock;

use rocket::Route;
use rocket_okapi::okapi::merge::merge_specs;
use rocket_okapi::okapi::openapi3::{
    Info, MediaType, Object, OpenApi, Operation, Parameter, ParameterValue, PathItem, RefOr,
    RequestBody, Response, Responses, Server, Tag,
};
use serde::Serialize;
use serde_json::{Value, json};

use super::describe::{
    PROBLEMS, add_carried, add_problem, expand, header_parameter_of, query_parameter,
    replace_problem,
};
use super::example::complete_example;
use super::problem::Problem;
use super::request::{DRY_RUN, IDEMPOTENCY_KEY};
use super::services::{API, BasePath};
use crate::domain::{KeyScope, PageRequest, Role};
use crate::error::Error;

/// The 403 and the 429 that only writes have.
pub const KEY_MAY_ONLY_READ: &str = "The API key may only read.";
pub const WRITE_LIMIT: &str = "The account has reached its rate limit for writes.";

/// The 429 of lists that can be filtered, sorted or searched.
pub const LIST_LIMIT: &str =
    "The account has reached its rate limit for filtered and sorted lists.";

/// Of any limit.
pub const RATE_LIMITED: Error = Error::RateLimited { retry_after: 60 };

const DRY_RUN_TEXT: &str = "`true`: answers as if it was done, with `dry_run: true` in the answer \
    and a header `Dry-Run`, and changes nothing.";

const IDEMPOTENCY_TEXT: &str = "Names the request, in 1 to 255 characters: with the same one, the \
    request is done once in 24 hours, and answered alike, with a header `Idempotent-Replayed`.";

/// The document, made and serialized at its first use: most services are never asked for it, and it is
/// most of what a start would do. It does not change while the service runs.
pub struct Document(pub LazyLock<String, Box<dyn FnOnce() -> String + Send>>);

/// Makes a part of the document.
type Spec = Box<dyn FnOnce() -> OpenApi + Send>;

impl Document {
    /// Of these parts. `root` has its paths at the root, the others theirs below the API.
    pub fn new(
        description: &'static str,
        tags: &'static [(&'static str, &'static str)],
        root: Spec,
        parts: Vec<Spec>,
        base: BasePath<'_>,
    ) -> Self {
        let base = base.0.to_owned();
        let make = move || {
            let parts: Vec<_> = parts.into_iter().map(|part| part()).collect();
            let document = merge(description, tags, root(), &parts, BasePath(&base));
            // Maps with string keys always serialize.
            serde_json::to_string(&document).unwrap_or_default()
        };
        Self(LazyLock::new(Box::new(make)))
    }
}

fn merge(
    description: &str,
    tags: &[(&str, &str)],
    mut root: OpenApi,
    parts: &[OpenApi],
    base: BasePath<'_>,
) -> OpenApi {
    for item in root.paths.values_mut() {
        item.servers = Some(vec![server(format!("{base}/"))]);
    }
    let tag = |&(name, description): &(&str, &str)| Tag {
        name: name.to_owned(),
        description: Some(description.to_owned()),
        external_docs: None,
        extensions: Object::default(),
    };
    let mut document = OpenApi {
        openapi: root.openapi.clone(),
        info: Info {
            title: "widgetd".to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            description: Some(description.to_owned()),
            ..Info::default()
        },
        servers: vec![server(format!("{base}{API}"))],
        tags: tags.iter().map(tag).collect(),
        ..OpenApi::default()
    };
    for part in parts.iter().chain([&root]) {
        if let Err(error) = merge_specs(&mut document, &"", part) {
            log::error!("the API's documentation is incomplete: {error}");
        }
    }
    for (path, item) in &mut document.paths {
        for (operation, kind) in operations_of(item) {
            complete(operation, kind);
            complete_examples(operation, path, base);
        }
    }
    document
}

fn server(url: String) -> Server {
    Server { url, ..Server::default() }
}

/// The routes of one resource, and their part of the document. Made by [`operations`].
pub struct Operations {
    pub routes: Vec<Route>,
    pub spec: Spec,
}

/// The [`Operations`] of these handlers.
macro_rules! operations {
    ($($handlers:tt)+) => {{
        let spec = Box::new(|| rocket_okapi::openapi_get_spec![$($handlers)+]);
        $crate::http::wire::Operations { routes: rocket::routes![$($handlers)+], spec }
    }};
}
pub(crate) use operations;

impl Operations {
    /// Adds a problem that the types of the operation's handler do not know, or describes one better.
    #[must_use]
    pub fn also(
        self,
        id: &'static str,
        description: &'static str,
        problem: impl Into<Problem> + Send + 'static,
    ) -> Self {
        self.change(id, move |operation| {
            replace_problem(&mut operation.responses, description, problem);
        })
    }

    /// Describes an answer better than its type can.
    #[must_use]
    pub fn described(self, id: &'static str, status: u16, description: &'static str) -> Self {
        self.change(id, move |operation| {
            if let Some(response) = response_of(operation, status) {
                description.clone_into(&mut response.description);
            }
        })
    }

    /// Says what the body of an operation's success looks like, where its type cannot.
    #[must_use]
    pub fn example(
        self,
        id: &'static str,
        status: u16,
        example: impl Serialize + Send + 'static,
    ) -> Self {
        self.change(id, move |operation| {
            let response = response_of(operation, status);
            let media = response.and_then(|response| response.content.values_mut().next());
            debug_assert!(media.is_some(), "{id} has no {status} with a body");
            if let Some(media) = media {
                media.example = serde_json::to_value(example).ok();
            }
        })
    }

    fn change(
        self,
        id: &'static str,
        change: impl FnOnce(&mut Operation) + Send + 'static,
    ) -> Self {
        let Self { routes, spec } = self;
        let spec = Box::new(move || {
            let mut spec = spec();
            let is_it = |operation: &Operation| operation.operation_id.as_deref() == Some(id);
            let found = spec
                .paths
                .values_mut()
                .flat_map(operations_of)
                .find(|(operation, _)| is_it(operation));
            debug_assert!(found.is_some(), "no operation {id}");
            if let Some((operation, _)) = found {
                change(operation);
            }
            spec
        });
        Self { routes, spec }
    }
}

fn response_of(operation: &mut Operation, status: u16) -> Option<&mut Response> {
    match operation.responses.responses.get_mut(&status.to_string()) {
        Some(RefOr::Object(response)) => Some(response),
        _ => None,
    }
}

/// What a method does to the record that a path names.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Read,
    Write,
    /// POST.
    Create,
    /// PUT, which creates what is absent.
    Upsert,
}

fn operations_of(item: &mut PathItem) -> impl Iterator<Item = (&mut Operation, Kind)> {
    let writes = [&mut item.delete, &mut item.patch].into_iter().flatten();
    let creates = item.post.iter_mut().map(|operation| (operation, Kind::Create));
    let reads = item.get.iter_mut().map(|operation| (operation, Kind::Read));
    let upserts = item.put.iter_mut().map(|operation| (operation, Kind::Upsert));
    reads.chain(creates).chain(upserts).chain(writes.map(|operation| (operation, Kind::Write)))
}

/// Adds by rule what follows from an operation's types.
fn complete(operation: &mut Operation, kind: Kind) {
    operation.parameters = expand(std::mem::take(&mut operation.parameters));
    let (of_body, of_path) = take_carried(operation, kind);
    let responses = &mut operation.responses;
    // Okapi documents a `Result` with a `Problem` as a 500.
    let can_fail = responses.responses.shift_remove("500").is_some();
    if kind == Kind::Read {
        describe_as_read(responses);
    }
    let is_done_once = kind == Kind::Create && is_done_once(operation);
    if kind != Kind::Read {
        let schema = json!({ "type": "boolean", "default": false });
        operation.parameters.push(RefOr::Object(query_parameter(DRY_RUN, DRY_RUN_TEXT, schema)));
    }
    let responses = &mut operation.responses;
    if is_done_once {
        let schema = json!({
            "type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[ -~]+$",
        });
        let parameter = header_parameter_of(IDEMPOTENCY_KEY, IDEMPOTENCY_TEXT, schema);
        operation.parameters.push(RefOr::Object(parameter));
        add_problem(
            responses,
            "The `Idempotency-Key` was used for another request.",
            Error::KeyReused,
        );
    }
    let has_body = operation.request_body.as_ref().is_some_and(|body| !is_empty(body));
    let [first, second] = if has_body { [of_body, of_path] } else { [of_path, of_body] };
    add_carried(responses, first);
    add_carried(responses, second);
    if let Some(why) =
        PageRequest::parse_page("0").err().filter(|_| has_page(&operation.parameters))
    {
        add_problem(
            responses,
            "A parameter is invalid; `errors` names it.",
            Error::invalid("page", why),
        );
    }
    add_problem(
        responses,
        "The request has a body, and none is expected.",
        Problem::body_of_read(),
    );
    if kind == Kind::Read && has_filter(&operation.parameters) {
        add_problem(responses, LIST_LIMIT, RATE_LIMITED);
    }
    if can_fail {
        add_failures(responses, kind);
    }
    responses.responses.sort_keys();
    operation.request_body = operation.request_body.take().filter(|body| !is_empty(body));
}

/// What the body and the path may lead to. A PUT creates what is absent.
fn take_carried(operation: &mut Operation, kind: Kind) -> (Option<Value>, Option<Value>) {
    let of_body = match &mut operation.request_body {
        Some(RefOr::Object(body)) => body.extensions.shift_remove(PROBLEMS),
        _ => None,
    };
    let mut of_path = operation.parameters.iter_mut().find_map(|parameter| match parameter {
        RefOr::Object(Parameter { value: ParameterValue::Schema { schema, .. }, .. }) => {
            schema.extensions.shift_remove(PROBLEMS)
        }
        _ => None,
    });
    if let Some(Value::Object(problems)) = of_path.as_mut().filter(|_| kind == Kind::Upsert) {
        problems.remove("404");
    }
    (of_body, of_path)
}

/// A read has no limit for writes, and every key but one may read.
fn describe_as_read(responses: &mut Responses) {
    let has = |status: &str, description: &str| match responses.responses.get(status) {
        Some(RefOr::Object(response)) => response.description == description,
        _ => false,
    };
    let (has_write_limit, is_for_any) = (has("429", WRITE_LIMIT), has("403", KEY_MAY_ONLY_READ));
    if has_write_limit {
        responses.responses.shift_remove("429");
    }
    if is_for_any {
        let problem = Problem::key_of_scope(KeyScope::Calendar, Role::Employee);
        replace_problem(responses, "The API key may only read the calendar.", problem);
    }
}

/// Whether a creation takes an `Idempotency-Key`.
fn is_done_once(operation: &Operation) -> bool {
    let takes_csv = matches!(&operation.request_body,
        Some(RefOr::Object(body)) if body.content.contains_key("text/csv"));
    let has_location = matches!(operation.responses.responses.get("201"),
        Some(RefOr::Object(response)) if response.headers.contains_key("Location"));
    takes_csv || has_location
}

/// What everything that asks the store may lead to.
fn add_failures(responses: &mut Responses, kind: Kind) {
    if kind != Kind::Read {
        let full = "The quota of the account that this counts for is used up, or the disk is full.";
        add_problem(responses, full, Error::disk_is_full());
    }
    let failed = "The service failed. The message has the request id to find it in the log.";
    add_problem(responses, failed, Error::Internal(String::new()));
    add_problem(responses, "The service is busy.", Error::Busy);
}

/// Puts the operation's own address into the examples of its answers.
fn complete_examples(operation: &mut Operation, path: &str, base: BasePath<'_>) {
    let mut path = path.to_owned();
    for parameter in &operation.parameters {
        if let RefOr::Object(Parameter {
            name,
            location,
            value: ParameterValue::Schema { schema, .. },
            ..
        }) = parameter
            && location == "path"
            && let Some(Value::String(example)) = schema.extensions.get("example")
        {
            path = path.replace(&format!("{{{name}}}"), example);
        }
    }
    for response in operation.responses.responses.values_mut() {
        let RefOr::Object(response) = response else { continue };
        for MediaType { example, .. } in response.content.values_mut() {
            if let Some(example) = example {
                complete_example(example, base.0, &path);
            }
        }
    }
}

fn has_page(parameters: &[RefOr<Parameter>]) -> bool {
    has_parameter(parameters, |name| name == "page")
}

/// Whether there are query parameters besides those of every list.
fn has_filter(parameters: &[RefOr<Parameter>]) -> bool {
    has_parameter(parameters, |name| !matches!(name, "page" | "per_page"))
}

fn has_parameter(parameters: &[RefOr<Parameter>], is_it: impl Fn(&str) -> bool) -> bool {
    parameters.iter().any(|parameter| match parameter {
        RefOr::Object(Parameter { location, name, .. }) => location == "query" && is_it(name),
        RefOr::Ref(_) => false,
    })
}

fn is_empty(body: &RefOr<RequestBody>) -> bool {
    matches!(body, RefOr::Object(body) if body.content.is_empty())
}
