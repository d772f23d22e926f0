//! The pages of widgets, with and without scripts, and what all lists share: pages, order, search.

use super::{Page, Site};

fn add_widgets(site: &Site, names: impl IntoIterator<Item = String>) {
    let admin = site.api("admin");
    for name in names {
        assert_eq!(admin.try_add_widget(&name).unwrap().status, 201);
    }
}

async fn fill_in(page: &Page, name: &str, url: &str, deadline: &str) {
    page.fill("#name", name).await;
    page.fill("#info_url", url).await;
    page.set("#deadline", deadline).await;
}

/// The names of the rows.
async fn names(page: &Page) -> Vec<String> {
    page.texts(".row .text a").await
}

async fn create_edit_and_delete(site: &Site, page: &Page) {
    page.sign_in("admin").await;
    page.open("widgets").await;
    page.see(".state", "There are no widgets yet. Add the first one").await;
    page.screenshot("widgets-empty").await;
    page.follow_link("New widget").await;
    page.wait_for_address("new/widget").await;
    page.press_button("Save").await;
    for field in ["name", "info_url", "deadline"] {
        page.see(&format!("#{field}-error"), "is required").await;
    }
    page.see_focus("name").await;
    page.assert_accessible().await;
    page.screenshot("widgets-rejected").await;
    fill_in(page, "north-star", "example.com", "2099-12-31").await;
    page.press_button("Save").await;
    page.see("#info_url-error", "is not a valid").await;
    page.see_focus("info_url").await;
    assert_eq!(page.value("#name").await, "north-star");
    page.fill("#info_url", "https://example.com/star").await;
    page.press_button("Save").await;
    page.wait_for_address("widgets/north-star").await;
    page.see("#flash", "Added.").await;
    page.see(".facts", "31 Dec 2099").await;
    page.see(".history", "admin@example.com created it").await;
    page.assert_accessible().await;
    page.screenshot("widget").await;

    page.open("new/widget").await;
    assert_eq!(page.value("#name").await, "", "input of the last time");
    fill_in(page, "north-star", "https://example.com", "2099-12-31").await;
    page.press_button("Save").await;
    page.see(".summary", "north-star already exists").await;
    page.follow_link("Cancel").await;
    page.wait_for_address("widgets").await;
    page.see(".row .text > bdi", "example.com").await;
    page.follow_link("north-star").await;
    page.follow_link("Edit").await;
    assert_eq!(page.value("#info_url").await, "https://example.com/star");
    assert_eq!(page.value("#deadline").await, "2099-12-31");
    // Also the name of a page that means something to the scripts.
    fill_in(page, "login", "https://example.com/south", "2098-01-01").await;
    page.press_button("Save").await;
    page.wait_for_address("widgets/login").await;
    page.see("#flash", "Saved.").await;
    page.see(".history .change", "north-star → login").await;
    let link = page.find("main a[rel]").await.prop("href").await.unwrap().unwrap();
    assert_eq!(link, "https://example.com/south");
    let stored = site.api("employee").get("/widgets/login").body;
    assert_eq!(stored["deadline_iso8601"], "2098-01-01T23:59:59+00:00");

    page.follow_link("Delete…").await;
    page.see("h1", "Delete the widget?").await;
    page.assert_accessible().await;
    page.screenshot("widgets-delete").await;
    page.follow_link("Cancel").await;
    page.wait_for_address("widgets/login").await;
    page.follow_link("Delete…").await;
    page.press_button("Delete").await;
    page.wait_for_address("widgets").await;
    page.see("#flash", "Deleted.").await;
    page.see(".state", "There are no widgets yet.").await;
    assert_eq!(site.api("employee").get("/widgets/login").status, 404);
}

#[test]
#[ignore = "needs Chromium and its driver; .ci/run installs them"]
fn widget_create_edit_and_delete_with_and_without_scripts() {
    let site = Site::new();
    site.visit(&["400", "409"], async |page| create_edit_and_delete(&site, page).await);
    let expected = &["400", "409"];
    site.visit_without_scripts(expected, async |page| create_edit_and_delete(&site, page).await);
}

async fn conflict(site: &Site, page: &Page) {
    let admin = site.api("admin");
    let change = |name: &str, url: &str, deadline: &str| {
        let fields = [("info_url", url), ("deadline", deadline)];
        assert_eq!(admin.send("PATCH", &format!("/widgets/{name}"), &fields).status, 200);
    };
    let stored = || admin.get("/widgets/shared").body["info_url"].as_str().unwrap().to_owned();
    change("shared", "https://example.com/old", "2099-01-01");
    page.sign_in("admin").await;
    // Others change another field.
    page.open("widgets/shared/edit").await;
    change("shared", "https://example.com/old", "2099-02-02");
    page.fill("#info_url", "https://example.com/first").await;
    page.press_button("Save").await;
    page.wait_for_address("widgets/shared").await;
    page.see(".facts", "2 Feb 2099").await;
    assert_eq!(stored(), "https://example.com/first");

    // Others change the same field.
    page.follow_link("Edit").await;
    change("shared", "https://example.com/theirs", "2099-02-02");
    page.fill("#info_url", "https://example.com/mine").await;
    page.press_button("Save").await;
    page.see(".summary", "Somebody else has changed the same meanwhile.").await;
    page.see(".theirs", "https://example.com/theirs").await;
    assert_eq!(page.value("#info_url").await, "https://example.com/mine");
    page.assert_accessible().await;
    page.screenshot("widgets-conflict").await;
    assert_eq!(stored(), "https://example.com/theirs", "nothing is saved");
    page.follow_link("Use theirs").await;
    page.wait_for_address("widgets/shared").await;
    page.see("main a", "https://example.com/theirs").await;

    page.follow_link("Edit").await;
    change("shared", "https://example.com/again", "2099-02-02");
    page.fill("#info_url", "https://example.com/mine").await;
    page.press_button("Save").await;
    page.see(".theirs", "https://example.com/again").await;
    page.press_button("Keep mine").await;
    page.see("#flash", "Saved.").await;
    page.wait_for_address("widgets/shared").await;
    assert_eq!(stored(), "https://example.com/mine");

    // Only what was seen is deleted.
    page.follow_link("Delete…").await;
    page.see("h1", "Delete the widget?").await;
    change("shared", "https://example.com/last", "2099-02-02");
    page.press_button("Delete").await;
    page.see("main", "It has changed meanwhile").await;
    page.assert_accessible().await;
    page.screenshot("widgets-delete-conflict").await;
    assert_eq!(stored(), "https://example.com/last");
}

