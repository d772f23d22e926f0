//! Sort, filters, search and pagination of lists, with `/widgets` as the example.

use std::time::Duration;

use rocket::http::{Method, Status};
use serde_json::json;
use widgetd::domain::{Precondition, Role};

use crate::support::{Actor, TestApp};

async fn names(actor: &Actor<'_>, query: &str) -> Vec<String> {
    let list = actor.get(&format!("/widgets?per_page=100{query}")).await;
    let names: Vec<_> = list.each("name").into_iter().map(str::to_owned).collect();
    assert_eq!(list.body["total_items"], json!(names.len()));
    names
}

async fn add(actor: &Actor<'_>, name: &str, url: &str, deadline: &str) {
    let fields = [("name", name), ("info_url", url), ("deadline", deadline)];
    actor.post("/widgets", &fields).await.assert(Status::Created);
}

/// Four widgets of two owners, in this order of creation.
async fn scene(app: &TestApp) -> (Actor<'_>, Actor<'_>) {
    let (admin, bob) = (app.admin().await, app.user("bob").await);
    app.set_role(&bob, Role::Admin).await;
    add(&admin, "north-star", "https://example.com/sky", "2026-12-24").await;
    add(&bob, "south_wind", "https://example.com/air", "2026-11-21").await;
    add(&admin, "west", "https://elsewhere.example/sea", "2026-12-24").await;
    add(&bob, "east2", "https://example.com/sun", "2026-11-30").await;
    (admin, bob)
}

#[rocket::async_test]
async fn sort_follows_the_query_and_ties_the_order_of_creation() {
    let app = TestApp::new().await;
    let (admin, _) = scene(&app).await;
    let created = ["north-star", "south_wind", "west", "east2"];
    assert_eq!(names(&admin, "").await, created);
    assert_eq!(names(&admin, "&sort=created_at").await, created);
    assert_eq!(
        names(&admin, "&sort=-created_at").await,
        ["east2", "west", "south_wind", "north-star"]
    );
    // Equal deadlines are in the order of creation.
    assert_eq!(
        names(&admin, "&sort=deadline").await,
        ["south_wind", "east2", "north-star", "west"]
    );
    assert_eq!(
        names(&admin, "&sort=-deadline").await,
        ["west", "north-star", "east2", "south_wind"]
    );
    admin.patch("/widgets/west", &[("deadline", "2026-11-22")]).await.assert(Status::Ok);
    assert_eq!(
        names(&admin, "&sort=deadline").await,
        ["south_wind", "west", "east2", "north-star"]
    );
    assert_eq!(names(&admin, "").await, created);
}

#[rocket::async_test]
async fn filters_by_owner_deadline_and_overdue() {
    let app = TestApp::new().await;
    let (admin, bob) = scene(&app).await;
    let id = bob.public_id().await;
    for owner in [id.to_string().as_str(), "bob@example.com", "BOB@example.com"] {
        assert_eq!(
            names(&admin, &format!("&owner={owner}")).await,
            ["south_wind", "east2"],
            "{owner}"
        );
    }
    assert_eq!(
        names(&admin, "&owner=bob@example.com&sort=-deadline").await,
        ["east2", "south_wind"]
    );
    assert!(names(&admin, "&owner=nobody").await.is_empty());
    assert_eq!(names(&admin, "&deadline_before=2026-11-30").await, ["south_wind"]);
    assert_eq!(
        names(&admin, "&deadline_before=2026-12-01&deadline_after=2026-11-22").await,
        ["east2"]
    );
    assert_eq!(names(&admin, "&deadline_after=Dec%201%202026").await, ["north-star", "west"]);
    assert!(names(&admin, "&overdue=true").await.is_empty());
    app.advance(Duration::from_hours(24));
    let admin = admin.again().await;
    assert_eq!(names(&admin, "&overdue=true").await, ["south_wind"]);
    assert_eq!(names(&admin, "&overdue=false").await, ["north-star", "west", "east2"]);
    // A deleted owner still counts.
    app.store.delete_user(id, Precondition::default(), &app.cli_context()).await.unwrap();
    assert_eq!(names(&admin, &format!("&owner={id}")).await, ["south_wind", "east2"]);
}

