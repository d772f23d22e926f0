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

#[test]
#[ignore = "needs Chromium and its driver; .ci/run installs them"]
fn template_longer_than_a_list_carries_is_read_copied_and_edited_whole() {
    let site = Site::new();
    let api = site.api("employee");
    let long = format!("first {}last", "word ".repeat(13_000));
    assert_eq!(api.post("/templates", &[("name", "long"), ("body", &*long)]).status, 201);
    assert_eq!(api.get("/templates").body["items"][0]["body_truncated"], true);
    site.visit(&[], async |page| {
        page.sign_in("employee").await;
        page.open("templates").await;
        page.see(".records .excerpt", "first word").await;
        page.press_in_record("long", "long").await;
        page.see("#reader .full-text", "word last").await;
        page.press_button("Close").await;

        page.run("navigator.clipboard.writeText = async (text) => (window.copied = text)", &[])
            .await;
        page.press_in_record("long", "Copy").await;
        page.see("#toast", "Copied.").await;
        assert_eq!(page.run("return window.copied", &[]).await, long);

        page.press_in_record("long", "Edit").await;
        page.see("#editor-body", "word last").await;
        assert_eq!(page.value("#editor-body").await, long);
        page.fill("#editor-name", "renamed").await;
        page.press_button("Save").await;
        page.see("#toast", "Changed: renamed").await;
        assert_eq!(api.get("/templates/renamed").body["body"], long);

        let edited = format!("{long}, and more");
        page.press_in_record("renamed", "Edit").await;
        page.set("#editor-body", &edited).await;
        page.press_button("Save").await;
        page.see_none("dialog").await;
        page.see("#toast", "Changed: renamed").await;
        assert_eq!(api.get("/templates/renamed").body["body"], edited);
    });
}
