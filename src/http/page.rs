//! Pages of lists: which one is asked for, and how it is answered.

use data_encoding::HEXLOWER;
use rocket::http::Header;
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
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::docs::value_of;
use super::error::Problem;
use super::etag::{HasETag, WithETag};
use super::fields::Fields;
use super::guards::reject;
use super::{API, BasePath};
use crate::domain::{PAGE_SIZES, Page, PageRequest, Timestamp};
use crate::error::Error;

/// The headers that a page has.
pub const LIST: &[&str] = &["ETag", "Link", "Total-Count"];

/// Which items of a list are asked for, by parameters of the query.
pub trait Filter: Send + Sized {
    /// Reads the filter's own parameters; `None` where `fields` has noted an error.
    fn read(fields: &mut Fields) -> Option<Self>;

    /// The parameters for the document: name, what it does, schema.
    fn parameters() -> Vec<(&'static str, &'static str, Value)>;
}

/// All items.
impl Filter for () {
    fn read(_: &mut Fields) -> Option<Self> {
        Some(())
    }

    fn parameters() -> Vec<(&'static str, &'static str, Value)> {
        Vec::new()
    }
}

/// A guard: `?page=1&per_page=10`, and what a list is filtered by. It stands after the guard that
/// says who may ask.
pub struct ListQuery<F> {
    /// Which items.
    pub filter: F,
    /// Which part of them.
    pub page: PageRequest,
    /// The filter's parameters, as links repeat them.
    repeated: String,
}

impl<F> ListQuery<F> {
    /// The address of the list at `path` below the API, up to the parameters that name a page.
    pub fn address(&self, base: BasePath<'_>, path: &str) -> String {
        let separator = if self.repeated.is_empty() { "" } else { "&" };
        format!("{base}{API}{path}?{}{separator}", self.repeated)
    }
}

#[rocket::async_trait]
impl<'r, F: Filter> FromRequest<'r> for ListQuery<F> {
    type Error = ();

    async fn from_request(request: &'r Request<'_>) -> Outcome<Self, ()> {
        let query = request.uri().query().map_or("", |query| query.as_str());
        match read(query) {
            Ok(query) => Outcome::Success(query),
            Err(error) => reject(request, Problem::from(error)),
        }
    }
}

fn read<F: Filter>(query: &str) -> Result<ListQuery<F>, Error> {
    let mut fields = Fields::from_form(query.as_bytes())?;
    let repeated = fields.to_form_without(&["page", "per_page"]);
    let page = fields.optional("page", PageRequest::parse_page);
    let per_page = fields.optional("per_page", PageRequest::parse_per_page);
    let filter = F::read(&mut fields);
    let request = page.zip(per_page).map(|(page, per_page)| {
        let default = PageRequest::DEFAULT;
        PageRequest::new(page.unwrap_or(default.page()), per_page.unwrap_or(default.per_page()))
    });
    fields.finish(filter.zip(request).map(|(filter, page)| ListQuery { filter, page, repeated }))
}

/// Where the pages around this one are.
#[derive(Serialize, JsonSchema)]
struct Links {
    #[serde(rename = "self")]
    this: String,
    first: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    prev: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
    last: String,
}

impl Links {
    fn new<T>(address: &str, page: &Page<T>) -> Self {
        let link =
            |number: u64| format!("{address}page={number}&per_page={}", page.request.per_page());
        Self {
            this: link(page.request.page()),
            first: link(1),
            prev: page.prev().map(link),
            next: page.next().map(link),
            last: link(page.last_page()),
        }
    }

    /// The same links as a header (RFC 8288).
    fn to_header(&self) -> String {
        let all = [
            ("self", Some(&self.this)),
            ("first", Some(&self.first)),
            ("prev", self.prev.as_ref()),
            ("next", self.next.as_ref()),
            ("last", Some(&self.last)),
        ];
        let links: Vec<String> = all
            .iter()
            .filter_map(|(rel, link)| link.map(|link| format!("<{link}>; rel=\"{rel}\"")))
            .collect();
        links.join(", ")
    }
}

/// A page of a list as it goes out, with the headers `Link` and `Total-Count`.
#[derive(Serialize, JsonSchema)]
pub struct ListView<T> {
    links: Links,
    /// Whether there is a page before this one.
    has_prev: bool,
    /// Whether there is a page after this one.
    has_next: bool,
    /// The number of this page, counted from 1.
    page: u64,
    /// How many pages the list fills.
    total_pages: u64,
    /// How many items a page holds.
    items_per_page: u32,
    /// How many items the list has.
    total_items: u64,
    items: Vec<T>,
    #[serde(skip)]
    tag: String,
}

impl<T> ListView<T> {
    /// The view of a page of the list at an address that [`ListQuery::address`] made, at this moment.
    pub fn new<D: HasETag>(
        address: &str,
        page: Page<D>,
        now: Timestamp,
        view: impl Fn(D) -> T,
    ) -> Self {
        let links = Links::new(address, &page);
        let mut hash = Sha256::new_with_prefix(format!("{} {}", links.this, page.total));
        for item in &page.items {
            hash.update(" ");
            hash.update(item.tag(now));
        }
        Self {
            tag: HEXLOWER.encode(&hash.finalize()[..16]),
            links,
            has_prev: page.prev().is_some(),
            has_next: page.next().is_some(),
            page: page.request.page(),
            total_pages: page.total_pages(),
            items_per_page: page.request.per_page(),
            total_items: page.total,
            items: page.items.into_iter().map(view).collect(),
        }
    }
}

