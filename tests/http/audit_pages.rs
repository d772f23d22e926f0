//! The page of the audit, without scripts: events as sentences, links and filters.

use rocket::http::Status;
use widgetd::domain::Role;

use crate::support::{Answer, TestApp, resolve};

/// Each event as text, in the order of the page: the sentence, and what has changed.
fn sentences(page: &Answer) -> Vec<String> {
    page.assert(Status::Ok);
    let events = page.text.split("<li id=\"event-").skip(1);
    let sentence = |event: &str| {
        let shown = event.split("<details>").next().unwrap();
        let (_, shown) = shown.split_once('>').unwrap();
        let text: String = shown
            .split('<')
            .map(|part| part.split_once('>').map_or(part, |(_, text)| text))
            .collect();
        text.split_whitespace().collect::<Vec<_>>().join(" ")
    };
    events.map(sentence).collect()
}

#[rocket::async_test]
async fn audit_page_tells_events_as_sentences() {
    let app = TestApp::new().await;
    let admin = app.admin().await;
    let ann = app.user("ann").await;
    ann.log_in("not the password").await.assert(Status::Unauthorized);
    let user = format!("/users/{}", ann.public_id().await);
    admin.patch(&user, &[("role", "manager")]).await.assert(Status::Ok);
    admin.add_widget("star").await.assert(Status::Created);
    admin.patch("/widgets/star", &[("name", "stars")]).await.assert(Status::Ok);
    let task = admin.post("/tasks", &[("title", "Count")]).await;
    let id = task.body["id"].as_str().unwrap().to_owned();
    let change = [("status", "in_progress"), ("assignee", "ann@example.com")];
    admin.patch(&format!("/tasks/{id}"), &change).await.assert(Status::Ok);
    admin.post("/templates", &[("name", "a"), ("body", "b")]).await.assert(Status::Created);
    admin.patch("/templates/a", &[("body", "c")]).await.assert(Status::Ok);
    let visitor = admin.in_a_browser();
    let page = visitor.open("/audit").await;
    let said = sentences(&page);
    let me = &admin.email;
    for expected in [
        format!("{me} changed a template body"),
        format!("{me} created a template"),
        format!(
            "{me} changed the task Count assignee: none → ann@example.com status: To do → In progress"
        ),
        format!("{me} created the task Count"),
        format!("{me} changed the widget star name: star → stars"),
        format!("{me} added the widget star"),
        format!("{me} changed the role of ann@example.com: employee to manager"),
        "Somebody tried to sign in as ann@example.com wrong password".to_owned(),
        "ann@example.com registered: employee, active".to_owned(),
    ] {
        assert!(said.contains(&expected), "{expected}: {said:#?}");
    }
    let elements = page.elements();
    let links: Vec<_> = elements.iter().filter(|e| e.get("class") == Some("who")).collect();
    for page in
        [format!("/tasks/{id}"), "/widgets/stars".to_owned(), user.replace("users", "people")]
    {
        let is_there = |href: &str| resolve("/audit", href) == page;
        assert!(links.iter().any(|e| e.get("href").is_some_and(is_there)), "{page}: {links:#?}");
    }
    // What is deleted has no page.
    admin.delete(&format!("/tasks/{id}")).await.assert(Status::NoContent);
    let page = visitor.open("/audit?action=task.delete").await;
    assert_eq!(sentences(&page), [format!("{me} deleted the task Count")]);
    assert!(!page.text.contains(&format!("tasks/{id}")), "{}", page.text);
}

#[rocket::async_test]
async fn audit_page_filters_from_its_address() {
    let app = TestApp::new().await;
    let admin = app.admin().await;
    let ann = app.user_of("ann", Role::Manager).await;
    for title in ["one", "two"] {
        ann.post("/tasks", &[("title", title)]).await.assert(Status::Created);
    }
    let visitor = admin.in_a_browser();
    let created = |title: &str| format!("ann@example.com created the task {title}");
    for (query, expected) in [
        ("action=task.create", vec![created("two"), created("one")]),
        ("action=task.create&sort=at", vec![created("one"), created("two")]),
        ("action=task.create&q=one", vec![created("one")]),
        (
            "action=task.create&account=ann@example.com&per_page=5&page=1",
            vec![created("two"), created("one")],
        ),
        ("action=task.create&since=2099-01-01", vec![]),
        ("action=task.create&since=2026-11-21&target=one", vec![]),
    ] {
        let page = visitor.open(&format!("/audit?{query}")).await;
        assert_eq!(sentences(&page), expected, "{query}");
    }
    let page = visitor.open("/audit?action=task.create&per_page=5&q=task").await;
    let csv = page.elements().into_iter().find(|e| e.text == "CSV").unwrap();
    let csv = visitor.open(&resolve("/audit", csv.get("href").unwrap())).await;
    assert!(csv.is_csv() && csv.text.contains("task.create"), "{}", csv.text);
    assert!(!csv.text.contains("session.start"), "{}", csv.text);
    let next = visitor.open("/audit?per_page=5&account=ann@example.com").await;
    let next = next.elements().into_iter().find(|e| e.get("rel") == Some("next"));
    if let Some(link) = next {
        assert!(link.get("href").unwrap().contains("account=ann"), "{link:?}");
    }
    for (query, why) in [
        ("actor=ann", "“actor” is not a filter of this page."),
        ("action=nothing", "The filter “action” has a value"),
        ("account=no%20name", "The filter “account” has a value"),
    ] {
        let refused = visitor.open(&format!("/audit?{query}")).await;
        assert!(refused.assert(Status::BadRequest).text.contains(why), "{}", refused.text);
    }
}
