//! Conditional requests (RFC 9110 section 13): a client asks whether its copy is current, and
//! changes only what it has seen.

use rocket::Request;
use rocket::request::{FromRequest, Outcome};
use rocket_okapi::r#gen::OpenApiGenerator;
use rocket_okapi::okapi::openapi3::Responses;
use rocket_okapi::request::{OpenApiFromRequest, RequestHeaderInput};

use super::describe::{add_problem, header_parameter, parameters};
use super::problem::reject;
use super::request::is_read;
use crate::domain::{Precondition, Version, Versions};
use crate::error::Error;

/// Whether a read says that it has this representation. A header that cannot be parsed names none.
pub fn is_current(request: &Request<'_>, etag: &str) -> bool {
    is_read(request)
        && parse(request, "If-None-Match").is_ok_and(|tags| match tags {
            None => false,
            Some(Tags::Any) => true,
            Some(Tags::These(tags)) => tags.iter().any(|given| given.opaque == etag),
        })
}

/// A guard: the precondition of a write.
pub struct Conditions(pub Precondition);

#[rocket::async_trait]
impl<'r> FromRequest<'r> for Conditions {
    type Error = ();

    async fn from_request(request: &'r Request<'_>) -> Outcome<Self, ()> {
        match precondition(request) {
            Ok(precondition) => Outcome::Success(Self(precondition)),
            Err(error) => reject(request, error),
        }
    }
}

fn precondition(request: &Request<'_>) -> Result<Precondition, Error> {
    let is = parse(request, "If-Match")?.map(|tags| tags.into_versions(true));
    let is_not = parse(request, "If-None-Match")?.map(|tags| tags.into_versions(false));
    Ok(Precondition { is, is_not })
}

impl OpenApiFromRequest<'_> for Conditions {
    fn from_request_input(
        _: &mut OpenApiGenerator,
        _: String,
        _: bool,
    ) -> rocket_okapi::Result<RequestHeaderInput> {
        Ok(parameters(vec![
            header_parameter("If-Match", "The `ETag` that you have seen: 412 if it has changed."),
            header_parameter("If-None-Match", "`*`: 412 if the record exists."),
        ]))
    }

    fn get_responses(_: &mut OpenApiGenerator) -> rocket_okapi::Result<Responses> {
        let mut responses = Responses::default();
        let description = "`If-Match` or `If-None-Match` does not hold.";
        add_problem(&mut responses, description, Error::PreconditionFailed);
        Ok(responses)
    }
}

/// The entity tags of a header.
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
    /// The versions that the tags name. In a strong comparison (RFC 9110 section 8.8.3.2) weak tags
    /// name none; foreign tags never do.
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

/// Parses a header of entity tags; `None` if it is absent.
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
