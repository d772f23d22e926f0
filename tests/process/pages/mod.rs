//! The pages in a real browser, served by the real program.

mod accessibility;
mod account;
mod api;
mod audit;
mod csrf;
mod drafts;
mod fresh;
mod home;
mod keyboard;
mod looks;
mod people;
mod sign_in;
mod sign_out;
mod task_lists;
mod tasks;
mod templates;
mod widgets;
mod xss;
mod zones;

use std::cell::RefCell;
use std::ops::Deref;

use fantoccini::Locator;
use fantoccini::elements::Element;
use fantoccini::error::{CmdError, ErrorStatus};
use serde_json::json;

use crate::browser_support::Browser;
use crate::program::{Client, PASSWORD, Place, Server, text};

/// A running service with a user of each role: `admin`, `manager` and `employee`, all at
/// example.com.
pub struct Site {
    place: Place,
    server: RefCell<Option<Server>>,
    pub origin: String,
}

impl Site {
    pub fn new() -> Self {
        Self::with(&[])
    }

    /// With settings from environment variables.
    pub fn with(settings: &[(&str, &str)]) -> Self {
        let mut place = Place::new();
        for (name, value) in [("WIDGETD_THROTTLE", "false")].iter().chain(settings) {
            place.set(name, value);
        }
        for role in ["admin", "manager", "employee"] {
            let email = format!("{role}@example.com");
            let output =
                place.run(&["user", "add", &email, "--role", role, "--password-stdin"], PASSWORD);
            assert!(output.status.success(), "{}", text(&output.stderr));
        }
        Self::of(place)
    }

    /// A service without users, and the path of its setup link without the leading slash.
    pub fn without_users() -> (Self, String) {
        let site = Self::of(Place::new());
        let setup = {
            let server = site.server.borrow();
            let links = server
                .iter()
                .flat_map(|server| &server.said)
                .filter_map(|line| line.trim().strip_prefix(&site.origin));
            links.map(|link| link.trim_start_matches('/').to_owned()).next_back().expect("a link")
        };
        (site, setup)
    }

    fn of(place: Place) -> Self {
        let server = place.serve();
        let origin = server.url.clone();
        Self { place, server: RefCell::new(Some(server)), origin }
    }

    /// Kills the service.
    pub fn stop(&self) {
        self.server.take().expect("it runs").kill();
    }

    /// Starts the service again on the same port.
    pub fn start(&self) {
        let (_, port) = self.origin.rsplit_once(':').unwrap();
        self.server.replace(Some(self.place.serve_with(&["serve", "--port", port])));
    }

    /// An API client, logged in as `{name}@example.com`.
    pub fn api(&self, name: &str) -> Client {
        self.server.borrow().as_ref().expect("it runs").log_in(&format!("{name}@example.com"))
    }

    /// A task of the employee. Returns its id.
    pub fn add_task(&self, title: &str) -> String {
        let fields = [("title", title), ("assignee", "employee@example.com")];
        let answer = self.api("manager").post("/tasks", &fields);
        assert_eq!(answer.status, 201, "{}", answer.text);
        answer.body["id"].as_str().unwrap().to_owned()
    }

    /// An API client that is not logged in.
    pub fn anonymous(&self) -> Client {
        self.server.borrow().as_ref().expect("it runs").client()
    }

    /// Runs a command of the program, and returns its standard output.
    pub fn command(&self, arguments: &[&str]) -> String {
        let output = self.place.run(arguments, "");
        assert!(output.status.success(), "{}", text(&output.stderr));
        text(&output.stdout)
    }

    /// Runs `visit` in a new browser. Fails if a request goes to another host, or if the console has
    /// errors. Failed requests whose message contains one of `expected` are allowed, and must occur.
    pub fn visit(&self, expected: &[&str], visit: impl AsyncFnOnce(&Page)) {
        block_on(async {
            self.visit_with(Browser::start().await, expected, visit).await;
        });
    }

    /// The same in a browser without JavaScript.
    pub fn visit_without_scripts(&self, expected: &[&str], visit: impl AsyncFnOnce(&Page)) {
        block_on(async {
            self.visit_with(Browser::without_scripts().await, expected, visit).await;
        });
    }

