//! Swagger UI in a real browser, without access to other hosts.

use std::path::Path;
use std::time::Duration;

use crate::browser_support::Browser;
use crate::program::{PASSWORD, Place};

#[test]
#[ignore = "needs Chromium and its driver; .ci/run installs them"]
fn swagger_ui_calls_the_api_and_no_other_host() {
    let place = Place::new();
    let server = place.serve();
    place.add_admin();
    assert_eq!(
        server.log_in("admin@example.com").try_add_widget("from-swagger-ui").unwrap().status,
        201
    );
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    runtime.block_on(use_swagger_ui(&server.url));
}

async fn use_swagger_ui(url: &str) {
    let browser = Browser::start().await;
    browser.page.goto(&format!("{url}/api/v1/ui")).await.unwrap();

    let log_in = "#operations-Accounts-log_in";
    let answer = execute(
        &browser,
        log_in,
        Some(&format!("{{\"email\": \"admin@example.com\", \"password\": \"{PASSWORD}\"}}")),
    )
    .await;
    let answer: serde_json::Value =
        serde_json::from_str(&answer).unwrap_or_else(|_| panic!("{answer}"));
    let token = answer["access_token"].as_str().expect("a token");

    browser.click(".auth-wrapper .authorize").await;
    browser.fill(".auth-container input", token).await;
    browser.click(".auth-btn-wrapper .authorize").await;
    browser.click(".auth-btn-wrapper .btn-done").await;

    let list = execute(&browser, "#operations-Widgets-list_widgets", None).await;
    assert!(list.contains("from-swagger-ui"), "{list}");

    let screenshot = browser.page.screenshot().await.unwrap();
    std::fs::write(Path::new(env!("CARGO_TARGET_TMPDIR")).join("swagger-ui.png"), screenshot)
        .unwrap();

    let requests = browser.requests().await;
    assert!(
        requests.iter().any(|request| request.ends_with("/api/v1/openapi.json")),
        "{requests:?}"
    );
    assert!(requests.iter().any(|request| request.contains("/api/v1/widgets")), "{requests:?}");
    let is_local = |request: &String| {
        ["data:", "blob:", "chrome:"].iter().any(|scheme| request.starts_with(scheme))
    };
    let external: Vec<_> = requests
        .iter()
        .filter(|request| !request.starts_with(&format!("{url}/")) && !is_local(request))
        .collect();
    assert!(external.is_empty(), "{external:?}");
    let console_errors = browser.console_errors().await;
    assert!(console_errors.is_empty(), "{console_errors:?}");
    browser.page.clone().close().await.unwrap();
}

/// Executes an operation. Returns the body of the answer, whose status must be 200.
async fn execute(browser: &Browser, operation: &str, body: Option<&str>) -> String {
    browser.click(&format!("{operation} .opblock-summary-control")).await;
    if let Some(body) = body {
        browser.fill(&format!("{operation} textarea.body-param__text"), body).await;
    }
    browser.click(&format!("{operation} .execute")).await;
    let status = browser
        .find(&format!("{operation} .live-responses-table tbody .response-col_status"))
        .await;
    let text = status.text().await.unwrap();
    assert!(text.starts_with("200"), "{text}");
    tokio::time::sleep(Duration::from_millis(300)).await;
    let shown = browser
        .find(&format!(
            "{operation} .live-responses-table tbody .response-col_description .highlight-code code"
        ))
        .await;
    shown.text().await.unwrap()
}
