//! The people pages, on which administrators manage accounts, with and without scripts.

use super::{Page, Site};
use crate::browser_support::Display;
use crate::program::PASSWORD;

/// Opens the menu of a row, or its record where there is no menu without scripts, and presses a
/// button or follows a link there.
async fn act(page: &Page, row: &str, label: &str) {
    if page.texts(".more").await.is_empty() {
        page.follow_link(row).await;
        let tag = if ["Edit", "Delete…"].contains(&label) { "a" } else { "button" };
        let texts = page.texts(&format!(".record .buttons {tag}")).await;
        let at = texts.iter().position(|text| text == label).unwrap();
        page.run(
            "document.querySelectorAll(arguments[0])[arguments[1]].click()",
            &[serde_json::json!(format!(".record .buttons {tag}")), serde_json::json!(at)],
        )
        .await;
    } else {
        page.press_in_record(row, "⋯").await;
        page.press_in_record(row, label).await;
    }
    page.wait_until_idle().await;
}

/// The names in the list.
async fn names(page: &Page) -> Vec<String> {
    page.texts("#people .text a").await
}

async fn manage(site: &Site, page: &Page, email: &str) {
    let register = [("email", email), ("password", PASSWORD)];
    assert_eq!(site.anonymous().post("/auth/register", &register).status, 201);
    let log_in = || site.anonymous().attempt(email, PASSWORD).status;
    page.sign_in("admin").await;
    page.open("people").await;
    page.follow_link("Waiting 1").await;
    page.wait_for_address("people?status=pending").await;
    assert_eq!(names(page).await, [email]);
    assert_eq!(log_in(), 403);
    page.press_button("Approve").await;
    page.see("#flash", "Approved. They can sign in now.").await;
    page.see(".state", "Nobody here.").await;
    page.wait_for_address("people?status=pending").await;
    assert_eq!(log_in(), 200);

    page.open(&format!("people?q={email}")).await;
    act(page, email, "Edit").await;
    page.fill("#name", "New Starter").await;
    page.choose("#role", "manager").await;
    page.press_button("Save").await;
    page.see("h1", "New Starter").await;
    page.see(".facts", "Manager").await;
    page.see(".facts", "0 bytes of 64 MiB").await;

    let open = site.anonymous();
    let token = site.anonymous().attempt(email, PASSWORD).body["access_token"].take();
    let open = open.bearing(token.as_str().unwrap());
    assert_eq!(open.get("/auth/user").body["role"], "manager");
    page.press_button("Sign out everywhere").await;
    page.see("#flash", "Signed out.").await;
    assert_eq!(open.get("/auth/user").status, 401);
    page.press_button("Disable").await;
    page.see("#flash", "Disabled.").await;
    page.see(".facts .tag", "Disabled").await;
    assert_eq!(log_in(), 403);
    page.press_button("Enable").await;
    page.see("#flash", "Enabled.").await;
    assert_eq!(log_in(), 200);
    page.follow_link("Everything that happened").await;
    page.see(".events", "admin@example.com enabled New Starter").await;

    page.open(&format!("people?q={email}")).await;
    act(page, "New Starter", "Delete…").await;
    page.see("h1", "Delete the account?").await;
    page.press_button("Delete").await;
    page.see("#flash", "Deleted.").await;
    page.wait_for_address("people").await;
    assert_eq!(log_in(), 401);
}

#[test]
#[ignore = "needs Chromium and its driver; .ci/run installs them"]
fn admin_approves_changes_disables_and_deletes_users() {
    let site = Site::with(&[("WIDGETD_REGISTRATION", "approval")]);
    site.visit(&[], async |page| manage(&site, page, "new@example.com").await);
    site.visit_without_scripts(&[], async |page| manage(&site, page, "other@example.com").await);
}

/// Two presses make a link, and whoever opens it chooses a password.
async fn reset(site: &Site, page: &Page, account: &str, has_scripts: bool) {
    let (email, new_password) = (format!("{account}@example.com"), "a quiet place by the river");
    page.sign_in("admin").await;
    page.open("people").await;
    act(page, &email, "Reset link").await;
    page.see("h1", "A link to choose a password").await;
    page.see(".card", &email).await;
    let link = page.texts(".secret").await.remove(0);
    let (address, code) = link.split_once("#code=").unwrap();
    assert_eq!(address, format!("{}/reset", page.origin));
    if has_scripts {
        page.assert_accessible().await;
        page.press_button("Copy").await;
        page.see("#copied", "Copied").await;
    } else {
        page.see_none("[data-copy]").await;
    }
    page.follow_link("Done").await;
    page.see("h1", account).await;
    page.assert_absent(code).await;

    // Somebody else opens the link, in a browser of their own.
    page.page.delete_all_cookies().await.unwrap();
    page.open("login").await;
    page.open(&format!("reset#code={code}")).await;
    if has_scripts {
        assert_eq!(page.value("#code").await, code);
        page.see_focus("new_password").await;
        page.wait_for_address("reset").await;
    } else {
        page.fill("#code", code).await;
    }
    page.fill("#new_password", new_password).await;
    page.press_button("Set the password").await;
    page.see(".notice", "Your new password is set.").await;
    assert_eq!(site.anonymous().attempt(&email, new_password).status, 200);
}

