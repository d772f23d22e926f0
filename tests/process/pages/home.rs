//! The home page: the user's tasks and the next deadlines.

use super::{Page, Site};

fn create_task(site: &Site, title: &str, more: &[(&str, &str)]) -> String {
    let fields = [&[("title", title), ("assignee", "employee@example.com")], more].concat();
    let answer = site.api("manager").post("/tasks", &fields);
    assert_eq!(answer.status, 201, "{}", answer.text);
    answer.body["id"].as_str().unwrap().to_owned()
}

async fn titles(page: &Page, list: &str) -> Vec<String> {
    page.wait_until_idle().await;
    page.texts(&format!("{list} .name")).await
}

#[test]
#[ignore = "needs Chromium and its driver; .ci/run installs them"]
fn home_sorts_tasks_by_deadline_and_changes_their_status() {
    let site = Site::new();
    create_task(&site, "at some time", &[]);
    create_task(&site, "later", &[("deadline", "2099-12-31")]);
    let sooner = create_task(
        &site,
        "sooner",
        &[("deadline", "2099-01-01"), ("description", "It is written here.")],
    );
    assert_eq!(site.api("manager").post("/tasks", &[("title", "a manager's own")]).status, 201);
    site.visit(&["404"], async |page| {
        page.sign_in("employee").await;
        page.see("h1", "Hello, employee@example.com").await;
        assert_eq!(titles(page, "#pending").await, ["sooner", "later", "at some time"]);
        page.see("#in_progress .empty", "Nothing is in progress.").await;

        page.press_button("sooner").await;
        page.see("#reader-title", "sooner").await;
        page.see("#reader .full-text", "It is written here.").await;
        page.assert_accessible().await;
        page.screenshot("home-task").await;
        page.press_button("Close").await;
        page.see_none("dialog").await;
        assert_eq!(page.focus().await, "sooner");

        page.press_in_record("sooner", "Start").await;
        page.see("#toast", "In progress: sooner").await;
        page.see("#in_progress .records", "sooner").await;
        assert_eq!(titles(page, "#pending").await, ["later", "at some time"]);
        page.press_in_record("sooner", "Put back").await;
        page.see("#pending .records", "sooner").await;
        page.press_in_record("sooner", "Start").await;
        page.see("#in_progress .records", "sooner").await;
        page.press_in_record("sooner", "Done").await;
        page.see("#toast", "Done: sooner").await;
        page.see("#in_progress .empty", "Nothing is in progress.").await;
        assert_eq!(site.api("employee").get(&format!("/tasks/{sooner}")).body["status"], "done");

        // Another user has changed the status, or deleted the task, since the page was loaded.
        let later = site.api("manager").get("/tasks?q=later").body["items"][0]["id"]
            .as_str()
            .unwrap()
            .to_owned();
        assert_eq!(
            site.api("manager")
                .send("PATCH", &format!("/tasks/{later}"), &[("status", "cancelled")])
                .status,
            200
        );
        page.press_in_record("later", "Start").await;
        page.see("#error-dialog .summary", "Somebody has moved it meanwhile: Cancelled.").await;
        page.assert_accessible().await;
        page.press_button("Close").await;
        assert_eq!(titles(page, "#pending").await, ["at some time"]);
        let gone = site.api("manager").get("/tasks?q=some+time").body["items"][0]["id"]
            .as_str()
            .unwrap()
            .to_owned();
        assert_eq!(site.api("manager").send("DELETE", &format!("/tasks/{gone}"), &[]).status, 204);
        page.press_in_record("at some time", "Start").await;
        page.see("#error-dialog .summary", "There is no such task.").await;
    });
}

#[test]
#[ignore = "needs Chromium and its driver; .ci/run installs them"]
fn home_links_to_full_lists_and_to_pending_accounts() {
    let site = Site::with(&[("WIDGETD_REGISTRATION", "approval")]);
    site.visit(&[], async |page| {
        page.sign_in("employee").await;
        page.see("#pending .empty", "Nothing to do. Enjoy.").await;
        page.see_none(".empty a[href=tasks]").await;
        page.follow_link("See all widgets").await;
        page.wait_for_address("widgets").await;
        page.sign_out().await;
        page.sign_in("manager").await;
        page.follow_link("Hand out a task").await;
        page.wait_for_address("tasks").await;
        page.sign_out().await;

        for n in 1..=6 {
            create_task(&site, &format!("task {n}"), &[("deadline", &format!("2099-01-0{n}"))]);
            assert_eq!(
                site.api("admin").try_add_widget(&format!("widget-{n}")).unwrap().status,
                201
            );
        }
        page.sign_in("employee").await;
        assert_eq!(
            titles(page, "#deadlines").await,
            ["widget-1", "widget-2", "widget-3", "widget-4", "widget-5"]
        );
        assert_eq!(
            titles(page, "#pending").await,
            ["task 1", "task 2", "task 3", "task 4", "task 5"]
        );
        page.click("#pending .show-all a").await;
        page.wait_for_address("tasks?mine=true&status=pending&sort=deadline").await;
        assert_eq!(titles(page, "#tasks").await.len(), 6);
        page.sign_out().await;

        page.sign_in("admin").await;
        page.see_none("#pending-users").await;
        for (name, said) in [("one", "One account waits"), ("two", "2 accounts wait")] {
            let fields = [
                ("email", &*format!("{name}@example.com")),
                ("password", crate::program::PASSWORD),
            ];
            assert_eq!(site.anonymous().post("/auth/register", &fields).status, 201);
            page.open("").await;
            page.see("#pending-users", said).await;
        }
        page.click("#pending-users a").await;
        page.wait_for_address("people?status=pending").await;
        assert_eq!(titles(page, "#people").await, ["one@example.com", "two@example.com"]);
    });
}
