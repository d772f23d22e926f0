//! What lists of tasks do beside showing them: new tasks in one line, selected rows, the board.

use fantoccini::key::Key;

use super::Site;

fn titles(site: &Site, query: &str) -> Vec<String> {
    let page = site.api("manager").get(&format!("/tasks?sort=created_at&{query}"));
    let title = |task: &serde_json::Value| task["title"].as_str().unwrap().to_owned();
    page.body["items"].as_array().unwrap().iter().map(title).collect()
}

fn add(site: &Site, titles: &[&str]) {
    for title in titles {
        site.add_task(title);
    }
}

#[test]
#[ignore = "needs Chromium and its driver; .ci/run installs them"]
fn quick_add_shows_what_it_understands_and_adds_it_without_leaving_the_page() {
    let site = Site::new();
    site.visit(&[], async |page| {
        page.sign_in("manager").await;
        for (n, address) in ["", "tasks?open=true", "board"].into_iter().enumerate() {
            page.open(address).await;
            page.run("window.isSamePage = true", &[]).await;
            page.fill("#quick input", "Call the landlord 31 Dec 2099 @empl").await;
            page.see("#quick-understood", "Call the landlord").await;
            page.see("#quick-understood", "31 December").await;
            page.see("#quick-understood", "employee@example.com").await;
            page.assert_accessible().await;
            page.screenshot(&format!("quick-add-{n}")).await;
            page.press(&[Key::Enter]).await;
            page.see("#flash", "Added.").await;
            page.see_no("#quick-understood", "Call").await;
            assert_eq!(page.value("#quick input").await, "");
            // The next line is typed at once, while the page is refreshed.
            page.see_focus("quick-line").await;
            page.run(
                "const line = document.getElementById('quick-line'); line.value = 'next'",
                &[],
            )
            .await;
            page.run("document.dispatchEvent(new Event('visibilitychange'))", &[]).await;
            page.wait_until_idle().await;
            page.see_focus("quick-line").await;
            assert_eq!(page.value("#quick input").await, "next");
            page.wait_until("window.isSamePage", &[]).await;
            assert_eq!(titles(&site, "assignee=employee@example.com").len(), n + 1);
        }
        page.see(".row", "Call the landlord").await;
        // What is not clear is decided in the form.
        page.fill("#quick input", "Ask @nobody tomorrow").await;
        page.press(&[Key::Enter]).await;
        page.see("h1", "New task").await;
        page.see("#understood", "Nobody here is called “nobody”.").await;
        assert_eq!(page.value("#title").await, "Ask @nobody");
        page.press_button("Save").await;
        page.see("h1", "Ask @nobody").await;
    });
}

/// Each request takes a while.
const SLOW: &str = "const whole = window.fetch;
    window.fetch = async (...request) => {
        await new Promise((go) => setTimeout(go, 200));
        return whole(...request);
    };";

#[test]
#[ignore = "needs Chromium and its driver; .ci/run installs them"]
fn quick_add_and_a_choice_are_not_lost_when_the_page_is_refreshed_meanwhile() {
    let site = Site::new();
    site.visit(&[], async |page| {
        page.sign_in("manager").await;
        page.open("tasks").await;
        page.run(SLOW, &[]).await;
        for line in ["one", "two", "three"] {
            page.fill("#quick input", line).await;
            page.press(&[Key::Enter]).await;
            page.run("document.dispatchEvent(new Event('visibilitychange'))", &[]).await;
        }
        for line in ["one", "two", "three"] {
            page.see(".row", line).await;
        }
        page.choose("select[name=sort]", "created_at").await;
        page.run("document.dispatchEvent(new Event('visibilitychange'))", &[]).await;
        page.wait_for_address("tasks?sort=created_at").await;
    });
}

