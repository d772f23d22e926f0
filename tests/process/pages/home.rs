//! The first page: an agenda.

use super::Site;

#[test]
#[ignore = "needs Chromium and its driver; .ci/run installs them"]
fn home_is_an_agenda_whose_tasks_are_ticked_off_in_place() {
    let site = Site::new();
    let manager = site.api("manager");
    for (title, deadline) in [("at some time", "none"), ("in some years", "2099-12-31")] {
        let fields =
            [("title", title), ("deadline", deadline), ("assignee", "employee@example.com")];
        assert_eq!(manager.post("/tasks", &fields).status, 201);
    }
    assert_eq!(site.api("admin").try_add_widget("star").unwrap().status, 201);
    site.visit(&[], async |page| {
        page.sign_in("employee").await;
        assert_eq!(page.texts(".day h2").await, ["Later 2", "No date 1"]);
        assert_eq!(page.texts(".row .text a").await, ["in some years", "star", "at some time"]);
        page.see_none("#load-title").await;
        // What is not replaced keeps its state.
        page.run("window.isSamePage = true; window.scrollTo(0, 1)", &[]).await;
        page.press_in_record("in some years", "Mark as done").await;
        page.see("#flash", "Moved to “Done”.").await;
        page.see_no(".row", "in some years").await;
        page.press_button("Undo").await;
        page.see(".row", "in some years").await;
        page.see("#flash", "Moved to “To do”.").await;
        page.wait_until("window.isSamePage", &[]).await;
        let items = site.api("employee").get("/tasks?sort=deadline").body;
        assert_eq!(items["items"][0]["status"], "pending");
        page.follow_link("at some time").await;
        page.see("h1", "at some time").await;
    });
}

#[test]
#[ignore = "needs Chromium and its driver; .ci/run installs them"]
fn home_of_an_administrator_has_first_steps_and_approves_accounts() {
    let site = Site::with(&[("WIDGETD_REGISTRATION", "approval")]);
    let fields = [("email", "new@example.com"), ("password", crate::program::PASSWORD)];
    assert_eq!(site.anonymous().post("/auth/register", &fields).status, 201);
    site.visit(&[], async |page| {
        page.sign_in("admin").await;
        page.see(".steps", "Add the first widget").await;
        page.see(".wait", "new@example.com").await;
        assert_eq!(page.texts(".bar .badge").await, ["1"]);
        page.press_button("Approve").await;
        page.see_none(".wait").await;
        page.see_none(".bar .badge").await;
        let signed_in = site.anonymous().attempt("new@example.com", crate::program::PASSWORD);
        assert_eq!(signed_in.status, 200);
        assert_eq!(site.api("admin").try_add_widget("star").unwrap().status, 201);
        assert_eq!(site.api("admin").post("/tasks", &[("title", "first")]).status, 201);
        page.open("").await;
        page.see(".bars", "1").await;
        page.see_none(".steps").await;
    });
}

#[test]
#[ignore = "needs Chromium and its driver; .ci/run installs them"]
fn home_works_without_scripts() {
    let site = Site::new();
    let fields = [("title", "first"), ("assignee", "employee@example.com")];
    assert_eq!(site.api("manager").post("/tasks", &fields).status, 201);
    site.visit_without_scripts(&[], async |page| {
        page.open("login").await;
        page.fill("#login", "employee@example.com").await;
        page.fill("#password", crate::program::PASSWORD).await;
        page.click("form[data-sign-in] button").await;
        page.find(".day h2").await;
        page.click(".row button.tick").await;
        page.find("#flash").await;
        assert_eq!(site.api("employee").get("/tasks").body["items"][0]["status"], "done");
        page.click("#flash button").await;
        page.find(".row").await;
        assert_eq!(site.api("employee").get("/tasks").body["items"][0]["status"], "pending");
    });
}
