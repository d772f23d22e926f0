//! The OpenAPI document, and Swagger UI to read it with.

use askama::Template;
use rocket::http::Header;
use rocket::{Responder, Route, State, get};
use rocket_okapi::r#gen::OpenApiGenerator;
use rocket_okapi::okapi::Map;
use rocket_okapi::okapi::merge::merge_specs;
use rocket_okapi::okapi::openapi3::{
    Header as HeaderObject, Info, MediaType, Object, OpenApi, Operation, ParameterValue, PathItem,
    RefOr, Response, Responses, SchemaObject, Server, Tag,
};
use rocket_okapi::response::OpenApiResponderInner;
use rocket_okapi::{openapi, openapi_get_routes_spec};
use schemars::schema::InstanceType;
use serde_json::{Value, json};

use super::error::Problem;
use super::guards::OF_WRITES;
use super::headers::POLICY_OF_SWAGGER_UI;
use super::pages::{Frame, Html};
use super::{API, BasePath};

const DESCRIPTION: &str = "\
Accounts, bearer tokens, API keys, widgets that everyone reads and administrators write, tasks that managers hand out \
and the assignee moves on, and templates that nobody but their owner sees.

**Try it**: register or log in, copy the `access_token` of the answer, press *Authorize* and paste it. \
Every write takes a form or JSON with the same fields. Every refusal has one shape, `ErrorView`.";

/// The document, serialized once: it does not change while the service runs.
pub struct Document(String);

impl Document {
    /// Puts the parts together. `pages` has its paths at the root, the others theirs below the API.
    pub fn new(mut pages: OpenApi, parts: &[OpenApi], base: BasePath<'_>) -> Self {
        for item in pages.paths.values_mut() {
            item.servers = Some(vec![server(format!("{base}/"))]);
        }
        let mut document = OpenApi {
            openapi: pages.openapi.clone(),
            info: Info {
                title: "widgetd".to_owned(),
                version: env!("CARGO_PKG_VERSION").to_owned(),
                description: Some(DESCRIPTION.to_owned()),
                ..Info::default()
            },
            servers: vec![server(format!("{base}{API}"))],
            tags: [
                ("Accounts", "Come in, and go out."),
                ("Your account", "Who you are, and where you are logged in."),
                ("API keys", "For scripts that act for you."),
                ("Administration", "For administrators: all accounts, and what happened to them."),
                ("Widgets", "Shared: every account reads, administrators write."),
                ("Tasks", "Assigned: managers hand them out, the assignee moves them on."),
                ("Templates", "Private: only you see yours."),
                ("Service", "The service itself."),
            ]
            .map(|(name, description)| Tag {
                name: name.to_owned(),
                description: Some(description.to_owned()),
                external_docs: None,
                extensions: Object::default(),
            })
            .to_vec(),
            ..OpenApi::default()
        };
        for part in parts.iter().chain([&pages]) {
            if let Err(error) = merge_specs(&mut document, &"", part) {
                log::error!("the API's documentation is incomplete: {error}");
            }
        }
        // Maps with string keys always serialize.
        Self(serde_json::to_string(&document).unwrap_or_default())
    }
}

fn server(url: String) -> Server {
    Server { url, ..Server::default() }
}

