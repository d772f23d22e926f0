//! Entity tags (RFC 9110 section 8.8.3): a client asks whether what it has is still so, and changes
//! only what it has seen.
//!
//! A record's tag is its version, with a letter for what a client sees of it beside: that its
//! deadline has passed, that its owner is one no more. What goes by the second (`time_remaining`)
//! does not count. A list's tag is made of those of its items.

use rocket::http::{Header, Status};
use rocket::request::{FromRequest, Outcome};
use rocket::response::{self, Responder};
use rocket::serde::json::Json;
use rocket::{Request, Response};
use rocket_okapi::r#gen::OpenApiGenerator;
use rocket_okapi::okapi::openapi3::{Object, Operation, Parameter, RefOr, Responses};
use rocket_okapi::request::{OpenApiFromRequest, RequestHeaderInput};
use rocket_okapi::response::OpenApiResponderInner;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::json;

use super::docs::{Answer, value_of};
use super::error::Problem;
use super::guards::reject;
use crate::domain::{Precondition, Timestamp, Version, Versions};
use crate::error::Error;

/// How the document tells that a client has seen this already.
pub const UNCHANGED: Answer = (304, "It is still what the client has.", &["ETag"]);

/// How the document tells that a client has not seen what it wants to change.
pub const CHANGED: Answer = (412, "`If-Match` or `If-None-Match` does not hold.", &[]);

/// What has a tag.
pub trait HasETag {
    /// The tag at this moment, without its quotes.
    fn tag(&self, now: Timestamp) -> String;
}

/// An answer with its tag: 304 and no body where the client has it already.
pub struct WithETag<T> {
    tag: String,
    view: T,
}

impl<T> WithETag<T> {
    /// The view of something, and its tag.
    pub fn new(of: &impl HasETag, now: Timestamp, view: T) -> Self {
        Self::of_tag(of.tag(now), view)
    }

    /// A view, and its tag.
    pub fn of_tag(tag: String, view: T) -> Self {
        Self { tag, view }
    }
}

impl<'r, T: Serialize> Responder<'r, 'static> for WithETag<T> {
    fn respond_to(self, request: &'r Request<'_>) -> response::Result<'static> {
        let etag = Header::new("ETag", format!("\"{}\"", self.tag));
        if is_seen(request, &self.tag) {
            return Response::build().status(Status::NotModified).header(etag).ok();
        }
        Response::build_from(Json(self.view).respond_to(request)?).header(etag).ok()
    }
}

impl<T: JsonSchema + Serialize + Send> OpenApiResponderInner for WithETag<T> {
    fn responses(generator: &mut OpenApiGenerator) -> rocket_okapi::Result<Responses> {
        <Json<T> as OpenApiResponderInner>::responses(generator)
    }
}

/// An answer with its tag, and with the record's address where it has got one: by a POST, which answers 201, or by another name.
pub struct Located<T> {
    /// Where the record is to be found from now on.
    pub location: Option<String>,
    /// The record.
    pub answer: WithETag<T>,
}

impl<'r, T: Serialize> Responder<'r, 'static> for Located<T> {
    fn respond_to(self, request: &'r Request<'_>) -> response::Result<'static> {
        let mut response = self.answer.respond_to(request)?;
        if let Some(location) = self.location {
            response.set_header(Header::new("Location", location));
            if request.method() == rocket::http::Method::Post {
                response.set_status(Status::Created);
            }
        }
        Ok(response)
    }
}

impl<T: JsonSchema + Serialize + Send> OpenApiResponderInner for Located<T> {
    fn responses(generator: &mut OpenApiGenerator) -> rocket_okapi::Result<Responses> {
        <Json<T> as OpenApiResponderInner>::responses(generator)
    }
}

/// Whether a read says that it has this already. A list of tags that cannot be read names none.
pub fn is_seen(request: &Request<'_>, tag: &str) -> bool {
    request.method() == rocket::http::Method::Get
        && parse(request, "If-None-Match").is_ok_and(|tags| match tags {
            None => false,
            Some(Tags::Any) => true,
            Some(Tags::These(tags)) => tags.iter().any(|given| given.opaque == tag),
        })
}

/// A guard: what must hold of a record for the write to be done.
pub struct Conditions(pub Precondition);

#[rocket::async_trait]
impl<'r> FromRequest<'r> for Conditions {
    type Error = ();

    async fn from_request(request: &'r Request<'_>) -> Outcome<Self, ()> {
        match precondition(request) {
            Ok(precondition) => Outcome::Success(Self(precondition)),
            Err(error) => reject(request, Problem::from(error)),
        }
    }
}

