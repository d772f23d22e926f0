//! Lists: which page is requested, and how it is answered.

use data_encoding::HEXLOWER;
use rocket::Request;
use rocket::http::Header;
use rocket::request::{FromRequest, Outcome};
use rocket::response::{self, Responder, Response};
use rocket_okapi::r#gen::OpenApiGenerator;
use rocket_okapi::okapi::openapi3::{Parameter, Responses};
use rocket_okapi::request::{OpenApiFromRequest, RequestHeaderInput};
use rocket_okapi::response::OpenApiResponderInner;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::json;
use sha2::{Digest, Sha256};

use super::csv::Format;
use super::describe::{parameters, query_parameter, with_schema};
use super::example::{self, BASE, Example, PATH};
use super::fields::{Fields, Given};
use super::path::canonical_path;
use super::problem::reject;
use super::record::Record;
use super::request::{query_of, remembered_user, view_context};
use super::responses::{add_not_modified, respond_with_etag};
use super::schemas::Link;
use super::services::FieldContext;
use super::services::{API, BasePath, Services, ViewContext};
use crate::domain::{PAGE_SIZES, Page, PageRequest, Timestamp};
use crate::error::Error;

/// Which items of a list are requested, by query parameters. Declared by [`super::input::filter`].
pub trait Filter: Send + Sized {
    /// Reads every parameter; `None` if any is at fault.
    fn read(fields: &mut Fields, context: &FieldContext) -> Option<Self>;

    fn parameters() -> Vec<Parameter>;
}

/// All items.
impl Filter for () {
    fn read(_: &mut Fields, _: &FieldContext) -> Option<Self> {
        Some(())
    }

    fn parameters() -> Vec<Parameter> {
        Vec::new()
    }
}

/// A guard: `?page=1&per_page=10`, and the filter. It stands behind the guard of the caller, whose
/// filtered and sorted lists it counts.
pub struct ListQuery<F> {
    pub filter: F,
    pub page: PageRequest,
    /// For the links of the answer.
    pub address: ListAddress,
}

/// A guard: the filter of what has no pages. It is counted as a filtered list.
pub struct FilterQuery<F>(pub F);

#[rocket::async_trait]
impl<'r, F: Filter> FromRequest<'r> for FilterQuery<F> {
    type Error = ();

    async fn from_request(request: &'r Request<'_>) -> Outcome<Self, ()> {
        let filter = Services::of(request).and_then(|services| {
            let mut fields = Fields::from_form(query_of(request).as_bytes())?;
            let filter = F::read(&mut fields, &services.field_context());
            let filter = fields.finish(filter)?;
            admit(request)?;
            Ok(filter)
        });
        match filter {
            Ok(filter) => Outcome::Success(Self(filter)),
            Err(error) => reject(request, error),
        }
    }
}

impl<F: Filter> OpenApiFromRequest<'_> for FilterQuery<F> {
    fn from_request_input(
        _: &mut OpenApiGenerator,
        _: String,
        _: bool,
    ) -> rocket_okapi::Result<RequestHeaderInput> {
        Ok(parameters(F::parameters()))
    }
}

/// A list's address without the parameters of a page.
pub struct ListAddress {
    path: String,
    /// The other parameters, as links repeat them.
    others: String,
    is_filtered: bool,
}

impl ListAddress {
    fn to_text(&self, base: BasePath<'_>) -> String {
        let separator = if self.others.is_empty() { "" } else { "&" };
        format!("{base}{}?{}{separator}", self.path, self.others)
    }
}

#[rocket::async_trait]
impl<'r, F: Filter> FromRequest<'r> for ListQuery<F> {
    type Error = ();

    async fn from_request(request: &'r Request<'_>) -> Outcome<Self, ()> {
        match admitted(request, None, PageRequest::DEFAULT) {
            Ok((query, _)) => Outcome::Success(query),
            Err(error) => reject(request, error),
        }
    }
}