/// A status, what it means, and the headers that come with it.
pub type Answer = (u16, &'static str, &'static [&'static str]);

/// Completes what Okapi derives from a handler's signature: every answer that it can give.
pub struct Description<'a>(&'a mut OpenApi);

impl<'a> Description<'a> {
    /// Describes the operations of `spec`.
    pub fn of(spec: &'a mut OpenApi) -> Self {
        Self(spec)
    }

    /// Says what an operation answers. Added by rule are the answers of whatever it takes: of a
    /// token, of parameters, of a body, and of the store.
    pub fn operation(mut self, id: &str, answers: &[Answer]) -> Self {
        if let Some((operation, reads)) = self.find(id) {
            describe(operation, reads, answers);
        }
        self
    }

    /// Completes an operation further.
    pub fn extend(mut self, id: &str, complete: impl FnOnce(&mut Operation)) -> Self {
        if let Some((operation, _)) = self.find(id) {
            complete(operation);
        }
        self
    }

    /// An operation, and whether it is a read.
    fn find(&mut self, id: &str) -> Option<(&mut Operation, bool)> {
        let is_it = |operation: &Operation| operation.operation_id.as_deref() == Some(id);
        let found =
            self.0.paths.values_mut().flat_map(operations).find(|(operation, _)| is_it(operation));
        debug_assert!(found.is_some(), "no operation {id}");
        found
    }
}

fn operations(item: &mut PathItem) -> impl Iterator<Item = (&mut Operation, bool)> {
    let writes =
        [&mut item.put, &mut item.post, &mut item.delete, &mut item.patch].into_iter().flatten();
    item.get.iter_mut().map(|read| (read, true)).chain(writes.map(|write| (write, false)))
}

fn describe(operation: &mut Operation, reads: bool, answers: &[Answer]) {
    let derived = std::mem::take(&mut operation.responses.responses);
    let derived = |status: &str| match derived.get(status) {
        Some(RefOr::Object(response)) => Some(response.clone()),
        _ => None,
    };
    let success = derived("200").unwrap_or_default().content;
    // An operation whose type has no problems asks nobody who could be busy or broken.
    let can_fail = derived("500").is_some();

    let mut rules: Vec<(u16, String)> = Vec::new();
    if operation.request_body.is_some() {
        rules.push((400, "The input is wrong; `errors` names every field at fault.".to_owned()));
        rules.push((413, "The body is too large.".to_owned()));
        rules.push((415, "The body is neither a form nor JSON.".to_owned()));
    }
    if !operation.parameters.is_empty() {
        rules.push((400, "A parameter is wrong; `errors` names it.".to_owned()));
    }
    // What the guards said of themselves.
    for status in [401, 403, 429] {
        let said = derived(&status.to_string()).map(|response| response.description);
        rules.extend(
            said.filter(|said| !reads || !OF_WRITES.contains(&said.as_str()))
                .map(|said| (status, said)),
        );
    }
    rules.push((400, "The request carries a body, and none is expected.".to_owned()));
    if can_fail {
        rules.push((
            500,
            "Something broke on our side. The message has the number to find it by in the log."
                .to_owned(),
        ));
        rules.push((503, "The service is busy.".to_owned()));
    }

    let said = answers
        .iter()
        .map(|(status, description, headers)| (*status, (*description).to_owned(), *headers));
    for (status, description, headers) in
        said.chain(rules.into_iter().map(|(status, text)| (status, text, &[][..])))
    {
        let implied: &[&str] = match status {
            401 => &["WWW-Authenticate"],
            429 | 503 => &["Retry-After"],
            _ => &[],
        };
        let response = Response {
            headers: headers
                .iter()
                .chain(implied)
                .map(|name| ((*name).to_owned(), header()))
                .collect(),
            content: match status {
                204 | 304 => Map::default(),
                200..=299 => success.clone(),
                _ => failure_content(example_of(status, &description)),
            },
            description,
            ..Response::default()
        };
        // What the operation says of itself comes first, and stands.
        operation.responses.responses.entry(status.to_string()).or_insert_with(|| response.into());
    }

    if matches!(&operation.request_body, Some(RefOr::Object(body)) if body.content.is_empty()) {
        operation.request_body = None;
    }
}

/// The one shape of refusals and failures, which `Problem` puts among the document's components.
fn failure_content(example: Value) -> Map<String, MediaType> {
    let schema = SchemaObject::new_ref("#/components/schemas/ErrorView".to_owned());
    let media = MediaType { schema: Some(schema), example: Some(example), ..MediaType::default() };
    Map::from_iter([("application/json".to_owned(), media)])
}

/// A refusal as it may look; its message stands for the many that a status can have.
fn example_of(status: u16, description: &str) -> Value {
    match status {
        400 => json!({
            "status": "fail",
            "message": "Input payload validation failed",
            "errors": { "email": "first last is not a valid email" },
        }),
        401 => json!({ "status": "fail", "message": "Unauthorized" }),
        403 => json!({ "status": "fail", "message": "You are not an administrator" }),
        429 => {
            json!({ "status": "fail", "message": "Too many attempts. Please try again in 60 seconds." })
        }
        404 | 409 | 412 | 413 | 415 => json!({ "status": "fail", "message": description }),
        _ => json!({ "status": "error", "message": description }),
    }
}

/// A response's header: text.
fn header() -> RefOr<HeaderObject> {
    RefOr::Object(HeaderObject {
        description: None,
        required: false,
        deprecated: false,
        allow_empty_value: false,
        value: value_of(SchemaObject {
            instance_type: Some(InstanceType::String.into()),
            ..SchemaObject::default()
        }),
        extensions: Object::default(),
    })
}

/// The value of a header or a parameter.
pub fn value_of(schema: SchemaObject) -> ParameterValue {
    ParameterValue::Schema {
        style: None,
        explode: None,
        allow_reserved: false,
        schema,
        example: None,
        examples: None,
    }
}

/// The routes of the documentation, and their part of the document.
pub fn routes() -> (Vec<Route>, OpenApi) {
    let (routes, mut spec) = openapi_get_routes_spec![swagger_json, openapi_json, show_api_pages];
    Description::of(&mut spec)
        .operation("swagger_json", &[(200, "The document.", &[])])
        .operation("openapi_json", &[(200, "The document.", &[])])
        .operation("show_api_pages", &[(200, "The page.", &[])]);
    (routes, spec)
}

/// The document as an answer.
#[derive(Responder)]
#[response(content_type = "json")]
struct DocumentView<'r>(&'r str);