#[test]
#[ignore = "needs Chromium and its driver; .ci/run installs them"]
fn quick_add_lets_choose_whom_a_name_of_several_people_means() {
    let site = Site::new();
    site.visit(&["400"], async |page| {
        page.sign_in("manager").await;
        page.fill("#quick input", "Ask @example 31 Dec 2099").await;
        page.see("#quick-understood", "“example” can be").await;
        page.press(&[Key::Enter]).await;
        page.see("h1", "New task").await;
        assert_eq!(page.value("#title").await, "Ask");
        let count = "return document.querySelectorAll('#assignee option').length";
        assert_eq!(page.run(count, &[]).await, 5);
        assert_eq!(page.value("#assignee").await, "example");
        page.assert_accessible().await;
        page.screenshot("quick-add-choice").await;
        // Nobody is guessed.
        page.press_button("Save").await;
        page.see("#assignee-error", "example").await;
        page.see_focus("assignee").await;
        assert!(titles(&site, "").is_empty());
        page.choose("#assignee", "employee@example.com").await;
        page.press_button("Save").await;
        page.see("#flash", "Added.").await;
        assert_eq!(titles(&site, "assignee=employee@example.com"), ["Ask"]);
    });
}

#[test]
#[ignore = "needs Chromium and its driver; .ci/run installs them"]
fn quick_add_keeps_the_line_when_the_page_is_refreshed_or_the_service_or_the_session_ends() {
    let site = Site::new();
    site.visit(&["ERR_CONNECTION_REFUSED"], async |page| {
        page.sign_in("manager").await;
        page.fill("#quick input", "Pay rent tomorrow").await;
        page.see("#quick-understood", "Pay rent").await;
        page.run("document.dispatchEvent(new Event('visibilitychange'))", &[]).await;
        page.wait_until_idle().await;
        page.see("#quick-understood", "Pay rent").await;
        // A refresh is on its way when the page stops following.
        page.run("document.addEventListener('shown', () => (window.wasShown = true))", &[]).await;
        page.run(
            "document.dispatchEvent(new Event('visibilitychange')); \
             dispatchEvent(new Event('pagehide'))",
            &[],
        )
        .await;
        page.wait_until("window.wasShown", &[]).await;
        site.stop();
        page.fill("#quick input", "Pay rent today").await;
        page.press(&[Key::Enter]).await;
        page.see("#banner", "The service does not answer. Nothing was sent.").await;
        assert_eq!(page.value("#quick input").await, "Pay rent today");
        site.start();
        page.press_button("Try again").await;
        page.see("#flash", "Added.").await;
        page.fill("#quick input", "Call Ann").await;
        site.command(&["user", "sessions", "manager@example.com", "--end", "--yes"]);
        // Only the first answer says that the session has ended.
        for is_refresh in [true, true, false] {
            page.run("document.getElementById('banner').hidden = true", &[]).await;
            if is_refresh {
                page.run("document.dispatchEvent(new Event('visibilitychange'))", &[]).await;
            } else {
                page.click("#quick input").await;
                page.press(&[Key::Enter]).await;
            }
            page.see("#banner", "Your session has ended").await;
            assert_eq!(page.value("#quick input").await, "Call Ann");
        }
        assert_eq!(titles(&site, ""), ["Pay rent"]);
    });
}

#[test]
#[ignore = "needs Chromium and its driver; .ci/run installs them"]
fn quick_add_selection_and_assignment_work_without_scripts() {
    let site = Site::new();
    add(&site, &["one", "two"]);
    site.visit_without_scripts(&[], async |page| {
        page.open("login").await;
        page.fill("#login", "manager@example.com").await;
        page.fill("#password", crate::program::PASSWORD).await;
        page.click("form[data-sign-in] button").await;
        page.fill("#quick input", "three tomorrow @employee").await;
        page.click("#quick button").await;
        page.find("#understood").await;
        page.click("#task-form button").await;
        page.find("#flash").await;
        page.click("#assign option").await;
        page.click("#assign button").await;
        page.find("#flash").await;
        assert_eq!(titles(&site, "assignee=none"), ["three"]);
        page.open("tasks?sort=created_at").await;
        page.click("#selecting").await;
        page.find(".pick").await;
        page.click(".row:nth-child(2) .pick").await;
        page.click("#selected [value=finish]").await;
        page.find("#flash").await;
        assert_eq!(titles(&site, "status=done"), ["two"]);
        page.click(".row:nth-child(1) .pick").await;
        page.click(".row:nth-child(3) .pick").await;
        page.click("#selected [popovertarget]").await;
        page.click("#sure [value=delete]").await;
        page.find("#flash").await;
        assert_eq!(titles(&site, ""), ["two"]);
    });
}

