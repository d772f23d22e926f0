//! Register, sign in, reset the password and set up, with and without scripts.

use super::{Page, Site};
use crate::program::PASSWORD;

/// Each field has its error beside it, and the e-mail address and the username are kept.
async fn assert_registration_rejected(page: &Page) {
    page.see("#email-error", "new is not a valid email").await;
    page.see("#username-error", "must have 3 to 32 characters").await;
    page.see("#password-error", "must have at least 8 characters").await;
    assert_eq!(
        (page.value("#email").await, page.value("#username").await),
        ("new".to_owned(), "x".to_owned())
    );
    page.see_focus("email").await;
}

async fn send_registration(page: &Page, email: &str, username: &str, password: &str) {
    page.fill("#email", email).await;
    page.fill("#username", username).await;
    page.fill("#password", password).await;
    page.press_button("Register").await;
}

#[test]
#[ignore = "needs Chromium and its driver; .ci/run installs them"]
fn register_sign_out_and_sign_in_work_without_scripts() {
    let site = Site::new();
    site.visit_without_scripts(&["400", "401"], async |page| {
        page.open("").await;
        page.wait_for_address("login").await;
        page.follow_link("Register").await;
        send_registration(page, "new", "x", "short").await;
        assert_registration_rejected(page).await;
        assert_eq!(page.value("#password").await, "");

        send_registration(page, "new@example.com", "newcomer", PASSWORD).await;
        page.wait_for_address("").await;
        page.find("button[title='You: newcomer']").await;

        page.sign_out().await;
        page.see(".notice", "You are signed out.").await;
        page.open("widgets?q=north").await;
        page.wait_for_address("login?next=widgets%3Fq%3Dnorth").await;
        page.submit_sign_in("new", "not the password").await;
        page.see(".summary", "email or password does not match").await;
        assert_eq!(page.value("#login").await, "new@example.com");
        assert_eq!(page.value("#password").await, "");

        page.submit_sign_in("new", PASSWORD).await;
        page.wait_for_address("widgets?q=north").await;
        page.find("button[title='You: newcomer']").await;
        // A signed-in user is redirected to the home page.
        page.open("login").await;
        page.wait_for_address("").await;
    });
}

#[test]
#[ignore = "needs Chromium and its driver; .ci/run installs them"]
fn no_form_puts_a_password_into_the_address_without_scripts() {
    let site = Site::new();
    site.visit_without_scripts(&[], async |page| {
        page.sign_in("admin").await;
        for address in ["", "widgets", "tasks", "templates", "people", "audit", "account"] {
            page.open(address).await;
            let sent = "return [...document.querySelectorAll('form:has([type=password])')].some((form) => form.method === 'get' && !form.closest('dialog'))";
            assert_eq!(page.run(sent, &[]).await, false, "{address}");
        }
        page.screenshot("account-without-scripts").await;
    });
}

#[test]
#[ignore = "needs Chromium and its driver; .ci/run installs them"]
fn register_with_approval_shows_the_pending_status() {
    let site = Site::with(&[("WIDGETD_REGISTRATION", "approval")]);
    site.visit(&["403"], async |page| {
        page.open("register").await;
        send_registration(page, "new@example.com", "", PASSWORD).await;
        page.wait_for_address("login?notice=waiting").await;
        page.see(".notice", "An administrator has to approve your account").await;
        page.submit_sign_in("new", PASSWORD).await;
        page.see(".summary", "Your account is waiting for approval").await;
        site.command(&["user", "approve", "new@example.com"]);
        page.submit_sign_in("new", PASSWORD).await;
        page.wait_for_address("").await;
    });
}