    async fn visit_with(
        &self,
        browser: Browser,
        expected: &[&str],
        visit: impl AsyncFnOnce(&Page),
    ) {
        let page = Page::new(browser, self.origin.clone());
        visit(&page).await;
        page.read_logs().await;
        let log = page.log.take();
        assert!(!log.requests.is_empty());
        let is_local = |address: &String| {
            [&*format!("{}/", self.origin), "data:", "blob:", "chrome:"]
                .iter()
                .any(|start| address.starts_with(start))
        };
        let external: Vec<_> = log.requests.iter().filter(|address| !is_local(address)).collect();
        assert!(external.is_empty(), "{external:?}");
        let is_expected = |error: &&String| {
            error.contains("Failed to load resource")
                && expected.iter().any(|part| error.contains(part))
        };
        let unexpected: Vec<_> =
            log.console_errors.iter().filter(|error| !is_expected(error)).collect();
        assert!(unexpected.is_empty(), "{unexpected:#?}");
        for part in expected {
            assert!(
                log.console_errors.iter().any(|error| error.contains(part)),
                "{part} did not happen"
            );
        }
        page.browser.page.clone().close().await.unwrap();
    }
}

pub fn block_on<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work)
}

/// The log of a browser.
#[derive(Default)]
struct Log {
    requests: Vec<String>,
    console_errors: Vec<String>,
}

/// A browser on the pages of a service.
pub struct Page {
    browser: Browser,
    origin: String,
    log: RefCell<Log>,
}

impl Deref for Page {
    type Target = Browser;

    fn deref(&self) -> &Browser {
        &self.browser
    }
}

/// Whether the page and its lists have been loaded.
const IS_IDLE: &str = "document.readyState === 'complete' && !document.querySelector('[aria-busy=true]') \
     && ![...document.querySelectorAll('.loading')].some((part) => part.checkVisibility())";

/// The key of an element's id in WebDriver's answers (W3C WebDriver, section 12).
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";

/// The records of a list.
const RECORDS: &str = ".records > li, .row";

/// The visible elements that match the first argument, a selector.
const SHOWN: &str =
    "[...document.querySelectorAll(arguments[0])].filter((part) => part.checkVisibility())";

/// Whether an element has the text of the second argument in it, as its value or its text.
const HAS_TEXT: &str = "(part) => (part.matches('button') ? part.innerText : part.value || part.innerText).includes(arguments[1])";

impl Page {
    pub fn new(browser: Browser, origin: String) -> Self {
        Self { browser, origin, log: RefCell::default() }
    }

    /// Opens a page, by its path without the leading slash.
    pub async fn open(&self, address: &str) {
        self.browser.page.goto(&format!("{}/{address}", self.origin)).await.unwrap();
        self.wait_until_idle().await;
    }

    /// Waits until the page and its lists have been loaded.
    pub async fn wait_until_idle(&self) {
        self.wait_until(IS_IDLE, &[]).await;
    }

    /// From now on the page is not refreshed by itself, as when the browser leaves it.
    pub async fn stop_following(&self) {
        self.run("dispatchEvent(new Event('pagehide'))", &[]).await;
        self.wait_until_idle().await;
    }

    /// Collects the browser's log so far. The browser keeps only the latest entries.
    pub async fn read_logs(&self) {
        let requests = self.requests().await;
        let console_errors = self.console_errors().await;
        let mut log = self.log.borrow_mut();
        log.requests.extend(requests);
        log.console_errors.extend(
            console_errors.iter().map(|entry| entry["message"].as_str().unwrap().to_owned()),
        );
    }

    /// Waits until an element that matches has this text or value in it.
    pub async fn see(&self, css: &str, text: &str) {
        self.wait_until(&format!("{SHOWN}.some({HAS_TEXT})"), &[json!(css), json!(text)]).await;
    }

    /// Waits until no element that matches has it.
    pub async fn see_no(&self, css: &str, text: &str) {
        self.wait_until(&format!("!{SHOWN}.some({HAS_TEXT})"), &[json!(css), json!(text)]).await;
    }

    /// Waits until the element with this id has the focus.
    pub async fn see_focus(&self, id: &str) {
        self.wait_until("document.activeElement.id === arguments[0]", &[json!(id)]).await;
    }

    /// Sets the value of an input. Dates and long texts are not typed as their value.
    pub async fn set(&self, css: &str, value: &str) {
        self.find(css).await;
        self.run(
            "document.querySelector(arguments[0]).value = arguments[1]",
            &[json!(css), json!(value)],
        )
        .await;
    }

