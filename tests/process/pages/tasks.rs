//! The pages of tasks: managers create and assign tasks, assignees change their status.

use serde_json::json;

use super::Site;

#[test]
#[ignore = "needs Chromium and its driver; .ci/run installs them"]
fn task_create_move_edit_and_delete() {
    let site = Site::new();
    site.visit(&["400"], async |page| {
        page.sign_in("manager").await;
        page.open("tasks").await;
        page.see(".state", "There are no tasks yet.").await;
        page.follow_link("New task").await;
        page.press_button("Save").await;
        page.see("#title-error", "is required").await;
        page.see_focus("title").await;
        page.assert_accessible().await;
        page.fill("#title", "Count the widgets").await;
        page.fill("#description", "All of them.\nhttps://example.org/list").await;
        page.set("#deadline", "2099-12-31").await;
        page.fill("#assignee", "nobody@example.com").await;
        page.press_button("Save").await;
        page.see("#assignee-error", "nobody@example.com").await;
        page.see_focus("assignee").await;
        page.screenshot("tasks-rejected").await;
        page.fill("#assignee", "employee@example.com").await;
        page.press_button("Save").await;
        page.see("h1", "Count the widgets").await;
        page.see("#flash", "Added.").await;
        page.see(".prose a", "https://example.org/list").await;
        page.see(".facts", "employee@example.com").await;
        page.sign_out().await;

        page.sign_in("employee").await;
        page.open("tasks").await;
        page.see(".row", "Count the widgets").await;
        page.see_none("a[href$='/edit']").await;
        page.follow_link("Count the widgets").await;
        for (button, status) in [
            ("Start", "In progress"),
            ("Put back", "To do"),
            ("Done", "Done"),
            ("Reopen", "In progress"),
        ] {
            page.press_button(button).await;
            page.see("#flash", &format!("Moved to “{status}”.")).await;
            page.see(".facts", status).await;
        }
        page.see(".history", "status: Done → In progress").await;
        assert_eq!(site.api("employee").get("/tasks").body["items"][0]["status"], "in_progress");
        page.sign_out().await;

        page.sign_in("manager").await;
        page.open("tasks?open=true").await;
        page.press_in_record("Count the widgets", "⋯").await;
        page.press_in_record("Count the widgets", "Edit").await;
        page.see("h1", "Edit the task").await;
        assert_eq!(page.value("#assignee").await, "employee@example.com");
        page.fill("#title", "Count all widgets").await;
        page.press_button("Save").await;
        page.see("h1", "Count all widgets").await;
        page.follow_link("Delete…").await;
        page.press_button("Delete").await;
        page.wait_for_address("tasks").await;
        page.see("#flash", "Deleted.").await;
        page.see(".state", "There are no tasks yet.").await;
    });
}

#[test]
#[ignore = "needs Chromium and its driver; .ci/run installs them"]
fn task_edit_conflict_shows_theirs_beside_mine() {
    let site = Site::new();
    let id = site.add_task("old");
    let api = site.api("admin");
    let change = |title: &str| {
        assert_eq!(api.send("PATCH", &format!("/tasks/{id}"), &[("title", title)]).status, 200);
    };
    site.visit(&["409"], async |page| {
        page.sign_in("manager").await;
        for (choice, mine, theirs) in
            [("Keep mine", "mine 1", "theirs 1"), ("Use theirs", "mine 2", "theirs 2")]
        {
            page.open(&format!("tasks/{id}/edit")).await;
            page.fill("#title", mine).await;
            change(theirs);
            page.press_button("Save").await;
            page.see(".theirs", theirs).await;
            assert_eq!(page.value("#title").await, mine);
            page.assert_accessible().await;
            page.screenshot("task-conflict").await;
            let expected = if choice == "Keep mine" {
                page.press_button(choice).await;
                mine
            } else {
                page.follow_link(choice).await;
                theirs
            };
            page.see("h1", expected).await;
            assert_eq!(api.get(&format!("/tasks/{id}")).body["title"], expected);
        }
    });
}

#[test]
#[ignore = "needs Chromium and its driver; .ci/run installs them"]
fn task_list_filters_at_once_with_back_and_forward() {
    let site = Site::new();
    for n in 1..=12 {
        site.add_task(&format!("task {n}"));
    }
    site.visit(&[], async |page| {
        page.sign_in("manager").await;
        page.open("tasks?open=true").await;
        page.run("window.isSamePage = true", &[]).await;
        page.choose("select[name=per_page]", "10").await;
        page.wait_until("document.querySelectorAll('.row').length === 10", &[]).await;
        page.fill("main [name=q]", "12").await;
        page.press(&[fantoccini::key::Key::Enter]).await;
        page.wait_until("document.querySelectorAll('.row').length === 1", &[]).await;
        page.wait_for_address("tasks?open=true&q=12&per_page=10").await;
        page.page.back().await.unwrap();
        page.wait_until("document.querySelectorAll('.row').length === 10", &[]).await;
        assert_eq!(page.value("main [name=q]").await, "");
        page.page.forward().await.unwrap();
        page.wait_until("document.querySelectorAll('.row').length === 1", &[]).await;
        page.wait_until("window.isSamePage", &[]).await;
        page.follow_link("Unassigned 0").await;
        page.see(".state", "Nothing here.").await;
    });
}

