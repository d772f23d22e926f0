//! Coming in: to register, to sign in, to set a new password; with scripts and without.

use super::{Page, Site};
use crate::program::PASSWORD;

/// Where what is wrong stands, and what stands in each field, of a registration that was refused.
async fn assert_registration_refused(page: &Page) {
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
fn without_scripts_somebody_registers_and_signs_out_and_in() {
    let site = Site::new();
    site.visit_without_scripts(&["400", "401"], async |page| {
        page.go("").await;
        page.arrive("login").await;
        page.follow("Register").await;
        send_registration(page, "new", "x", "short").await;
        assert_registration_refused(page).await;
        assert_eq!(page.value("#password").await, "");

        send_registration(page, "new@example.com", "newcomer", PASSWORD).await;
        page.arrive("").await;
        page.see(".who", "newcomer").await;
        page.see("main .notice", "This page needs JavaScript.").await;

        page.sign_out().await;
        page.see(".notice", "You are signed out.").await;
        page.go("widgets?q=north").await;
        page.arrive("login?next=widgets%3Fq%3Dnorth").await;
        page.send_login("new", "not the password").await;
        page.see(".summary", "email or password does not match").await;
        assert_eq!(page.value("#login").await, "new@example.com");
        assert_eq!(page.value("#password").await, "");

        page.send_login("new", PASSWORD).await;
        page.arrive("widgets?q=north").await;
        page.see(".who", "newcomer").await;
        // Somebody who is in has nothing to do here.
        page.go("login").await;
        page.arrive("").await;
    });
}

#[test]
#[ignore = "needs Chromium and its driver; .ci/run installs them"]
fn without_scripts_what_needs_them_is_not_offered() {
    let site = Site::new();
    site.visit_without_scripts(&[], async |page| {
        page.sign_in("admin").await;
        for address in ["", "widgets", "tasks", "templates", "people", "audit", "account"] {
            page.go(address).await;
            page.see("main .notice", "This page needs JavaScript.").await;
            page.see_none("main :is(button, input, select, textarea, .card, .state)").await;
            // Nor does anything that was typed come into an address where a script fails to load.
            let sent = "return [...document.querySelectorAll('form:has([type=password])')].some((form) => form.method === 'get' && !form.closest('dialog'))";
            assert_eq!(page.run(sent, &[]).await, false, "{address}");
        }
        page.take_picture("account-without-scripts").await;
    });
}

#[test]
#[ignore = "needs Chromium and its driver; .ci/run installs them"]
fn without_scripts_a_form_that_was_refused_can_be_reloaded() {
    let site = Site::new();
    site.visit_without_scripts(&["401"], async |page| {
        page.go("login").await;
        page.send_login("nobody", PASSWORD).await;
        page.see(".summary", "email or password does not match").await;
        // Somebody enters the address once more, which is not that of a page.
        page.go("api/v1/auth/login").await;
        page.arrive("login").await;
        page.see("h1", "Sign in").await;
    });
}

#[test]
#[ignore = "needs Chromium and its driver; .ci/run installs them"]
fn who_waits_for_approval_is_told_so() {
    let site = Site::with(&[("WIDGETD_REGISTRATION", "approval")]);
    site.visit_without_scripts(&["403"], async |page| {
        page.go("register").await;
        page.see("main", "An administrator approves your account before you can sign in.").await;
        send_registration(page, "without@example.com", "", PASSWORD).await;
        page.arrive("login?notice=waiting").await;
        page.see(".notice", "An administrator has to approve your account").await;
        page.send_login("without", PASSWORD).await;
        page.see(".summary", "Your account is waiting for approval").await;
        site.command(&["user", "approve", "without@example.com"]);
        page.send_login("without", PASSWORD).await;
        page.arrive("").await;
    });
    site.visit(&["403"], async |page| {
        page.go("register").await;
        send_registration(page, "with@example.com", "", PASSWORD).await;
        page.arrive("login?notice=waiting").await;
        page.see(".notice", "An administrator has to approve your account").await;
        page.send_login("with", PASSWORD).await;
        page.see(".summary", "Your account is waiting for approval").await;
        site.command(&["user", "approve", "with@example.com"]);
        page.send_login("with", PASSWORD).await;
        page.arrive("").await;
    });
}

#[test]
#[ignore = "needs Chromium and its driver; .ci/run installs them"]
fn where_registration_is_closed_nobody_is_led_there() {
    let site = Site::with(&[("WIDGETD_REGISTRATION", "closed")]);
    site.visit_without_scripts(&[], async |page| {
        page.go("login").await;
        assert_eq!(page.texts("main a").await, ["Forgot your password?"]);
        page.go("register").await;
        page.see(".notice", "Registration is closed.").await;
        page.see_none("form").await;
    });
}

#[test]
#[ignore = "needs Chromium and its driver; .ci/run installs them"]
fn with_a_code_somebody_sets_a_new_password() {
    let site = Site::new();
    let new_password = "a quiet place by the river";
    let reset = async |page: &Page, account: &str| {
        let code = site.command(&["user", "reset-code", &format!("{account}@example.com")]);
        let code =
            code.split_whitespace().find(|word| word.matches('-').count() == 3).unwrap().to_owned();
        page.go("login").await;
        page.follow("Forgot your password?").await;
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
                _ => page.arrive("login?notice=reset").await,
            }
        }
        page.see(".notice", "Your new password is set.").await;
        page.send_login(account, new_password).await;
        page.arrive("").await;
    };
    site.visit_without_scripts(&["400"], async |page| reset(page, "employee").await);
    site.visit(&["400"], async |page| reset(page, "manager").await);
}

