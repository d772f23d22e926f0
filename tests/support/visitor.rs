//! A browser without scripts: it navigates, keeps a cookie, and sends `Sec-Fetch-Site`.

use std::net::IpAddr;

use rocket::http::{Header, Method, Status};
use url::Url;

use super::page::{Element, elements};
use super::{Actor, Answer, TestApp, form, with_body};

/// What browsers accept when they navigate.
pub const PAGE: &str = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";

/// The type of what a form sends.
pub const FORM: &str = "application/x-www-form-urlencoded";

/// Somebody with a browser. Paths are those of the service, from its root.
#[derive(Clone)]
pub struct Visitor<'a> {
    pub app: &'a TestApp,
    /// The cookie that the browser keeps, by name and value.
    pub cookie: Option<(String, String)>,
    pub address: IpAddr,
    headers: Vec<(String, String)>,
}

impl TestApp {
    /// Somebody who has no session yet.
    pub fn visitor(&self) -> Visitor<'_> {
        let headers = [("Accept", PAGE), ("Sec-Fetch-Site", "same-origin")];
        Visitor {
            app: self,
            cookie: None,
            address: super::ADDRESS,
            headers: headers.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec(),
        }
    }
}

impl<'a> Actor<'a> {
    /// The same session, in the cookie of a browser.
    pub fn in_a_browser(&self) -> Visitor<'a> {
        let cookie = self.token.clone().map(|token| (self.app.cookie_name.clone(), token));
        Visitor { cookie, address: self.address, ..self.app.visitor() }
    }
}

impl<'a> Visitor<'a> {
    /// The same with another value of a header.
    pub fn saying(&self, name: &str, value: &str) -> Visitor<'a> {
        let mut other = self.silent_on(name);
        other.headers.push((name.to_owned(), value.to_owned()));
        other
    }

    /// The same without a header.
    pub fn silent_on(&self, name: &str) -> Visitor<'a> {
        let mut other = self.clone();
        other.headers.retain(|(given, _)| !given.eq_ignore_ascii_case(name));
        other
    }

    /// The same from another address.
    pub fn from(&self, address: &str) -> Visitor<'a> {
        Visitor { address: address.parse().unwrap(), ..self.clone() }
    }

    /// The scripts of the page, which ask for JSON.
    pub fn script(&self) -> Visitor<'a> {
        self.saying("Accept", "application/json")
    }

    /// The same with another cookie.
    pub fn carrying(&self, name: &str, value: &str) -> Visitor<'a> {
        Visitor { cookie: Some((name.to_owned(), value.to_owned())), ..self.clone() }
    }

    /// The same with the cookie that an answer sets.
    pub fn keeping(&self, answer: &Answer) -> Visitor<'a> {
        let cookie = answer.set_cookie().expect("a cookie");
        self.carrying(&cookie.name, &cookie.value)
    }

    /// The same with the cookie that an answer sets beside that of the session.
    pub fn keeping_also(&self, answer: &Answer) -> Visitor<'a> {
        let cookie = answer.set_cookie().expect("a cookie");
        self.saying("Cookie", &format!("{}={}", cookie.name, cookie.value))
    }

    pub async fn open(&self, path: &str) -> Answer {
        self.send(Method::Get, path, None, "").await
    }

    /// Sends a form.
    pub async fn submit(&self, path: &str, fields: &[(&str, &str)]) -> Answer {
        self.send(Method::Post, path, Some(FORM), &form(fields)).await
    }

    /// Opens a form, changes fields of it, and returns what it sends then.
    pub async fn changed(&self, path: &str, changes: &[(&str, &str)]) -> String {
        let page = self.open(path).await;
        let mut fields = page.assert(Status::Ok).form_fields();
        for (name, value) in changes {
            let field = fields.iter_mut().find(|(known, _)| known == name).expect(name);
            (*value).clone_into(&mut field.1);
        }
        to_body(&fields)
    }

    /// Sends the body of a form.
    pub async fn post(&self, path: &str, body: &str) -> Answer {
        self.send(Method::Post, path, Some(FORM), body).await
    }

    /// Opens the page that a redirect leads to.
    pub async fn follow(&self, path: &str, answer: &Answer) -> Answer {
        self.open(&answer.leads_to(path)).await
    }

    pub async fn send(
        &self,
        method: Method,
        path: &str,
        content_type: Option<&str>,
        body: &str,
    ) -> Answer {
        let mut request = with_body(self.app.client.req(method, path.to_owned()), body);
        request.set_remote((self.address, 50_000).into());
        for (name, value) in &self.headers {
            request.add_header(Header::new(name.clone(), value.clone()));
        }
        if let Some(content_type) = content_type {
            request.add_header(Header::new("Content-Type", content_type.to_owned()));
        }
        if let Some((name, value)) = &self.cookie {
            request.add_header(Header::new("Cookie", format!("{name}={value}")));
        }
        let answer = Answer::read(request.dispatch().await).await;
        if answer.status.code >= 400 && !answer.is_page() {
            answer.assert_error_shape();
        }
        if let Some(path) = path.strip_prefix("/api/v1") {
            self.app.compare_with_document(method, path, &answer);
        }
        answer
    }
}

