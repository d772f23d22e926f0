//! Whether a value is what a schema of the OpenAPI document says (OpenAPI 3.0, section 4.7.24), as far
//! as the document uses it. Fields that the schema does not name are faults, too.

use serde_json::Value;

/// What is wrong with a value: a line for each fault, with its place.
pub fn faults(document: &Value, schema: &Value, value: &Value) -> Vec<String> {
    let mut faults = Vec::new();
    check(document, schema, value, "", &mut faults);
    faults
}

fn check(document: &Value, schema: &Value, value: &Value, place: &str, faults: &mut Vec<String>) {
    let schema = super::resolve_schema(document, schema);
    if value.is_null() {
        if schema["nullable"] != true {
            faults.push(format!("{place} is null"));
        }
        return;
    }
    for part in list(&schema["allOf"]) {
        check(document, part, value, place, faults);
    }
    let is_of_type = match schema["type"].as_str() {
        Some("object") => value.is_object(),
        Some("array") => value.is_array(),
        Some("string") => value.is_string(),
        Some("boolean") => value.is_boolean(),
        Some("integer") => value.is_u64() || value.is_i64(),
        None => {
            schema.get("allOf").is_some()
                || schema.as_object().is_some_and(serde_json::Map::is_empty)
        }
        Some(other) => panic!("{place}: what is {other}?"),
    };
    if !is_of_type {
        faults.push(format!("{place} is not of type {}: {value}", schema["type"]));
    }
    if schema.get("enum").is_some() && !list(&schema["enum"]).contains(value) {
        faults.push(format!("{place} is none of {}: {value}", schema["enum"]));
    }
    if let Some(text) = value.as_str() {
        check_text(schema, text, place, faults);
    }
    for (n, item) in list(value).iter().enumerate() {
        check(document, &schema["items"], item, &format!("{place}/{n}"), faults);
    }
    if schema["type"] == "object" {
        check_object(document, schema, value, place, faults);
    }
}

fn check_object(
    document: &Value,
    schema: &Value,
    value: &Value,
    place: &str,
    faults: &mut Vec<String>,
) {
    let no_fields = serde_json::Map::new();
    let fields = value.as_object().unwrap_or(&no_fields);
    for name in list(&schema["required"]).iter().filter_map(Value::as_str) {
        if !fields.contains_key(name) {
            faults.push(format!("{place}/{name} is missing"));
        }
    }
    // An object of any kind.
    let is_open =
        ["properties", "additionalProperties"].iter().all(|key| schema.get(key).is_none());
    for (name, field) in fields.iter().filter(|_| !is_open) {
        let place = format!("{place}/{name}");
        let own = &schema["properties"][name];
        let schema = if own.is_null() { &schema["additionalProperties"] } else { own };
        if schema.is_object() {
            check(document, schema, field, &place, faults);
        } else {
            faults.push(format!("{place} is not in the schema"));
        }
    }
}

fn check_text(schema: &Value, text: &str, place: &str, faults: &mut Vec<String>) {
    let is_right = match schema["format"].as_str() {
        None | Some("password") => true,
        Some("date-time") => {
            let format = &time::format_description::well_known::Rfc3339;
            time::OffsetDateTime::parse(text, format).is_ok()
        }
        Some("date") => {
            text.len() == 10
                && time::OffsetDateTime::parse(
                    &format!("{text}T00:00:00Z"),
                    &time::format_description::well_known::Rfc3339,
                )
                .is_ok()
        }
        Some("uuid") => text.len() == 36 && uuid::Uuid::try_parse(text).is_ok(),
        Some("email") => text.contains('@'),
        Some("uri") => url::Url::parse(text).is_ok(),
        Some("uri-reference") => text.starts_with('/'),
        Some(other) => panic!("{place}: what is {other}?"),
    };
    if !is_right {
        faults.push(format!("{place} is not of format {}: {text}", schema["format"]));
    }
    let length = text.chars().count() as u64;
    let is_long = schema["maxLength"].as_u64().is_some_and(|most| length > most);
    if is_long || schema["minLength"].as_u64().is_some_and(|least| length < least) {
        faults.push(format!("{place} has the wrong length: {text}"));
    }
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

/// The properties of all schemas of the document: the schema's name, the property's, and its schema.
pub fn properties(document: &Value) -> Vec<(&str, &str, &Value)> {
    let mut all = Vec::new();
    for (of, schema) in document["components"]["schemas"].as_object().unwrap() {
        for (name, property) in schema["properties"].as_object().into_iter().flatten() {
            all.push((of.as_str(), name.as_str(), property));
        }
    }
    all
}
