//! Going out: what is left in the browser after a session, and what becomes of pages that are still open.

use serde_json::json;

use super::Site;
use crate::program::PASSWORD;

#[test]
#[ignore = "needs Chromium and its driver; .ci/run installs them"]
fn after_signing_out_the_back_button_shows_nothing_private() {
    let site = Site::new();
    assert_eq!(site.api("admin").try_add_widget("a-private-widget").unwrap().status, 201);
    site.visit(&[], async |page| {
        page.sign_in("admin").await;
        page.go("widgets").await;
        page.see(".records", "a-private-widget").await;
        page.go("account").await;
        page.sign_out().await;
        for _ in 0..3 {
            page.page.back().await.unwrap();
            page.settle().await;
            page.see("h1", "Sign in").await;
            for private in ["a-private-widget", "admin@example.com", "Sign out"] {
                page.assert_absent(private).await;
            }
        }
    });
}

#[test]
#[ignore = "needs Chromium and its driver; .ci/run installs them"]
fn a_page_out_of_the_browsers_memory_is_asked_for_anew() {
    let site = Site::new();
    assert_eq!(site.api("admin").try_add_widget("a-private-widget").unwrap().status, 201);
    site.visit(&[], async |page| {
        page.sign_in("admin").await;
        for address in ["", "widgets", "tasks", "templates", "people", "audit", "account"] {
            page.go(address).await;
            // Chromium keeps no page that may not be stored; this is how others bring back one that they have kept.
            page.run(
                "window.isStill = true; dispatchEvent(new PageTransitionEvent('pageshow', { persisted: true }))",
                &[],
            )
            .await;
            page.wait_until("!window.isStill", &[]).await;
            page.settle().await;
        }
        page.go("widgets").await;
        page.see(".records", "a-private-widget").await;
        site.command(&["user", "sessions", "admin@example.com", "--end", "--yes"]);
        page.run("dispatchEvent(new PageTransitionEvent('pageshow', { persisted: true }))", &[]).await;
        page.arrive("login?next=widgets").await;
        page.assert_absent("a-private-widget").await;
    });
}

#[test]
#[ignore = "needs Chromium and its driver; .ci/run installs them"]
fn whose_session_has_ended_signs_in_and_is_back_where_they_were() {
    let site = Site::new();
    site.visit(&["401"], async |page| {
        page.sign_in("admin").await;
        // Before a page is asked for,
        site.command(&["user", "sessions", "admin@example.com", "--end", "--yes"]);
        page.go("widgets?q=north&sort=deadline").await;
        page.arrive("login?next=widgets%3Fq%3Dnorth%26sort%3Ddeadline").await;
        page.send_login("admin", PASSWORD).await;
        page.arrive("widgets?q=north&sort=deadline").await;

        // before what it shows is asked for,
        page.block(&["*/api/v1/widgets*"]).await;
        page.go("widgets?q=south").await;
        page.see("#widgets .failed", "The service cannot be reached.").await;
        page.block(&[]).await;
        site.command(&["user", "sessions", "admin@example.com", "--end", "--yes"]);
        page.press_button("Try again").await;
        page.arrive("login?next=widgets%3Fq%3Dsouth").await;
        page.send_login("admin", PASSWORD).await;
        page.arrive("widgets?q=south").await;

        // and before something is sent, which is not lost.
        page.press_button("New widget").await;
        page.fill("#editor-name", "typed-before").await;
        page.fill("#editor-url", "https://example.com").await;
        page.run("document.querySelector('#editor-deadline').value = '2099-12-31'", &[]).await;
        site.command(&["user", "sessions", "admin@example.com", "--end", "--yes"]);
        page.press_button("Save").await;
        page.see("#editor .summary", "Your session has ended.").await;
        page.assert_without_barriers().await;
        page.follow("Sign in in a new tab").await;
        page.turn_to_tab(1).await;
        page.arrive("login").await;
        page.send_login("admin", PASSWORD).await;
        page.arrive("").await;
        page.turn_to_tab(0).await;
        page.press_button("Save").await;
        page.see("#toast", "typed-before is added.").await;
    });
}

#[test]
#[ignore = "needs Chromium and its driver; .ci/run installs them"]
fn signing_out_in_one_tab_signs_out_all_of_them() {
    let site = Site::new();
    assert_eq!(site.api("admin").try_add_widget("a-private-widget").unwrap().status, 201);
    site.visit(&[], async |page| {
        page.sign_in("employee").await;
        page.open_tab().await;
        page.go("widgets").await;
        page.see(".records", "a-private-widget").await;
        page.turn_to_tab(0).await;
        page.sign_out().await;
        page.turn_to_tab(1).await;
        page.fill("#q", "private").await;
        page.press_button("Search").await;
        page.arrive("login?next=widgets%3Fq%3Dprivate").await;
        page.assert_absent("a-private-widget").await;
        // It has been signed out already, which is as well.
        page.turn_to_tab(0).await;
        page.send_login("manager", PASSWORD).await;
        page.arrive("").await;
        page.turn_to_tab(1).await;
        page.go("account").await;
        assert_eq!(
            page.run("return document.querySelector('.who').title", &[]).await,
            json!("manager@example.com")
        );
    });
}