fn to_body(fields: &[(String, String)]) -> String {
    let fields: Vec<_> = fields.iter().map(|(name, value)| (&**name, &**value)).collect();
    form(&fields)
}

/// A cookie as an answer sets it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SetCookie {
    pub name: String,
    pub value: String,
    /// As they are written, in alphabetical order.
    pub attributes: Vec<String>,
}

impl Answer {
    /// The one cookie that it sets, if it sets any.
    pub fn set_cookie(&self) -> Option<SetCookie> {
        let mut parts = self.header("Set-Cookie")?.split("; ");
        let (name, value) = parts.next().unwrap().split_once('=').unwrap();
        let mut attributes: Vec<String> = parts.map(str::to_owned).collect();
        attributes.sort_unstable();
        Some(SetCookie { name: name.to_owned(), value: value.to_owned(), attributes })
    }

    /// Whether it is a page.
    pub fn is_page(&self) -> bool {
        self.header("Content-Type") == Some("text/html; charset=utf-8")
    }

    /// The elements of the page that it is.
    #[track_caller]
    pub fn elements(&self) -> Vec<Element> {
        assert!(self.is_page(), "{:?}: {}", self.headers, self.text);
        elements(&self.text)
    }

    /// The element of that id.
    #[track_caller]
    pub fn element(&self, id: &str) -> Element {
        let mut found = self.elements().into_iter().filter(|element| element.get("id") == Some(id));
        let element = found.next().unwrap_or_else(|| panic!("no {id}: {}", self.text));
        assert_eq!(found.next(), None, "{id} stands twice");
        element
    }

    /// The message above a form.
    #[track_caller]
    pub fn summary(&self) -> String {
        let is_alert = |e: &Element| e.get("role") == Some("alert") && !e.has("hidden");
        let alerts: Vec<_> = self.elements().into_iter().filter(is_alert).collect();
        let [alert] = alerts.as_slice() else { panic!("{alerts:?}") };
        alert.text.clone()
    }

    /// What the forms of its main part would send as they are.
    #[track_caller]
    pub fn form_fields(&self) -> Vec<(String, String)> {
        let elements = self.elements();
        let main = elements.iter().position(|element| element.tag == "main").unwrap();
        let elements = &elements[main..];
        let value = |n: usize, element: &Element| match element.tag.as_str() {
            "textarea" => element.text.clone(),
            "select" => {
                let mut options = elements[n + 1..].iter().take_while(|e| e.tag == "option");
                let chosen = options.find(|option| option.has("selected"));
                chosen.and_then(|option| option.get("value")).unwrap_or_default().to_owned()
            }
            _ => element.get("value").unwrap_or_default().to_owned(),
        };
        let is_field = |tag: &str| ["input", "select", "textarea"].contains(&tag);
        let fields = elements.iter().enumerate().filter(|(_, element)| is_field(&element.tag));
        fields
            .filter_map(|(n, element)| Some((element.get("name")?.to_owned(), value(n, element))))
            .collect()
    }

    /// The body that its forms would send as they are.
    #[track_caller]
    pub fn form_body(&self) -> String {
        to_body(&self.form_fields())
    }

    /// The target of a redirect from `path`, as a path of the service with its query.
    #[track_caller]
    pub fn leads_to(&self, path: &str) -> String {
        resolve(path, self.header("Location").expect("a place to go"))
    }
}

/// Resolves a relative address on the page at `path`, and checks that the result does not depend on
/// the path of `public_url`.
#[track_caller]
pub fn resolve(path: &str, address: &str) -> String {
    let resolve = |root: &str| {
        let found = Url::parse(&format!("{root}{path}")).unwrap().join(address).unwrap();
        let below = found
            .as_str()
            .strip_prefix(root)
            .unwrap_or_else(|| panic!("{address} on {path} leads to {found}"));
        below.to_owned()
    };
    let found = resolve("https://example.org");
    assert_eq!(resolve("http://127.0.0.1:8000/a/w"), found, "{address} on {path}");
    found
}
