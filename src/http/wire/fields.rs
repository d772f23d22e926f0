//! Fields by name, from a form, JSON or a query, with the same strictness: nothing is repaired, and
//! every field at fault is named.

use std::fmt;

use percent_encoding::percent_decode_str;
use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use crate::error::{Error, FieldErrors};

/// The name of the body in `errors` if it has no fields to name.
pub const WHOLE_BODY: &str = "body";

/// How the error of a field begins that nothing reads.
pub const IS_NOT_KNOWN: &str = "is not known here";

/// More than any input has, and few enough to compare pairwise. The form of a list has one for each
/// record that is selected.
const MAX_FIELDS: usize = 128;

/// A field's value as it was sent.
enum RawValue {
    Text(String),
    /// A form's input that was left empty: the same as no field.
    Empty,
    /// JSON's `null`.
    Null,
    /// Any other JSON value, by the name of its type.
    NotText(&'static str),
}

/// A field without fault.
#[derive(Debug, PartialEq, Eq)]
pub enum Given<T> {
    Absent,
    Null,
    Value(T),
}

/// Fields by name, and their errors so far.
#[derive(Default)]
pub struct Fields {
    given: Vec<(String, RawValue)>,
    /// Those whose names were given before.
    repeated: Vec<(String, RawValue)>,
    /// The names that were read.
    known: Vec<&'static str>,
    errors: FieldErrors,
}

impl Fields {
    /// Parses `application/x-www-form-urlencoded` (WHATWG URL section 5). What that standard would
    /// repair is an error: bad escapes, bytes that are not UTF-8, a name given twice.
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
                Some(value) if value.is_empty() => fields.add(name, RawValue::Empty),
                Some(value) => fields.add(name, RawValue::Text(value)),
                None => {
                    fields.errors.add(&name, "is not valid percent-encoded UTF-8");
                    fields.add(name, RawValue::Empty);
                }
            }
        }
        Ok(fields)
    }

    /// Parses a JSON object (RFC 8259) with unique names. An empty body is an object without fields:
    /// some clients announce JSON and send nothing.
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

    /// The cells of a row, each with its column. An empty one is the same as JSON's `null`.
    pub fn from_cells<'a>(cells: impl Iterator<Item = (&'static str, &'a str)>) -> Self {
        let value = |cell: &str| match cell {
            "" => RawValue::Null,
            cell => RawValue::Text(cell.to_owned()),
        };
        let given = cells.map(|(column, cell)| (column.to_owned(), value(cell))).collect();
        Self { given, ..Self::default() }
    }

    /// Takes inputs that were left empty as cleared: a form of a page has all fields of its record.
    pub fn clear_empty(&mut self) {
        for (_, value) in &mut self.given {
            if matches!(value, RawValue::Empty) {
                *value = RawValue::Null;
            }
        }
    }

    /// Takes back what browsers do to the line ends of a text area: they send CR LF for each.
    pub fn plain_lines(&mut self) {
        for (_, value) in &mut self.given {
            if let RawValue::Text(text) = value
                && text.contains('\r')
            {
                *text = with_plain_lines(text);
            }
        }
    }

    /// The fields as a form again, without some.
    pub fn to_form_without(&self, names: &[&str]) -> String {
        let mut form = url::form_urlencoded::Serializer::new(String::new());
        for (name, text) in self.texts().filter(|(name, _)| !names.contains(name)) {
            form.append_pair(name, text);
        }
        form.finish()
    }

    /// The fields whose values are text, whether they are at fault or not.
    pub fn texts(&self) -> impl Iterator<Item = (&str, &str)> {
        self.given.iter().filter_map(|(name, value)| match value {
            RawValue::Text(text) => Some((name.as_str(), text.as_str())),
            _ => None,
        })
    }

    /// A field's text, whether it is at fault or not.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.texts().find(|(given, _)| *given == name).map(|(_, text)| text)
    }

    /// Whether a field of that name was sent, even an empty one.
    pub fn has(&self, name: &str) -> bool {
        self.given.iter().any(|(given, _)| given == name)
    }

    fn add(&mut self, name: String, value: RawValue) {
        let is_repeated = self.has(&name);
        let fields = if is_repeated { &mut self.repeated } else { &mut self.given };
        fields.push((name, value));
    }

    /// Reads a field that may be given several times: `None` if one of its values is at fault.
    pub fn read_all<T>(
        &mut self,
        name: &'static str,
        parse: impl Fn(&str) -> Result<T, String>,
    ) -> Option<Vec<T>> {
        self.known.push(name);
        let all = self.given.iter().chain(&self.repeated).filter(|(given, _)| given == name);
        let parsed: Result<Vec<_>, _> = all.map(|(_, value)| parsed(Some(value), &parse)).collect();
        let is_value = |given| if let Given::Value(value) = given { Some(value) } else { None };
        match parsed {
            Ok(all) => Some(all.into_iter().filter_map(is_value).collect()),
            Err(why) => {
                self.errors.add(name, why);
                None
            }
        }
    }

    /// Reads a field: `None` if it is at fault.
    pub fn read<T>(
        &mut self,
        name: &'static str,
        parse: impl FnOnce(&str) -> Result<T, String>,
    ) -> Option<Given<T>> {
        self.known.push(name);
        if self.repeated.iter().any(|(given, _)| given == name) {
            self.errors.add(name, "is given more than once");
        }
        let value = self.given.iter().find(|(given, _)| given == name).map(|(_, value)| value);
        match parsed(value, parse) {
            // A duplicate is at fault already, whichever value could be parsed.
            Ok(given) => (!self.errors.names(name)).then_some(given),
            Err(why) => {
                self.errors.add(name, why);
                None
            }
        }
    }

    /// Adds an error if none of these fields was sent.
    pub fn require_any(&mut self, names: &[&'static str]) {
        let is_given = |name: &&str| {
            self.given
                .iter()
                .any(|(given, value)| given == name && !matches!(value, RawValue::Empty))
        };
        if let [first, rest @ ..] = names
            && !names.iter().any(is_given)
        {
            let why = match rest {
                [] => "is required".to_owned(),
                _ => format!("is required, unless {} is given", rest.join(" or ")),
            };
            self.errors.add(first, why);
        }
    }

    /// Adds an error that the field's text alone does not show.
    pub fn add_error(&mut self, name: &str, why: impl Into<String>) {
        self.errors.add(name, why);
    }

    /// The value, or every error, including one for each unknown field.
    pub fn finish<T>(mut self, value: Option<T>) -> Result<T, Error> {
        for (name, _) in self.given.iter().filter(|(name, _)| !self.known.contains(&name.as_str()))
        {
            let why = match self.known.as_slice() {
                [] => format!("{IS_NOT_KNOWN}; nothing is expected"),
                known => format!("{IS_NOT_KNOWN}; known are {}", known.join(", ")),
            };
            self.errors.add(name, why);
        }
        match value {
            Some(value) if self.errors.is_empty() => Ok(value),
            _ => Err(Error::Invalid(self.errors)),
        }
    }
}

