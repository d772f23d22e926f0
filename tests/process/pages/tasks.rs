//! The tasks page: managers create and assign tasks, assignees change their status.

use super::{Page, Site};

async fn fill_in(page: &Page, title: &str, deadline: &str, assignee: &str) {
    page.fill("#editor-name", title).await;
    page.set("#editor-deadline", deadline).await;
    page.fill("#editor-assignee", assignee).await;
}

#[test]
#[ignore = "needs Chromium and its driver; .ci/run installs them"]
fn task_create_status_changes_edit_conflict_and_delete() {
    let site = Site::new();
    site.visit(&["400", "412"], async |page| {
        page.sign_in("manager").await;
        page.open("tasks").await;
        page.see(
            "#tasks .empty",
            "There are no tasks yet. Hand out the first one with “New task”.",
        )
        .await;
        page.press_button("New task").await;
        page.see_focus("editor-name").await;
        page.press_button("Save").await;
        page.see("#editor-name-error", "is required").await;
        page.assert_accessible().await;
        fill_in(page, "Count the widgets", "2099-12-31", "nobody@example.com").await;
        page.fill("#editor-description", "All of them.").await;
        page.press_button("Save").await;
        page.see("#editor-assignee-error", "nobody@example.com").await;
        page.see_focus("editor-assignee").await;
        page.screenshot("tasks-rejected").await;
        page.fill("#editor-assignee", "employee@example.com").await;
        page.press_button("Save").await;
        page.see("#toast", "Added: Count the widgets").await;
        page.see(".records > li", "for employee@example.com, by manager@example.com").await;
        page.sign_out().await;

        page.sign_in("employee").await;
        page.open("tasks").await;
        page.see(".records > li", "Count the widgets").await;
        assert!(page.texts("#add, .edit, .delete").await.is_empty(), "only for managers");
        for (button, status) in [
            ("Start", "In progress"),
            ("Put back", "To do"),
            ("Done", "Done"),
            ("Reopen", "In progress"),
        ] {
            page.press_in_record("Count the widgets", button).await;
            page.see("#toast", &format!("{status}: Count the widgets")).await;
            page.see(".records .task-status", status).await;
            page.wait_until_idle().await;
        }
        assert_eq!(site.api("employee").get("/tasks").body["items"][0]["status"], "in_progress");
        page.sign_out().await;

        page.sign_in("manager").await;
        page.open("tasks").await;
        page.press_in_record("Count the widgets", "Edit").await;
        page.see("#editor-description", "All of them.").await;
        assert_eq!(page.value("#editor-deadline").await, "2099-12-31");
        assert_eq!(page.value("#editor-assignee").await, "employee@example.com");
        assert_eq!(page.value("#editor-status").await, "in_progress");
        // Another user changes the task while the editor is open.
        let id =
            site.api("manager").get("/tasks").body["items"][0]["id"].as_str().unwrap().to_owned();
        assert_eq!(
            site.api("admin")
                .send("PATCH", &format!("/tasks/{id}"), &[("status", "pending")])
                .status,
            200
        );
        page.fill("#editor-description", "").await;
        page.press_button("Save").await;
        page.see("#editor .summary", "changed").await;
        page.press_button("Cancel").await;
        page.press_in_record("Count the widgets", "Edit").await;
        page.see("#editor-status", "pending").await;
        fill_in(page, "Count them again", "", "").await;
        page.choose("#editor-status", "cancelled").await;
        page.press_button("Save").await;
        page.see("#toast", "Changed: Count them again").await;
        page.see(".records > li", "for nobody yet").await;
        let changed = site.api("manager").get(&format!("/tasks/{id}")).body;
        assert_eq!(
            (&changed["deadline"], &changed["assignee"]),
            (&serde_json::Value::Null, &serde_json::Value::Null)
        );
        assert_eq!(
            (&changed["status"], &changed["description"]),
            (&"cancelled".into(), &"All of them.".into())
        );

        page.press_in_record("Count them again", "Delete").await;
        page.see("#confirm-question", "Delete the task “Count them again”? This cannot be undone.")
            .await;
        page.press_button("Delete").await;
        page.see("#toast", "Deleted: Count them again").await;
        page.see("#tasks .empty", "There are no tasks yet.").await;
        assert_eq!(site.api("manager").get("/tasks").body["total_items"], 0);
    });
}

