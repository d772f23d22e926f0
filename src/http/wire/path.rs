//! Names and ids in paths.

use std::convert::Infallible;

use rocket::request::FromParam;
use schemars::JsonSchema;
use schemars::r#gen::SchemaGenerator;
use schemars::schema::Schema;
use serde_json::Value;

use crate::error::Error;

/// A type that stands in a path.
pub trait PathParameter: Sized {
    /// Parses a decoded segment.
    fn from_segment(segment: &str) -> Result<Self, Error>;

    /// Its JSON schema.
    fn schema() -> Value;
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
        serde_json::from_value(T::schema()).unwrap_or(Schema::Bool(true))
    }
}

/// Declares a UUID in a path. What is no UUID names nothing, so it is 404.
macro_rules! id_in_path {
    ($type:ty, $thing:literal) => {
        impl $crate::http::wire::path::PathParameter for $type {
            fn from_segment(segment: &str) -> Result<Self, $crate::error::Error> {
                Self::parse(segment).ok_or_else(|| $crate::error::Error::no_such($thing))
            }

            fn schema() -> serde_json::Value {
                serde_json::json!({ "type": "string" })
            }
        }
    };
}

/// Declares a name in a path, read by `$parse`. What cannot be a name is 400.
macro_rules! name_in_path {
    ($type:ty, $parse:expr, $schema:tt) => {
        impl $crate::http::wire::path::PathParameter for $type {
            fn from_segment(segment: &str) -> Result<Self, $crate::error::Error> {
                $parse(segment).map_err(|why| $crate::error::Error::invalid("name", why))
            }

            fn schema() -> serde_json::Value {
                serde_json::json!($schema)
            }
        }
    };
}

pub(crate) use {id_in_path, name_in_path};