#[test]
#[ignore = "needs Chromium and its driver; .ci/run installs them"]
fn widget_conflict_shows_theirs_beside_mine_with_and_without_scripts() {
    let site = Site::new();
    add_widgets(&site, ["shared".to_owned()]);
    site.visit(&["409", "412"], async |page| conflict(&site, page).await);
    site.visit_without_scripts(&["409", "412"], async |page| conflict(&site, page).await);
}

#[test]
#[ignore = "needs Chromium and its driver; .ci/run installs them"]
fn pagination_sort_and_search_are_in_the_address_and_apply_at_once() {
    let site = Site::new();
    add_widgets(&site, (1..=23).map(|n| format!("widget-{n:02}")));
    site.visit(&[], async |page| {
        page.sign_in("employee").await;
        page.open("widgets?per_page=10").await;
        page.see(".pagination", "1 to 10 of 23").await;
        assert_eq!(names(page).await[0], "widget-23");
        let links = page.texts(".tools a, .more").await;
        assert!(!links.contains(&"New widget".to_owned()), "only for administrators");
        page.assert_absent("/edit").await;
        page.see_none(".pagination [rel=prev]").await;
        page.follow_link("Next").await;
        page.wait_for_address("widgets?per_page=10&page=2").await;
        page.see(".pagination", "11 to 20 of 23").await;
        page.follow_link("Next").await;
        page.see_none(".pagination [rel=next]").await;
        page.page.back().await.unwrap();
        page.wait_for_address("widgets?per_page=10&page=2").await;

        page.choose("select[name=sort]", "created_at").await;
        page.wait_for_address("widgets?sort=created_at&per_page=10").await;
        page.see(".row", "widget-01").await;
        assert_eq!(page.value("select[name=sort]").await, "created_at");
        page.follow_link("Upcoming").await;
        page.wait_for_address("widgets?overdue=false").await;
        page.fill("main [name=q]", "widget-07").await;
        page.press(&[fantoccini::key::Key::Enter]).await;
        page.wait_for_address("widgets?overdue=false&q=widget-07").await;
        page.see_no(".row", "widget-08").await;
        assert_eq!(names(page).await, ["widget-07"]);
        page.page.back().await.unwrap();
        page.see(".row", "widget-08").await;
        page.open("widgets?overdue=true&q=none").await;
        page.see(".state", "No widget has these words.").await;
        page.assert_accessible().await;
        page.screenshot("widgets-no-match").await;
    });
}

#[test]
#[ignore = "needs Chromium and its driver; .ci/run installs them"]
fn list_without_scripts_is_filtered_by_a_button() {
    let site = Site::new();
    add_widgets(&site, ["one".to_owned(), "two".to_owned()]);
    site.visit_without_scripts(&[], async |page| {
        page.sign_in("employee").await;
        page.open("widgets").await;
        page.fill("main [name=q]", "two").await;
        page.choose("select[name=sort]", "deadline").await;
        page.press_button("Apply").await;
        page.see_no(".row", "one").await;
        assert_eq!(names(page).await, ["two"]);
        assert_eq!(page.value("select[name=sort]").await, "deadline");
        // What a menu has is on the page of the record.
        page.see_none(".more").await;
        page.follow_link("two").await;
        page.wait_for_address("widgets/two").await;
    });
}

#[test]
#[ignore = "needs Chromium and its driver; .ci/run installs them"]
fn list_and_forms_stay_when_the_service_does_not_answer() {
    let site = Site::new();
    add_widgets(&site, ["still-there".to_owned()]);
    site.visit(&["ERR_CONNECTION_REFUSED"], async |page| {
        page.sign_in("admin").await;
        page.open("widgets").await;
        // A stream that breaks is an error on the console.
        page.run("dispatchEvent(new Event('pagehide'))", &[]).await;
        site.stop();
        page.choose("select[name=sort]", "deadline").await;
        page.see("#banner", "The service cannot be reached. The list stays as it was.").await;
        page.see(".row", "still-there").await;
        page.assert_accessible().await;
        page.screenshot("widgets-failed").await;
        site.start();
        page.press_button("Try again").await;
        page.wait_for_address("widgets?sort=deadline").await;
        page.see_none("#banner").await;

        page.open("widgets/still-there/edit").await;
        page.fill("#info_url", "https://example.com/typed").await;
        site.stop();
        page.press_button("Save").await;
        page.see("#banner", "The service cannot be reached.").await;
        assert_eq!(page.value("#info_url").await, "https://example.com/typed");
        site.start();
        page.press_button("Try again").await;
        page.wait_for_address("widgets/still-there").await;
        let stored = site.api("admin").get("/widgets/still-there").body;
        assert_eq!(stored["info_url"], "https://example.com/typed");
    });
}
