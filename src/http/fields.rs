//! Fields by name, out of a form, JSON or a query, with the same strictness: what would have to be
//! mended is refused, and every field at fault is named.

use std::fmt;

use percent_encoding::percent_decode_str;
use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use crate::error::{Error, FieldErrors};

/// Under which name a body is at fault that has no fields to name.
pub const WHOLE_BODY: &str = "body";

/// How many fields there may be: far more than any input has, and few enough to compare and to answer.
const MAX_FIELDS: usize = 64;

/// A field's value as it was sent.
enum Value {
    Text(String),
    /// JSON's `null`, or an input of a form that was left empty: as good as not there.
    Absent,
    /// A JSON value that is no string, by its type's name.
    NotText(&'static str),
}

/// Fields by name, and what is wrong with them so far.
#[derive(Default)]
pub struct Fields {
    given: Vec<(String, Value)>,
    /// The names that were asked for.
    known: Vec<&'static str>,
    errors: FieldErrors,
}

impl Fields {
    /// Reads `application/x-www-form-urlencoded` (WHATWG URL section 5), but what that standard
    /// would mend is refused: bad escapes, bytes that are not UTF-8, a name given twice.
    pub fn from_form(bytes: &[u8]) -> Result<Self, Error> {
        let mut fields = Self::default();
        let Ok(text) = std::str::from_utf8(bytes) else {
            return Err(Error::invalid(WHOLE_BODY, "is not valid UTF-8"));
        };
        for (n, pair) in text.split('&').filter(|pair| !pair.is_empty()).enumerate() {
            if n == MAX_FIELDS {
                return Err(Error::invalid(
                    WHOLE_BODY,
                    format!("has more than {MAX_FIELDS} fields"),
                ));
            }
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let Some(name) = decode(name) else {
                return Err(Error::invalid(
                    WHOLE_BODY,
                    "has a field whose name is not valid percent-encoded UTF-8",
                ));
            };
            match decode(value) {
                Some(value) if value.is_empty() => fields.add(name, Value::Absent),
                Some(value) => fields.add(name, Value::Text(value)),
                None => {
                    fields.errors.add(&name, "is not valid percent-encoded UTF-8");
                    fields.add(name, Value::Absent);
                }
            }
        }
        Ok(fields)
    }

    /// Reads a JSON object (RFC 8259) whose names are unique. Clients that have nothing to say send
    /// nothing, whatever type they announce; then there are no fields.
    pub fn from_json(bytes: &[u8]) -> Result<Self, Error> {
        if bytes.is_empty() {
            return Ok(Self::default());
        }
        let Ok(text) = std::str::from_utf8(bytes) else {
            return Err(Error::invalid(WHOLE_BODY, "is not valid UTF-8"));
        };
        let members: Members = serde_json::from_str(text).map_err(|error| {
            Error::invalid(WHOLE_BODY, format!("is not a valid JSON object: {error}"))
        })?;
        let mut fields = Self::default();
        for (name, value) in members.0 {
            fields.add(name, value);
        }
        Ok(fields)
    }

    /// The fields as a form once more, without those of some names.
    pub fn to_form_without(&self, names: &[&str]) -> String {
        let mut form = url::form_urlencoded::Serializer::new(String::new());
        for (name, value) in self.given.iter().filter(|(name, _)| !names.contains(&name.as_str())) {
            if let Value::Text(text) = value {
                form.append_pair(name, text);
            }
        }
        form.finish()
    }

    /// The text that was given under a name, whatever is wrong with it.
    pub fn text(&self, name: &str) -> Option<&str> {
        match self.given.iter().find(|(given, _)| given == name) {
            Some((_, Value::Text(text))) => Some(text),
            _ => None,
        }
    }

    /// Whether there is a field of that name, and be it empty.
    pub fn has(&self, name: &str) -> bool {
        self.given.iter().any(|(given, _)| given == name)
    }

    fn add(&mut self, name: String, value: Value) {
        if self.given.iter().any(|(given, _)| *given == name) {
            self.errors.add(&name, "is given more than once");
        } else {
            self.given.push((name, value));
        }
    }

    /// A field that must be there and not be empty. `None` when it is at fault.
    pub fn required<T>(
        &mut self,
        name: &'static str,
        parse: impl FnOnce(&str) -> Result<T, String>,
    ) -> Option<T> {
        let value = self
            .optional(name, |text| if text.is_empty() { Ok(None) } else { parse(text).map(Some) })?
            .flatten();
        if value.is_none() {
            self.errors.add(name, "is required");
        }
        value
    }

