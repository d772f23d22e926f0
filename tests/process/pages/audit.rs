//! The audit page, with and without scripts.

use super::{Page, Site};
use crate::browser_support::Display;

/// A widget, a task and a template that are created and changed.
fn change_records(site: &Site) {
    let (admin, manager) = (site.api("admin"), site.api("manager"));
    assert_eq!(admin.try_add_widget("comet").unwrap().status, 201);
    assert_eq!(admin.send("PATCH", "/widgets/comet", &[("name", "comets")]).status, 200);
    let task = manager.post("/tasks", &[("title", "Comet")]).body;
    let task = format!("/tasks/{}", task["id"].as_str().unwrap());
    let change = [("status", "in_progress"), ("assignee", "employee@example.com")];
    assert_eq!(manager.send("PATCH", &task, &change).status, 200);
    assert_eq!(manager.post("/templates", &[("name", "a"), ("body", "b")]).status, 201);
    assert_eq!(manager.send("PATCH", "/templates/a", &[("body", "c")]).status, 200);
}

async fn read(page: &Page, has_scripts: bool) {
    page.sign_in("admin").await;
    page.open("audit?q=comet").await;
    let events = page.texts(".events li > p").await;
    assert_eq!(
        events,
        [
            "manager@example.com changed the task Comet",
            "assignee: none → employee@example.com",
            "status: To do → In progress",
            "manager@example.com created the task Comet",
            "admin@example.com changed the widget comet",
            "name: comet → comets",
            "admin@example.com added the widget comet",
        ]
    );
    page.click(".events li:nth-child(2) summary").await;
    page.see(".events .facts", "Comet").await;
    page.see(".events .facts", "task.create").await;
    if has_scripts {
        page.assert_accessible().await;
    }
    page.follow_link("Comet").await;
    page.see("h1", "Comet").await;

    page.open("audit").await;
    page.see(".tag.bad", "wrong password").await;
    page.choose("[name=action]", "account.role").await;
    if has_scripts {
        page.wait_for_address("audit?action=account.role").await;
    } else {
        page.press_button("Apply").await;
        page.wait_until("location.search.includes('action=account.role')", &[]).await;
    }
    page.wait_until("document.querySelectorAll('.events li').length === 1", &[]).await;
    page.see(".events", "changed the role of employee@example.com: employee to manager").await;
    page.open("audit?action=account.role&account=manager@example.com").await;
    page.see(".state", "Nothing matches.").await;
    page.follow_link("Show everything").await;
    page.wait_for_address("audit").await;
    page.open("audit?page=none").await;
    page.see("main", "The filter “page” has a value that this page does not know.").await;
}

#[test]
#[ignore = "needs Chromium and its driver; .ci/run installs them"]
fn audit_events_are_shown_as_sentences_and_filtered() {
    let site = Site::new();
    let person = site.api("admin").get("/users?q=employee").body["items"][0]["public_id"].take();
    let path = format!("/users/{}", person.as_str().unwrap());
    let role = site.api("admin").send("PATCH", &path, &[("role", "manager")]);
    assert_eq!(role.status, 200);
    assert_eq!(site.anonymous().attempt("employee@example.com", "not the password").status, 401);
    change_records(&site);
    site.visit(&["400"], async |page| {
        read(page, true).await;
        page.open("audit").await;
        for display in Display::ALL {
            page.set_display(display).await;
            page.assert_no_overflow().await;
            page.assert_accessible().await;
            page.screenshot(&format!("audit-{}", display.name())).await;
        }
    });
    site.visit_without_scripts(&["400"], async |page| read(page, false).await);
}