#[test]
#[ignore = "needs Chromium and its driver; .ci/run installs them"]
fn task_filters_visibility_and_assignee_suggestions() {
    let site = Site::new();
    let manager = site.api("manager");
    for (title, assignee, status) in [
        ("north for me", "manager@example.com", "pending"),
        ("south for me", "manager@example.com", "done"),
        ("north for another", "employee@example.com", "in_progress"),
        ("south for nobody", "none", "pending"),
    ] {
        let fields = [("title", title), ("status", status), ("assignee", assignee)];
        let fields = &fields[..if assignee == "none" { 2 } else { 3 }];
        assert_eq!(manager.post("/tasks", fields).status, 201);
    }
    site.visit(&[], async |page| {
        page.sign_in("manager").await;
        page.open("tasks").await;
        let all = ["south for nobody", "north for another", "south for me", "north for me"];
        assert_eq!(page.texts(".records .name").await, all);
        page.choose("#mine", "true").await;
        page.press_button("Search").await;
        page.wait_for_address("tasks?mine=true&sort=-created_at").await;
        assert_eq!(page.texts(".records .name").await, ["south for me", "north for me"]);
        page.choose("#status", "done").await;
        page.press_button("Search").await;
        page.wait_for_address("tasks?mine=true&status=done&sort=-created_at").await;
        assert_eq!(page.texts(".records .name").await, ["south for me"]);
        page.open("tasks?q=north").await;
        assert_eq!(page.value("#q").await, "north");
        assert_eq!(page.texts(".records .name").await, ["north for another", "north for me"]);
        page.open("tasks?overdue=true").await;
        page.see(".no-match", "Nothing matches").await;
        page.sign_out().await;

        page.sign_in("employee").await;
        page.open("tasks").await;
        assert_eq!(page.texts(".records .name").await, ["north for another"]);
        page.assert_absent("south for nobody").await;
        page.sign_out().await;

        // Administrators get suggestions for the assignee.
        page.sign_in("admin").await;
        page.open("tasks").await;
        page.press_button("New task").await;
        page.fill("#editor-assignee", "emp").await;
        page.wait_until(
            "document.querySelector('#accounts option')?.value === 'employee@example.com'",
            &[],
        )
        .await;
        page.assert_accessible().await;
    });
}

#[test]
#[ignore = "needs Chromium and its driver; .ci/run installs them"]
fn task_longer_than_a_list_carries_is_read_and_edited_whole() {
    let site = Site::new();
    let api = site.api("manager");
    let long = format!("first {}last", "word ".repeat(1_900));
    assert_eq!(api.post("/tasks", &[("title", "long"), ("description", &*long)]).status, 201);
    assert_eq!(api.get("/tasks").body["items"][0]["description_truncated"], true);
    site.visit(&[], async |page| {
        page.sign_in("manager").await;
        page.open("tasks").await;
        page.press_in_record("long", "long").await;
        page.see("#reader .full-text", "word last").await;
        page.press_button("Close").await;
        page.press_in_record("long", "Edit").await;
        page.see("#editor", "Change the task").await;
        assert_eq!(page.value("#editor-description").await, long);
        page.fill("#editor-name", "renamed").await;
        page.press_button("Save").await;
        page.see("#toast", "Changed: renamed").await;
        let id = api.get("/tasks").body["items"][0]["id"].as_str().unwrap().to_owned();
        assert_eq!(api.get(&format!("/tasks/{id}")).body["description"], long);
    });
}
