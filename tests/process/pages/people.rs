//! The page of all accounts, and what administrators do with them.

use super::{Page, Site};
use crate::program::PASSWORD;

/// Presses a button of an account that stands behind "More".
async fn press(page: &Page, account: &str, label: &str) {
    page.press_in_record(account, "More").await;
    page.press_in_record(account, label).await;
}

#[test]
#[ignore = "needs Chromium and its driver; .ci/run installs them"]
fn an_administrator_lets_people_in_helps_them_and_shuts_them_out() {
    let site = Site::with(&[("WIDGETD_REGISTRATION", "approval")]);
    let register = [("email", "new@example.com"), ("password", PASSWORD)];
    assert_eq!(site.anybody().post("/auth/register", &register).status, 201);
    let try_in = || site.anybody().attempt("new@example.com", PASSWORD).status;
    site.visit(&["409"], async |page| {
        page.sign_in("admin").await;
        page.go("people").await;
        page.see("#pending-users", "One account waits for your approval.").await;
        page.follow("Show who waits").await;
        page.arrive("people?status=pending").await;
        assert_eq!(page.texts(".records .name").await, ["new@example.com"]);
        assert_eq!(try_in(), 403);
        page.press_in_record("new@example.com", "Approve").await;
        page.see("#toast", "new@example.com may sign in now.").await;
        page.see(".no-match", "Nothing matches").await;
        assert_eq!(try_in(), 200);

        page.go("people?q=new").await;
        press(page, "new@example.com", "Change role").await;
        page.see("#role-title", "Role of new@example.com").await;
        page.assert_without_barriers().await;
        page.choose("#new-role", "manager").await;
        page.press_button("Save").await;
        page.see("#toast", "new@example.com has a new role.").await;
        page.see(".records > li", "manager · registered").await;
        assert_eq!(site.api("new").get("/auth/user").body["role"], "manager");

        let open = site.api("new");
        press(page, "new@example.com", "Sign out everywhere").await;
        page.see("#confirm-question", "Sign out new@example.com, everywhere? API keys stay.").await;
        page.press_button("Sign out everywhere").await;
        page.see("#toast", "new@example.com is signed out everywhere.").await;
        assert_eq!(open.get("/auth/user").status, 401);

        press(page, "new@example.com", "Disable").await;
        page.see("#confirm-question", "Disable new@example.com?").await;
        page.press_button("Disable").await;
        page.see("#toast", "new@example.com is disabled.").await;
        page.see(".records .tag", "disabled").await;
        assert_eq!(try_in(), 403);
        press(page, "new@example.com", "Enable").await;
        page.see("#toast", "new@example.com is enabled.").await;
        assert_eq!(try_in(), 200);

        page.press_in_record("new@example.com", "More").await;
        page.follow("What happened").await;
        page.arrive("audit?account=new%40example.com").await;
        page.see(".records > li", "admin@example.com enabled new@example.com").await;

        page.go("people?q=new").await;
        press(page, "new@example.com", "Delete").await;
        page.see("#confirm-question", "Delete new@example.com?").await;
        page.press_button("Delete").await;
        page.see("#toast", "new@example.com is deleted.").await;
        page.see(".no-match", "Nothing matches").await;
        assert_eq!(try_in(), 401);

        // The last administrator stays.
        page.go("people?role=admin").await;
        press(page, "admin@example.com", "Disable").await;
        page.see("#confirm-question", "Disable your own account?").await;
        page.press_button("Disable").await;
        page.see("#confirm .summary", "last").await;
        page.assert_without_barriers().await;
        page.take_picture("people-last").await;
        page.press_button("Cancel").await;
    });
}

#[test]
#[ignore = "needs Chromium and its driver; .ci/run installs them"]
fn a_reset_code_is_shown_once_and_sets_a_password() {
    let site = Site::new();
    let new_password = "a quiet place by the river";
    site.visit(&[], async |page| {
        page.sign_in("admin").await;
        page.go("people?q=employee").await;
        press(page, "employee@example.com", "Reset code").await;
        page.see("#reset-code-title", "Reset code for employee@example.com").await;
        let code = page.texts("#reset-code .secret").await.remove(0);
        assert_eq!(code.matches('-').count(), 3, "{code}");
        assert_eq!(page.texts("#reset-code a").await, [format!("{}/reset", page.origin)]);
        page.assert_without_barriers().await;
        page.press_button("Done").await;
        page.see_none("dialog").await;
        page.assert_absent(&code).await;
        page.sign_out().await;

        page.go("reset").await;
        page.fill("#code", &code).await;
        page.fill("#new_password", new_password).await;
        page.press_button("Set the password").await;
        page.arrive("login?notice=reset").await;
        page.send_login("employee", new_password).await;
        page.arrive("").await;
    });
}

#[test]
#[ignore = "needs Chromium and its driver; .ci/run installs them"]
fn who_is_no_administrator_finds_neither_page() {
    let site = Site::new();
    site.visit(&["403"], async |page| {
        page.sign_in("manager").await;
        assert_eq!(page.texts("nav a").await, ["Home", "Widgets", "Tasks", "Templates", "Account"]);
        for address in ["people", "audit"] {
            page.go(address).await;
            page.see("h1", "Not for you").await;
            page.assert_without_barriers().await;
        }
        page.take_picture("problem-manager").await;
        page.follow("To the start").await;
        page.arrive("").await;
    });
}
