//! The widgets page, and what all pages with a list share: pagination, search, errors.

use super::{Page, Site};

fn add_widgets(site: &Site, names: impl IntoIterator<Item = String>) {
    let admin = site.api("admin");
    for name in names {
        assert_eq!(admin.try_add_widget(&name).unwrap().status, 201);
    }
}

async fn fill_in(page: &Page, name: &str, url: &str, deadline: &str) {
    page.fill("#editor-name", name).await;
    page.fill("#editor-url", url).await;
    page.set("#editor-deadline", deadline).await;
}

#[test]
#[ignore = "needs Chromium and its driver; .ci/run installs them"]
fn widget_create_edit_and_delete() {
    let site = Site::new();
    site.visit(&["400", "409"], async |page| {
        page.sign_in("admin").await;
        page.open("widgets").await;
        page.see("#widgets .empty", "There are no widgets yet. Add the first one").await;
        page.screenshot("widgets-empty").await;

        page.press_button("New widget").await;
        page.see_focus("editor-name").await;
        page.press_button("Save").await;
        page.see("#editor-name-error", "is required").await;
        page.see("#editor-url-error", "is required").await;
        page.see("#editor-deadline-error", "is required").await;
        page.see_focus("editor-name").await;
        page.assert_accessible().await;
        page.screenshot("widgets-rejected").await;
        fill_in(page, "north-star", "example.com", "2099-12-31").await;
        page.press_button("Save").await;
        page.see_focus("editor-url").await;
        assert_eq!(page.texts("#editor .error").await.len(), 1);
        page.fill("#editor-url", "https://example.com/star").await;
        page.press_button("Save").await;
        page.see("#toast", "north-star is added.").await;
        page.see(".records > li", "north-star").await;
        page.see_none("dialog").await;

        page.press_button("New widget").await;
        assert_eq!(page.value("#editor-name").await, "", "input of the last time");
        fill_in(page, "north-star", "https://example.com", "2099-12-31").await;
        page.press_button("Save").await;
        page.see("#editor .error", "north-star already exists").await;
        page.press_button("Cancel").await;
        page.see_none("dialog").await;

        page.press_in_record("north-star", "Edit").await;
        page.see("#editor-title", "Change north-star").await;
        assert_eq!(page.value("#editor-url").await, "https://example.com/star");
        assert_eq!(page.value("#editor-deadline").await, "2099-12-31");
        fill_in(page, "south-star", "https://example.com/south", "2098-01-01").await;
        page.press_button("Save").await;
        page.see("#toast", "south-star is changed.").await;
        page.see(".records > li", "south-star").await;
        assert_eq!(
            page.find(".records a").await.prop("href").await.unwrap().unwrap(),
            "https://example.com/south"
        );
        let stored = site.api("employee").get("/widgets/south-star").body;
        assert_eq!(stored["deadline_iso8601"], "2098-01-01T23:59:59+00:00");

        page.press_in_record("south-star", "Delete").await;
        page.see("#confirm-question", "Delete the widget south-star? This cannot be undone.").await;
        page.assert_accessible().await;
        page.screenshot("widgets-delete").await;
        page.press_button("Cancel").await;
        page.see_none("dialog").await;
        assert_eq!(site.api("employee").get("/widgets/south-star").status, 200);
        page.press_in_record("south-star", "Delete").await;
        page.press_button("Delete").await;
        page.see("#toast", "south-star is deleted.").await;
        page.see("#widgets .empty", "There are no widgets yet.").await;
        assert_eq!(site.api("employee").get("/widgets/south-star").status, 404);
    });
}

#[test]
#[ignore = "needs Chromium and its driver; .ci/run installs them"]
fn widget_edit_conflict_keeps_both_changes() {
    let site = Site::new();
    add_widgets(&site, ["shared".to_owned(), "doomed".to_owned()]);
    site.visit(&["412", "404"], async |page| {
        page.sign_in("admin").await;
        page.open("widgets").await;
        page.press_in_record("shared", "Edit").await;
        page.see("#editor-title", "Change shared").await;
        let other_edit = [("info_url", "https://example.com/other")];
        assert_eq!(site.api("admin").send("PATCH", "/widgets/shared", &other_edit).status, 200);
        page.fill("#editor-url", "https://example.com/own").await;
        page.press_button("Save").await;
        page.see("#editor .summary", "changed").await;
        page.assert_accessible().await;
        assert_eq!(
            site.api("admin").get("/widgets/shared").body["info_url"],
            "https://example.com/other"
        );

        page.press_button("Cancel").await;
        page.see_none("dialog").await;
        page.press_in_record("shared", "Edit").await;
        page.see("#editor-url", "https://example.com/other").await;
        page.fill("#editor-url", "https://example.com/own").await;
        page.press_button("Save").await;
        page.see("#toast", "shared is changed.").await;

        assert_eq!(site.api("admin").send("DELETE", "/widgets/doomed", &[]).status, 204);
        page.press_in_record("doomed", "Edit").await;
        page.see("#error-dialog .summary", "doomed not found").await;
        page.assert_accessible().await;
        page.press_button("Close").await;
        page.see_none("dialog").await;
    });
}