#[test]
#[ignore = "needs Chromium and its driver; .ci/run installs them"]
fn with_scripts_what_is_wrong_is_shown_without_leaving_the_page() {
    let site = Site::new();
    site.visit(&["400", "401", "409"], async |page| {
        page.go("register").await;
        page.run("window.isStill = true", &[]).await;
        send_registration(page, "new", "x", "short").await;
        assert_registration_refused(page).await;
        assert_eq!(page.value("#password").await, "short");
        page.assert_without_barriers().await;
        page.take_picture("register-refused").await;

        send_registration(page, "employee@example.com", "", PASSWORD).await;
        page.see("main .error", "employee@example.com is already registered").await;
        assert!(
            page.texts("#password-error, #username-error").await.is_empty(),
            "what was wrong before"
        );
        assert_eq!(page.run("return window.isStill", &[]).await, true);
        send_registration(page, "new@example.com", "", PASSWORD).await;
        page.arrive("").await;
        page.sign_out().await;

        page.go("login?next=account").await;
        page.run("window.isStill = true", &[]).await;
        page.send_login("new", "not the password").await;
        page.see(".summary", "email or password does not match").await;
        assert!(page.focus().await.contains("email or password does not match"));
        page.assert_without_barriers().await;
        assert_eq!(page.run("return window.isStill", &[]).await, true);
        page.send_login("new", PASSWORD).await;
        page.arrive("account").await;
    });
}

#[test]
#[ignore = "needs Chromium and its driver; .ci/run installs them"]
fn who_is_offline_is_told_so_and_can_send_once_more() {
    let site = Site::new();
    site.visit(&["ERR_INTERNET_DISCONNECTED"], async |page| {
        page.go("login").await;
        page.set_offline(true).await;
        page.send_login("employee", PASSWORD).await;
        page.see(".summary", "The service cannot be reached. Please check your connection.").await;
        page.set_offline(false).await;
        page.press_button("Sign in").await;
        page.arrive("").await;
    });
}

#[test]
#[ignore = "needs Chromium and its driver; .ci/run installs them"]
fn the_first_administrator_comes_in_by_the_link_that_was_printed() {
    let set_up = async |page: &Page, link: &str| {
        page.go("").await;
        page.see(".notice", "This service is new, and has no administrator yet.").await;
        page.go(link).await;
        page.fill("#email", "first").await;
        page.fill("#password", "short").await;
        page.press_button("Become the administrator").await;
        page.see("#email-error", "first is not a valid email").await;
        page.see("#password-error", "must have at least 8 characters").await;
        page.see_focus("email").await;
        page.fill("#email", "first@example.com").await;
        page.fill("#password", PASSWORD).await;
        page.press_button("Become the administrator").await;
        page.arrive("").await;
        page.see(".who", "first@example.com").await;
        page.see("nav", "People").await;
        page.go(link).await;
        page.see(".notice", "This link is wrong, or has been used.").await;
        page.see_none("main form").await;
    };
    let (site, link) = Site::without_accounts();
    site.visit_without_scripts(&["400", "404"], async |page| set_up(page, &link).await);
    let (site, link) = Site::without_accounts();
    site.visit(&["400", "404"], async |page| set_up(page, &link).await);
}
