//! The team's name on the pages and in the calendar.

use rocket::http::Status;
use widgetd::domain::Role;

use crate::support::{Answer, TestApp, Visitor};

const HOSTILE: &str = "</title><script>alert(1)</script>\"'&amp;,;\\";

async fn app_of(team: &str) -> TestApp {
    TestApp::with(&[("team_name", &format!("{team:?}"))]).await
}

/// The pages that a visitor may see, and that of the API.
async fn pages(app: &TestApp, visitor: &Visitor<'_>) -> Vec<(String, Answer)> {
    let mut pages = Vec::new();
    for path in app.pages(&[]).into_iter().chain(["/api/v1/ui".to_owned()]) {
        let page = visitor.open(&path).await;
        if page.status == Status::Ok {
            pages.push((path, page));
        }
    }
    pages
}

#[rocket::async_test]
async fn team_name_is_in_the_title_and_the_bar_of_every_page_and_escaped() {
    let app = app_of(HOSTILE).await;
    // Setup is possible from this machine, and while there is no administrator.
    let mut pages = [pages(&app, &app.visitor().from("127.0.0.1")).await].concat();
    assert_eq!(pages.len(), 5, "login, register, reset, setup, the API's page");
    let admin = app.user_of("root", Role::Admin).await.in_a_browser();
    pages.extend(self::pages(&app, &admin).await);
    assert!(pages.len() > 15);
    pages.push(("404".to_owned(), admin.open("/nope").await));
    for (path, page) in &pages {
        let elements = page.elements();
        let text = |tag| elements.iter().find(|e| e.tag == tag).map(|e| e.text.as_str());
        let title = text("title").unwrap();
        assert!(title.ends_with(&format!(" · {HOSTILE}")), "{path}: {title}");
        assert_eq!(text("bdi"), Some(HOSTILE), "{path}");
        let scripts = elements.iter().filter(|e| e.tag == "script");
        assert!(scripts.clone().count() > 0 && scripts.clone().all(|e| e.has("src")), "{path}");
    }
    for path in ["/login", "/register"] {
        let (_, page) = pages.iter().find(|(shown, _)| shown == path).unwrap();
        let names = page.elements().into_iter().filter(|e| e.text == HOSTILE);
        assert_eq!(names.count(), 2, "the bar and the heading of {path}");
    }
}

#[rocket::async_test]
async fn team_name_of_the_calendar_is_that_of_the_settings() {
    let app = app_of(HOSTILE).await;
    let admin = app.admin().await;
    let key = admin.post("/auth/keys", &[("name", "a"), ("scope", "calendar")]).await.body;
    let key = key["key"].as_str().unwrap();
    let calendar = app.anon().get(&format!("/calendar.ics?key={key}")).await;
    let name = HOSTILE.replace('\\', "\\\\").replace(';', "\\;").replace(',', "\\,");
    let line = format!("\r\nX-WR-CALNAME:{name}\r\n");
    assert!(calendar.text.replace("\r\n ", "").contains(&line), "{}", calendar.text);
}
