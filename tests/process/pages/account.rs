//! The account page, with and without scripts: names, password, theme, API keys, sessions, deletion.

use serde_json::json;

use super::{Page, Site};
use crate::browser_support::Display;
use crate::program::PASSWORD;

async fn change_names_and_password(site: &Site, page: &Page, account: &str, has_scripts: bool) {
    let (email, new_password) = (format!("{account}@example.com"), "a quiet place by the river");
    let other_session = site.api(account);
    page.sign_in(account).await;
    page.open("account").await;
    page.see(".facts", &email).await;
    page.fill("#username", "x").await;
    page.press_button("Save the names").await;
    page.see("#username-error", "must have 3 to 32 characters").await;
    page.see_focus("username").await;
    if has_scripts {
        page.assert_accessible().await;
    }
    page.fill("#username", &format!("{account}-x")).await;
    page.fill("#name", "Emmy Noether").await;
    page.press_button("Save the names").await;
    page.see("#flash", "Saved.").await;
    assert_eq!(page.value("#username").await, format!("{account}-x"));
    page.find("[title='You: Emmy Noether']").await;

    page.follow_link("Change the password…").await;
    page.fill("#current_password", "not the password").await;
    page.fill("#new_password", "short").await;
    page.press_button("Change the password").await;
    page.see("#new_password-error", "must have at least 8 characters").await;
    page.fill("#current_password", "not the password").await;
    page.fill("#new_password", new_password).await;
    page.press_button("Change the password").await;
    page.see("#current_password-error", "is not the account's password").await;
    assert_eq!(other_session.get("/auth/user").status, 200);
    page.fill("#current_password", PASSWORD).await;
    page.fill("#new_password", new_password).await;
    page.press_button("Change the password").await;
    page.see("#flash", "Your password is changed. Every other session has ended.").await;
    page.wait_for_address("account").await;
    assert_eq!(other_session.get("/auth/user").status, 401);
    assert_eq!(site.anonymous().attempt(&email, new_password).status, 200);
}

#[test]
#[ignore = "needs Chromium and its driver; .ci/run installs them"]
fn username_and_password_are_changed_after_validation_errors() {
    let site = Site::new();
    site.visit(&["400"], async |page| {
        change_names_and_password(&site, page, "employee", true).await;
    });
    site.visit_without_scripts(&["400"], async |page| {
        change_names_and_password(&site, page, "manager", false).await;
    });
}

async fn make_and_revoke_a_key(site: &Site, page: &Page, has_scripts: bool) {
    page.sign_in("employee").await;
    page.open("account").await;
    page.see("#keys", "You have no keys.").await;
    page.follow_link("New key").await;
    page.set("#expires", "2000-01-01").await;
    page.press_button("Create").await;
    page.see("#name-error", "is required").await;
    page.see("#expires-error", "in the past").await;
    page.see_focus("name").await;
    if has_scripts {
        page.assert_accessible().await;
    }
    page.fill("#name", "nightly report").await;
    page.set("#expires", "2099-12-31").await;
    page.press_button("Create").await;
    page.see("h1", "Your new API key").await;
    let key = page.texts(".secret").await.remove(0);
    page.follow_link("Done").await;
    page.see("#keys", "nightly report").await;
    page.see("#keys .tag", "only reads").await;
    page.see("#keys", "expires 31 Dec 2099").await;
    page.assert_absent(&key).await;

    let script = site.anonymous().bearing(&key);
    assert_eq!(script.get("/auth/user").body["email"], "employee@example.com");
    assert_eq!(script.post("/templates", &[("name", "a"), ("body", "b")]).status, 403);
    // The use is recorded after the answer.
    while !page.texts("#keys").await.concat().contains("last used") {
        page.open("account").await;
    }
    page.follow_link("Revoke…").await;
    page.see("h1", "Revoke the key?").await;
    page.press_button("Revoke").await;
    page.see("#flash", "Revoked.").await;
    page.see("#keys", "You have no keys.").await;
    assert_eq!(script.get("/auth/user").status, 401);
}

#[test]
#[ignore = "needs Chromium and its driver; .ci/run installs them"]
fn api_key_is_shown_once_and_works_until_it_is_revoked() {
    let site = Site::new();
    site.visit(&["400"], async |page| make_and_revoke_a_key(&site, page, true).await);
    site.visit_without_scripts(&["400"], async |page| {
        make_and_revoke_a_key(&site, page, false).await;
    });
}