#[test]
#[ignore = "needs Chromium and its driver; .ci/run installs them"]
fn selected_rows_stay_selected_until_all_of_them_are_changed() {
    let site = Site::new();
    add(&site, &["one", "two", "three"]);
    site.visit(&["409"], async |page| {
        page.sign_in("manager").await;
        page.open("tasks?sort=created_at").await;
        let picked = "return document.querySelectorAll('.pick:checked').length";
        page.click("#selecting").await;
        page.find(".pick").await;
        page.click(".row:nth-child(1) .pick").await;
        page.click(".row:nth-child(3) .pick").await;
        page.assert_accessible().await;
        page.screenshot("tasks-selected").await;
        // A refresh keeps the selection.
        page.run("document.dispatchEvent(new Event('visibilitychange'))", &[]).await;
        page.wait_until_idle().await;
        assert_eq!(page.run(picked, &[]).await, 2);
        // The page does not see the next change.
        page.stop_following().await;
        let three = site.api("manager").get("/tasks?q=three").body["items"][0]["id"].to_string();
        let path = format!("/tasks/{}", three.trim_matches('"'));
        assert_eq!(site.api("manager").send("PATCH", &path, &[("title", "3")]).status, 200);
        page.press_button("Delete…").await;
        page.screenshot("tasks-selected-delete").await;
        page.click("#sure [value=delete]").await;
        page.see("#banner", "“3”").await;
        page.see("#banner", "Nothing was deleted.").await;
        page.see_none("#sure").await;
        assert_eq!(page.run(picked, &[]).await, 2);
        page.click("#selected [value=start]").await;
        page.see("#flash", "2 moved to “In progress”.").await;
        assert_eq!(page.run(picked, &[]).await, 0);
        page.click("#all").await;
        assert_eq!(page.run(picked, &[]).await, 3);
        page.choose("#selected select", "none").await;
        page.press_button("Assign").await;
        page.see("#flash", "3 assigned.").await;
        assert_eq!(titles(&site, "assignee=none").len(), 3);
    });
}

#[test]
#[ignore = "needs Chromium and its driver; .ci/run installs them"]
fn board_shows_tasks_by_status_and_moves_them() {
    let site = Site::new();
    add(&site, &["one", "two"]);
    site.visit(&[], async |page| {
        page.sign_in("employee").await;
        page.open("tasks").await;
        page.follow_link("Board").await;
        assert_eq!(page.texts("#pending .text a").await.len(), 2);
        page.assert_accessible().await;
        page.screenshot("board").await;
        page.press_in_record("one", "⋯").await;
        page.press_in_record("one", "Start").await;
        page.see("#in_progress", "one").await;
        page.press_in_record("one", "Mark as done").await;
        page.see("#done", "one").await;
        assert_eq!(titles(&site, "status=done"), ["one"]);
        // Also a phone shows whose they are.
        page.set_display(crate::browser_support::Display::Phone).await;
        page.open("tasks").await;
        page.see(".row .face", "E").await;
        page.open("board").await;
        page.fill("main [name=q]", "two").await;
        page.press(&[Key::Enter]).await;
        page.see_no("#done", "one").await;
        page.wait_for_address("board?q=two").await;
    });
}
