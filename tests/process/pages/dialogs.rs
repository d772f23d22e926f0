//! Dialogs keep unsaved input.

use fantoccini::key::Key;
use serde_json::json;

use super::{Page, Site};

/// Opens the dialog for a new widget, and enters a name.
async fn start_widget(page: &Page, name: &str) {
    page.press_button("New widget").await;
    page.see_focus("editor-name").await;
    page.fill("#editor-name", name).await;
}

#[test]
#[ignore = "needs Chromium and its driver; .ci/run installs them"]
fn dialog_keeps_unsaved_input_on_escape() {
    let site = Site::new();
    site.visit(&[], async |page| {
        page.sign_in("admin").await;
        page.open("widgets").await;
        start_widget(page, "precious").await;
        for _ in 0..4 {
            page.press(&[Key::Escape]).await;
            page.see("#toast", "Press Cancel to leave without saving.").await;
        }
        assert_eq!(page.value("#editor-name").await, "precious");
        page.press_button("Cancel").await;
        page.see_none("dialog").await;
        assert_eq!(page.focus().await, "New widget");
    });
}

#[test]
#[ignore = "needs Chromium and its driver; .ci/run installs them"]
fn dialog_stays_open_until_its_request_is_answered() {
    let site = Site::new();
    site.visit(&[], async |page| {
        page.sign_in("admin").await;
        page.open("widgets").await;
        start_widget(page, "slowly").await;
        page.fill("#editor-url", "https://example.com").await;
        page.set("#editor-deadline", "2099-12-31").await;
        // From now on, each request waits until the test releases it.
        let slow = "const real = fetch; window.fetch = (...all) =>
            new Promise((done) => { window.release = () => done(real(...all)); });";
        page.run(slow, &[]).await;
        page.press_button("Save").await;
        page.wait_until("window.release !== undefined", &[]).await;
        page.press_button("Cancel").await;
        page.see("#toast", "Still sending").await;
        page.press(&[Key::Escape]).await;
        assert_eq!(page.value("#editor-name").await, "slowly");
        page.run("window.release()", &[]).await;
        page.see("#toast", "slowly is added.").await;
        page.see_none("dialog").await;
        assert_eq!(site.api("admin").get("/widgets/slowly").status, 200);
        page.run("window.release()", &[]).await;
    });
}

#[test]
#[ignore = "needs Chromium and its driver; .ci/run installs them"]
fn dialog_keeps_unsaved_input_when_the_session_ends() {
    let site = Site::new();
    site.visit(&["ERR_INTERNET_DISCONNECTED", "401"], async |page| {
        page.sign_in("admin").await;
        page.open("widgets").await;
        page.see("#widgets .empty", "There are no widgets yet.").await;
        page.set_offline(true).await;
        page.run("document.querySelector('#widgets .failed button').click()", &[]).await;
        page.see("#widgets .failed", "The service cannot be reached.").await;
        start_widget(page, "kept").await;
        page.devtools("Network.clearBrowserCookies", json!({})).await;
        page.set_offline(false).await;
        page.wait_until(
            "document.querySelector('#widgets .failed p').innerText.includes('Unauthorized')",
            &[],
        )
        .await;
        assert_eq!(page.value("#editor-name").await, "kept");
        page.press_button("Save").await;
        page.see("#editor .summary", "Your session has ended.").await;
        assert_eq!(page.value("#editor-name").await, "kept");
    });
}

#[test]
#[ignore = "needs Chromium and its driver; .ci/run installs them"]
fn record_buttons_have_an_accessible_description() {
    let site = Site::new();
    for name in ["one", "other"] {
        assert_eq!(site.api("admin").try_add_widget(name).unwrap().status, 201);
    }
    site.visit(&[], async |page| {
        page.sign_in("admin").await;
        page.open("widgets").await;
        page.see(".records", "other").await;
        let described = "return [...document.querySelectorAll('.records button')].map((button) =>
            `${button.innerText} ${document.getElementById(button.getAttribute('aria-describedby')).innerText}`)";
        let expected = json!(["Edit one", "Delete one", "Edit other", "Delete other"]);
        assert_eq!(page.run(described, &[]).await, expected);
    });
}
