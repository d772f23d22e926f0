//! Operation by keyboard alone (WCAG 2.2, 2.1.1).

use fantoccini::key::Key;
use serde_json::json;

use super::{Page, Site};
use crate::program::PASSWORD;

/// Presses Tab until a control is focused that has this label, text or id.
async fn tab_to(page: &Page, name: &str) {
    let script = "const part = document.activeElement;
        return [part.id, part.innerText, part.labels?.[0]?.innerText].some((text) => text?.trim() === arguments[0])";
    for _ in 0..50 {
        page.press(&[Key::Tab]).await;
        if page.run(script, &[json!(name)]).await == true {
            // The focus is visible (WCAG 2.2, 2.4.7).
            assert_eq!(
                page.run("return document.activeElement.matches(':focus-visible')", &[]).await,
                true,
                "{name}"
            );
            return;
        }
    }
    panic!("Tab does not reach {name}");
}

async fn write(page: &Page, text: &str) {
    page.page.active_element().await.unwrap().send_keys(text).await.unwrap();
}

#[test]
#[ignore = "needs Chromium and its driver; .ci/run installs them"]
fn keyboard_alone_operates_pages_and_dialogs() {
    let site = Site::new();
    site.visit(&[], async |page| {
        page.open("login").await;
        tab_to(page, "E-mail address or username").await;
        write(page, "admin@example.com").await;
        tab_to(page, "Password").await;
        write(page, PASSWORD).await;
        page.press(&[Key::Enter]).await;
        page.wait_for_address("").await;

        tab_to(page, "Widgets").await;
        page.press(&[Key::Enter]).await;
        page.wait_for_address("widgets").await;
        // The menu can be skipped (WCAG 2.2, 2.4.1).
        page.press(&[Key::Tab]).await;
        page.see(":focus", "Skip to the content").await;
        let is_seen =
            "const box = document.activeElement.getBoundingClientRect(); return box.left >= 0 && box.top >= 0";
        assert_eq!(page.run(is_seen, &[]).await, true);
        page.assert_accessible().await;
        page.screenshot("keyboard-skip").await;
        page.press(&[Key::Enter]).await;
        page.see_focus("main").await;
        tab_to(page, "New widget").await;
        page.press(&[Key::Enter]).await;
        page.see("h1", "New widget").await;
        tab_to(page, "name").await;
        write(page, "by-hand").await;
        tab_to(page, "info_url").await;
        write(page, "https://example.com").await;
        tab_to(page, "deadline").await;
        write(page, "12312099").await;
        page.press(&[Key::Enter]).await;
        page.see("h1", "by-hand").await;

        tab_to(page, "Edit").await;
        page.press(&[Key::Enter]).await;
        page.see("h1", "Edit the widget").await;
        tab_to(page, "info_url").await;
        page.press(&[Key::End]).await;
        write(page, "/more").await;
        page.press(&[Key::Enter]).await;
        page.see(".record", "https://example.com/more").await;

        tab_to(page, "Delete…").await;
        page.press(&[Key::Enter]).await;
        page.see("h1", "Delete the widget?").await;
        tab_to(page, "Delete").await;
        page.press(&[Key::Enter]).await;
        page.wait_for_address("widgets").await;
        page.see(".state", "There are no widgets yet.").await;

        // A menu opens, and Escape closes it and keeps the focus.
        tab_to(page, "New task").await;
        page.press(&[Key::Tab, Key::Enter]).await;
        page.see(".me", "Your account").await;
        page.press(&[Key::Escape]).await;
        page.see_none(".me > div").await;
        page.press(&[Key::Enter]).await;
        tab_to(page, "Sign out").await;
        page.press(&[Key::Enter]).await;
        page.wait_for_address("login?notice=logged-out").await;
    });
}