#[test]
#[ignore = "needs Chromium and its driver; .ci/run installs them"]
fn password_reset_works_with_and_without_scripts() {
    let site = Site::new();
    let new_password = "a quiet place by the river";
    let reset = async |page: &Page, account: &str| {
        let code = site.command(&["user", "reset-code", &format!("{account}@example.com")]);
        let code =
            code.split_whitespace().find(|word| word.matches('-').count() == 3).unwrap().to_owned();
        page.open("login").await;
        page.follow_link("Forgot your password?").await;
        for (code, password) in
            [("abcd-efgh-ijkl-mnop", new_password), (&*code, "short"), (&*code, new_password)]
        {
            page.fill("#code", code).await;
            page.fill("#new_password", password).await;
            page.press_button("Set the password").await;
            match (code, password) {
                (_, "short") => {
                    page.see("#new_password-error", "must have at least 8 characters").await;
                }
                ("abcd-efgh-ijkl-mnop", _) => {
                    page.see("#code-error", "is wrong, has been used").await;
                }
                _ => page.wait_for_address("login?notice=reset").await,
            }
        }
        page.see(".notice", "Your new password is set.").await;
        page.submit_sign_in(account, new_password).await;
        page.wait_for_address("").await;
    };
    site.visit_without_scripts(&["400"], async |page| reset(page, "employee").await);
    site.visit(&["400"], async |page| reset(page, "manager").await);
}

#[test]
#[ignore = "needs Chromium and its driver; .ci/run installs them"]
fn register_and_sign_in_errors_are_shown_without_leaving_the_page() {
    let site = Site::new();
    site.visit(&["400", "401", "404", "409"], async |page| {
        page.open("register").await;
        page.run("window.isSamePage = true", &[]).await;
        send_registration(page, "new", "x", "short").await;
        assert_registration_rejected(page).await;
        assert_eq!(page.value("#password").await, "short");
        page.assert_accessible().await;
        page.screenshot("register-rejected").await;

        send_registration(page, "employee@example.com", "", PASSWORD).await;
        page.see("main .error", "employee@example.com is already registered").await;
        assert!(
            page.texts("#password-error, #username-error").await.is_empty(),
            "errors of the previous attempt"
        );
        assert_eq!(page.run("return window.isSamePage", &[]).await, true);
        send_registration(page, "new@example.com", "", PASSWORD).await;
        page.wait_for_address("").await;
        page.sign_out().await;

        page.open("login?next=account").await;
        page.run("window.isSamePage = true", &[]).await;
        page.submit_sign_in("new", "not the password").await;
        page.see(".summary", "email or password does not match").await;
        assert!(page.focus().await.contains("email or password does not match"));
        page.assert_accessible().await;
        assert_eq!(page.run("return window.isSamePage", &[]).await, true);
        page.submit_sign_in("new", PASSWORD).await;
        page.wait_for_address("account").await;
        page.sign_out().await;

        // The next page may have an error of its own.
        page.open("login?next=tasks/1").await;
        page.submit_sign_in("new", PASSWORD).await;
        page.wait_for_address("tasks/1").await;
        page.see("h1", "Not found").await;
    });
}

#[test]
#[ignore = "needs Chromium and its driver; .ci/run installs them"]
fn sign_in_offline_shows_an_error_and_can_be_retried() {
    let site = Site::new();
    site.visit(&["ERR_INTERNET_DISCONNECTED"], async |page| {
        page.open("login").await;
        page.set_offline(true).await;
        page.submit_sign_in("employee", PASSWORD).await;
        page.see("#banner", "The service cannot be reached.").await;
        page.set_offline(false).await;
        page.press_button("Try again").await;
        page.wait_for_address("").await;
    });
}

#[test]
#[ignore = "needs Chromium and its driver; .ci/run installs them"]
fn setup_link_creates_the_first_administrator() {
    let set_up = async |page: &Page, link: &str| {
        page.open("").await;
        page.see(".notice", "This service is new, and has no administrator yet.").await;
        page.open(link).await;
        page.fill("#email", "first").await;
        page.fill("#password", "short").await;
        page.press_button("Become the administrator").await;
        page.see("#email-error", "first is not a valid email").await;
        page.see("#password-error", "must have at least 8 characters").await;
        page.see_focus("email").await;
        page.fill("#email", "first@example.com").await;
        page.fill("#password", PASSWORD).await;
        page.press_button("Become the administrator").await;
        page.wait_for_address("").await;
        page.find("button[title='You: first@example.com']").await;
        page.see("nav", "People").await;
        page.open(link).await;
        page.see(".notice", "This link is wrong, or has been used.").await;
        page.see_none("main form").await;
    };
    let (site, link) = Site::without_users();
    site.visit_without_scripts(&["400", "404"], async |page| set_up(page, &link).await);
    let (site, link) = Site::without_users();
    site.visit(&["400", "404"], async |page| set_up(page, &link).await);
}
