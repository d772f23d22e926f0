//! Operation by keyboard alone (WCAG 2.2, 2.1.1).

use fantoccini::key::Key;
use serde_json::json;

use super::{Page, Site};
use crate::browser_support::Display;
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
        page.see("#me", "Your account").await;
        page.press(&[Key::Escape]).await;
        page.see_none("#me").await;
        page.press(&[Key::Enter]).await;
        tab_to(page, "Sign out").await;
        page.press(&[Key::Enter]).await;
        page.wait_for_address("login?notice=logged-out").await;
    });
}

/// Presses a key that has no name.
async fn key(page: &Page, key: &str) {
    page.page.active_element().await.unwrap().send_keys(key).await.unwrap();
}

/// Waits until the title of a row has the focus.
async fn see_row(page: &Page, title: &str) {
    page.wait_until("document.activeElement.innerText === arguments[0]", &[json!(title)]).await;
}

#[test]
#[ignore = "needs Chromium and its driver; .ci/run installs them"]
fn keyboard_shortcuts_lead_through_the_pages_until_they_are_switched_off() {
    let site = Site::new();
    // The list has the newest first.
    for name in ["three", "two", "one"] {
        assert_eq!(site.api("admin").try_add_widget(name).unwrap().status, 201);
    }
    site.visit(&[], async |page| {
        page.sign_in("admin").await;
        page.open("widgets").await;
        key(page, "k").await;
        for (pressed, title) in [("j", "one"), ("j", "two"), ("j", "three"), ("j", "three"), ("k", "two")] {
            key(page, pressed).await;
            see_row(page, title).await;
        }
        // From anywhere in a row.
        page.run("document.querySelector('#widget-two .more').focus()", &[]).await;
        key(page, "j").await;
        see_row(page, "three").await;
        page.press(&[Key::Enter]).await;
        page.wait_for_address("widgets/three").await;

        // The page's own comes before that of the bar.
        key(page, "n").await;
        page.wait_for_address("new/task").await;
        for (list, form) in
            [("widgets", "new/widget"), ("templates", "new/template"), ("people", "people/new")]
        {
            page.open(list).await;
            key(page, "n").await;
            page.wait_for_address(form).await;
        }

        page.open("widgets").await;
        key(page, "/").await;
        page.see_focus("").await;
        key(page, "/njk?").await;
        assert_eq!(page.value(".find input").await, "/njk?");
        page.see_none("dialog").await;
        page.wait_for_address("widgets").await;
        page.set_display(Display::Narrow).await;
        page.open("widgets").await;
        key(page, "/").await;
        page.wait_for_address("search").await;

        for display in [Display::Narrow, Display::Dark, Display::Light] {
            page.set_display(display).await;
            page.open("account").await;
            key(page, "?").await;
            page.see("dialog", "They are on.").await;
            page.assert_accessible().await;
            page.assert_no_overflow().await;
            page.screenshot(&format!("shortcuts-{}", display.name())).await;
            key(page, "?").await;
            page.see_none("dialog").await;
        }
        key(page, "?").await;
        page.press(&[Key::Escape]).await;
        page.see_none("dialog").await;
        let control = "document.body.dispatchEvent(new KeyboardEvent('keydown', { key: 'n', ctrlKey: true, bubbles: true }))";
        page.run(control, &[]).await;
        page.wait_for_address("account").await;

        page.press_button("Off").await;
        page.see("[aria-pressed=true]", "Off").await;
        page.open("widgets").await;
        for pressed in ["j", "n", "?", "/"] {
            key(page, pressed).await;
        }
        page.wait_until("document.activeElement === document.body", &[]).await;
        page.wait_for_address("widgets").await;
        page.see_none("dialog").await;
    });
}

#[test]
#[ignore = "needs Chromium and its driver; .ci/run installs them"]
fn keyboard_shortcuts_can_be_looked_up_without_scripts() {
    let site = Site::new();
    site.visit_without_scripts(&[], async |page| {
        page.open("login").await;
        page.fill("#login", "employee@example.com").await;
        page.fill("#password", PASSWORD).await;
        page.click("form[data-sign-in] button").await;
        page.click("[popovertarget=me]").await;
        page.click("#me [popovertarget]").await;
        let dialog = page.find("#shortcuts").await;
        assert!(dialog.is_displayed().await.unwrap());
        assert!(dialog.text().await.unwrap().contains("Next and previous row"));
        page.click("#shortcuts a").await;
        page.click("[value=off]").await;
        page.find("[value=off][aria-pressed=true]").await;
    });
}