    /// Waits until no element that matches is visible.
    pub async fn see_none(&self, css: &str) {
        self.wait_until(&format!("{SHOWN}.length === 0"), &[json!(css)]).await;
    }

    /// Fails if the page's HTML has this text in it, visible or not.
    pub async fn assert_absent(&self, text: &str) {
        let html = self.browser.page.source().await.unwrap();
        assert!(!html.contains(text), "{text}: {html}");
    }

    /// The texts of all visible elements that match.
    pub async fn texts(&self, css: &str) -> Vec<String> {
        let texts =
            self.run(&format!("return {SHOWN}.map((part) => part.innerText)"), &[json!(css)]).await;
        serde_json::from_value(texts).unwrap()
    }

    /// The value of an input.
    pub async fn value(&self, css: &str) -> String {
        self.find(css).await.prop("value").await.unwrap().unwrap_or_default()
    }

    /// Chooses an option by its value.
    pub async fn choose(&self, css: &str, value: &str) {
        self.find(css).await.select_by_value(value).await.unwrap();
    }

    /// Presses the button with this label. If a dialog is open, only its buttons count.
    pub async fn press_button(&self, label: &str) {
        self.wait_until_idle().await;
        let css = "dialog[open] button, body:not(:has(dialog[open])) button";
        self.see(css, label).await;
        let script =
            format!("return {SHOWN}.find((part) => part.innerText.trim() === arguments[1])");
        self.click_result(&script, &[json!(css), json!(label)]).await;
    }

    /// Presses the button with this label in the record that has the text `record` in it.
    pub async fn press_in_record(&self, record: &str, label: &str) {
        self.wait_until_idle().await;
        self.see(RECORDS, record).await;
        let script = format!(
            "const record = {SHOWN}.find((part) => part.innerText.includes(arguments[1]));
             const menu = document.querySelectorAll('#more:popover-open :is(button, a)');
             return [...record.querySelectorAll('button, a'), ...menu].find((part) =>
                 [part.innerText.trim(), part.title.split(':')[0]].includes(arguments[2]));"
        );
        self.click_result(&script, &[json!(RECORDS), json!(record), json!(label)]).await;
        if label == "⋯" {
            self.find("#more:popover-open").await;
        }
    }

    async fn click_result(&self, script: &str, arguments: &[serde_json::Value]) {
        self.click_found(async || {
            let found = self.run(script, arguments).await;
            let id = found[ELEMENT].as_str().unwrap_or_else(|| panic!("{arguments:?}: {found}"));
            Element::from_element_id(self.browser.page.clone(), id.to_owned().into())
        })
        .await;
    }

    /// Clicks an element, and finds it again where the page was refreshed meanwhile.
    async fn click_found(&self, find: impl AsyncFn() -> Element) {
        for _ in 0..4 {
            match self.click_element(find().await).await {
                Err(CmdError::Standard(error))
                    if error.error == ErrorStatus::StaleElementReference => {}
                result => return result.unwrap(),
            }
        }
        panic!("the page is refreshed again and again");
    }

    /// Follows the link with this text.
    pub async fn follow_link(&self, text: &str) {
        self.click_found(async || self.find_by(Locator::LinkText(text)).await).await;
        self.wait_until_idle().await;
    }

    /// Waits until the page at this path, without the leading slash, has been loaded.
    pub async fn wait_for_address(&self, address: &str) {
        self.wait_until(
            "location.href === arguments[0]",
            &[json!(format!("{}/{address}", self.origin))],
        )
        .await;
        self.wait_until_idle().await;
    }

    /// The text of the focused element, or its id if it has no text.
    pub async fn focus(&self) -> String {
        let script = "return document.activeElement.innerText || document.activeElement.id";
        self.run(script, &[]).await.as_str().unwrap_or_default().to_owned()
    }

    /// Fills and submits the sign-in form as `{name}@example.com`.
    pub async fn submit_sign_in(&self, name: &str, password: &str) {
        self.fill("#login", &format!("{name}@example.com")).await;
        self.fill("#password", password).await;
        self.press_button("Sign in").await;
    }

    /// Signs in as `{name}@example.com`.
    pub async fn sign_in(&self, name: &str) {
        self.open("login").await;
        self.submit_sign_in(name, PASSWORD).await;
        self.wait_for_address("").await;
    }

    pub async fn sign_out(&self) {
        self.click("[popovertarget=me]").await;
        self.press_button("Sign out").await;
        self.wait_for_address("login?notice=logged-out").await;
    }
}