async fn end_sessions(site: &Site, page: &Page, account: &str) {
    let email = format!("{account}@example.com");
    let user_agent = "Mozilla/5.0 (Android 15; Mobile; rv:140.0) Gecko/140.0 Firefox/140.0";
    let login = || {
        let answer = site.anonymous().with("User-Agent", user_agent).attempt(&email, PASSWORD);
        site.anonymous().bearing(answer.body["access_token"].as_str().unwrap())
    };
    let (lost_phone, other) = (login(), site.api("admin"));
    page.sign_in(account).await;
    page.open("account").await;
    let sessions = page.texts("#sessions .records > li").await;
    assert_eq!(sessions.len(), 2, "{sessions:?}");
    assert!(sessions[0].contains("Chrome on Linux here"), "{sessions:?}");
    assert!(sessions[1].contains("Firefox on Android"), "{sessions:?}");
    page.press_button("Sign out there").await;
    page.see("#flash", "Signed out.").await;
    page.see_no("#sessions", "Firefox on Android").await;
    assert_eq!(lost_phone.get("/auth/user").status, 401);

    let lost_phone = login();
    page.follow_link("Sign out everywhere…").await;
    page.press_button("Sign out everywhere").await;
    page.wait_for_address("login?notice=logged-out").await;
    assert_eq!(lost_phone.get("/auth/user").status, 401);
    assert_eq!(other.get("/auth/user").status, 200, "a session of another user");
    page.open("account").await;
    page.wait_for_address("login?next=account").await;
}

#[test]
#[ignore = "needs Chromium and its driver; .ci/run installs them"]
fn sessions_are_listed_and_ended_one_by_one_or_all_at_once() {
    let site = Site::new();
    site.visit(&[], async |page| end_sessions(&site, page, "employee").await);
    site.visit_without_scripts(&[], async |page| end_sessions(&site, page, "manager").await);
}

#[test]
#[ignore = "needs Chromium and its driver; .ci/run installs them"]
fn delete_account_requires_the_password() {
    let site = Site::new();
    let delete = async |page: &Page, account: &str| {
        page.sign_in(account).await;
        page.open("account").await;
        page.follow_link("Delete your account…").await;
        page.fill("#password", "not the password").await;
        page.press_button("Delete your account").await;
        page.see("#password-error", "is not the account's password").await;
        page.see_focus("password").await;
        page.fill("#password", PASSWORD).await;
        page.press_button("Delete your account").await;
        page.wait_for_address("login?notice=deleted").await;
        page.see(".notice", "Your account is deleted.").await;
        assert_eq!(
            site.anonymous().attempt(&format!("{account}@example.com"), PASSWORD).status,
            401
        );
    };
    site.visit(&["400"], async |page| delete(page, "employee").await);
    site.visit_without_scripts(&["400"], async |page| delete(page, "manager").await);
}

#[test]
#[ignore = "needs Chromium and its driver; .ci/run installs them"]
fn theme_is_chosen_against_the_system() {
    let site = Site::new();
    let choose = async |page: &Page| {
        let background = "return getComputedStyle(document.body).backgroundColor";
        page.sign_in("employee").await;
        page.set_display(Display::Light).await;
        page.open("account").await;
        let light = page.run(background, &[]).await;
        page.press_button("Dark").await;
        page.see("[aria-pressed=true]", "Dark").await;
        let dark = page.run(background, &[]).await;
        assert_ne!(dark, light);
        page.open("tasks").await;
        assert_eq!(page.run(background, &[]).await, dark);
        page.set_display(Display::Dark).await;
        page.open("account").await;
        page.press_button("Light").await;
        page.see("[aria-pressed=true]", "Light").await;
        assert_eq!(page.run(background, &[]).await, light);
        page.press_button("System").await;
        page.see("[aria-pressed=true]", "System").await;
        assert_eq!(page.run(background, &[]).await, dark);
        assert_eq!(page.run("return document.cookie", &[]).await, json!(""));
    };
    site.visit(&[], async |page| choose(page).await);
    site.visit_without_scripts(&[], async |page| choose(page).await);
}

#[test]
#[ignore = "needs Chromium and its driver; .ci/run installs them"]
fn account_pages_are_accessible_in_every_display() {
    let site = Site::new();
    let key = [("name", "nightly report"), ("scope", "write"), ("expires", "2099-12-31")];
    assert_eq!(site.api("admin").post("/auth/keys", &key).status, 201);
    site.visit(&[], async |page| {
        page.sign_in("admin").await;
        for path in [
            "account",
            "account/password",
            "account/keys/new",
            "account/sign-out",
            "account/delete",
        ] {
            page.open(path).await;
            for display in Display::ALL {
                page.set_display(display).await;
                page.assert_no_overflow().await;
                page.assert_accessible().await;
                page.screenshot(&format!("{}-{}", path.replace('/', "-"), display.name())).await;
            }
            page.set_display(Display::Light).await;
        }
        page.open("account/keys/new").await;
        page.fill("#name", "phone").await;
        page.choose("#scope", "calendar").await;
        page.press_button("Create").await;
        page.see(".secret", "/api/v1/calendar.ics?key=wgt_").await;
        page.set_display(Display::Narrow).await;
        page.assert_no_overflow().await;
        page.assert_accessible().await;
        page.screenshot("account-key-320").await;
    });
}