impl OpenApiResponderInner for DocumentView<'_> {
    fn responses(_: &mut OpenApiGenerator) -> rocket_okapi::Result<Responses> {
        Ok(content_of("application/json", InstanceType::Object))
    }
}

/// # The API for programs, under its old name
///
/// The same document as `/openapi.json`.
#[openapi(tag = "Service")]
#[get("/swagger.json")]
fn swagger_json(document: &State<Document>) -> DocumentView<'_> {
    DocumentView(&document.0)
}

/// # The API for programs
///
/// This document: OpenAPI 3.
#[openapi(tag = "Service")]
#[get("/openapi.json")]
fn openapi_json(document: &State<Document>) -> DocumentView<'_> {
    DocumentView(&document.0)
}

fn content_of(content_type: &str, kind: InstanceType) -> Responses {
    let schema = SchemaObject { instance_type: Some(kind.into()), ..SchemaObject::default() };
    let mut response = Response::default();
    response.content.insert(
        content_type.to_owned(),
        MediaType { schema: Some(schema), ..MediaType::default() },
    );
    let mut responses = Responses::default();
    responses.responses.insert("200".to_owned(), response.into());
    responses
}

/// Swagger UI.
#[derive(Template)]
#[template(path = "api.html")]
struct ApiPage {
    frame: Frame,
}

/// The page as an answer, which may do a little more than ours. That it cannot be rendered is not known to
/// happen, and so not documented.
#[derive(Responder)]
struct ApiPageView(Result<Html, Problem>, Header<'static>);

impl OpenApiResponderInner for ApiPageView {
    fn responses(_: &mut OpenApiGenerator) -> rocket_okapi::Result<Responses> {
        Ok(content_of("text/html", InstanceType::String))
    }
}

/// # The API for people
///
/// Swagger UI: every operation, to be tried out.
#[openapi(tag = "Service")]
#[get("/ui")]
fn show_api_pages(frame: Frame) -> ApiPageView {
    let policy = Header::new("Content-Security-Policy", POLICY_OF_SWAGGER_UI);
    ApiPageView(Html::of(&ApiPage { frame }), policy)
}