/// What a request asks for, where it does not say, this page; without a default, in the one format that
/// the list has.
/// [`Error::RateLimited`] if the caller has read too many lists of this kind. A page of a whole list
/// costs as much as a record, so a script may read all of them.
pub fn admitted<F: Filter>(
    request: &Request<'_>,
    default: Option<Format>,
    page: PageRequest,
) -> Result<(ListQuery<F>, Format), Error> {
    let path = canonical_path(request);
    let query = query_of(request);
    let services = Services::of(request)?;
    let (query, format) = read::<F>(&path, query, &services.field_context(), default, page)?;
    let is_counted = query.address.is_filtered || format == Format::Csv;
    if is_counted {
        admit(request)?;
    }
    Ok((query, format))
}

/// [`Error::RateLimited`] if the caller has read too many filtered lists.
pub fn admit(request: &Request<'_>) -> Result<(), Error> {
    let user = remembered_user(request);
    user.map_or(Ok(()), |user| Services::of(request)?.accounts.admit_list(user))
}

fn read<F: Filter>(
    path: &str,
    query: &str,
    context: &FieldContext,
    default: Option<Format>,
    default_page: PageRequest,
) -> Result<(ListQuery<F>, Format), Error> {
    let mut fields = Fields::from_form(query.as_bytes())?;
    let address = ListAddress {
        path: path.to_owned(),
        others: fields.to_form_without(&["page", "per_page"]),
        is_filtered: !fields.to_form_without(&["page", "per_page", "format"]).is_empty(),
    };
    let page = fields.read("page", PageRequest::parse_page);
    let per_page = fields.read("per_page", PageRequest::parse_per_page);
    let filter = F::read(&mut fields, context);
    let format = match default {
        None => Some(Format::Json),
        Some(default) => fields.read("format", Format::parse).map(|given| match given {
            Given::Value(format) => format,
            Given::Absent | Given::Null => default,
        }),
    };
    let request = page.zip(per_page).map(|(page, per_page)| {
        let page = if let Given::Value(page) = page { page } else { default_page.page() };
        let per_page =
            if let Given::Value(per_page) = per_page { per_page } else { default_page.per_page() };
        PageRequest::new(page, per_page)
    });
    if format == Some(Format::Csv) {
        for name in ["page", "per_page"] {
            if fields.has(name) {
                fields.add_error(name, "is not for CSV, which has the whole list");
            }
        }
    }
    let query = filter.zip(request).map(|(filter, page)| ListQuery { filter, page, address });
    fields.finish(query.zip(format))
}

impl<F: Filter> OpenApiFromRequest<'_> for ListQuery<F> {
    fn from_request_input(
        _: &mut OpenApiGenerator,
        _: String,
        _: bool,
    ) -> rocket_okapi::Result<RequestHeaderInput> {
        Ok(parameters(all_parameters::<F>()))
    }
}

/// Those of the filter, and of a page.
pub fn all_parameters<F: Filter>() -> Vec<Parameter> {
    let default = PageRequest::DEFAULT;
    let (page, per_page) = (default.page(), default.per_page());
    let page = json!({ "type": "integer", "format": "uint64", "minimum": 1, "default": page });
    let per_page = json!({ "type": "integer", "enum": PAGE_SIZES, "default": per_page });
    let mut all = F::parameters();
    all.push(query_parameter("page", "The page, from 1. A page past the end is empty.", page));
    all.push(query_parameter("per_page", "The number of items on a page.", per_page));
    all
}

/// The addresses of the pages around this one.
#[derive(Serialize, JsonSchema)]
struct Links {
    #[serde(rename = "self")]
    this: Link,
    first: Link,
    #[serde(skip_serializing_if = "Option::is_none")]
    prev: Option<Link>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<Link>,
    last: Link,
}

impl Links {
    fn new<T>(address: &str, page: &Page<T>) -> Self {
        let link = |number: u64| {
            Link(format!("{address}page={number}&per_page={}", page.request.per_page()))
        };
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
            .filter_map(|(rel, link)| link.map(|Link(link)| format!("<{link}>; rel=\"{rel}\"")))
            .collect();
        links.join(", ")
    }
}

/// A page of a list as an answer.
pub struct List<R> {
    address: ListAddress,
    page: Page<R>,
}

