//! The OpenAPI document: what Okapi derives from the types of the handlers, completed by rules.
//!
//! A handler's types say what it answers. The rules add what follows from that: a body can be
//! invalid, a path can name nothing, a store can be busy. An operation itself names only what its
//! types cannot know, with [`Operations::also`].

use rocket::Route;
use rocket_okapi::r#gen::OpenApiGenerator;
use rocket_okapi::okapi::Map;
use rocket_okapi::okapi::merge::merge_specs;
use rocket_okapi::okapi::openapi3::{
    Header, Info, MediaType, Object, OpenApi, Operation, Parameter, ParameterValue, PathItem,
    RefOr, RequestBody, Response, Responses, SchemaObject, Server, Tag,
};
use rocket_okapi::request::RequestHeaderInput;
use schemars::JsonSchema;
use schemars::schema::InstanceType;
use serde_json::{Value, json};

use super::request::{DRY_RUN, IDEMPOTENCY_KEY};
use super::services::{API, BasePath};

/// The 403 and the 429 that only writes have.
pub const KEY_MAY_ONLY_READ: &str = "The API key may only read.";
pub const WRITE_LIMIT: &str = "The account has reached its rate limit for writes.";

/// The 403 of reads that every role may do.
const CALENDAR_KEY: &str = "The API key may only read the calendar.";

/// The 429 of lists that can be filtered, sorted or searched.
pub const LIST_LIMIT: &str =
    "The account has reached its rate limit for filtered and sorted lists.";

const DRY_RUN_TEXT: &str = "`true`: answers as if it was done, with `dry_run: true` in the answer \
    and a header `Dry-Run`, and changes nothing.";

const IDEMPOTENCY_TEXT: &str = "Names the request, in 1 to 255 characters: with the same one, the \
    request is done once in 24 hours, and answered alike, with a header `Idempotent-Replayed`.";

/// The document, serialized once: it does not change while the service runs.
pub struct Document(pub String);

impl Document {
    /// Merges the parts. `root` has its paths at the root, the others theirs below the API.
    pub fn new(
        description: &str,
        tags: &[(&str, &str)],
        mut root: OpenApi,
        parts: &[OpenApi],
        base: BasePath<'_>,
    ) -> Self {
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
            let names_a_record = path.contains('{');
            for (operation, kind) in operations_of(item) {
                complete(operation, kind, names_a_record);
            }
        }
        // Maps with string keys always serialize.
        Self(serde_json::to_string(&document).unwrap_or_default())
    }
}

fn server(url: String) -> Server {
    Server { url, ..Server::default() }
}

/// The routes of one resource, and their part of the document. Made by [`operations`].
pub struct Operations {
    pub routes: Vec<Route>,
    pub spec: OpenApi,
}

/// The [`Operations`] of these handlers.
macro_rules! operations {
    ($($handlers:tt)+) => {{
        let (routes, spec) = rocket_okapi::openapi_get_routes_spec![$($handlers)+];
        $crate::http::wire::Operations { routes, spec }
    }};
}
pub(crate) use operations;

