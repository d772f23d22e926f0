//! What stands in answers, by types whose schemas say more than "a text".

use std::fmt::Display;

use schemars::JsonSchema;
use schemars::r#gen::SchemaGenerator;
use schemars::schema::Schema;
use serde::{Serialize, Serializer};
use serde_json::{Value, json};

use super::field::Field;
use crate::domain::{Email, Named, Timestamp};

/// One of the values that have names.
pub struct Name<T>(pub T);

impl<T: Named> Serialize for Name<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0.name())
    }
}

/// A UUID.
pub struct Id<T>(pub T);

impl<T: Display> Serialize for Id<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

/// A time in whole seconds (RFC 3339).
pub struct DateTime(pub Timestamp);

impl Serialize for DateTime {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0.to_iso_8601())
    }
}

/// A date (RFC 3339).
#[derive(Serialize)]
pub struct Date(pub String);

pub struct EmailAddress(pub Email);

impl Serialize for EmailAddress {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0.as_str())
    }
}

/// An absolute URL.
#[derive(Serialize)]
pub struct Url(pub String);

/// An address without its origin.
#[derive(Serialize)]
pub struct Link(pub String);

/// Declares the schema of a type. It stands where the type does, under no name.
macro_rules! schema {
    ($type:ty $(where $parameter:ident: $bound:path)?, $schema:expr) => {
        impl$(<$parameter: $bound>)? JsonSchema for $type {
            fn is_referenceable() -> bool {
                false
            }

            fn schema_name() -> String {
                stringify!($type).to_owned()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                to_schema($schema)
            }
        }
    };
}

schema!(Name<T> where T: Named, <T as Field>::schema());
schema!(Id<T> where T: Display, json!({ "type": "string", "format": "uuid" }));
schema!(DateTime, json!({ "type": "string", "format": "date-time" }));
schema!(Date, json!({ "type": "string", "format": "date" }));
schema!(EmailAddress, json!({ "type": "string", "format": "email" }));
schema!(Url, json!({ "type": "string", "format": "uri" }));
schema!(Link, json!({ "type": "string", "format": "uri-reference" }));

/// The schema of a text that is one of these.
pub fn one_of(names: &[&str]) -> Schema {
    to_schema(json!({ "type": "string", "enum": names }))
}

/// The schema of a text that says that a request succeeded.
pub fn success(_: &mut SchemaGenerator) -> Schema {
    one_of(&["success"])
}

fn to_schema(schema: Value) -> Schema {
    serde_json::from_value(schema).unwrap_or(Schema::Bool(true))
}
