//! The end of a session: what the browser keeps, and what open pages do.

use serde_json::json;

use super::Site;
use crate::program::PASSWORD;

#[test]
#[ignore = "needs Chromium and its driver; .ci/run installs them"]
fn sign_out_leaves_nothing_private_for_the_back_button() {
    let site = Site::new();
    assert_eq!(site.api("admin").try_add_widget("a-private-widget").unwrap().status, 201);
    site.visit(&[], async |page| {
        page.sign_in("admin").await;
        page.open("widgets").await;
        page.see(".row", "a-private-widget").await;
        page.open("account").await;
        page.sign_out().await;
        for _ in 0..3 {
            page.page.back().await.unwrap();
            page.wait_until_idle().await;
            page.see("h1", "Sign in").await;
            for private in ["a-private-widget", "admin@example.com", "Sign out"] {
                page.assert_absent(private).await;
            }
        }
    });
}

#[test]
#[ignore = "needs Chromium and its driver; .ci/run installs them"]
fn page_from_the_back_forward_cache_is_reloaded() {
    let site = Site::new();
    assert_eq!(site.api("admin").try_add_widget("a-private-widget").unwrap().status, 201);
    site.visit(&[], async |page| {
        page.sign_in("admin").await;
        for address in ["", "widgets", "tasks", "templates", "people", "audit", "account"] {
            page.open(address).await;
            // Chromium does not cache pages with `no-store`. Browsers that do send this event when
            // they restore one.
            page.run(
                "window.isSamePage = true; dispatchEvent(new PageTransitionEvent('pageshow', { persisted: true }))",
                &[],
            )
            .await;
            page.wait_until("!window.isSamePage", &[]).await;
            page.wait_until_idle().await;
        }
        page.open("widgets").await;
        page.see(".row", "a-private-widget").await;
        site.command(&["user", "sessions", "admin@example.com", "--end", "--yes"]);
        page.run("dispatchEvent(new PageTransitionEvent('pageshow', { persisted: true }))", &[]).await;
        page.wait_for_address("login?next=widgets&notice=session-ended").await;
        page.assert_absent("a-private-widget").await;
    });
}

#[test]
#[ignore = "needs Chromium and its driver; .ci/run installs them"]
fn ended_session_leads_to_sign_in_and_back_to_the_page() {
    let site = Site::new();
    let end = || site.command(&["user", "sessions", "admin@example.com", "--end", "--yes"]);
    site.visit(&[], async |page| {
        page.sign_in("admin").await;
        end();
        page.open("widgets?q=north&sort=deadline").await;
        let login = "login?next=widgets%3Fq%3Dnorth%26sort%3Ddeadline&notice=session-ended";
        page.wait_for_address(login).await;
        page.see(".notice", "Your session has ended. Please sign in again.").await;
        page.submit_sign_in("admin", PASSWORD).await;
        page.wait_for_address("widgets?q=north&sort=deadline").await;

        // Before a list is filtered.
        end();
        page.fill("main [name=q]", "south").await;
        page.press(&[fantoccini::key::Key::Enter]).await;
        page.wait_for_address(
            "login?next=widgets%3Fq%3Dsouth%26sort%3Ddeadline&notice=session-ended",
        )
        .await;
        page.submit_sign_in("admin", PASSWORD).await;
        page.wait_for_address("widgets?q=south&sort=deadline").await;
    });
}

#[test]
#[ignore = "needs Chromium and its driver; .ci/run installs them"]
fn sign_out_in_one_tab_signs_out_all_tabs() {
    let site = Site::new();
    assert_eq!(site.api("admin").try_add_widget("a-private-widget").unwrap().status, 201);
    site.visit(&[], async |page| {
        page.sign_in("employee").await;
        page.open_tab().await;
        page.open("widgets").await;
        page.see(".row", "a-private-widget").await;
        page.switch_to_tab(0).await;
        page.sign_out().await;
        page.switch_to_tab(1).await;
        // A tab that is looked at again refreshes itself. It has no cookie any more, so nobody knows
        // of a session that has ended.
        page.wait_for_address("login?next=widgets").await;
        page.assert_absent("a-private-widget").await;
        // Another user signs in. The other tab shows that user from its next page on.
        page.switch_to_tab(0).await;
        page.submit_sign_in("manager", PASSWORD).await;
        page.wait_for_address("").await;
        page.switch_to_tab(1).await;
        page.open("account").await;
        let name = "return document.querySelector('#me .who').textContent";
        assert_eq!(page.run(name, &[]).await, json!("manager@example.com"));
    });
}
