//! Names and ids in paths.

use std::convert::Infallible;
use std::fmt;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use rocket::Request;
use rocket::request::FromParam;
use schemars::JsonSchema;
use schemars::r#gen::SchemaGenerator;
use schemars::schema::Schema;
use serde_json::Value;

use super::describe::{PROBLEMS, carried};
use crate::error::Error;

/// A type that stands in a path.
pub trait PathParameter: Sized {
    /// Parses a decoded segment.
    fn from_segment(segment: &str) -> Result<Self, Error>;

    /// Its JSON schema.
    fn schema() -> Value;

    /// One of them, for the OpenAPI document.
    fn sample() -> &'static str;

    /// What a path leads to that names no record.
    fn missing() -> Error;
}

/// A path parameter. Its error is the handler's to return, after the guards had their say.
pub struct InPath<T>(pub Result<T, Error>);

impl<'r, T: PathParameter> FromParam<'r> for InPath<T> {
    type Error = Infallible;

    fn from_param(segment: &'r str) -> Result<Self, Infallible> {
        Ok(Self(T::from_segment(segment)))
    }
}

impl<T: PathParameter> JsonSchema for InPath<T> {
    fn is_referenceable() -> bool {
        false
    }

    fn schema_name() -> String {
        "PathParameter".to_owned()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let mut schema = T::schema();
        // That of the field says what a new name may be.
        schema.as_object_mut().and_then(|schema| schema.remove("description"));
        schema["example"] = T::sample().into();
        let missing = "There is no such record, or you may not see it.";
        let mut problems = vec![(missing, T::missing().into())];
        if let Err(error @ Error::Invalid(_)) = T::from_segment(" not a name") {
            problems.push(("A parameter is invalid; `errors` names it.", error.into()));
        }
        schema[PROBLEMS] = carried(problems);
        serde_json::from_value(schema).unwrap_or(Schema::Bool(true))
    }
}

/// Declares a UUID in a path, with one of them. What is no UUID names nothing, so it is 404.
macro_rules! id_in_path {
    ($type:ty, $thing:literal, $sample:expr) => {
        impl $crate::http::wire::path::PathParameter for $type {
            fn from_segment(segment: &str) -> Result<Self, $crate::error::Error> {
                Self::parse(segment).ok_or_else(|| $crate::error::Error::no_such($thing))
            }

            fn schema() -> serde_json::Value {
                serde_json::json!({ "type": "string", "format": "uuid" })
            }

            fn sample() -> &'static str {
                $sample
            }

            fn missing() -> $crate::error::Error {
                $crate::error::Error::no_such($thing)
            }
        }
    };
}

/// The characters that are not escaped in a path segment (RFC 3986 section 2.3).
const UNESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// A text as a path segment.
pub fn escape_segment(text: &str) -> impl fmt::Display {
    utf8_percent_encode(text, UNESCAPED)
}

/// Declares a name in a path: the field in errors, one of the names, and the parser and the schema if the path has
/// others than the field. What cannot be a name is 400.
macro_rules! name_in_path {
    ($type:ty, $field:literal, $sample:expr) => {
        name_in_path!(@impl $type, $field, $sample, <$type>::parse, {
            <$type as $crate::http::wire::field::Field>::schema()
        });
    };
    ($type:ty, $field:literal, $sample:expr, $parse:expr, $schema:tt) => {
        name_in_path!(@impl $type, $field, $sample, $parse, serde_json::json!($schema));
    };
    (@impl $type:ty, $field:literal, $sample:expr, $parse:expr, $schema:expr) => {
        impl $crate::http::wire::path::PathParameter for $type {
            fn from_segment(segment: &str) -> Result<Self, $crate::error::Error> {
                $parse(segment).map_err(|why| $crate::error::Error::invalid($field, why))
            }

            fn schema() -> serde_json::Value {
                $schema
            }

            fn sample() -> &'static str {
                $sample
            }

            fn missing() -> $crate::error::Error {
                $crate::error::Error::not_found($sample)
            }
        }
    };
}

pub(crate) use {id_in_path, name_in_path};

/// The path of the route, where what it leaves open is as in the request.
pub fn canonical_path(request: &Request<'_>) -> String {
    let pattern = request.route().map_or("", |route| route.uri.path());
    if !pattern.contains('<') {
        return pattern.to_owned();
    }
    let segments = pattern.trim_start_matches('/').split('/').zip(request.uri().path().segments());
    let segment = |(pattern, given): (&str, &str)| match pattern.strip_prefix('<') {
        Some(_) => format!("/{}", escape_segment(given)),
        None => format!("/{pattern}"),
    };
    segments.map(segment).collect()
}
