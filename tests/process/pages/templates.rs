//! The pages of templates, with and without scripts.

use serde_json::json;

use super::{Page, Site};

async fn create_edit_and_delete(site: &Site, page: &Page) {
    page.sign_in("employee").await;
    page.open("templates").await;
    page.see(".state", "You have no templates yet.").await;
    page.follow_link("New template").await;
    page.wait_for_address("new/template").await;
    page.press_button("Save").await;
    page.see("#name-error", "is required").await;
    page.see("#body-error", "is required").await;
    page.see_focus("name").await;
    page.assert_accessible().await;
    page.fill("#name", "50% of a/b?").await;
    page.fill("#body", "Dear all,\n\nthis is it.").await;
    page.press_button("Save").await;
    page.wait_for_address("templates/50%25%20of%20a%2Fb%3F").await;
    page.see("#flash", "Added.").await;
    page.see("#text", "Dear all,\n\nthis is it.").await;
    page.assert_accessible().await;
    page.screenshot("template").await;
    let body = &site.api("employee").get("/templates").body["items"][0]["body"];
    assert_eq!(*body, "Dear all,\n\nthis is it.");

    page.open("new/template").await;
    page.fill("#name", "50% of a/b?").await;
    page.fill("#body", "Another one.").await;
    page.press_button("Save").await;
    page.see(".summary", "50% of a/b?").await;
    assert_eq!(page.value("#body").await, "Another one.");
    page.follow_link("Cancel").await;
    page.see(".row .text > bdi", "Dear all, this is it.").await;
    page.assert_accessible().await;
    page.screenshot("templates").await;
    page.follow_link("50% of a/b?").await;
    page.follow_link("Edit").await;
    page.fill("#name", "report").await;
    page.press_button("Save").await;
    page.wait_for_address("templates/report").await;
    page.see("#flash", "Saved.").await;
    let stored = site.api("employee").get("/templates/report").body;
    assert_eq!(stored["body"], "Dear all,\n\nthis is it.");

    page.follow_link("Delete…").await;
    page.see("h1", "Delete the template?").await;
    page.press_button("Delete").await;
    page.wait_for_address("templates").await;
    page.see("#flash", "Deleted.").await;
    page.see(".state", "You have no templates yet.").await;
}

#[test]
#[ignore = "needs Chromium and its driver; .ci/run installs them"]
fn template_create_read_edit_and_delete_with_and_without_scripts() {
    let site = Site::new();
    site.visit(&["400", "409"], async |page| create_edit_and_delete(&site, page).await);
    let expected = &["400", "409"];
    site.visit_without_scripts(expected, async |page| create_edit_and_delete(&site, page).await);
}

async fn conflict(site: &Site, page: &Page) {
    let api = site.api("employee");
    let write = |text: &str| {
        assert_eq!(api.send("PATCH", "/templates/mine", &[("body", text)]).status, 200);
    };
    write("first");
    page.sign_in("employee").await;
    page.open("templates/mine/edit").await;
    write("from another tab\nline");
    page.fill("#body", "from this tab").await;
    page.press_button("Save").await;
    page.see(".summary", "Somebody else has changed the same meanwhile.").await;
    page.see(".theirs", "from another tab\nline").await;
    assert_eq!(page.value("#body").await, "from this tab");
    page.assert_accessible().await;
    page.screenshot("templates-conflict").await;
    assert_eq!(api.get("/templates/mine").body["body"], "from another tab\nline");
    page.press_button("Keep mine").await;
    page.see("#flash", "Saved.").await;
    page.wait_for_address("templates/mine").await;
    assert_eq!(api.get("/templates/mine").body["body"], "from this tab");

    page.follow_link("Delete…").await;
    page.see("h1", "Delete the template?").await;
    write("changed meanwhile");
    page.press_button("Delete").await;
    page.see("main", "It has changed meanwhile").await;
    assert_eq!(api.get("/templates/mine").body["body"], "changed meanwhile");
}

#[test]
#[ignore = "needs Chromium and its driver; .ci/run installs them"]
fn template_conflict_shows_theirs_beside_mine_with_and_without_scripts() {
    let site = Site::new();
    let fields = [("name", "mine"), ("body", "first")];
    assert_eq!(site.api("employee").post("/templates", &fields).status, 201);
    site.visit(&["409", "412"], async |page| conflict(&site, page).await);
    site.visit_without_scripts(&["409", "412"], async |page| conflict(&site, page).await);
}

/// Renames a template, then changes its text.
async fn rename(site: &Site, page: &Page, text: &str, (from, to): (&str, &str)) {
    let api = site.api("employee");
    page.sign_in("employee").await;
    page.open(&format!("templates/{from}/edit")).await;
    assert_eq!(page.value("#body").await, text);
    page.fill("#name", to).await;
    page.press_button("Save").await;
    page.wait_for_address(&format!("templates/{to}")).await;
    let shown = page.run("return document.querySelector('#text').textContent", &[]).await;
    assert_eq!(shown, text);
    assert_eq!(api.get(&format!("/templates/{to}")).body["body"], text);
    let edited = format!("{text}, and more");
    page.follow_link("Edit").await;
    page.set("#body", &edited).await;
    page.press_button("Save").await;
    page.wait_for_address(&format!("templates/{to}")).await;
    assert_eq!(api.get(&format!("/templates/{to}")).body["body"], edited);
}

#[test]
#[ignore = "needs Chromium and its driver; .ci/run installs them"]
fn template_text_is_kept_to_the_byte_with_and_without_scripts() {
    let site = Site::new();
    let api = site.api("employee");
    let long = format!("\n\n  first {}last \n", "word ".repeat(12_000));
    for name in ["one", "two"] {
        assert_eq!(api.post("/templates", &[("name", name), ("body", &*long)]).status, 201);
    }
    site.visit(&[], async |page| rename(&site, page, &long, ("one", "uno")).await);
    site.visit_without_scripts(&[], async |page| {
        rename(&site, page, &long, ("two", "due")).await;
    });
}

#[test]
#[ignore = "needs Chromium and its driver; .ci/run installs them"]
fn template_is_copied_whole_from_its_page_and_from_the_list() {
    let site = Site::new();
    let api = site.api("employee");
    let long = format!("first {}last", "word ".repeat(13_000));
    assert_eq!(api.post("/templates", &[("name", "long"), ("body", &*long)]).status, 201);
    let catch = "navigator.clipboard.writeText = async (text) => (window.copied = text)";
    site.visit(&[], async |page| {
        page.sign_in("employee").await;
        for address in ["templates", "templates/long"] {
            page.open(address).await;
            page.run(catch, &[]).await;
            page.press_button("Copy").await;
            page.see("#copied", "Copied.").await;
            assert_eq!(page.run("return window.copied", &[]).await, long, "{address}");
            page.assert_accessible().await;
        }
        // Without permission, the text is selected.
        page.open("templates/long").await;
        page.run("navigator.clipboard.writeText = () => Promise.reject()", &[]).await;
        page.press_button("Copy").await;
        page.see("#copied", "Selected.").await;
        let selected = "getSelection().toString().includes(arguments[0])";
        page.wait_until(selected, &[json!("word last")]).await;
    });
    site.visit_without_scripts(&[], async |page| {
        page.sign_in("employee").await;
        for address in ["templates", "templates/long"] {
            page.open(address).await;
            page.see_none("[data-copy], [data-copy-from]").await;
        }
    });
}