#[test]
#[ignore = "needs Chromium and its driver; .ci/run installs them"]
fn task_row_keeps_focus_scroll_and_what_is_typed_when_another_is_ticked_off() {
    let site = Site::new();
    for n in 1..=45 {
        site.add_task(&format!("task {n}"));
    }
    site.visit(&[], async |page| {
        page.sign_in("employee").await;
        page.open("tasks?open=true&sort=created_at&per_page=50").await;
        page.fill("main [name=q]", "half typed").await;
        // WebDriver would scroll to what it clicks.
        let tick = "window.scrollTo(0, 50); window.before = scrollY;
            const row = [...document.querySelectorAll('.row')].find((row) => row.innerText.includes('task 12'));
            row.querySelector('.tick').focus({ preventScroll: true });
            row.querySelector('.tick').click();";
        page.run(tick, &[]).await;
        page.see_no(".row", "task 12").await;
        assert_eq!(page.value("main [name=q]").await, "half typed");
        // The browser itself keeps what is seen in its place, where a row above it has gone.
        assert_eq!(page.run("return Math.abs(scrollY - before) < 60", &[]).await, json!(true));
        let focused = "document.activeElement.closest('.row')?.innerText.includes('task 13')";
        page.wait_until(focused, &[]).await;
    });
}

#[test]
#[ignore = "needs Chromium and its driver; .ci/run installs them"]
fn task_form_keeps_its_input_when_the_service_or_the_session_ends() {
    let site = Site::new();
    site.visit(&["ERR_CONNECTION_REFUSED"], async |page| {
        page.sign_in("manager").await;
        page.open("new/task").await;
        page.fill("#title", "precious").await;
        site.stop();
        page.press_button("Save").await;
        page.see("#banner", "The service cannot be reached.").await;
        page.assert_accessible().await;
        assert_eq!(page.value("#title").await, "precious");
        site.start();
        site.command(&["user", "sessions", "manager@example.com", "--end", "--yes"]);
        page.press_button("Try again").await;
        page.see("#banner", "Your session has ended").await;
        assert_eq!(page.value("#title").await, "precious");
        page.follow_link("Sign in in a new tab").await;
        page.switch_to_tab(1).await;
        page.submit_sign_in("manager", crate::program::PASSWORD).await;
        page.wait_for_address("new/task").await;
        page.switch_to_tab(0).await;
        page.press_button("Save").await;
        page.see("h1", "precious").await;
    });
}

#[test]
#[ignore = "needs Chromium and its driver; .ci/run installs them"]
fn task_is_created_once_when_the_answer_is_lost() {
    let site = Site::new();
    site.visit(&[], async |page| {
        page.sign_in("manager").await;
        page.open("new/task").await;
        page.fill("#title", "only one").await;
        for _ in 0..2 {
            let lose = "const whole = window.fetch;
                window.fetch = async (...request) => {
                    window.fetch = whole;
                    await whole(...request);
                    throw new TypeError('the answer is lost');
                };";
            page.run(lose, &[]).await;
            page.press_button("Save").await;
            page.see("#banner", "It is not certain that this was saved.").await;
        }
        page.press_button("Try again").await;
        page.see("h1", "only one").await;
        assert_eq!(site.api("manager").get("/tasks").body["total_items"], 1);
    });
}

#[test]
#[ignore = "needs Chromium and its driver; .ci/run installs them"]
fn task_pages_work_without_scripts() {
    let site = Site::new();
    site.visit_without_scripts(&[], async |page| {
        page.open("login").await;
        page.fill("#login", "manager@example.com").await;
        page.fill("#password", crate::program::PASSWORD).await;
        page.click("form[data-sign-in] button").await;
        page.click("a.new").await;
        page.fill("#title", "by hand").await;
        page.click("#task-form button").await;
        page.find("#flash").await;
        page.click(".record .buttons button").await;
        page.find(".history .change").await;
        assert_eq!(site.api("manager").get("/tasks").body["items"][0]["status"], "in_progress");
        page.click("a[href$='/edit']").await;
        page.fill("#title", "changed").await;
        page.click("#task-form button").await;
        page.find(".record").await;
        page.open("tasks?open=true").await;
        page.fill("main [name=q]", "changed").await;
        page.click("#filters button").await;
        page.click(".row .text a").await;
        page.click(".record .danger").await;
        page.click("main form .danger").await;
        page.find(".state").await;
        assert_eq!(site.api("manager").get("/tasks").body["total_items"], 0);
    });
}
