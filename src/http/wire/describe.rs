//! The parts of the OpenAPI document that types describe themselves with.

use rocket_okapi::OpenApiError;
use rocket_okapi::r#gen::OpenApiGenerator;
use rocket_okapi::okapi::Map;
use rocket_okapi::okapi::openapi3::{
    Header, MediaType, Object, Parameter, ParameterValue, RefOr, Response, Responses, SchemaObject,
};
use rocket_okapi::request::RequestHeaderInput;
use schemars::JsonSchema;
use schemars::schema::InstanceType;
use serde::Serialize;
use serde_json::{Value, json};

use super::field::one_line;
use super::problem::Problem;

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

/// A single response with a JSON body, and what it may look like.
pub fn with_schema<V: JsonSchema + Serialize>(
    generator: &mut OpenApiGenerator,
    status: u16,
    description: &str,
    headers: &[&str],
    example: Result<V, String>,
) -> rocket_okapi::Result<Responses> {
    let example = example.and_then(|view| serde_json::to_value(view).map_err(|e| e.to_string()));
    let mut responses = Responses::default();
    add_response(&mut responses, status, description, headers);
    let schema = generator.json_schema::<V>();
    add_content(&mut responses, status, "application/json", schema, example)?;
    Ok(responses)
}

/// A 200 with a text, and what it may look like.
pub fn with_text(
    description: &str,
    content_type: &str,
    example: Result<String, String>,
) -> rocket_okapi::Result<Responses> {
    let mut responses = response(200, description);
    add_text(&mut responses, content_type, example)?;
    Ok(responses)
}

/// Adds a text as another form of the body of a 200.
pub fn add_text(
    to: &mut Responses,
    content_type: &str,
    example: Result<String, String>,
) -> rocket_okapi::Result<()> {
    let kind = Some(InstanceType::String.into());
    let schema = SchemaObject { instance_type: kind, ..SchemaObject::default() };
    add_content(to, 200, content_type, schema, example.map(Value::from))
}

/// Adds a form of the body to a response.
pub fn add_content(
    to: &mut Responses,
    status: u16,
    content_type: &str,
    schema: SchemaObject,
    example: Result<Value, String>,
) -> rocket_okapi::Result<()> {
    let example = Some(example.map_err(OpenApiError::new)?);
    if let Some(RefOr::Object(response)) = to.responses.get_mut(&status.to_string()) {
        let media = MediaType { schema: Some(schema), example, ..MediaType::default() };
        response.content.insert(content_type.to_owned(), media);
    }
    Ok(())
}

/// Adds the response with a problem, unless its status is documented already.
pub fn add_problem(to: &mut Responses, description: &str, problem: impl Into<Problem>) {
    let problem = problem.into();
    let status = problem.status().code;
    if to.responses.contains_key(&status.to_string()) {
        return;
    }
    let headers: &[&str] = match status {
        401 => &["WWW-Authenticate"],
        429 | 503 => &["Retry-After"],
        _ => &[],
    };
    add_response(to, status, description, headers);
    let schema = SchemaObject::new_ref("#/components/schemas/ErrorView".to_owned());
    // It has an example, so this does not fail.
    let _ = add_content(to, status, "application/json", schema, Ok(problem.to_example()));
}

/// The same in place of what is documented for the status.
pub fn replace_problem(to: &mut Responses, description: &str, problem: impl Into<Problem>) {
    let problem = problem.into();
    to.responses.shift_remove(&problem.status().code.to_string());
    add_problem(to, description, problem);
}

/// The extension that carries problems from a part of the request to the operations that have it.
pub const PROBLEMS: &str = "x-problems";

/// The value of [`PROBLEMS`]: each problem with its description.
pub fn carried(problems: Vec<(&str, Problem)>) -> Value {
    let mut responses = Responses::default();
    for (description, problem) in problems {
        add_problem(&mut responses, description, problem);
    }
    json!(responses.responses)
}

/// Adds the problems of an extension.
pub fn add_carried(to: &mut Responses, carried: Option<Value>) {
    let carried: Map<String, RefOr<Response>> =
        carried.and_then(|value| serde_json::from_value(value).ok()).unwrap_or_default();
    for (status, response) in carried {
        to.responses.entry(status).or_insert(response);
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
    header_parameter_of(name, description, json!({ "type": "string" }))
}

pub fn header_parameter_of(name: &str, description: &str, schema: Value) -> Parameter {
    parameter("header", name, description, schema)
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

/// The extension that carries [`parameters`] to [`expand`].
const PARAMETERS: &str = "x-parameters";

/// The parameters that a guard reads. Okapi takes one from a guard; this one carries them all.
pub fn parameters(all: Vec<Parameter>) -> RequestHeaderInput {
    let mut carrier = parameter("query", PARAMETERS, "", Value::Null);
    carrier.extensions.extend([(PARAMETERS.to_owned(), json!(all))]);
    RequestHeaderInput::Parameter(carrier)
}

pub fn expand(given: Vec<RefOr<Parameter>>) -> Vec<RefOr<Parameter>> {
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