#[test]
#[ignore = "needs Chromium and its driver; .ci/run installs them"]
fn pagination_sort_and_search_are_in_the_address() {
    let site = Site::new();
    add_widgets(&site, (1..=23).map(|n| format!("widget-{n:02}")));
    site.visit(&[], async |page| {
        page.sign_in("employee").await;
        page.open("widgets").await;
        page.see(".pagination .count", "Page 1 of 3 (23 in all)").await;
        assert!(page.texts("#add, .edit, .delete").await.is_empty(), "only for administrators");
        page.see_none(".pagination .prev").await;
        page.follow_link("Next").await;
        page.wait_for_address("widgets?page=2").await;
        page.see(".pagination .count", "Page 2 of 3").await;
        assert_eq!(page.texts(".records .name").await[0], "widget-11");
        page.follow_link("Next").await;
        page.wait_for_address("widgets?page=3").await;
        page.see_none(".pagination .next").await;
        page.page.back().await.unwrap();
        page.wait_for_address("widgets?page=2").await;
        page.follow_link("Previous").await;
        page.wait_for_address("widgets?page=1").await;

        page.choose("#sort", "-created_at").await;
        page.press_button("Search").await;
        page.wait_for_address("widgets?sort=-created_at").await;
        assert_eq!(page.texts(".records .name").await[0], "widget-23");
        page.follow_link("Next").await;
        page.wait_for_address("widgets?sort=-created_at&page=2").await;
        assert_eq!(page.texts(".records .name").await[0], "widget-13");
        assert_eq!(page.value("#sort").await, "-created_at");

        page.fill("#q", "widget-07").await;
        page.press_button("Search").await;
        page.wait_for_address("widgets?q=widget-07&sort=-created_at").await;
        assert_eq!(page.texts(".records .name").await, ["widget-07"]);
        page.see_none(".pagination").await;
        page.choose("#overdue", "true").await;
        page.press_button("Search").await;
        page.wait_for_address("widgets?q=widget-07&sort=-created_at&overdue=true").await;
        page.see(".no-match", "Nothing matches what you are looking for.").await;
        page.assert_accessible().await;
        page.screenshot("widgets-no-match").await;
        page.follow_link("Show everything").await;
        page.wait_for_address("widgets?").await;
        page.see(".pagination .count", "Page 1 of 3").await;

        // A page past the end shows the last one.
        page.open("widgets?page=99").await;
        page.see(".pagination .count", "Page 3 of 3").await;
    });
}

#[test]
#[ignore = "needs Chromium and its driver; .ci/run installs them"]
fn empty_list_says_who_adds_widgets() {
    let site = Site::new();
    site.visit(&[], async |page| {
        page.sign_in("employee").await;
        page.open("widgets").await;
        page.see("#widgets .empty", "There are no widgets yet. An administrator adds them.").await;
        page.assert_accessible().await;
    });
}

#[test]
#[ignore = "needs Chromium and its driver; .ci/run installs them"]
fn list_and_dialog_errors_can_be_retried() {
    let site = Site::new();
    add_widgets(&site, ["still-there".to_owned()]);
    site.visit(&["400", "ERR_CONNECTION_REFUSED"], async |page| {
        page.sign_in("admin").await;
        page.open("widgets?page=none").await;
        page.see("#widgets .failed", "page: ").await;
        page.assert_accessible().await;
        page.screenshot("widgets-failed").await;

        page.block(&["*/api/v1/widgets*"]).await;
        page.open("widgets").await;
        page.see(
            "#widgets .failed",
            "The service cannot be reached. Please check your connection.",
        )
        .await;
        page.block(&[]).await;
        site.stop();
        page.press_button("Try again").await;
        page.wait_until_idle().await;
        page.see("#widgets .failed", "The service cannot be reached.").await;
        site.start();
        page.press_button("Try again").await;
        page.see(".records", "still-there").await;

        // The same in a dialog.
        page.press_in_record("still-there", "Delete").await;
        site.stop();
        page.press_button("Delete").await;
        page.see("#confirm .summary", "The service cannot be reached.").await;
        page.assert_accessible().await;
        site.start();
        page.press_button("Delete").await;
        page.see("#toast", "still-there is deleted.").await;
    });
}

#[test]
#[ignore = "needs Chromium and its driver; .ci/run installs them"]
fn list_reloads_when_the_browser_is_back_online() {
    let site = Site::new();
    add_widgets(&site, ["there-again".to_owned()]);
    site.visit(&["ERR_INTERNET_DISCONNECTED"], async |page| {
        page.sign_in("employee").await;
        page.block(&["*/api/v1/widgets*"]).await;
        page.open("widgets").await;
        page.see("#widgets .failed", "The service cannot be reached.").await;
        page.block(&[]).await;
        page.set_offline(true).await;
        page.press_button("Try again").await;
        page.wait_until_idle().await;
        page.see("#widgets .failed", "The service cannot be reached.").await;
        page.set_offline(false).await;
        page.see(".records", "there-again").await;
        page.see_none(".failed").await;
    });
}