impl Operations {
    /// Adds an answer that the types of the operation's handler do not know, or describes one
    /// better.
    #[must_use]
    pub fn also(mut self, id: &str, status: u16, description: &str) -> Self {
        let is_it = |operation: &Operation| operation.operation_id.as_deref() == Some(id);
        let mut all = self.spec.paths.values_mut().flat_map(operations_of);
        let found = all.find(|(operation, _)| is_it(operation));
        debug_assert!(found.is_some(), "no operation {id}");
        if let Some((operation, _)) = found {
            let responses = &mut operation.responses.responses;
            match responses.get_mut(&status.to_string()) {
                Some(RefOr::Object(response)) => description.clone_into(&mut response.description),
                _ => add_response(&mut operation.responses, status, description, &[]),
            }
        }
        drop(all);
        self
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
fn complete(operation: &mut Operation, kind: Kind, names_a_record: bool) {
    operation.parameters = expand(std::mem::take(&mut operation.parameters));
    let responses = &mut operation.responses;
    // Okapi documents a `Result` with a `Problem` as a 500.
    let can_fail = responses.responses.shift_remove("500").is_some();
    if kind == Kind::Read {
        responses.responses.retain(|_, response| description_of(response) != Some(WRITE_LIMIT));
        if let Some(RefOr::Object(response)) = responses.responses.get_mut("403")
            && response.description == KEY_MAY_ONLY_READ
        {
            CALENDAR_KEY.clone_into(&mut response.description);
        }
    }
    let has_location = |response: &RefOr<Response>| match response {
        RefOr::Object(response) => response.headers.contains_key("Location"),
        RefOr::Ref(_) => false,
    };
    let created = responses.responses.get("201");
    let takes_csv = matches!(&operation.request_body,
        Some(RefOr::Object(body)) if body.content.contains_key("text/csv"));
    let types =
        if takes_csv { "The body is not CSV." } else { "The body is neither a form nor JSON." };
    let is_done_once = kind == Kind::Create && (takes_csv || created.is_some_and(has_location));
    let mut rule = |status: u16, description: &str| {
        if !responses.responses.contains_key(&status.to_string()) {
            add_response(responses, status, description, &[]);
        }
    };
    if kind != Kind::Read {
        let schema = json!({ "type": "boolean", "default": false });
        operation.parameters.push(RefOr::Object(query_parameter(DRY_RUN, DRY_RUN_TEXT, schema)));
    }
    if is_done_once {
        let parameter = header_parameter(IDEMPOTENCY_KEY, IDEMPOTENCY_TEXT);
        operation.parameters.push(RefOr::Object(parameter));
        rule(422, "The `Idempotency-Key` was used for another request.");
    }
    if operation.request_body.is_some() {
        rule(400, "The input is invalid; `errors` names every field at fault.");
        rule(413, "The body is too large.");
        rule(415, types);
    }
    if !operation.parameters.is_empty() {
        rule(400, "A parameter is invalid; `errors` names it.");
    }
    rule(400, "The request has a body, and none is expected.");
    if kind == Kind::Read && has_filter(&operation.parameters) {
        rule(429, LIST_LIMIT);
    }
    if names_a_record && can_fail && kind != Kind::Upsert {
        rule(404, "There is no such record, or you may not see it.");
    }
    if can_fail && kind != Kind::Read {
        rule(507, "The quota of the account that this counts for is used up, or the disk is full.");
    }
    if can_fail {
        rule(500, "The service failed. The message has the request id to find it in the log.");
        rule(503, "The service is busy.");
    }
    for (status, response) in &mut responses.responses {
        if let (Ok(status), RefOr::Object(response)) = (status.parse(), response) {
            complete_problem(status, response);
        }
    }
    responses.responses.sort_keys();
    let is_empty = |body: &RefOr<_>| matches!(body, RefOr::Object(body) if no_content(body));
    operation.request_body = operation.request_body.take().filter(|body| !is_empty(body));
}

/// Whether there are query parameters besides those of every list.
fn has_filter(parameters: &[RefOr<Parameter>]) -> bool {
    parameters.iter().any(|parameter| match parameter {
        RefOr::Object(Parameter { location, name, .. }) => {
            location == "query" && !matches!(name.as_str(), "page" | "per_page")
        }
        RefOr::Ref(_) => false,
    })
}

fn no_content(body: &RequestBody) -> bool {
    body.content.is_empty()
}

fn description_of(response: &RefOr<Response>) -> Option<&str> {
    match response {
        RefOr::Object(response) => Some(&response.description),
        RefOr::Ref(_) => None,
    }
}

/// Gives an error answer the one shape of problems, an example, and its header.
fn complete_problem(status: u16, response: &mut Response) {
    let header = match status {
        401 => Some("WWW-Authenticate"),
        429 | 503 => Some("Retry-After"),
        _ => None,
    };
    response.headers.extend(header.map(|name| (name.to_owned(), text_header())));
    if status >= 400 {
        let schema = Some(SchemaObject::new_ref("#/components/schemas/ErrorView".to_owned()));
        let example = Some(example_of(status, &response.description));
        let media = MediaType { schema, example, ..MediaType::default() };
        response.content = Map::from_iter([("application/json".to_owned(), media)]);
    }
}

/// One of the many messages that a status can have.
fn example_of(status: u16, description: &str) -> Value {
    let message = match status {
        400 => {
            return json!({
                "status": "fail",
                "message": "Input payload validation failed",
                "errors": { "email": "first last is not a valid email" },
            });
        }
        401 => "Unauthorized",
        403 => "You are not an administrator",
        429 => "Too many attempts. Please try again in 60 seconds.",
        _ => description,
    };
    json!({ "status": if status < 500 { "fail" } else { "error" }, "message": message })
}

/// Adds a response without a body.
pub fn add_response(responses: &mut Responses, status: u16, description: &str, headers: &[&str]) {
    let response = Response {
        description: description.to_owned(),
        headers: headers.iter().map(|name| ((*name).to_owned(), text_header())).collect(),
        ..Response::default()
    };
    responses.responses.insert(status.to_string(), response.into());
}

/// A single response without a body.
pub fn response(status: u16, description: &str) -> Responses {
    let mut responses = Responses::default();
    add_response(&mut responses, status, description, &[]);
    responses
}

/// A single response with a JSON body.
pub fn with_schema<V: JsonSchema>(
    generator: &mut OpenApiGenerator,
    status: u16,
    description: &str,
    headers: &[&str],
) -> Responses {
    let mut responses = Responses::default();
    add_response(&mut responses, status, description, headers);
    let schema = generator.json_schema::<V>();
    add_content(&mut responses, status, "application/json", schema);
    responses
}

/// A 200 with a body that has no schema of its own.
pub fn with_content(description: &str, content_type: &str, kind: InstanceType) -> Responses {
    let mut responses = response(200, description);
    let schema = SchemaObject { instance_type: Some(kind.into()), ..SchemaObject::default() };
    add_content(&mut responses, 200, content_type, schema);
    responses
}

/// Adds a form of the body to a response.
pub fn add_content(to: &mut Responses, status: u16, content_type: &str, schema: SchemaObject) {
    if let Some(RefOr::Object(response)) = to.responses.get_mut(&status.to_string()) {
        let media = MediaType { schema: Some(schema), ..MediaType::default() };
        response.content.insert(content_type.to_owned(), media);
    }
}

fn text_header() -> RefOr<Header> {
    let instance_type = Some(InstanceType::String.into());
    RefOr::Object(Header {
        description: None,
        required: false,
        deprecated: false,
        allow_empty_value: false,
        value: value_of(SchemaObject { instance_type, ..SchemaObject::default() }),
        extensions: Object::default(),
    })
}

fn value_of(schema: SchemaObject) -> ParameterValue {
    ParameterValue::Schema {
        style: None,
        explode: None,
        allow_reserved: false,
        schema,
        example: None,
        examples: None,
    }
}

/// An optional parameter of the query.
pub fn query_parameter(name: &str, description: &str, schema: Value) -> Parameter {
    parameter("query", name, description, schema)
}

/// An optional header of the request.
pub fn header_parameter(name: &str, description: &str) -> Parameter {
    parameter("header", name, description, json!({ "type": "string" }))
}

fn parameter(location: &str, name: &str, description: &str, schema: Value) -> Parameter {
    Parameter {
        name: name.to_owned(),
        location: location.to_owned(),
        description: Some(one_line(description)),
        required: false,
        deprecated: false,
        allow_empty_value: false,
        value: value_of(serde_json::from_value(schema).unwrap_or_default()),
        extensions: Object::default(),
    }
}

/// The text of a doc comment without its line breaks.
pub fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The extension that carries [`parameters`] to [`expand`].
const PARAMETERS: &str = "x-parameters";

/// The parameters that a guard reads. Okapi takes one from a guard; this one carries them all.
pub fn parameters(all: Vec<Parameter>) -> RequestHeaderInput {
    let mut carrier = parameter("query", PARAMETERS, "", Value::Null);
    carrier.extensions.extend([(PARAMETERS.to_owned(), json!(all))]);
    RequestHeaderInput::Parameter(carrier)
}

fn expand(given: Vec<RefOr<Parameter>>) -> Vec<RefOr<Parameter>> {
    let mut expanded = Vec::new();
    for parameter in given {
        let carried = match &parameter {
            RefOr::Object(parameter) => parameter.extensions.get(PARAMETERS).cloned(),
            RefOr::Ref(_) => None,
        };
        match carried {
            Some(all) => {
                let all: Vec<Parameter> = serde_json::from_value(all).unwrap_or_default();
                // Okapi reads the schema a second time as an extension.
                let own = |parameter| Parameter { extensions: Object::default(), ..parameter };
                expanded.extend(all.into_iter().map(own).map(RefOr::Object));
            }
            None => expanded.push(parameter),
        }
    }
    expanded
}
