//! The templates page.

use super::Site;

#[test]
#[ignore = "needs Chromium and its driver; .ci/run installs them"]
fn template_create_read_edit_and_delete() {
    let site = Site::new();
    site.visit(&["400", "409"], async |page| {
        page.sign_in("employee").await;
        page.open("templates").await;
        page.see("#templates .empty", "You have no templates yet.").await;
        page.press_button("New template").await;
        page.see_focus("editor-name").await;
        page.press_button("Save").await;
        page.see("#editor-name-error", "is required").await;
        page.see("#editor-body-error", "is required").await;
        page.assert_accessible().await;
        page.fill("#editor-name", "50% of a/b?").await;
        page.fill("#editor-body", "Dear all,\n\nthis is it.").await;
        page.press_button("Save").await;
        page.see("#toast", "Added: 50% of a/b?").await;
        page.see(".records .excerpt", "Dear all,").await;
        assert_eq!(
            site.api("employee").get("/templates").body["items"][0]["body"],
            "Dear all,\n\nthis is it."
        );

        page.press_button("New template").await;
        page.fill("#editor-name", "50% of a/b?").await;
        page.fill("#editor-body", "Another one.").await;
        page.press_button("Save").await;
        page.see("#editor .error", "50% of a/b?").await;
        page.press_button("Cancel").await;

        page.press_button("50% of a/b?").await;
        page.see("#reader .full-text", "Dear all,\n\nthis is it.").await;
        page.press_button("Copy").await;
        page.see("#toast", "ed").await;
        page.assert_accessible().await;
        page.screenshot("templates-read").await;
        page.press_button("Close").await;
        page.see_none("dialog").await;

        page.press_in_record("50% of a/b?", "Edit").await;
        page.see("#editor-body", "this is it.").await;
        page.fill("#editor-name", "report").await;
        page.press_button("Save").await;
        page.see("#toast", "Changed: report").await;
        page.see(".records .name", "report").await;
        assert_eq!(
            site.api("employee").get("/templates/report").body["body"],
            "Dear all,\n\nthis is it."
        );

        page.press_in_record("report", "Delete").await;
        page.see("#confirm-question", "Delete the template “report”?").await;
        page.press_button("Delete").await;
        page.see("#toast", "Deleted: report").await;
        page.see("#templates .empty", "You have no templates yet.").await;
    });
}

#[test]
#[ignore = "needs Chromium and its driver; .ci/run installs them"]
fn template_edit_conflict_keeps_both_texts() {
    let site = Site::new();
    assert_eq!(
        site.api("employee").post("/templates", &[("name", "mine"), ("body", "first")]).status,
        201
    );
    site.visit(&["412"], async |page| {
        page.sign_in("employee").await;
        page.open("templates").await;
        page.press_in_record("mine", "Edit").await;
        page.see("#editor-body", "first").await;
        assert_eq!(
            site.api("employee")
                .send("PATCH", "/templates/mine", &[("body", "from another tab")])
                .status,
            200
        );
        page.fill("#editor-body", "from this tab").await;
        page.press_button("Save").await;
        page.see("#editor .summary", "changed").await;
        assert_eq!(page.value("#editor-body").await, "from this tab");
        assert_eq!(site.api("employee").get("/templates/mine").body["body"], "from another tab");
    });
}