    /// A field that may be left out: `None` when it is at fault, `Some(None)` when it is not there.
    pub fn optional<T>(
        &mut self,
        name: &'static str,
        parse: impl FnOnce(&str) -> Result<T, String>,
    ) -> Option<Option<T>> {
        self.known.push(name);
        let result =
            match self.given.iter().find(|(given, _)| given == name).map(|(_, value)| value) {
                None | Some(Value::Absent) => Ok(None),
                Some(Value::NotText(kind)) => Err(format!("must be a string, not {kind}")),
                Some(Value::Text(text)) if text.contains('\0') => {
                    Err("must not contain a NUL character".to_owned())
                }
                Some(Value::Text(text)) => parse(text).map(Some),
            };
        match result {
            // A duplicate is at fault already, whichever of its values could be read.
            Ok(value) => self.errors.iter().all(|(field, _)| field != name).then_some(value),
            Err(why) => {
                self.errors.add(name, why);
                None
            }
        }
    }

    /// Notes that one of these has to be there, if none is.
    pub fn require_any(&mut self, names: &[&'static str]) {
        let is_given = |name: &&str| {
            self.given.iter().any(|(given, value)| given == name && !matches!(value, Value::Absent))
        };
        if let [first, rest @ ..] = names
            && !names.iter().any(is_given)
        {
            self.errors.add(first, format!("is required, unless {} is given", rest.join(" or ")));
        }
    }

    /// Notes that a field is at fault for a reason that its text alone does not show.
    pub fn refuse(&mut self, name: &'static str, why: impl Into<String>) {
        self.errors.add(name, why);
    }

    /// The value that was read, or everything that is wrong, also with fields nobody asked for.
    pub fn finish<T>(mut self, value: Option<T>) -> Result<T, Error> {
        for (name, _) in self.given.iter().filter(|(name, _)| !self.known.contains(&name.as_str()))
        {
            let why = match self.known.as_slice() {
                [] => "is not known here; nothing is expected".to_owned(),
                known => format!("is not known here; known are {}", known.join(", ")),
            };
            self.errors.add(name, why);
        }
        match value {
            Some(value) if self.errors.is_empty() => Ok(value),
            _ => Err(Error::Invalid(self.errors)),
        }
    }
}

/// `None` where an escape is broken or the bytes behind it are not UTF-8.
fn decode(text: &str) -> Option<String> {
    let text = text.replace('+', " ");
    let mut rest = text.as_bytes();
    while let Some(at) = rest.iter().position(|byte| *byte == b'%') {
        match rest.get(at + 1..at + 3) {
            Some(digits) if digits.iter().all(u8::is_ascii_hexdigit) => rest = &rest[at + 3..],
            _ => return None,
        }
    }
    percent_decode_str(&text).decode_utf8().ok().map(std::borrow::Cow::into_owned)
}

/// A JSON object as it was written, duplicates and all: `serde_json`'s own map drops them.
struct Members(Vec<(String, Value)>);

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Object;
        impl<'de> Visitor<'de> for Object {
            type Value = Members;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    if members.len() == MAX_FIELDS {
                        return Err(serde::de::Error::custom(format_args!(
                            "more than {MAX_FIELDS} fields"
                        )));
                    }
                    members.push(member);
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(Object)
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct AnyValue;
        impl<'de> Visitor<'de> for AnyValue {
            type Value = Value;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a value")
            }
            fn visit_str<E>(self, text: &str) -> Result<Value, E> {
                Ok(Value::Text(text.to_owned()))
            }
            fn visit_string<E>(self, text: String) -> Result<Value, E> {
                Ok(Value::Text(text))
            }
            fn visit_unit<E>(self) -> Result<Value, E> {
                Ok(Value::Absent)
            }
            fn visit_bool<E>(self, _: bool) -> Result<Value, E> {
                Ok(Value::NotText("a boolean"))
            }
            fn visit_i64<E>(self, _: i64) -> Result<Value, E> {
                Ok(Value::NotText("a number"))
            }
            fn visit_u64<E>(self, _: u64) -> Result<Value, E> {
                Ok(Value::NotText("a number"))
            }
            fn visit_f64<E>(self, _: f64) -> Result<Value, E> {
                Ok(Value::NotText("a number"))
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Value, A::Error> {
                while seq.next_element::<IgnoredAny>()?.is_some() {}
                Ok(Value::NotText("an array"))
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
                while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
                Ok(Value::NotText("an object"))
            }
        }
        deserializer.deserialize_any(AnyValue)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn errors(fields: Result<Fields, Error>) -> String {
        let result = fields.and_then(|mut fields| {
            let a = fields.required("a", |text| Ok(text.to_owned()));
            let b = fields.optional("b", |text| Ok(text.to_owned()));
            let value = a.zip(b);
            fields.finish(value)
        });
        match result {
            Ok((a, b)) => format!("a={a} b={b:?}"),
            Err(error) => error.to_string(),
        }
    }

