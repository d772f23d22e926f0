//! The people page, on which administrators manage users.

use super::{Page, Site};
use crate::program::PASSWORD;

/// Opens "More" of an account, and presses one of the buttons there.
async fn press(page: &Page, account: &str, label: &str) {
    page.press_in_record(account, "More").await;
    page.press_in_record(account, label).await;
}

#[test]
#[ignore = "needs Chromium and its driver; .ci/run installs them"]
fn admin_approves_changes_disables_and_deletes_users() {
    let site = Site::with(&[("WIDGETD_REGISTRATION", "approval")]);
    let register = [("email", "new@example.com"), ("password", PASSWORD)];
    assert_eq!(site.anonymous().post("/auth/register", &register).status, 201);
    let log_in = || site.anonymous().attempt("new@example.com", PASSWORD).status;
    site.visit(&["409"], async |page| {
        page.sign_in("admin").await;
        page.open("people").await;
        page.see("#pending-users", "One account waits for your approval.").await;
        page.follow_link("Show who waits").await;
        page.wait_for_address("people?status=pending").await;
        assert_eq!(page.texts(".records .name").await, ["new@example.com"]);
        assert_eq!(log_in(), 403);
        page.press_in_record("new@example.com", "Approve").await;
        page.see("#toast", "new@example.com may sign in now.").await;
        page.see(".no-match", "Nothing matches").await;
        assert_eq!(log_in(), 200);

        page.open("people?q=new").await;
        press(page, "new@example.com", "Change role").await;
        page.see("#role-title", "Role of new@example.com").await;
        page.assert_accessible().await;
        page.choose("#new-role", "manager").await;
        page.press_button("Save").await;
        page.see("#toast", "new@example.com has a new role.").await;
        page.see(".records > li", "manager · registered").await;
        page.see(".records > li", "stores 0 bytes of 64 MiB").await;
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
        assert_eq!(log_in(), 403);
        press(page, "new@example.com", "Enable").await;
        page.see("#toast", "new@example.com is enabled.").await;
        assert_eq!(log_in(), 200);

        page.press_in_record("new@example.com", "More").await;
        page.follow_link("What happened").await;
        page.wait_for_address("audit?account=new%40example.com").await;
        page.see(".records > li", "admin@example.com enabled new@example.com").await;

        page.open("people?q=new").await;
        press(page, "new@example.com", "Delete").await;
        page.see("#confirm-question", "Delete new@example.com?").await;
        page.press_button("Delete").await;
        page.see("#toast", "new@example.com is deleted.").await;
        page.see(".no-match", "Nothing matches").await;
        assert_eq!(log_in(), 401);

        // The last administrator cannot be disabled.
        page.open("people?role=admin").await;
        press(page, "admin@example.com", "Disable").await;
        page.see("#confirm-question", "Disable your own account?").await;
        page.press_button("Disable").await;
        page.see("#confirm .summary", "last").await;
        page.assert_accessible().await;
        page.screenshot("people-last").await;
        page.press_button("Cancel").await;
    });
}

#[test]
#[ignore = "needs Chromium and its driver; .ci/run installs them"]
fn reset_code_is_shown_once_and_works() {
    let site = Site::new();
    let new_password = "a quiet place by the river";
    site.visit(&[], async |page| {
        page.sign_in("admin").await;
        page.open("people?q=employee").await;
        press(page, "employee@example.com", "Reset code").await;
        page.see("#reset-code-title", "Reset code for employee@example.com").await;
        let code = page.texts("#reset-code .secret").await.remove(0);
        assert_eq!(code.matches('-').count(), 3, "{code}");
        assert_eq!(page.texts("#reset-code a").await, [format!("{}/reset", page.origin)]);
        page.assert_accessible().await;
        page.press_button("Done").await;
        page.see_none("dialog").await;
        page.assert_absent(&code).await;
        let fields = [("code", &*code), ("new_password", new_password)];
        assert_eq!(site.anonymous().post("/auth/reset", &fields).status, 200);
        assert_eq!(site.anonymous().attempt("employee@example.com", new_password).status, 200);
    });
}
