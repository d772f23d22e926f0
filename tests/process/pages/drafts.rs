//! Drafts: what is typed into a form is not lost, and is nobody else's.

use serde_json::json;

use super::{Page, Site};
use crate::program::PASSWORD;

const BACK: &str = "Your unsaved text of ";

fn add_task(site: &Site) -> String {
    let answer = site.api("manager").post("/tasks", &[("title", "old"), ("description", "old")]);
    assert_eq!(answer.status, 201, "{}", answer.text);
    answer.body["id"].as_str().unwrap().to_owned()
}

fn end_session(site: &Site, name: &str) {
    site.command(&["user", "sessions", &format!("{name}@example.com"), "--end", "--yes"]);
}

/// How many drafts the browser keeps.
async fn drafts(page: &Page) -> u64 {
    let count =
        "return Object.keys(localStorage).filter((key) => key.startsWith('widgetd-draft ')).length";
    page.run(count, &[]).await.as_u64().unwrap()
}

async fn see_draft(page: &Page, field: &str, text: &str) {
    page.see("#draft", BACK).await;
    assert_eq!(page.value(field).await, text);
}

#[test]
#[ignore = "needs Chromium and its driver; .ci/run installs them"]
fn draft_survives_a_reload_and_is_merged_with_what_others_change() {
    let site = Site::new();
    let id = add_task(&site);
    let api = site.api("admin");
    let change = |field: &str, text: &str| {
        assert_eq!(api.send("PATCH", &format!("/tasks/{id}"), &[(field, text)]).status, 200);
    };
    site.visit(&["409"], async |page| {
        page.sign_in("manager").await;
        page.open("new/task").await;
        page.fill("#title", "precious").await;
        page.fill("#description", "two\nlines").await;
        page.choose("#status", "done").await;
        page.open("new/task").await;
        see_draft(page, "#title", "precious").await;
        assert_eq!(page.value("#description").await, "two\nlines");
        assert_eq!(page.value("#status").await, "done");
        page.assert_accessible().await;
        page.screenshot("draft").await;
        page.press_button("Discard").await;
        page.see_none("#draft").await;
        page.see_focus("title").await;
        assert_eq!(page.value("#title").await, "");
        assert_eq!(page.value("#status").await, "pending");
        page.open("new/task").await;
        page.see_none("#draft").await;

        // Another field is theirs.
        page.open(&format!("tasks/{id}/edit")).await;
        page.fill("#title", "mine").await;
        change("description", "theirs");
        page.open(&format!("tasks/{id}/edit")).await;
        see_draft(page, "#title", "mine").await;
        assert_eq!(page.value("#description").await, "theirs");
        page.press_button("Save").await;
        page.see("h1", "mine").await;
        page.see(".prose", "theirs").await;

        // The same field is a conflict, as it was when the draft began.
        page.open(&format!("tasks/{id}/edit")).await;
        page.fill("#title", "mine again").await;
        change("title", "theirs");
        page.open(&format!("tasks/{id}/edit")).await;
        see_draft(page, "#title", "mine again").await;
        page.press_button("Save").await;
        page.see(".theirs", "theirs").await;
        page.see_none("#draft").await;
        assert_eq!(page.value("#title").await, "mine again");
        page.press_button("Keep mine").await;
        page.see("h1", "mine again").await;
        assert_eq!(drafts(page).await, 0);

        // Discarded, the form is as it was without the draft.
        page.open(&format!("tasks/{id}/edit")).await;
        page.fill("#title", "not this").await;
        change("title", "newest");
        page.open(&format!("tasks/{id}/edit")).await;
        see_draft(page, "#title", "not this").await;
        page.press_button("Discard").await;
        assert_eq!(page.value("#title").await, "newest");
        page.fill("#title", "last").await;
        page.press_button("Save").await;
        page.see("h1", "last").await;
    });
}

#[test]
#[ignore = "needs Chromium and its driver; .ci/run installs them"]
fn draft_survives_back_until_it_is_cancelled() {
    let site = Site::new();
    site.visit(&["400"], async |page| {
        page.sign_in("manager").await;
        page.open("new/template").await;
        page.fill("#body", "precious").await;
        // Rejected, too.
        page.press_button("Save").await;
        page.see("#name-error", "is required").await;
        page.see_none("#draft").await;
        page.follow_link("Tasks").await;
        page.page.back().await.unwrap();
        page.page.back().await.unwrap();
        page.open("new/template").await;
        see_draft(page, "#body", "precious").await;
        page.follow_link("Widgets").await;
        page.page.back().await.unwrap();
        see_draft(page, "#body", "precious").await;
        page.follow_link("Cancel").await;
        page.wait_for_address("templates").await;
        page.page.back().await.unwrap();
        page.see("h1", "New template").await;
        page.see_none("#draft").await;
        assert_eq!(page.value("#body").await, "");
    });
}

