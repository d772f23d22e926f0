//! The account page: username, password, API keys, sessions, deletion.

use super::Site;
use crate::program::PASSWORD;

#[test]
#[ignore = "needs Chromium and its driver; .ci/run installs them"]
fn username_and_password_are_changed_after_validation_errors() {
    let site = Site::new();
    let new_password = "a quiet place by the river";
    let other_session = site.api("employee");
    site.visit(&["400"], async |page| {
        page.sign_in("employee").await;
        page.open("account").await;
        page.see(".facts", "employee@example.com").await;
        page.fill("#username", "x").await;
        page.press_button("Save the names").await;
        page.see("#username-error", "must have 3 to 32 characters").await;
        page.see_focus("username").await;
        page.assert_accessible().await;
        page.fill("#username", "emmy").await;
        page.press_button("Save the names").await;
        page.see("#toast", "Your names are saved.").await;
        page.see(".who", "emmy").await;
        page.fill("#name", "Emmy Noether").await;
        page.press_button("Save the names").await;
        page.see(".who", "Emmy Noether").await;

        page.fill("#current", "not the password").await;
        page.fill("#new", "short").await;
        page.press_button("Change the password").await;
        page.see("#new-error", "must have at least 8 characters").await;
        page.fill("#new", new_password).await;
        page.press_button("Change the password").await;
        page.see("#password-form .error", "password").await;
        assert_eq!(other_session.get("/auth/user").status, 200);
        page.fill("#current", PASSWORD).await;
        page.press_button("Change the password").await;
        page.see("#toast", "Your password is changed. Every other session has ended.").await;
        assert_eq!(page.value("#current").await, "");
        assert_eq!(other_session.get("/auth/user").status, 401);
        assert_eq!(
            site.anonymous()
                .post("/auth/login", &[("username", "emmy"), ("password", new_password)])
                .status,
            200
        );
        page.open("account").await;
        page.see(".who", "Emmy Noether").await;
    });
}

#[test]
#[ignore = "needs Chromium and its driver; .ci/run installs them"]
fn api_key_is_shown_once_and_works_until_it_is_revoked() {
    let site = Site::new();
    site.visit(&["400"], async |page| {
        page.sign_in("employee").await;
        page.open("account").await;
        page.see("#keys .empty", "You have no keys.").await;
        page.press_button("New key").await;
        page.see_focus("key-name").await;
        page.press_button("Make the key").await;
        page.see("#key-name-error", "is required").await;
        page.assert_accessible().await;
        page.fill("#key-name", "nightly report").await;
        page.set("#key-expires", "2000-01-01").await;
        page.press_button("Make the key").await;
        page.see("#key-expires-error", "in the past").await;
        page.set("#key-expires", "2099-12-31").await;
        page.press_button("Make the key").await;
        page.see("#created-key-title", "Your new key: nightly report").await;
        page.assert_accessible().await;
        let key = page.texts("#created-key .secret").await.remove(0);
        page.press_button("Done").await;
        page.see_none("dialog").await;
        page.assert_absent(&key).await;
        page.see("#keys .records", "nightly report").await;
        page.see("#keys .records", "only reads").await;

        let script = site.anonymous().bearing(&key);
        assert_eq!(script.get("/auth/user").body["email"], "employee@example.com");
        assert_eq!(script.post("/templates", &[("name", "a"), ("body", "b")]).status, 403);
        page.open("account").await;
        page.see("#keys .records", "used last").await;
        page.assert_absent(&key).await;
        page.press_in_record("nightly report", "Revoke").await;
        page.see("#confirm-question", "Revoke the key “nightly report”?").await;
        page.press_button("Revoke").await;
        page.see("#toast", "The key “nightly report” is revoked.").await;
        page.see("#keys .empty", "You have no keys.").await;
        assert_eq!(script.get("/auth/user").status, 401);
    });
}

#[test]
#[ignore = "needs Chromium and its driver; .ci/run installs them"]
fn sessions_are_listed_and_ended_one_by_one_or_all_at_once() {
    let site = Site::new();
    let user_agent = "Mozilla/5.0 (Android 15; Mobile; rv:140.0) Gecko/140.0 Firefox/140.0";
    let login = || {
        let answer = site
            .anonymous()
            .with("User-Agent", user_agent)
            .attempt("employee@example.com", PASSWORD);
        site.anonymous().bearing(answer.body["access_token"].as_str().unwrap())
    };
    let (lost_phone, manager) = (login(), site.api("manager"));
    site.visit(&[], async |page| {
        page.sign_in("employee").await;
        page.open("account").await;
        let sessions = page.texts("#sessions .records > li").await;
        assert_eq!(sessions.len(), 2, "{sessions:?}");
        assert!(sessions[0].contains("Chrome on Linux here"), "{sessions:?}");
        assert!(sessions[1].contains("Firefox on Android"), "{sessions:?}");
        page.press_in_record("Firefox on Android", "Sign out there").await;
        page.see("#confirm-question", "Sign out Firefox on Android?").await;
        page.press_button("Sign out there").await;
        page.see("#toast", "You are signed out there.").await;
        page.see_no("#sessions .records", "Firefox on Android").await;
        assert_eq!(lost_phone.get("/auth/user").status, 401);

        let lost_phone = login();
        page.press_button("Sign out everywhere").await;
        page.see("#confirm-question", "Sign out everywhere, also here?").await;
        page.press_button("Sign out everywhere").await;
        page.wait_for_address("login?notice=logged-out").await;
        assert_eq!(lost_phone.get("/auth/user").status, 401);
        assert_eq!(manager.get("/auth/user").status, 200, "a session of another user");
        page.open("account").await;
        page.wait_for_address("login?next=account").await;
    });
}

#[test]
#[ignore = "needs Chromium and its driver; .ci/run installs them"]
fn delete_account_requires_the_password() {
    let site = Site::new();
    site.visit(&["400"], async |page| {
        page.sign_in("employee").await;
        page.open("account").await;
        page.press_button("Delete your account").await;
        page.see_focus("delete-password").await;
        page.assert_accessible().await;
        page.fill("#delete-password", "not the password").await;
        page.press_button("Delete your account").await;
        page.see("#delete-dialog .error", "password").await;
        page.fill("#delete-password", PASSWORD).await;
        page.press_button("Delete your account").await;
        page.wait_for_address("login?notice=deleted").await;
        page.see(".notice", "deleted").await;
        assert_eq!(site.anonymous().attempt("employee@example.com", PASSWORD).status, 401);
    });
}