#[test]
#[ignore = "needs Chromium and its driver; .ci/run installs them"]
fn reset_link_is_made_with_two_presses_and_fills_the_form() {
    let site = Site::new();
    site.visit(&[], async |page| reset(&site, page, "employee", true).await);
    site.visit_without_scripts(&[], async |page| reset(&site, page, "manager", false).await);
}

#[test]
#[ignore = "needs Chromium and its driver; .ci/run installs them"]
fn account_is_created_after_its_errors_with_a_link_or_a_password() {
    let site = Site::new();
    let create = async |page: &Page, name: &str, has_scripts: bool| {
        let email = format!("{name}@example.com");
        page.sign_in("admin").await;
        page.open("people").await;
        page.follow_link("New account").await;
        page.fill("#name", name).await;
        page.fill("#email", "admin@example.com").await;
        page.choose("#role", "manager").await;
        page.press_button("Create").await;
        page.see(".summary", "admin@example.com is already registered").await;
        page.fill("#email", name).await;
        page.press_button("Create").await;
        page.see("#email-error", "is not a valid email").await;
        page.see_focus("email").await;
        if has_scripts {
            page.assert_accessible().await;
        }
        assert_eq!(page.value("#role").await, "manager");
        page.fill("#email", &email).await;
        page.press_button("Create").await;
        page.see(".secret", "/reset#code=").await;
        page.follow_link("Done").await;
        page.see("h1", name).await;
        page.see(".facts", "Manager").await;

        page.open("people/new").await;
        page.fill("#email", &format!("more-{email}")).await;
        page.fill("#password", PASSWORD).await;
        page.press_button("Create").await;
        page.see("#flash", "Added.").await;
        page.see(".facts", &format!("more-{email}")).await;
        assert_eq!(site.anonymous().attempt(&format!("more-{email}"), PASSWORD).status, 200);
    };
    site.visit(&["400", "409"], async |page| create(page, "eve", true).await);
    site.visit_without_scripts(&["400", "409"], async |page| create(page, "mallory", false).await);
}

#[test]
#[ignore = "needs Chromium and its driver; .ci/run installs them"]
fn people_are_filtered_at_once_and_the_last_administrator_stays() {
    let site = Site::new();
    let only = site.api("admin").get("/users?role=admin").body["items"][0]["public_id"].take();
    let only = format!("people/{}", only.as_str().unwrap());
    site.visit(&["400", "409", "412"], async |page| {
        page.sign_in("admin").await;
        page.open("people").await;
        page.choose("[name=role]", "manager").await;
        page.wait_for_address("people?role=manager").await;
        page.see_no(".row", "employee@example.com").await;
        assert_eq!(names(page).await, ["manager@example.com"]);
        page.open("people?role=king").await;
        page.see("main", "The filter “role” has a value that this page does not know.").await;

        page.open(&format!("{only}/edit")).await;
        page.see(".notice", "This is your own account.").await;
        page.choose("#role", "employee").await;
        page.press_button("Save").await;
        page.see(".summary", "The last administrator").await;
        page.assert_accessible().await;

        // Somebody else changes the account while the question is open.
        page.open("people?q=employee").await;
        act(page, "employee@example.com", "Delete…").await;
        let id = site.api("admin").get("/users?q=employee").body["items"][0]["public_id"].take();
        let path = format!("/users/{}", id.as_str().unwrap());
        assert_eq!(site.api("admin").send("PATCH", &path, &[("name", "Changed")]).status, 200);
        page.press_button("Delete").await;
        page.see("main h1", "Changed meanwhile").await;
        assert_eq!(site.api("admin").get(&path).status, 200);
    });
}

#[test]
#[ignore = "needs Chromium and its driver; .ci/run installs them"]
fn people_pages_are_accessible_in_every_display() {
    let site = Site::with(&[("WIDGETD_REGISTRATION", "approval")]);
    let register = [("email", "new@example.com"), ("password", PASSWORD)];
    assert_eq!(site.anonymous().post("/auth/register", &register).status, 201);
    let id = site.api("admin").get("/users?q=employee").body["items"][0]["public_id"].take();
    let id = id.as_str().unwrap().to_owned();
    site.visit(&[], async |page| {
        page.sign_in("admin").await;
        for (path, name) in [
            ("people".to_owned(), "list"),
            ("people/new".to_owned(), "new"),
            (format!("people/{id}"), "record"),
            (format!("people/{id}/edit"), "edit"),
            (format!("people/{id}/delete"), "delete"),
        ] {
            page.open(&path).await;
            for display in Display::ALL {
                page.set_display(display).await;
                page.assert_no_overflow().await;
                page.assert_accessible().await;
                page.screenshot(&format!("people-{name}-{}", display.name())).await;
            }
            page.set_display(Display::Light).await;
        }
        page.open("people").await;
        page.click(".row .more").await;
        page.find("#more:popover-open").await;
        page.assert_accessible().await;
        page.screenshot("people-menu").await;
    });
}
