//! The audit page.

use super::Site;

/// A widget, a task and a template that are created and changed.
fn change_records(site: &Site) {
    let (admin, manager) = (site.api("admin"), site.api("manager"));
    assert_eq!(admin.try_add_widget("star").unwrap().status, 201);
    assert_eq!(admin.send("PATCH", "/widgets/star", &[("name", "stars")]).status, 200);
    let task = manager.post("/tasks", &[("title", "Star")]).body;
    let task = format!("/tasks/{}", task["id"].as_str().unwrap());
    let change = [("status", "in_progress"), ("assignee", "employee@example.com")];
    assert_eq!(manager.send("PATCH", &task, &change).status, 200);
    assert_eq!(manager.send("DELETE", &task, &[]).status, 204);
    assert_eq!(manager.post("/templates", &[("name", "a"), ("body", "b")]).status, 201);
    assert_eq!(manager.send("PATCH", "/templates/a", &[("body", "c")]).status, 200);
}

#[test]
#[ignore = "needs Chromium and its driver; .ci/run installs them"]
fn audit_events_are_shown_as_sentences_and_filtered() {
    let site = Site::new();
    let person = site.api("admin").get("/users?q=employee").body["items"][0]["public_id"]
        .as_str()
        .unwrap()
        .to_owned();
    let role = site.api("admin").send("PATCH", &format!("/users/{person}"), &[("role", "manager")]);
    assert_eq!(role.status, 200);
    assert_eq!(site.anonymous().attempt("employee@example.com", "not the password").status, 401);
    site.visit(&["400"], async |page| {
        page.sign_in("admin").await;
        page.open("audit").await;
        let entries = page.texts(".records > li .body > p").await;
        let said = [
            "admin@example.com signed in",
            "Somebody tried to sign in as employee@example.com",
            "admin@example.com changed the role of employee@example.com",
        ];
        for text in said {
            assert!(entries.iter().any(|entry| entry.contains(text)), "{text}: {entries:#?}");
        }
        page.see(".records .tag.bad", "wrong password").await;
        change_records(&site);
        page.open("audit?q=star").await;
        let entries = page.texts(".records > li .body > p").await;
        let said = [
            "manager@example.com deleted the task Star",
            "manager@example.com changed the task Star: assignee: none → employee@example.com; status: pending → in_progress",
            "manager@example.com created the task Star",
            "admin@example.com changed the widget star: name: star → stars",
            "admin@example.com added the widget star",
        ];
        assert_eq!(entries[..5], said);
        page.click(".records > li:nth-child(3) summary").await;
        page.see(".records .facts", "title: Star").await;
        page.assert_accessible().await;
        page.open("audit?action=template.update").await;
        let entries = page.texts(".records > li .body > p").await;
        assert_eq!(entries, ["manager@example.com changed a template: body"]);
        page.open("audit?action=session.start").await;
        page.click(".records summary").await;
        page.see(".records .facts", "session.start").await;
        page.assert_accessible().await;

        page.choose("#action", "account.role").await;
        page.press_button("Search").await;
        page.wait_for_address("audit?action=account.role").await;
        assert_eq!(page.texts(".records > li").await.len(), 1);
        page.fill("#account", "manager@example.com").await;
        page.press_button("Search").await;
        page.see(".no-match", "Nothing matches").await;
        page.open("audit?account=employee@example.com&sort=at").await;
        assert_eq!(page.value("#account").await, "employee@example.com");
        page.see(".records > li", "made the account").await;
        page.open("audit?account=nobody@example.com").await;
        page.see(".failed, .no-match", "").await;
        page.open("audit?since=2099-01-01").await;
        page.see(".no-match", "Nothing matches").await;
        page.open("audit?page=none").await;
        page.see("#events .failed", "page: ").await;
    });
}
