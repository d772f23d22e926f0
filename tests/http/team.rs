//! The team's name on the pages, in the manifest and in the calendar; icons and colours.

use rocket::http::Status;
use serde_json::json;
use widgetd::domain::Role;

use crate::support::{Answer, TestApp, Visitor, resolve};

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
async fn team_name_of_the_calendar_and_the_manifest_is_that_of_the_settings() {
    let app = app_of(HOSTILE).await;
    let admin = app.admin().await;
    let key = admin.post("/auth/keys", &[("name", "a"), ("scope", "calendar")]).await.body;
    let key = key["key"].as_str().unwrap();
    let calendar = app.anon().get(&format!("/calendar.ics?key={key}")).await;
    let name = HOSTILE.replace('\\', "\\\\").replace(';', "\\;").replace(',', "\\,");
    let line = format!("\r\nX-WR-CALNAME:{name}\r\n");
    assert!(calendar.text.replace("\r\n ", "").contains(&line), "{}", calendar.text);
    assert_eq!(app.visitor().open("/manifest.webmanifest").await.body["name"], HOSTILE);
}

#[rocket::async_test]
async fn manifest_addresses_are_relative_and_its_icons_exist() {
    let app = TestApp::new().await;
    let visitor = app.visitor();
    let (page, style) = (visitor.open("/login").await, visitor.open("/assets/any/style.css").await);
    let manifest = page.elements().into_iter().find(|e| e.get("rel") == Some("manifest")).unwrap();
    let address = resolve("/login", manifest.get("href").unwrap());
    let manifest = visitor.open(&address).await;
    assert_eq!(manifest.header("Content-Type"), Some("application/manifest+json"));
    assert_eq!(manifest.header("Cache-Control"), Some("no-cache"));
    let body = &manifest.assert(Status::Ok).body;
    assert_eq!((&body["start_url"], &body["scope"]), (&json!("./"), &json!("./")));
    assert_eq!(body["display"], "standalone");
    let of_manifest = body["icons"].as_array().unwrap();
    let purposes: Vec<_> = of_manifest.iter().map(|icon| icon["purpose"].clone()).collect();
    assert_eq!(purposes, ["any", "maskable"]);
    let icons = of_manifest.iter().map(|icon| resolve(&address, icon["src"].as_str().unwrap()));
    let links = page.elements().into_iter().filter(|e| e.get("rel").unwrap_or("").contains("icon"));
    let links: Vec<_> = links.map(|e| resolve("/login", e.get("href").unwrap())).collect();
    assert_eq!(links.len(), 2, "that of the tab, and that of Apple's home screen");
    for icon in icons.chain(links) {
        let file = visitor.open(&icon).await;
        let content_type = file.assert(Status::Ok).header("Content-Type").unwrap();
        assert!(content_type.starts_with("image/"), "{icon}: {content_type}");
    }
    // Where browsers look without a page.
    let favicon = visitor.open("/favicon.ico").await;
    assert_eq!(favicon.assert(Status::Ok).header("Content-Type"), Some("image/svg+xml"));

    // The colours are those of the style sheet.
    let colours = page.elements().into_iter().filter(|e| e.get("name") == Some("theme-color"));
    let colours: Vec<_> = colours.map(|e| e.get("content").unwrap().to_owned()).collect();
    let token = |name: &str| {
        let (_, rest) = style.text.split_once(&format!("--{name}:light-dark(")).unwrap();
        let (pair, _) = rest.split_once(')').unwrap();
        pair.split(',').map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(colours, token("surface"));
    assert_eq!(body["theme_color"], token("surface")[0]);
    assert_eq!(body["background_color"], token("background")[0]);
}
