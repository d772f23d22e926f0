//! The pages, as people use them: in a real browser, of the real program.

mod account;
mod audit;
mod cross_site;
mod dialogs;
mod sign_in;
mod home;
mod hostile;
mod keyboard;
mod leaving;
mod looks;
mod people;
mod tasks;
mod templates;
mod widgets;

use std::cell::RefCell;
use std::ops::Deref;

use fantoccini::Locator;
use fantoccini::elements::Element;
use serde_json::json;

use crate::browser_support::Browser;
use crate::program::{Client, PASSWORD, Place, Server, text};

/// A service with an account of each role: `admin`, `manager` and `employee`, all at example.com.
pub struct Site {
    place: Place,
    server: RefCell<Option<Server>>,
    pub origin: String,
}

impl Site {
    pub fn new() -> Self {
        Self::with(&[])
    }

    /// With other settings than the defaults.
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

    /// A service that nobody has an account of, and the link that makes the first administrator, as seen from the root.
    pub fn without_accounts() -> (Self, String) {
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

    /// Kills the service, until it is started again.
    pub fn stop(&self) {
        self.server.take().expect("it runs").kill();
    }

    /// Starts it again, where it was before.
    pub fn start(&self) {
        let (_, port) = self.origin.rsplit_once(':').unwrap();
        self.server.replace(Some(self.place.serve_with(&["serve", "--port", port])));
    }

    /// Somebody at the API: `admin`, `manager`, `employee`, or whoever has registered.
    pub fn api(&self, name: &str) -> Client {
        self.server.borrow().as_ref().expect("it runs").log_in(&format!("{name}@example.com"))
    }

    /// Somebody at the API who has not logged in.
    pub fn anybody(&self) -> Client {
        self.server.borrow().as_ref().expect("it runs").client()
    }

    /// Runs a command beside the service, and answers what it prints.
    pub fn command(&self, arguments: &[&str]) -> String {
        let output = self.place.run(arguments, "");
        assert!(output.status.success(), "{}", text(&output.stderr));
        text(&output.stdout)
    }

    /// Somebody visits the pages. At the end, no request has left the service, and its console has complained of
    /// nothing but what is `expected`, of which it has complained each.
    pub fn visit(&self, expected: &[&str], visit: impl AsyncFnOnce(&Page)) {
        block_on(async {
            self.visit_with(Browser::start().await, expected, visit).await;
        });
    }

    /// The same where no scripts run.
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
        page.look_at_logs().await;
        let log = page.log.take();
        assert!(!log.requests.is_empty());
        // What is part of the page or of the browser itself does not leave the machine.
        let stays = |address: &String| {
            [&*format!("{}/", self.origin), "data:", "blob:", "chrome:"]
                .iter()
                .any(|start| address.starts_with(start))
        };
        let elsewhere: Vec<_> = log.requests.iter().filter(|address| !stays(address)).collect();
        assert!(elsewhere.is_empty(), "{elsewhere:?}");
        let is_expected = |complaint: &&String| {
            complaint.contains("Failed to load resource")
                && expected.iter().any(|part| complaint.contains(part))
        };
        let unexpected: Vec<_> =
            log.complaints.iter().filter(|complaint| !is_expected(complaint)).collect();
        assert!(unexpected.is_empty(), "{unexpected:#?}");
        for part in expected {
            assert!(
                log.complaints.iter().any(|complaint| complaint.contains(part)),
                "{part} did not happen"
            );
        }
        page.browser.page.clone().close().await.unwrap();
    }
}

pub fn block_on<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work)
}

/// What a browser has noted of a visit.
#[derive(Default)]
struct Log {
    requests: Vec<String>,
    complaints: Vec<String>,
}

/// What somebody sees of the service.
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

/// Whether nothing is on its way any more.
const IS_SETTLED: &str = "document.readyState === 'complete' && !document.querySelector('[aria-busy=true]') \
     && ![...document.querySelectorAll('.loading')].some((part) => part.checkVisibility())";

/// By what WebDriver's answers name an element.
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";

/// The parts that match the first argument and are shown.
const SHOWN: &str =
    "[...document.querySelectorAll(arguments[0])].filter((part) => part.checkVisibility())";

impl Page {
    pub fn new(browser: Browser, origin: String) -> Self {
        Self { browser, origin, log: RefCell::default() }
    }

    /// Goes to an address below the root.
    pub async fn go(&self, address: &str) {
        self.browser.page.goto(&format!("{}/{address}", self.origin)).await.unwrap();
        self.settle().await;
    }

    /// Waits until nothing is on its way any more.
    pub async fn settle(&self) {
        self.wait_until(IS_SETTLED, &[]).await;
    }

    /// Reads what the browser has logged, before it forgets some of it.
    pub async fn look_at_logs(&self) {
        let requests = self.requests().await;
        let complaints = self.complaints().await;
        let mut log = self.log.borrow_mut();
        log.requests.extend(requests);
        log.complaints
            .extend(complaints.iter().map(|entry| entry["message"].as_str().unwrap().to_owned()));
    }