impl<'r, T: Serialize> Responder<'r, 'static> for ListView<T> {
    fn respond_to(mut self, request: &'r Request<'_>) -> response::Result<'static> {
        let link = Header::new("Link", self.links.to_header());
        let total = Header::new("Total-Count", self.total_items.to_string());
        let tag = std::mem::take(&mut self.tag);
        let response = WithETag::of_tag(tag, self).respond_to(request)?;
        Response::build_from(response).header(link).header(total).ok()
    }
}

impl<T: JsonSchema + Serialize + Send> OpenApiResponderInner for ListView<T> {
    fn responses(generator: &mut OpenApiGenerator) -> rocket_okapi::Result<Responses> {
        <Json<Self> as OpenApiResponderInner>::responses(generator)
    }
}

/// Its parameters are documented by [`ListQuery::describe`]: Okapi takes one from a guard at the most.
impl<F: Filter> OpenApiFromRequest<'_> for ListQuery<F> {
    fn from_request_input(
        _: &mut OpenApiGenerator,
        _: String,
        _: bool,
    ) -> rocket_okapi::Result<RequestHeaderInput> {
        Ok(RequestHeaderInput::None)
    }
}

impl<F: Filter> ListQuery<F> {
    /// Documents the parameters of an operation that takes this query.
    pub fn describe(operation: &mut Operation) {
        let default = PageRequest::DEFAULT;
        let page = json!({ "type": "integer", "format": "int64", "minimum": 1, "default": default.page() });
        let per_page =
            json!({ "type": "integer", "enum": PAGE_SIZES, "default": default.per_page() });
        let mut parameters = F::parameters();
        parameters.push((
            "page",
            "Which page, counted from 1. A page past the end is empty.",
            page,
        ));
        parameters.push(("per_page", "How many items a page holds.", per_page));
        operation.parameters.extend(parameters.into_iter().map(|(name, description, schema)| {
            RefOr::Object(Parameter {
                name: name.to_owned(),
                location: "query".to_owned(),
                description: Some(description.to_owned()),
                required: false,
                deprecated: false,
                allow_empty_value: false,
                // A literal schema is well formed; an empty one would say less, not something wrong.
                value: value_of(serde_json::from_value(schema).unwrap_or_default()),
                extensions: Object::default(),
            })
        }));
    }
}

/// The schema of a parameter that is one of some names.
pub fn one_of(names: impl IntoIterator<Item = impl Into<String>>) -> Value {
    json!({ "type": "string", "enum": names.into_iter().map(Into::into).collect::<Vec<String>>() })
}

/// Reads a parameter that is yes or no.
pub fn parse_bool(text: &str) -> Result<bool, String> {
    text.parse().map_err(|_| format!("'{text}' must be one of true, false"))
}

/// The schema of a parameter that is yes or no.
pub fn boolean() -> Value {
    json!({ "type": "boolean" })
}

/// The schema of a parameter that is any text.
pub fn text() -> Value {
    json!({ "type": "string" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_query_it_is_the_first_page_of_ten() {
        assert_eq!(read::<()>("").unwrap().page, PageRequest::DEFAULT);
        assert_eq!(read::<()>("per_page=25&page=3").unwrap().page, PageRequest::new(3, 25));
    }

    #[test]
    fn a_bad_query_is_refused_by_name() {
        for (query, field) in [
            ("page=abc", "page"),
            ("page=0", "page"),
            ("page=-1", "page"),
            ("page=1&page=2", "page"),
            ("page=%FF", "page"),
            ("per_page=7", "per_page"),
            ("per_page=1000", "per_page"),
            ("sort=name", "sort"),
        ] {
            let error = read::<()>(query).err().expect("refused").to_string();
            assert!(error.starts_with(&format!("{field}: ")), "{query}: {error}");
        }
    }

    struct Text(Option<String>);

    impl Filter for Text {
        fn read(fields: &mut Fields) -> Option<Self> {
            fields.optional("q", |text| Ok(text.to_owned())).map(Self)
        }

        fn parameters() -> Vec<(&'static str, &'static str, Value)> {
            vec![("q", "What to look for.", json!({ "type": "string" }))]
        }
    }

    #[test]
    fn links_repeat_what_a_list_is_filtered_by() {
        let query = read::<Text>("page=2&q=a%26b%0d%3e&per_page=5").unwrap();
        assert_eq!(query.filter.0.as_deref(), Some("a&b\r>"));
        assert_eq!(query.address(BasePath(""), "/a"), "/api/v1/a?q=a%26b%0D%3E&");
        assert_eq!(query.address(BasePath("/w"), "/a"), "/w/api/v1/a?q=a%26b%0D%3E&");
        assert_eq!(read::<Text>("p%61ge=2").unwrap().address(BasePath(""), "/a"), "/api/v1/a?");
    }

    #[test]
    fn the_header_has_the_same_links_as_the_body() {
        let page = Page::<()> { request: PageRequest::new(2, 5), items: vec![], total: 11 };
        assert_eq!(
            Links::new("/w?", &page).to_header(),
            "</w?page=2&per_page=5>; rel=\"self\", </w?page=1&per_page=5>; rel=\"first\", \
             </w?page=1&per_page=5>; rel=\"prev\", </w?page=3&per_page=5>; rel=\"next\", \
             </w?page=3&per_page=5>; rel=\"last\""
        );
    }
}