#[test]
#[ignore = "needs Chromium and its driver; .ci/run installs them"]
fn draft_survives_an_ended_session_and_another_user_sees_nothing_of_it() {
    let site = Site::new();
    let edit = format!("tasks/{}/edit", add_task(&site));
    site.visit(&[], async |page| {
        page.sign_in("manager").await;
        page.open(&edit).await;
        page.fill("#title", "precious").await;
        end_session(&site, "manager");
        page.open(&edit).await;
        page.see(".notice", "Your session has ended.").await;
        page.submit_sign_in("manager", PASSWORD).await;
        page.wait_for_address(&edit).await;
        see_draft(page, "#title", "precious").await;

        end_session(&site, "manager");
        page.open(&edit).await;
        page.submit_sign_in("admin", PASSWORD).await;
        page.wait_for_address(&edit).await;
        page.see("h1", "Edit the task").await;
        assert_eq!(page.value("#title").await, "old");
        page.see_none("#draft").await;
        page.assert_absent("precious").await;
        // Signing out deletes only one's own.
        page.sign_out().await;
        page.submit_sign_in("manager", PASSWORD).await;
        page.wait_for_address("").await;
        page.open(&edit).await;
        see_draft(page, "#title", "precious").await;
    });
}

#[test]
#[ignore = "needs Chromium and its driver; .ci/run installs them"]
fn draft_is_gone_when_its_form_was_sent() {
    let site = Site::new();
    site.visit(&["400"], async |page| {
        page.sign_in("admin").await;
        page.open("new/widget").await;
        page.fill("#name", "one").await;
        page.fill("#info_url", "https://example.com").await;
        page.set("#deadline", "2099-12-31").await;
        assert_eq!(drafts(page).await, 1);
        page.press_button("Save").await;
        page.see("h1", "one").await;
        assert_eq!(drafts(page).await, 0);

        page.open("account").await;
        page.fill("#name", "Ada").await;
        assert_eq!(drafts(page).await, 1);
        page.press_button("Save the names").await;
        page.see("#flash", "Saved.").await;
        assert_eq!(drafts(page).await, 0);

        // The browser itself sends this form: first rejected, then with a link in the answer.
        page.open("people/new").await;
        page.fill("#name", "New").await;
        page.fill("#password", "a password nobody guesses").await;
        page.press_button("Create").await;
        page.see(".error", "is required").await;
        assert_eq!(page.value("#name").await, "New");
        let stored = page.run("return JSON.stringify(localStorage)", &[]).await;
        assert!(!stored.as_str().unwrap().contains("nobody guesses"), "{stored}");
        page.open("people/new").await;
        see_draft(page, "#name", "New").await;
        assert_eq!(page.value("#password").await, "");
        page.fill("#email", "new@example.com").await;
        page.press_button("Create").await;
        page.find(".secret").await;
        assert_eq!(drafts(page).await, 0);
    });
}

#[test]
#[ignore = "needs Chromium and its driver; .ci/run installs them"]
fn draft_is_deleted_when_its_user_signs_out() {
    let site = Site::new();
    site.visit(&[], async |page| {
        for everywhere in [false, true] {
            page.sign_in("manager").await;
            page.open("new/task").await;
            page.fill("#title", "precious").await;
            page.open("new/template").await;
            page.fill("#name", "precious").await;
            assert_eq!(drafts(page).await, 2);
            if everywhere {
                page.open("account/sign-out").await;
                page.press_button("Sign out everywhere").await;
                page.wait_for_address("login?notice=logged-out").await;
            } else {
                page.sign_out().await;
            }
            assert_eq!(page.run("return localStorage.length", &[]).await, json!(0));
            page.open("login?next=tasks").await;
        }
    });
}

#[test]
#[ignore = "needs Chromium and its driver; .ci/run installs them"]
fn drafts_are_few_young_and_small_and_need_no_storage() {
    let site = Site::new();
    site.visit(&[], async |page| {
        page.sign_in("manager").await;
        page.open("new/template").await;
        page.fill("#body", "precious").await;
        let age = "for (const key of Object.keys(localStorage)) {
            const draft = JSON.parse(localStorage[key]);
            localStorage[key] = JSON.stringify({ ...draft, at: draft.at - arguments[0] * 86_400_000 });
        }";
        page.run(age, &[json!(13)]).await;
        page.open("new/template").await;
        see_draft(page, "#body", "precious").await;
        page.run(age, &[json!(1.01)]).await;
        page.open("new/template").await;
        assert_eq!(drafts(page).await, 0);
        page.see_none("#draft").await;

        let fill = "for (let n = 0; n < 25; n++)
            localStorage[`widgetd-draft x /${n}`] = JSON.stringify({ at: Date.now() - 1000 * n, values: {} });";
        page.run(fill, &[]).await;
        page.fill("#name", "new").await;
        assert_eq!(drafts(page).await, 20);
        page.run("localStorage.clear()", &[]).await;

        let type_much = "const body = document.querySelector('#body');
            body.value = 'x'.repeat(arguments[0]);
            body.dispatchEvent(new InputEvent('input', { bubbles: true }));";
        page.run(type_much, &[json!(140_000)]).await;
        assert_eq!(drafts(page).await, 0);
        page.run(type_much, &[json!(60_000)]).await;
        assert_eq!(drafts(page).await, 1);

        let refuse = "Storage.prototype.setItem = Storage.prototype.getItem = () => { throw new Error('full') }";
        page.run(refuse, &[]).await;
        page.fill("#name", "works").await;
        page.fill("#body", "without").await;
        page.press_button("Save").await;
        page.see("h1", "works").await;
    });
}
