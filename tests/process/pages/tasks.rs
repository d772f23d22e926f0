//! The page of tasks: managers hand them out, whoever has one moves it on.

use super::{Page, Site};

async fn fill_in(page: &Page, title: &str, deadline: &str, assignee: &str) {
    page.fill("#editor-name", title).await;
    page.set("#editor-deadline", deadline).await;
    page.fill("#editor-assignee", assignee).await;
}

#[test]
#[ignore = "needs Chromium and its driver; .ci/run installs them"]
fn a_manager_hands_a_task_out_and_the_assignee_moves_it_on() {
    let site = Site::new();
    site.visit(&["400", "412"], async |page| {
        page.sign_in("manager").await;
        page.go("tasks").await;
        page.see(
            "#tasks .empty",
            "There are no tasks yet. Hand out the first one with “New task”.",
        )
        .await;
        page.press_button("New task").await;
        page.see_focus("editor-name").await;
        page.press_button("Save").await;
        page.see("#editor-name-error", "is required").await;
        page.assert_without_barriers().await;
        fill_in(page, "Count the widgets", "2099-12-31", "nobody@example.com").await;
        page.fill("#editor-description", "All of them.").await;
        page.press_button("Save").await;
        page.see("#editor-assignee-error", "nobody@example.com").await;
        page.see_focus("editor-assignee").await;
        page.take_picture("tasks-refused").await;
        page.fill("#editor-assignee", "employee@example.com").await;
        page.press_button("Save").await;
        page.see("#toast", "Added: Count the widgets").await;
        page.see(".records > li", "for employee@example.com, by manager@example.com").await;
        page.sign_out().await;

        page.sign_in("employee").await;
        page.go("tasks").await;
        page.see(".records > li", "Count the widgets").await;
        assert!(page.texts("#add, .edit, .delete").await.is_empty(), "for managers");
        for (button, stage) in [
            ("Start", "In progress"),
            ("Put back", "To do"),
            ("Done", "Done"),
            ("Reopen", "In progress"),
        ] {
            page.press_in_record("Count the widgets", button).await;
            page.see("#toast", &format!("{stage}: Count the widgets")).await;
            page.see(".records .task-status", stage).await;
            page.settle().await;
        }
        assert_eq!(site.api("employee").get("/tasks").body["items"][0]["status"], "in_progress");
        page.sign_out().await;

        page.sign_in("manager").await;
        page.go("tasks").await;
        page.press_in_record("Count the widgets", "Edit").await;
        page.see("#editor-description", "All of them.").await;
        assert_eq!(page.value("#editor-deadline").await, "2099-12-31");
        assert_eq!(page.value("#editor-assignee").await, "employee@example.com");
        assert_eq!(page.value("#editor-status").await, "in_progress");
        // Somebody else changes it meanwhile.
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
fn everybody_finds_the_tasks_that_they_may_see() {
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
        page.go("tasks").await;
        let all = ["south for nobody", "north for another", "south for me", "north for me"];
        assert_eq!(page.texts(".records .name").await, all);
        page.choose("#mine", "true").await;
        page.press_button("Search").await;
        page.arrive("tasks?mine=true&sort=-created_at").await;
        assert_eq!(page.texts(".records .name").await, ["south for me", "north for me"]);
        page.choose("#status", "done").await;
        page.press_button("Search").await;
        page.arrive("tasks?mine=true&status=done&sort=-created_at").await;
        assert_eq!(page.texts(".records .name").await, ["south for me"]);
        page.go("tasks?q=north").await;
        assert_eq!(page.value("#q").await, "north");
        assert_eq!(page.texts(".records .name").await, ["north for another", "north for me"]);
        page.go("tasks?overdue=true").await;
        page.see(".no-match", "Nothing matches").await;
        page.sign_out().await;

        page.sign_in("employee").await;
        page.go("tasks").await;
        assert_eq!(page.texts(".records .name").await, ["north for another"]);
        page.assert_absent("south for nobody").await;
        page.sign_out().await;

        // An administrator is told who there is.
        page.sign_in("admin").await;
        page.go("tasks").await;
        page.press_button("New task").await;
        page.fill("#editor-assignee", "emp").await;
        page.wait_until(
            "document.querySelector('#accounts option')?.value === 'employee@example.com'",
            &[],
        )
        .await;
        page.assert_without_barriers().await;
    });
}
