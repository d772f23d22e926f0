//! Pages that are looked at follow what others change.

use std::io::{Read, Write};
use std::net::TcpStream;

use serde_json::json;

use super::{Page, Site};
use crate::program::PASSWORD;

/// Runs before the page's scripts: the test sees the stream, and may let time pass faster.
const WATCH_FEED: &str = "
    window.EventSource = class extends EventSource {
        constructor(address) { super(address); window.feed = this; }
    };
    const now = performance.now.bind(performance);
    performance.now = () => now() * (window.speed ?? 1);";

const SHOW: &str = "Object.defineProperty(document, 'visibilityState', { value: arguments[0], configurable: true });
    document.dispatchEvent(new Event('visibilitychange'));";

async fn watch(page: &Page) {
    page.devtools("Page.addScriptToEvaluateOnNewDocument", json!({ "source": WATCH_FEED })).await;
}

/// Opens a page, and waits until it listens.
async fn open(page: &Page, address: &str) {
    page.open(address).await;
    page.wait_until("window.feed?.readyState === EventSource.OPEN", &[]).await;
    page.run("window.isSamePage = true", &[]).await;
}

#[test]
#[ignore = "needs Chromium and its driver; .ci/run installs them"]
fn fresh_page_shows_what_others_change_and_keeps_what_is_typed_and_open() {
    let site = Site::new();
    let id = site.add_task("first");
    let manager = site.api("manager");
    site.visit(&["404"], async |page| {
        watch(page).await;
        page.sign_in("employee").await;
        open(page, "tasks").await;
        page.fill("main [name=q]", "half typed").await;
        page.press_in_record("first", "⋯").await;
        site.add_task("second");
        page.see(".row", "second").await;
        assert_eq!(page.value("main [name=q]").await, "half typed");
        page.see("#more button", "Start").await;
        page.press(&[fantoccini::key::Key::Escape]).await;

        // What can be undone stays so.
        page.press_in_record("second", "Mark as done").await;
        page.see("#flash", "Moved to “Done”.").await;
        site.add_task("third");
        page.see(".row", "third").await;
        page.see("#flash button", "Undo").await;

        // What is deleted is gone.
        page.wait_until("window.isSamePage", &[]).await;
        open(page, &format!("tasks/{id}")).await;
        assert_eq!(
            manager.send("PATCH", &format!("/tasks/{id}"), &[("title", "renamed")]).status,
            200
        );
        page.see("h1", "renamed").await;
        assert_eq!(manager.send("DELETE", &format!("/tasks/{id}"), &[]).status, 204);
        page.see_none(".record").await;
        page.wait_until("window.isSamePage", &[]).await;
        page.wait_until("window.feed.readyState === EventSource.CLOSED", &[]).await;
    });
}

#[test]
#[ignore = "needs Chromium and its driver; .ci/run installs them"]
fn fresh_pages_of_two_users_follow_each_other() {
    let site = Site::new();
    site.add_task("shared");
    site.visit(&[], async |manager| {
        watch(manager).await;
        manager.sign_in("manager").await;
        open(manager, "tasks?open=true").await;
        let other = Page::new(crate::browser_support::Browser::start().await, site.origin.clone());
        other.sign_in("employee").await;
        other.press_in_record("shared", "Mark as done").await;
        other.see("#flash", "Moved to “Done”.").await;
        manager.see_no(".row", "shared").await;
        manager.wait_until("window.isSamePage", &[]).await;
        other.page.clone().close().await.unwrap();
    });
}

#[test]
#[ignore = "needs Chromium and its driver; .ci/run installs them"]
fn fresh_page_listens_only_while_it_is_seen_and_its_times_stay_true() {
    let site = Site::new();
    site.add_task("first");
    site.visit(&[], async |page| {
        watch(page).await;
        page.sign_in("employee").await;
        open(page, "tasks").await;
        page.run(SHOW, &[json!("hidden")]).await;
        assert_eq!(page.run("return feed.readyState", &[]).await, json!(2));
        site.add_task("meanwhile");
        page.run(SHOW, &[json!("visible")]).await;
        page.see(".row", "meanwhile").await;
        page.wait_until("feed.readyState === EventSource.OPEN", &[]).await;
        site.add_task("later");
        page.see(".row", "later").await;

        page.run("document.querySelector('.row time, .row .due').textContent = 'old'; window.speed = 1000", &[])
            .await;
        page.see_no(".row .due", "old").await;
        page.wait_until("window.isSamePage", &[]).await;

        // A form is not a page that refreshes.
        page.open("new/template").await;
        assert_eq!(page.run("return window.feed === undefined", &[]).await, json!(true));
    });
}

#[test]
#[ignore = "needs Chromium and its driver; .ci/run installs them"]
fn fresh_page_stops_at_sign_out_and_leaves_when_its_session_ends() {
    let site = Site::new();
    assert_eq!(site.api("admin").try_add_widget("a-private-widget").unwrap().status, 201);
    site.visit(&[], async |page| {
        watch(page).await;
        page.sign_in("employee").await;
        open(page, "widgets").await;
        page.sign_out().await;
        page.submit_sign_in("employee", PASSWORD).await;
        page.wait_for_address("").await;
        open(page, "widgets").await;
        site.command(&["user", "sessions", "employee@example.com", "--end", "--yes"]);
        page.wait_for_address("login?next=widgets&notice=session-ended").await;
        page.assert_absent("a-private-widget").await;
    });
}

#[test]
#[ignore = "needs Chromium and its driver; .ci/run installs them"]
fn fresh_page_that_cannot_be_read_stays_says_so_and_retries() {
    let site = Site::new();
    site.add_task("first");
    let gone = ["ERR_CONNECTION_REFUSED", "ERR_INCOMPLETE_CHUNKED_ENCODING"];
    site.visit(&gone, async |page| {
        watch(page).await;
        page.sign_in("employee").await;
        open(page, "tasks").await;
        // It notices by itself.
        site.stop();
        page.see("#banner", "The service cannot be reached. What you see may be old.").await;
        page.see(".row", "first").await;
        page.assert_accessible().await;
        site.start();
        page.see_none("#banner").await;
        page.wait_until("feed.readyState === EventSource.OPEN", &[]).await;
        site.add_task("second");
        page.see(".row", "second").await;
        page.wait_until("window.isSamePage", &[]).await;
    });
}

/// A stream of an API client.
fn listen(site: &Site, token: &str) -> TcpStream {
    let mut stream = TcpStream::connect(site.origin.trim_start_matches("http://")).unwrap();
    write!(stream, "GET /changes HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n\r\n")
        .unwrap();
    let mut status = [0; 12];
    stream.read_exact(&mut status).unwrap();
    assert_eq!(&status, b"HTTP/1.1 200");
    stream
}

#[test]
#[ignore = "needs Chromium and its driver; .ci/run installs them"]
fn fresh_page_without_a_free_stream_works_and_does_not_follow() {
    let site = Site::new();
    let token = site.api("employee").token.unwrap();
    let _streams: Vec<_> = (0..16).map(|_| listen(&site, &token)).collect();
    site.visit(&[], async |page| {
        watch(page).await;
        page.sign_in("employee").await;
        page.open("widgets").await;
        page.wait_until("window.feed.readyState === EventSource.CLOSED", &[]).await;
        page.see("h1", "Widgets").await;
    });
}
