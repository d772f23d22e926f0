//! Inputs and filters are declared: the types of the domain, what is required, and the texts of the
//! OpenAPI document stand in one place.

use schemars::JsonSchema;

use super::fields::Fields;
use super::services::FieldContext;

/// What a body must contain.
pub trait Input: JsonSchema + Send + Sized {
    /// The body's limit in bytes, if it is more than the settings allow for every body.
    const MAX_BODY: Option<u64> = None;

    /// The name of each field, and whether it is required.
    const FIELDS: &'static [(&'static str, bool)] = &[];

    /// Reads every field, so that every field at fault is named; `None` if any is.
    fn read(fields: &mut Fields, context: &FieldContext) -> Option<Self>;
}

/// The limit of a body whose longest text may have this many bytes in UTF-8: JSON can take six for
/// each of them, and the other fields have 4 KiB.
pub const fn max_body_of(text: usize) -> u64 {
    6 * text as u64 + 4 * 1024
}

/// No fields: an empty body, an empty form or `{}`.
#[derive(JsonSchema)]
pub struct Empty {}

impl Input for Empty {
    fn read(_: &mut Fields, _: &FieldContext) -> Option<Self> {
        Some(Self {})
    }
}

/// Declares an input. A field's type says whether it is required (see
/// [`super::field::InputField`]); its doc comment is its description in the OpenAPI document.
///
/// After the struct come, each optional and in this order: `example { ... }`, which a test sends;
/// `max_body = BYTES;`; `require_one = true;` if at least one field must be sent.
macro_rules! input {
    (
        $(#[doc = $doc:literal])*
        $vis:vis struct $name:ident {
            $( $(#[doc = $field_doc:literal])* $field:ident: $type:ty, )+
        }
        $(example $example:tt)?
        $(max_body = $max:expr;)?
        $(require_one = $require_one:literal;)?
    ) => {
        $(#[doc = $doc])*
        $vis struct $name {
            $( $(#[doc = $field_doc])* $field: $type, )+
        }

        impl $crate::http::wire::input::Input for $name {
            $(const MAX_BODY: Option<u64> = Some($max);)?
            const FIELDS: &'static [(&'static str, bool)] = &[$((
                stringify!($field),
                <$type as $crate::http::wire::field::InputField>::IS_REQUIRED,
            )),+];

            fn read(
                fields: &mut $crate::http::wire::fields::Fields,
                context: &$crate::http::wire::services::FieldContext,
            ) -> Option<Self> {
                use $crate::http::wire::field::InputField;
                $( let $field = <$type as InputField>::read(fields, stringify!($field), context); )+
                if false $(|| $require_one)? {
                    fields.require_any(&[$(stringify!($field)),+]);
                }
                Some(Self { $( $field: $field? ),+ })
            }
        }

        impl schemars::JsonSchema for $name {
            fn schema_name() -> String {
                stringify!($name).to_owned()
            }

            fn json_schema(_: &mut schemars::r#gen::SchemaGenerator) -> schemars::schema::Schema {
                use $crate::http::wire::field::{InputField, describe_field, object_schema};
                #[allow(unused_mut, unused_assignments)]
                let mut example = None;
                $( example = Some(serde_json::json!($example)); )?
                let fields = vec![$((
                    stringify!($field),
                    <$type as InputField>::IS_REQUIRED,
                    describe_field(<$type as InputField>::schema(), concat!($($field_doc, "\n"),*)),
                )),+];
                object_schema(concat!($($doc, "\n"),*), fields, example)
            }
        }
    };
}

/// Declares the query parameters of a list: each field of the domain's filter, its parameter's name
/// if that is another one, and its description in the OpenAPI document.
macro_rules! filter {
    ($filter:ident { $( $(#[doc = $doc:literal])* $field:ident $(= $name:literal)?: $type:ty, )+ }) => {
        impl $crate::http::wire::list::Filter for $filter {
            fn read(
                fields: &mut $crate::http::wire::fields::Fields,
                context: &$crate::http::wire::services::FieldContext,
            ) -> Option<Self> {
                use $crate::http::wire::field::InputField;
                $(
                    let name = $crate::http::wire::input::parameter_name!($field $(, $name)?);
                    let $field = <Option<$type> as InputField>::read(fields, name, context);
                )+
                Some(Self { $( $field: $field? ),+ })
            }

            fn parameters() -> Vec<rocket_okapi::okapi::openapi3::Parameter> {
                use $crate::http::wire::field::Field;
                use $crate::http::wire::describe::query_parameter;
                vec![$(
                    query_parameter(
                        $crate::http::wire::input::parameter_name!($field $(, $name)?),
                        concat!($($doc, "\n"),*),
                        <$type as Field>::schema(),
                    )
                ),+]
            }
        }
    };
}

/// The name of a filter's parameter.
macro_rules! parameter_name {
    ($field:ident) => {
        stringify!($field)
    };
    ($field:ident, $name:literal) => {
        $name
    };
}

pub(crate) use {filter, input, parameter_name};
