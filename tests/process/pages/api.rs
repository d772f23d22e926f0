//! The API page: its header, a request with the session of the pages, and both themes.

use serde_json::json;

use super::{Page, Site};
use crate::browser_support::Display;

const OPERATION: &str = "#operations-Your_account-get_current_user";

/// Waits until Swagger UI has read the document.
async fn open_api_page(page: &Page) {
    page.open("api/v1/ui").await;
    page.see(".opblock-tag", "Widgets").await;
}

async fn open_operation(page: &Page, operation: &str) {
    page.click(&format!("{operation} .opblock-summary-control")).await;
    page.see(&format!("{operation} .opblock-body"), "Responses").await;
}

/// Executes an operation that is open, and waits for its status.
async fn execute(page: &Page, operation: &str, status: &str) {
    page.click(&format!("{operation} .execute")).await;
    page.see(&format!("{operation} .live-responses-table .response-col_status"), status).await;
}

/// Takes pictures of what is open, light, dark and narrow, and fails where a text cannot be read.
async fn check_displays(page: &Page, name: &str) {
    for display in [Display::Light, Display::Dark, Display::Narrow] {
        page.set_display(display).await;
        let is_dark = display == Display::Dark;
        page.wait_until(
            "document.documentElement.classList.contains('dark-mode') === arguments[0]",
            &[json!(is_dark)],
        )
        .await;
        page.screenshot(&format!("api-{name}-{}", display.name())).await;
        page.assert_no_overflow().await;
        page.assert_readable().await;
    }
    page.set_display(Display::Light).await;
}

#[test]
#[ignore = "needs Chromium and its driver; .ci/run installs them"]
fn api_page_says_who_is_signed_in_and_leads_home_and_back_from_login() {
    let site = Site::new();
    site.visit(&["401"], async |page| {
        open_api_page(page).await;
        page.see(".bar p", "You are not signed in. Sign in, or authorize with a token.").await;
        open_operation(page, OPERATION).await;
        execute(page, OPERATION, "401").await;
        check_displays(page, "signed-out").await;

        page.follow_link("Sign in").await;
        page.wait_for_address("login?next=api%2Fv1%2Fui").await;
        page.submit_sign_in("manager", crate::program::PASSWORD).await;
        page.wait_for_address("api/v1/ui").await;
        let said = "You are signed in as manager@example.com (manager). What you try here is real.";
        page.see(".bar p", said).await;
        page.see(".opblock-tag", "Widgets").await;
        check_displays(page, "signed-in").await;
        open_operation(page, OPERATION).await;
        execute(page, OPERATION, "200").await;
        page.see(&format!("{OPERATION} .live-responses-table"), "manager@example.com").await;
        check_displays(page, "executed").await;

        page.follow_link("widgetd").await;
        page.wait_for_address("").await;
    });
}

#[test]
#[ignore = "needs Chromium and its driver; .ci/run installs them"]
fn api_page_writes_with_the_session_cookie() {
    let site = Site::new();
    site.visit(&[], async |page| {
        page.sign_in("admin").await;
        open_api_page(page).await;
        let create = "#operations-Widgets-create_widget";
        open_operation(page, create).await;
        // The example is a body that can be sent as it is.
        execute(page, create, "201").await;
        check_displays(page, "write").await;
    });
    assert_eq!(site.api("employee").get("/widgets/first-widget").status, 200);
}

#[test]
#[ignore = "needs Chromium and its driver; .ci/run installs them"]
fn api_page_has_the_theme_that_was_chosen() {
    let site = Site::new();
    site.visit(&[], async |page| {
        page.sign_in("employee").await;
        page.open("account").await;
        page.press_button("Dark").await;
        page.see("#flash", "Saved.").await;
        page.open("api/v1/ui").await;
        page.wait_until("document.documentElement.matches('.dark-mode')", &[]).await;
    });
}

#[test]
#[ignore = "needs Chromium and its driver; .ci/run installs them"]
fn api_page_can_be_read_in_each_theme() {
    let site = Site::new();
    site.visit(&[], async |page| {
        page.sign_in("admin").await;
        open_api_page(page).await;
        page.fill(".operation-filter-input", "Tasks").await;
        page.see_none("#operations-tag-Widgets").await;
        check_displays(page, "filter").await;
        for operation in ["create_task", "list_tasks", "update_task"] {
            let operation = format!("#operations-Tasks-{operation}");
            open_operation(page, &operation).await;
            check_displays(page, operation.trim_start_matches('#')).await;
            page.click(&format!("{operation} .opblock-summary-control")).await;
        }
        page.click(".models-control").await;
        page.see(".models", "TaskView").await;
        check_displays(page, "models").await;
        page.click(".auth-wrapper .authorize").await;
        page.see(".dialog-ux", "bearer").await;
        check_displays(page, "authorize").await;
    });
}
