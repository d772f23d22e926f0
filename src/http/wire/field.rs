//! How one field of a body or a query becomes a value of the domain, and how OpenAPI describes it.

use schemars::Map;
use serde_json::{Value, json};

use super::fields::{Fields, Given};
use super::services::FieldContext;
use crate::domain::{Named, Search, Sort, Timestamp};

/// A type that is read from the text of a field.
pub trait Field: Sized {
    /// Parses a text. The error completes a sentence that begins with the field's name.
    fn parse(text: &str, context: &FieldContext) -> Result<Self, String>;

    /// The JSON schema, with a description where the type has one.
    fn schema() -> Value;

    /// What JSON's `null` stands for; `None` if the type has no empty value.
    fn null() -> Option<Self> {
        None
    }
}

/// Declares how a domain type with `parse(&str) -> Result<Self, String>` is described.
macro_rules! field {
    ($type:ty, $schema:tt $(, null = $null:expr)?) => {
        impl $crate::http::wire::field::Field for $type {
            fn parse(
                text: &str,
                _: &$crate::http::wire::services::FieldContext,
            ) -> Result<Self, String> {
                Self::parse(text)
            }

            fn schema() -> serde_json::Value {
                serde_json::json!($schema)
            }

            $(fn null() -> Option<Self> {
                Some($null)
            })?
        }
    };
}
pub(crate) use field;

impl<T: Named> Field for T {
    fn parse(text: &str, _: &FieldContext) -> Result<Self, String> {
        Self::parse_name(text)
    }

    fn schema() -> Value {
        let names: Vec<_> = T::ALL.iter().map(|value| value.name()).collect();
        json!({ "type": "string", "enum": names })
    }
}

impl<K: Named> Field for Sort<K> {
    fn parse(text: &str, _: &FieldContext) -> Result<Self, String> {
        Self::parse(text)
    }

    fn schema() -> Value {
        let names: Vec<_> = Self::names().collect();
        json!({ "type": "string", "enum": names })
    }
}

impl Field for bool {
    fn parse(text: &str, _: &FieldContext) -> Result<Self, String> {
        match text {
            "true" => Ok(true),
            "false" => Ok(false),
            _ => Err(format!("'{text}' must be one of true, false")),
        }
    }

    fn schema() -> Value {
        json!({ "type": "boolean" })
    }
}

/// A moment: an RFC 3339 time, or a date, which stands for its first moment.
impl Field for Timestamp {
    fn parse(text: &str, context: &FieldContext) -> Result<Self, String> {
        Self::parse_start(text, &context.zone)
    }

    fn schema() -> Value {
        json!({ "type": "string" })
    }
}

impl Field for Search {
    fn parse(text: &str, _: &FieldContext) -> Result<Self, String> {
        Self::parse(text)
    }

    fn schema() -> Value {
        json!({ "type": "string", "maxLength": Self::MAX_CHARS })
    }
}

/// A field that is cleared by the text `none`, for forms, or by `null`.
pub struct OrNone<T>(pub Option<T>);

impl<T: Field> Field for OrNone<T> {
    fn parse(text: &str, context: &FieldContext) -> Result<Self, String> {
        if text == "none" { Ok(Self(None)) } else { T::parse(text, context).map(|t| Self(Some(t))) }
    }

    fn schema() -> Value {
        T::schema()
    }

    fn null() -> Option<Self> {
        Some(Self(None))
    }
}

/// A field of an input, by its type: `T` is required, `Option<T>` may be left out, and
/// `Option<Option<T>>` may also be `null`.
pub trait InputField: Sized {
    const IS_REQUIRED: bool;

    /// Reads the field; `None` if it is at fault.
    fn read(fields: &mut Fields, name: &'static str, context: &FieldContext) -> Option<Self>;

    fn schema() -> Value;
}

impl<T: Field> InputField for T {
    const IS_REQUIRED: bool = true;

    fn read(fields: &mut Fields, name: &'static str, context: &FieldContext) -> Option<Self> {
        let parse = |text: &str| match text {
            "" => Ok(None),
            text => T::parse(text, context).map(Some),
        };
        match fields.read(name, parse)? {
            Given::Value(Some(value)) => Some(value),
            Given::Value(None) | Given::Absent | Given::Null => {
                fields.add_error(name, "is required");
                None
            }
        }
    }

    fn schema() -> Value {
        <T as Field>::schema()
    }
}

impl<T: Field> InputField for Option<T> {
    const IS_REQUIRED: bool = false;

    fn read(fields: &mut Fields, name: &'static str, context: &FieldContext) -> Option<Self> {
        match fields.read(name, |text| parse_optional(text, context))? {
            Given::Value(value) => Some(Some(value)),
            Given::Absent => Some(None),
            Given::Null => {
                let empty = T::null();
                if empty.is_none() {
                    fields.add_error(name, "must not be null");
                }
                empty.map(Some)
            }
        }
    }

    fn schema() -> Value {
        let mut schema = <T as Field>::schema();
        if T::null().is_some() {
            schema["nullable"] = true.into();
        }
        schema
    }
}

impl<T: Field> InputField for Option<Option<T>> {
    const IS_REQUIRED: bool = false;

    fn read(fields: &mut Fields, name: &'static str, context: &FieldContext) -> Option<Self> {
        Some(match fields.read(name, |text| parse_optional(text, context))? {
            Given::Value(value) => Some(Some(value)),
            Given::Absent => None,
            Given::Null => Some(None),
        })
    }

    fn schema() -> Value {
        let mut schema = <T as Field>::schema();
        schema["nullable"] = true.into();
        schema
    }
}

/// A field that a form sends once for each value; none is an error.
impl<T: Field> InputField for Vec<T> {
    const IS_REQUIRED: bool = true;

    fn read(fields: &mut Fields, name: &'static str, context: &FieldContext) -> Option<Self> {
        let values = fields.read_all(name, |text| T::parse(text, context))?;
        if values.is_empty() {
            fields.add_error(name, "is required");
            return None;
        }
        Some(values)
    }

    fn schema() -> Value {
        json!({ "type": "array", "items": <T as Field>::schema() })
    }
}

/// Only JSON can send an empty text; many types have no better words for it than the type's own.
fn parse_optional<T: Field>(text: &str, context: &FieldContext) -> Result<T, String> {
    T::parse(text, context)
        .map_err(|why| if text.is_empty() { "must not be empty".to_owned() } else { why })
}

/// A field's schema with the description of the input, which takes precedence.
pub fn describe_field(mut schema: Value, description: &str) -> Value {
    if !description.is_empty() {
        schema["description"] = one_line(description).into();
    }
    schema
}

/// The text of a doc comment without its line breaks.
pub fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The schema of an object whose fields are these: name, whether it is required, schema.
pub fn object_schema(
    description: &str,
    fields: Vec<(&'static str, bool, Value)>,
    example: Option<Value>,
) -> schemars::schema::Schema {
    let required: Vec<_> = fields.iter().filter(|(_, is, _)| *is).map(|(name, ..)| *name).collect();
    let properties: serde_json::Map<_, _> =
        fields.iter().map(|(name, _, schema)| ((*name).to_owned(), schema.clone())).collect();
    let mut schema = json!({
        "type": "object",
        "description": one_line(description),
        "properties": properties,
    });
    if !required.is_empty() {
        schema["required"] = required.into();
    }
    let mut schema: schemars::schema::SchemaObject =
        serde_json::from_value(schema).unwrap_or_default();
    if let Some(example) = example {
        schema.extensions = Map::from_iter([("example".to_owned(), example)]);
    }
    schema.into()
}