/// 200 with a page of a list, `ETag`, `Link` and `Total-Count`; 304 if the client has it already.
#[derive(Serialize, JsonSchema)]
struct ListView<V> {
    links: Links,
    /// Whether there is a page before this one.
    has_prev: bool,
    /// Whether there is a page after this one.
    has_next: bool,
    /// The number of this page, from 1.
    page: u64,
    /// The number of pages of the list.
    total_pages: u64,
    /// The number of items on a full page.
    items_per_page: u32,
    /// The number of items of the list.
    total_items: u64,
    items: Vec<V>,
}

impl<R: Record> List<R> {
    pub fn new(address: ListAddress, page: Page<R>) -> Self {
        Self { address, page }
    }

    fn etag(&self, links: &Links, now: Timestamp) -> String {
        let mut hash = Sha256::new_with_prefix(format!("{} {}", links.this.0, self.page.total));
        for item in &self.page.items {
            hash.update(" ");
            hash.update(item.etag(now));
        }
        HEXLOWER.encode(&hash.finalize()[..16])
    }
}

impl<V> ListView<V> {
    fn new<R: Record<View = V>>(links: Links, page: Page<R>, context: &ViewContext<'_>) -> Self {
        Self {
            links,
            has_prev: page.prev().is_some(),
            has_next: page.next().is_some(),
            page: page.request.page(),
            total_pages: page.total_pages(),
            items_per_page: page.request.per_page(),
            total_items: page.total,
            items: page.items.into_iter().map(|item| item.view(context)).collect(),
        }
    }
}

impl<'r, R: Record> Responder<'r, 'static> for List<R> {
    fn respond_to(self, request: &'r Request<'_>) -> response::Result<'static> {
        let context = view_context(request)?;
        let links = Links::new(&self.address.to_text(context.base), &self.page);
        let link = Header::new("Link", links.to_header());
        let total = Header::new("Total-Count", self.page.total.to_string());
        let etag = self.etag(&links, context.now);
        let view = || ListView::new(links, self.page, &context);
        let response = respond_with_etag(request, &etag, view)?;
        Response::build_from(response).header(link).header(total).ok()
    }
}

/// The second page of a list, which has the last record.
fn last_page<R: Record + Example>() -> Result<ListView<R::View>, String> {
    let page = Page { request: PageRequest::new(2, 10), items: vec![R::example()?], total: 11 };
    let links = Links::new(&format!("{BASE}{API}{PATH}?"), &page);
    Ok(ListView::new(links, page, &example::view_context()))
}

impl<R: Record + Example> OpenApiResponderInner for List<R> {
    fn responses(generator: &mut OpenApiGenerator) -> rocket_okapi::Result<Responses> {
        let headers = ["ETag", "Link", "Total-Count"];
        let example = last_page::<R>();
        let mut responses = with_schema(generator, 200, "A page of the list.", &headers, example)?;
        add_not_modified(&mut responses);
        Ok(responses)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{PasswordPolicy, Search, Zone};

    fn read<F: Filter>(query: &str) -> Result<ListQuery<F>, Error> {
        let password_policy = PasswordPolicy { min_length: 8, min_score: 2 };
        let context = FieldContext {
            now: Timestamp::from_millis(0),
            zone: Zone::UTC,
            password_policy,
            require_email: true,
        };
        super::read("/api/v1/a", query, &context, None, PageRequest::DEFAULT)
            .map(|(query, _)| query)
    }

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

    #[derive(Default)]
    struct Texts {
        search: Option<Search>,
    }

    crate::http::wire::input::filter! {
        Texts {
            /// What to look for.
            search = "q": Search,
        }
    }

    #[test]
    fn links_repeat_what_a_list_is_filtered_by() {
        let query = read::<Texts>("page=2&q=a%26b%0d%3e&per_page=5").unwrap();
        assert_eq!(query.filter.search, Some(Search::parse("a&b\r>").unwrap()));
        assert_eq!(query.address.to_text(BasePath("")), "/api/v1/a?q=a%26b%0D%3E&");
        assert_eq!(query.address.to_text(BasePath("/w")), "/w/api/v1/a?q=a%26b%0D%3E&");
        assert_eq!(read::<Texts>("p%61ge=2").unwrap().address.to_text(BasePath("")), "/api/v1/a?");
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
