//! The address of a list: its filter and its page, which links repeat and change.

use rocket::Request;
use rocket::request::{FromRequest, Outcome};
use rocket_okapi::okapi::openapi3::Parameter;

use crate::domain::{Page, PageRequest};
use crate::http::wire::{
    Field, FieldContext, Fields, Filter, ListQuery, admitted, query_of, reject,
};

/// How many records a page has, where its address does not say.
const DEFAULT: PageRequest = PageRequest::new(1, 25);

/// The parameter that shows the checkboxes of a list's rows.
const SELECT: &str = "select";

/// A guard: what the address of a page's list asks for. An unknown parameter is an error.
pub struct PageQuery<F> {
    pub filter: F,
    pub page: PageRequest,
    pub address: Address,
}

#[rocket::async_trait]
impl<'r, F: Filter> FromRequest<'r> for PageQuery<F> {
    type Error = ();

    async fn from_request(request: &'r Request<'_>) -> Outcome<Self, ()> {
        match admitted(request, None, DEFAULT) {
            Ok((ListQuery { filter, page, .. }, _)) => {
                Outcome::Success(Self { filter, page, address: Address::of(request) })
            }
            Err(error) => reject(request, error),
        }
    }
}

/// The filter of a list whose rows can be selected: `select=true` shows their checkboxes.
pub struct Selecting<F>(pub F);

impl<F: Filter> Filter for Selecting<F> {
    fn read(fields: &mut Fields, context: &FieldContext) -> Option<Self> {
        let select = fields.read(SELECT, |text| bool::parse(text, context));
        F::read(fields, context).filter(|_| select.is_some()).map(Self)
    }

    fn parameters() -> Vec<Parameter> {
        F::parameters()
    }
}

/// The query of a page, by parameter.
pub struct Address(Vec<(String, String)>);

#[rocket::async_trait]
impl<'r> FromRequest<'r> for Address {
    type Error = ();

    async fn from_request(request: &'r Request<'_>) -> Outcome<Self, ()> {
        Outcome::Success(Self::of(request))
    }
}

impl Address {
    fn of(request: &Request<'_>) -> Self {
        let pairs = url::form_urlencoded::parse(query_of(request).as_bytes());
        let owned = pairs.filter(|(_, value)| !value.is_empty());
        Self(owned.map(|(name, value)| (name.into_owned(), value.into_owned())).collect())
    }

    /// The value of a parameter; empty without one.
    pub fn value(&self, name: &str) -> &str {
        self.0.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value)
    }

    /// Whether the rows have checkboxes.
    pub fn is_selecting(&self) -> bool {
        self.value(SELECT) == "true"
    }

    /// Whether the parameters but those of order, search and page are these.
    pub fn selects(&self, query: &str) -> bool {
        let is_view = |name: &str| !["q", "sort", "page", "per_page", SELECT].contains(&name);
        let mine = self.0.iter().filter(|(name, _)| is_view(name));
        let mut mine: Vec<_> =
            mine.map(|(name, value)| (name.as_str().into(), value.as_str().into())).collect();
        let mut theirs: Vec<_> = url::form_urlencoded::parse(query.as_bytes()).collect();
        mine.sort();
        theirs.sort();
        mine == theirs
    }

    /// The parameters without some, for the hidden inputs of a form that chooses those.
    pub fn without(&self, names: &[&str]) -> impl Iterator<Item = &(String, String)> {
        self.0.iter().filter(move |(name, _)| !names.contains(&name.as_str()))
    }

    /// The query without some parameters, with a `?` unless it is empty.
    pub fn query_without(&self, names: &[&str]) -> String {
        let mut form = url::form_urlencoded::Serializer::new(String::new());
        form.extend_pairs(self.without(names));
        let query = form.finish();
        if query.is_empty() { query } else { format!("?{query}") }
    }

    /// The query with one more parameter, with its `?`.
    pub fn query_with(&self, name: &str, value: &str) -> String {
        let mut form = url::form_urlencoded::Serializer::for_suffix("?".to_owned(), 1);
        form.extend_pairs(self.without(&[name])).append_pair(name, value);
        form.finish()
    }

    /// The query of another page of the list.
    fn query_of_page(&self, number: u64) -> String {
        self.query_with("page", &number.to_string())
    }
}

/// A query with one parameter, with its `?`.
pub fn query_with(name: &str, value: &str) -> String {
    Address(Vec::new()).query_with(name, value)
}

/// Where a page of a list stands, and the way to its neighbours.
pub struct Pagination {
    pub first: u64,
    pub last: u64,
    pub total: u64,
    /// The query of the first page.
    pub start: String,
    /// The queries of the neighbours.
    pub prev: Option<String>,
    pub next: Option<String>,
}

impl Pagination {
    pub fn of<T>(page: &Page<T>, address: &Address) -> Self {
        let before = (page.request.page() - 1).saturating_mul(page.request.per_page().into());
        let query = |number| address.query_of_page(number);
        Self {
            first: before.saturating_add(1),
            last: before.saturating_add(page.items.len() as u64),
            total: page.total,
            start: query(1),
            prev: page.prev().map(query),
            next: page.next().map(query),
        }
    }
}

/// A view of a list.
pub struct Tab {
    pub label: &'static str,
    pub query: &'static str,
    /// How many records it has, if that is shown.
    pub count: String,
    pub is_here: bool,
}

impl Tab {
    pub fn new(label: &'static str, query: &'static str, address: &Address) -> Self {
        Self { label, query, count: String::new(), is_here: address.selects(query) }
    }
}

/// The orders of a list for a select: the default one is first and stands for no parameter.
pub fn orders<const N: usize>(
    mut orders: [(&'static str, &'static str); N],
    default: &str,
) -> Vec<(&'static str, &'static str)> {
    for (value, _) in &mut orders {
        if *value == default {
            *value = "";
        }
    }
    orders.sort_by_key(|(value, _)| !value.is_empty());
    orders.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(pairs: &[(&str, &str)]) -> Address {
        Address(pairs.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect())
    }

    #[test]
    fn a_view_is_selected_whatever_the_order_and_the_page() {
        let mine = address(&[("open", "true"), ("q", "a"), ("mine", "true"), ("page", "2")]);
        assert!(mine.selects("mine=true&open=true"));
        assert!(!mine.selects("mine=true"));
        assert!(!mine.selects("mine=true&open=true&status=done"));
        assert!(address(&[("sort", "deadline")]).selects(""));
    }

    #[test]
    fn links_keep_the_filter() {
        let mine = address(&[("q", "a&b"), ("page", "2"), ("open", "true")]);
        assert_eq!(mine.query_of_page(3), "?q=a%26b&open=true&page=3");
        assert_eq!(mine.query_without(&["page", "q", "open"]), "");
        assert_eq!(address(&[]).query_of_page(1), "?page=1");
    }

    #[test]
    fn the_default_order_is_first_and_has_no_parameter() {
        let all = [("a", "A"), ("b", "B"), ("c", "C")];
        assert_eq!(orders(all, "b"), [("", "B"), ("a", "A"), ("c", "C")]);
    }
}