fn parsed<T>(
    value: Option<&RawValue>,
    parse: impl FnOnce(&str) -> Result<T, String>,
) -> Result<Given<T>, String> {
    match value {
        None | Some(RawValue::Empty) => Ok(Given::Absent),
        Some(RawValue::Null) => Ok(Given::Null),
        Some(RawValue::NotText(kind)) => Err(format!("must be a string, not {kind}")),
        Some(RawValue::Text(text)) if text.contains('\0') => {
            Err("must not contain a NUL character".to_owned())
        }
        Some(RawValue::Text(text)) => parse(text).map(Given::Value),
    }
}

/// `None` if an escape is broken or the decoded bytes are not UTF-8.
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

/// A JSON object with its duplicates, which `serde_json`'s own map drops.
struct Members(Vec<(String, RawValue)>);

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

impl<'de> Deserialize<'de> for RawValue {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct AnyValue;
        impl<'de> Visitor<'de> for AnyValue {
            type Value = RawValue;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a value")
            }
            fn visit_str<E>(self, text: &str) -> Result<RawValue, E> {
                Ok(RawValue::Text(text.to_owned()))
            }
            fn visit_string<E>(self, text: String) -> Result<RawValue, E> {
                Ok(RawValue::Text(text))
            }
            fn visit_unit<E>(self) -> Result<RawValue, E> {
                Ok(RawValue::Null)
            }
            fn visit_bool<E>(self, _: bool) -> Result<RawValue, E> {
                Ok(RawValue::NotText("a boolean"))
            }
            fn visit_i64<E>(self, _: i64) -> Result<RawValue, E> {
                Ok(RawValue::NotText("a number"))
            }
            fn visit_u64<E>(self, _: u64) -> Result<RawValue, E> {
                Ok(RawValue::NotText("a number"))
            }
            fn visit_f64<E>(self, _: f64) -> Result<RawValue, E> {
                Ok(RawValue::NotText("a number"))
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<RawValue, A::Error> {
                while seq.next_element::<IgnoredAny>()?.is_some() {}
                Ok(RawValue::NotText("an array"))
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<RawValue, A::Error> {
                while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
                Ok(RawValue::NotText("an object"))
            }
        }
        deserializer.deserialize_any(AnyValue)
    }
}