#[rocket::async_test]
async fn search_finds_the_beginnings_of_words() {
    let app = TestApp::new().await;
    let (admin, _) = scene(&app).await;
    for (query, expected) in [
        ("north", &["north-star"][..]),
        ("STAR%20nor", &["north-star"]),
        ("example", &["north-star", "south_wind", "west", "east2"]),
        ("elsewhere", &["west"]),
        ("https%20sun", &["east2"]),
        ("orth", &[]),
        ("north%20wind", &[]),
        ("%22", &[]),
        ("OR", &[]),
        ("%2B", &[]),
    ] {
        assert_eq!(names(&admin, &format!("&q={query}")).await, expected, "{query}");
    }
    assert_eq!(
        names(&admin, "&q=example&owner=bob@example.com&sort=-created_at").await,
        ["east2", "south_wind"]
    );
    admin.patch("/widgets/west", &[("name", "occident")]).await.assert(Status::Ok);
    assert!(names(&admin, "&q=west").await.is_empty());
    assert_eq!(names(&admin, "&q=occ").await, ["occident"]);
    admin.delete("/widgets/occident").await.assert(Status::NoContent);
    assert!(names(&admin, "&q=elsewhere").await.is_empty());
}

#[rocket::async_test]
async fn an_invalid_filter_is_400_and_names_what_is_allowed() {
    let app = TestApp::new().await;
    let admin = app.admin().await;
    let answer = admin
        .get("/widgets?sort=name&overdue=maybe&owner=a%20b&deadline_after=soon&color=red")
        .await;
    answer.assert_invalid(&["sort", "overdue", "owner", "deadline_after", "color"]);
    assert_eq!(
        answer.error_of("sort"),
        "'name' must be one of created_at, -created_at, deadline, -deadline"
    );
    assert_eq!(answer.error_of("overdue"), "'maybe' must be one of true, false");
    let known = "is not known here; known are page, per_page, owner, deadline_before, deadline_after, overdue, q, sort, format";
    assert_eq!(answer.error_of("color"), known);
    for query in ["sort=deadline&sort=deadline", "q=a&q=b"] {
        admin.get(&format!("/widgets?{query}")).await.assert(Status::BadRequest);
    }
}

#[rocket::async_test]
async fn pagination_links_keep_every_parameter_and_reach_every_item() {
    let app = TestApp::new().await;
    let admin = app.admin().await;
    for n in 0..23 {
        add(
            &admin,
            &format!("w{n}"),
            "https://example.com",
            &format!("2026-12-{:02}", 1 + n * 7 % 23),
        )
        .await;
    }
    for query in [
        "",
        "&sort=-created_at",
        "&sort=deadline",
        "&sort=-deadline&q=example",
        "&owner=admin@example.com",
    ] {
        let expected = names(&admin, query).await;
        let mut path = format!("/widgets?per_page=5{query}");
        let mut seen = Vec::new();
        loop {
            let page = admin.get(&path).await;
            seen.extend(page.each("name").into_iter().map(str::to_owned));
            for link in page.body["links"].as_object().unwrap().values() {
                for parameter in query.split('&').filter(|parameter| !parameter.is_empty()) {
                    let parameter = parameter.replace('@', "%40");
                    assert!(link.as_str().unwrap().contains(&parameter), "{link}");
                }
            }
            let Some(next) = page.body["links"]["next"].as_str() else { break };
            path = next.trim_start_matches("/api/v1").to_owned();
        }
        assert_eq!(seen, expected, "{query}");
    }
}

#[rocket::async_test]
async fn the_largest_page_of_long_texts_is_whole_and_bounded() {
    let app = TestApp::new().await;
    let ann = app.user_of("ann", Role::Manager).await;
    // What takes most in JSON: escapes in a text, four bytes in a line, twelve in an address.
    let text = "\u{1}".repeat(4_096);
    for n in 100..200 {
        let name = format!("{n}{}", "🎉".repeat(97));
        let template = [("name", &*name), ("body", &text)];
        ann.post("/templates", &template).await.assert(Status::Created);
        let title = "🎉".repeat(255);
        let task = [("title", &*title), ("description", &text), ("deadline", "2099-12-31")];
        ann.post("/tasks", &task).await.assert(Status::Created);
    }
    for (path, field) in [("/templates", "body"), ("/tasks", "description")] {
        let list = ann.get(&format!("{path}?per_page=100")).await;
        let size = list.assert(Status::Ok).text.len();
        println!("{path}: {size} bytes");
        assert!(size < 2_800_000, "{path}: {size}");
        assert_eq!(list.each(field), vec![text.as_str(); 100], "{path}");
        assert_eq!(list.header("Total-Count"), Some("100"));
        assert_eq!(list.header("Content-Type"), Some("application/json"));
        // HEAD has the same headers.
        let head = ann.send(Method::Head, &format!("{path}?per_page=100"), None, "").await;
        assert_eq!((head.assert(Status::Ok).etag(), &*head.text), (list.etag(), ""));
    }
}