fn precondition(request: &Request<'_>) -> Result<Precondition, Error> {
    let is = parse(request, "If-Match")?.map(|tags| tags.into_versions(true));
    let is_not = parse(request, "If-None-Match")?.map(|tags| tags.into_versions(false));
    Ok(Precondition { is, is_not })
}

/// Its headers are documented by [`Conditions::describe`].
impl OpenApiFromRequest<'_> for Conditions {
    fn from_request_input(
        _: &mut OpenApiGenerator,
        _: String,
        _: bool,
    ) -> rocket_okapi::Result<RequestHeaderInput> {
        Ok(RequestHeaderInput::None)
    }
}

impl Conditions {
    /// Documents the headers of an operation that takes this guard.
    pub fn describe(operation: &mut Operation) {
        for (name, description) in [
            (
                "If-Match",
                "The `ETag` of what is to be changed: 412 where it has changed meanwhile.",
            ),
            ("If-None-Match", "`*`: 412 where it is there already."),
        ] {
            operation.parameters.push(RefOr::Object(Parameter {
                name: name.to_owned(),
                location: "header".to_owned(),
                description: Some(description.to_owned()),
                required: false,
                deprecated: false,
                allow_empty_value: false,
                value: value_of(
                    serde_json::from_value(json!({ "type": "string" })).unwrap_or_default(),
                ),
                extensions: Object::default(),
            }));
        }
    }
}

/// Tags as a header names them.
#[derive(Debug, PartialEq, Eq)]
enum Tags {
    Any,
    These(Vec<Tag>),
}

#[derive(Debug, PartialEq, Eq)]
struct Tag {
    is_weak: bool,
    opaque: String,
}

impl Tags {
    /// The versions that they name. A weak tag is none where the comparison is strong (RFC 9110
    /// section 8.8.3.2), and neither is one that is not of ours.
    fn into_versions(self, strong: bool) -> Versions {
        match self {
            Self::Any => Versions::Any,
            Self::These(tags) => {
                let known = tags.iter().filter(|tag| !(strong && tag.is_weak));
                Versions::These(
                    known.filter_map(|tag| Version::parse(tag.opaque.get(..16)?)).collect(),
                )
            }
        }
    }
}

/// Reads a header that names tags. `None` where it is not there.
fn parse(request: &Request<'_>, name: &'static str) -> Result<Option<Tags>, Error> {
    let lines: Vec<&str> = request.headers().get(name).collect();
    if lines.is_empty() {
        return Ok(None);
    }
    let wrong = || Error::invalid(name, "must be * or a list of tags like \"0123456789abcdef\"");
    parse_tags(&lines.join(",")).map(Some).ok_or_else(wrong)
}

fn parse_tags(text: &str) -> Option<Tags> {
    let mut rest = text.trim_matches([' ', '\t', ',']);
    if rest == "*" {
        return Some(Tags::Any);
    }
    let mut tags = Vec::new();
    while !rest.is_empty() {
        let (is_weak, quoted) =
            rest.strip_prefix("W/").map_or((false, rest), |quoted| (true, quoted));
        let (opaque, after) = quoted.strip_prefix('"')?.split_once('"')?;
        tags.push(Tag { is_weak, opaque: opaque.to_owned() });
        rest = after.trim_start_matches([' ', '\t']);
        if !rest.is_empty() {
            rest = rest.strip_prefix(',')?.trim_start_matches([' ', '\t', ',']);
        }
    }
    (!tags.is_empty()).then_some(Tags::These(tags))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tag(is_weak: bool, opaque: &str) -> Tag {
        Tag { is_weak, opaque: opaque.to_owned() }
    }

    #[test]
    fn tags_are_read_as_rfc_9110_writes_them() {
        assert_eq!(parse_tags("*"), Some(Tags::Any));
        assert_eq!(parse_tags("\"a\""), Some(Tags::These(vec![tag(false, "a")])));
        let two = Some(Tags::These(vec![tag(true, "a,b"), tag(false, "")]));
        assert_eq!(parse_tags("W/\"a,b\" , \"\""), two);
        assert_eq!(parse_tags(", W/\"a,b\",,\"\","), two);
        for text in ["", "a", "\"a", "\"a\" \"b\"", "*, \"a\"", "w/\"a\"", "W/", "\"a\"b"] {
            assert_eq!(parse_tags(text), None, "{text}");
        }
    }

    #[test]
    fn only_strong_tags_of_ours_name_a_version_that_may_be_changed() {
        let tags = || {
            Tags::These(vec![
                tag(false, "00000000000000ff-p"),
                tag(true, "0000000000000001"),
                tag(false, "x"),
            ])
        };
        let version = |number| Version::from_stored(number);
        assert_eq!(tags().into_versions(true), Versions::These(vec![version(255)]));
        assert_eq!(tags().into_versions(false), Versions::These(vec![version(255), version(1)]));
    }
}