/// A text as a text area shows it, where each line ends with LF (HTML section 4.10.11).
pub fn with_plain_lines(text: &str) -> String {
    text.replace("\r\n", "\n").replace('\r', "\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn errors(fields: Result<Fields, Error>) -> String {
        let result = fields.and_then(|mut fields| {
            let a = fields.read("a", |text| Ok(text.to_owned()));
            let b = fields.read("b", |text| Ok(text.to_owned()));
            fields.finish(a.zip(b))
        });
        match result {
            Ok((a, b)) => format!("a={} b={}", shown(a), shown(b)),
            Err(error) => error.to_string(),
        }
    }

    fn shown(given: Given<String>) -> String {
        match given {
            Given::Absent => "absent".to_owned(),
            Given::Null => "null".to_owned(),
            Given::Value(text) => text,
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
        assert_eq!(form("a=x+y&b=%C3%A4"), "a=x y b=ä");
        assert_eq!(json(r#"{"a": "x y", "b": "ä"}"#), "a=x y b=ä");
    }

    #[test]
    fn an_empty_form_input_is_absent_and_json_null_is_not() {
        assert_eq!(form("a=x&b="), "a=x b=absent");
        assert_eq!(json(r#"{"a": "x", "b": null}"#), "a=x b=null");
        assert_eq!(json(r#"{"a": "x", "b": ""}"#), "a=x b=");
        assert_eq!(form(""), "a=absent b=absent");
        assert_eq!(json(""), "a=absent b=absent");
    }

    #[test]
    fn a_field_that_may_be_given_several_times_has_all_values_or_an_error() {
        let all = |text: &str| {
            let mut fields = Fields::from_form(text.as_bytes()).unwrap();
            let parse = |text: &str| text.parse::<u8>().map_err(|error| error.to_string());
            let all = fields.read_all("a", parse);
            fields.finish(all).map_err(|error| error.to_string())
        };
        assert_eq!(all("a=1&a=&a=3"), Ok(vec![1, 3]));
        assert_eq!(all(""), Ok(vec![]));
        assert!(all("a=1&a=x").is_err());
        assert!(all("a=1&b=2&b=3").is_err());
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
        assert_eq!(form(&pairs.join("&")), "body: has more than 128 fields");
        let members: Vec<_> = (0..10_000).map(|n| format!("\"f{n}\": 0")).collect();
        let error = json(&format!("{{{}}}", members.join(",")));
        assert!(
            error.starts_with("body: is not a valid JSON object: more than 128 fields"),
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