    /// Waits until a text stands where it belongs.
    pub async fn see(&self, css: &str, text: &str) {
        let text_of = "(part) => (part.value || part.innerText).includes(arguments[1])";
        self.wait_until(&format!("{SHOWN}.some({text_of})"), &[json!(css), json!(text)]).await;
    }

    /// Waits until it does not stand there any more.
    pub async fn see_no(&self, css: &str, text: &str) {
        let text_of = "(part) => (part.value || part.innerText).includes(arguments[1])";
        self.wait_until(&format!("!{SHOWN}.some({text_of})"), &[json!(css), json!(text)]).await;
    }

    /// Waits until what has this id has the focus.
    pub async fn see_focus(&self, id: &str) {
        self.wait_until("document.activeElement.id === arguments[0]", &[json!(id)]).await;
    }

    /// Puts a value into an input as it is, which for a date or a long text is not how it is typed.
    pub async fn set(&self, css: &str, value: &str) {
        self.find(css).await;
        self.run(
            "document.querySelector(arguments[0]).value = arguments[1]",
            &[json!(css), json!(value)],
        )
        .await;
    }

    /// Waits until nothing of a kind is shown.
    pub async fn see_none(&self, css: &str) {
        self.wait_until(&format!("{SHOWN}.length === 0"), &[json!(css)]).await;
    }

    /// Fails where any of the page has this text in it, shown or not.
    pub async fn assert_absent(&self, text: &str) {
        let html = self.browser.page.source().await.unwrap();
        assert!(!html.contains(text), "{text}: {html}");
    }

    /// The texts of all parts of a kind that are shown.
    pub async fn texts(&self, css: &str) -> Vec<String> {
        let texts =
            self.run(&format!("return {SHOWN}.map((part) => part.innerText)"), &[json!(css)]).await;
        serde_json::from_value(texts).unwrap()
    }

    /// What stands in an input.
    pub async fn value(&self, css: &str) -> String {
        self.find(css).await.prop("value").await.unwrap().unwrap_or_default()
    }

    /// Chooses an option by what it stands for.
    pub async fn choose(&self, css: &str, value: &str) {
        self.find(css).await.select_by_value(value).await.unwrap();
    }

    /// Presses the button of that label: the one of the dialog, if one is open.
    pub async fn press_button(&self, label: &str) {
        self.settle().await;
        let css = "dialog[open] button, body:not(:has(dialog[open])) button";
        self.see(css, label).await;
        let script =
            format!("return {SHOWN}.find((part) => part.innerText.trim() === arguments[1])");
        self.click_what(&script, &[json!(css), json!(label)]).await;
    }

    /// Presses the button of that label in the record that has this text in it.
    pub async fn press_in_record(&self, record: &str, label: &str) {
        self.settle().await;
        self.see(".records > li", record).await;
        let script = format!(
            "const record = {SHOWN}.find((part) => part.innerText.includes(arguments[1]));
             return [...record.querySelectorAll('button')].find((part) => part.innerText.trim() === arguments[2]);"
        );
        self.click_what(&script, &[json!(".records > li"), json!(record), json!(label)]).await;
    }

    async fn click_what(&self, script: &str, arguments: &[serde_json::Value]) {
        let found = self.run(script, arguments).await;
        let id = found[ELEMENT].as_str().unwrap_or_else(|| panic!("{arguments:?}: {found}"));
        let element = Element::from_element_id(self.browser.page.clone(), id.to_owned().into());
        element.click().await.unwrap_or_else(|e| panic!("{arguments:?}: {e}"));
    }

    /// Follows the link of that text.
    pub async fn follow(&self, text: &str) {
        self.find_by(Locator::LinkText(text)).await.click().await.unwrap();
        self.settle().await;
    }

    /// Waits until the page at an address below the root is shown, and nothing is on its way any more.
    pub async fn arrive(&self, address: &str) {
        self.wait_until(
            "location.href === arguments[0]",
            &[json!(format!("{}/{address}", self.origin))],
        )
        .await;
        self.settle().await;
    }

    /// What has the focus: its text, or else its id.
    pub async fn focus(&self) -> String {
        let script = "return document.activeElement.innerText || document.activeElement.id";
        self.run(script, &[]).await.as_str().unwrap_or_default().to_owned()
    }

    /// Types an address and a password on the page that asks for them, and sends them.
    pub async fn send_login(&self, name: &str, password: &str) {
        self.fill("#login", &format!("{name}@example.com")).await;
        self.fill("#password", password).await;
        self.press_button("Sign in").await;
    }

    /// Signs somebody in: `admin`, `manager`, `employee`, or whoever has registered.
    pub async fn sign_in(&self, name: &str) {
        self.go("login").await;
        self.send_login(name, PASSWORD).await;
        self.arrive("").await;
    }

    pub async fn sign_out(&self) {
        self.press_button("Sign out").await;
        self.arrive("login?notice=logged-out").await;
    }
}
