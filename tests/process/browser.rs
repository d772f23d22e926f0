//! The API's pages in a real browser, with the network cut.

use std::path::Path;
use std::time::Duration;

use crate::browser_support::Browser;
use crate::program::{PASSWORD, Place};

#[test]
#[ignore = "needs Chromium and its driver; .ci/run installs them"]
fn the_api_can_be_tried_out_in_a_browser_and_nobody_else_is_asked() {
    let place = Place::new();
    let server = place.serve();
    place.add_admin();
    assert_eq!(
        server.log_in("admin@example.com").try_add_widget("seen-in-the-browser").unwrap().status,
        201
    );
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    runtime.block_on(try_out(&server.url));
}

async fn try_out(url: &str) {
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
    assert!(list.contains("seen-in-the-browser"), "{list}");

    let picture = browser.page.screenshot().await.unwrap();
    std::fs::write(Path::new(env!("CARGO_TARGET_TMPDIR")).join("api-pages.png"), picture).unwrap();

    let requests = browser.requests().await;
    assert!(
        requests.iter().any(|request| request.ends_with("/api/v1/openapi.json")),
        "{requests:?}"
    );
    assert!(requests.iter().any(|request| request.contains("/api/v1/widgets")), "{requests:?}");
    // What is part of the page or of the browser itself does not leave the machine.
    let stays = |request: &String| {
        ["data:", "blob:", "chrome:"].iter().any(|scheme| request.starts_with(scheme))
    };
    let elsewhere: Vec<_> = requests
        .iter()
        .filter(|request| !request.starts_with(&format!("{url}/")) && !stays(request))
        .collect();
    assert!(elsewhere.is_empty(), "{elsewhere:?}");
    let complaints = browser.complaints().await;
    assert!(complaints.is_empty(), "{complaints:?}");
    browser.page.clone().close().await.unwrap();
}

/// Tries an operation out, and answers the body of the answer, which must be 200.
async fn execute(browser: &Browser, operation: &str, body: Option<&str>) -> String {
    browser.click(&format!("{operation} .opblock-summary-control")).await;
    browser.click(&format!("{operation} .try-out__btn")).await;
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