    fn form(text: &str) -> String {
        errors(Fields::from_form(text.as_bytes()))
    }

    fn json(text: &str) -> String {
        errors(Fields::from_json(text.as_bytes()))
    }

    #[test]
    fn a_form_and_json_say_the_same() {
        assert_eq!(form("a=x+y&b=%C3%A4"), "a=x y b=Some(\"ä\")");
        assert_eq!(json(r#"{"a": "x y", "b": "ä"}"#), "a=x y b=Some(\"ä\")");
    }

    #[test]
    fn an_input_of_a_form_that_was_left_empty_is_not_there() {
        assert_eq!(form("a=x&b="), "a=x b=None");
        assert_eq!(json(r#"{"a": "x", "b": null}"#), "a=x b=None");
        assert_eq!(form("a=&b=y"), "a: is required");
        assert_eq!(json(r#"{"a": ""}"#), "a: is required");
        assert_eq!(form(""), "a: is required");
        assert_eq!(json(""), "a: is required");
    }

    #[test]
    fn a_name_given_twice_is_refused_whichever_value_is_right() {
        assert_eq!(form("a=x&a=y"), "a: is given more than once");
        assert_eq!(json(r#"{"a": "x", "a": "x"}"#), "a: is given more than once");
        assert_eq!(form("a=x&b=1&b="), "b: is given more than once");
    }

    #[test]
    fn a_name_that_nobody_asked_for_is_refused_with_those_that_are_known() {
        assert_eq!(form("a=x&_method=DELETE"), "_method: is not known here; known are a, b");
        assert_eq!(
            json(r#"{"a": "x", "admin": true}"#),
            "admin: is not known here; known are a, b"
        );
    }

    #[test]
    fn more_fields_than_any_body_has_are_refused_as_one_error() {
        let pairs: Vec<_> = (0..10_000).map(|n| format!("f{n}=")).collect();
        assert_eq!(form(&pairs.join("&")), "body: has more than 64 fields");
        let members: Vec<_> = (0..10_000).map(|n| format!("\"f{n}\": 0")).collect();
        let error = json(&format!("{{{}}}", members.join(",")));
        assert!(
            error.starts_with("body: is not a valid JSON object: more than 64 fields"),
            "{error}"
        );
    }

    #[test]
    fn what_is_not_utf_8_is_refused_not_mended() {
        assert_eq!(form("a=%FF"), "a: is not valid percent-encoded UTF-8");
        assert_eq!(form("a=%zz"), "a: is not valid percent-encoded UTF-8");
        assert_eq!(form("a=%4"), "a: is not valid percent-encoded UTF-8");
        assert_eq!(errors(Fields::from_form(b"a=\xff")), "body: is not valid UTF-8");
        assert_eq!(errors(Fields::from_json(b"{\"a\": \"\xff\"}")), "body: is not valid UTF-8");
        assert!(json(r#"{"a": "\ud800"}"#).starts_with("body: is not a valid JSON object: "));
    }

    #[test]
    fn nul_is_refused_in_either_format() {
        assert_eq!(form("a=x%00y"), "a: must not contain a NUL character");
        assert_eq!(json(r#"{"a": "x\u0000y"}"#), "a: must not contain a NUL character");
    }

    #[test]
    fn json_of_another_type_is_named() {
        assert_eq!(
            json(r#"{"a": 1, "b": [["x"], {"y": {}}]}"#),
            "a: must be a string, not a number; b: must be a string, not an array"
        );
        assert_eq!(
            json(r#"{"a": {"b": "c"}, "b": true}"#),
            "a: must be a string, not an object; b: must be a string, not a boolean"
        );
        assert_eq!(
            json(r#"{"a": 123456789012345678901234567890}"#),
            "a: must be a string, not a number"
        );
    }

    #[test]
    fn what_is_no_json_object_is_refused() {
        for text in [" ", "[]", "null", "\"a\"", "{", "{\"a\"}", "{\"a\": 1e999}", "{} {}", "NaN"] {
            assert!(
                json(text).starts_with("body: is not a valid JSON object: "),
                "{text}: {}",
                json(text)
            );
        }
        let deep = format!("{{\"a\": {}{}}}", "[".repeat(20_000), "]".repeat(20_000));
        assert!(
            json(&deep).starts_with("body: is not a valid JSON object: recursion limit")
                || json(&deep).starts_with("a: must be"),
            "{}",
            json(&deep)
        );
    }
}
