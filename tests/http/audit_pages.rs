//! The page of the audit, without scripts: events as sentences, links and filters.

use rocket::http::Status;
use widgetd::domain::{Backup, Role};

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
async fn audit_page_says_when_the_last_backup_was_made() {
    let app = TestApp::new().await;
    let visitor = app.admin().await.in_a_browser();
    assert!(visitor.open("/audit").await.text.contains("Last backup of the database: none"));
    let made_at = app.clock.now();
    let backup = Backup { made_at, version: "1.2.3".to_owned(), file: None, bytes: 1 };
    app.store.note_backup(backup).await.unwrap();
    let page = visitor.open("/audit").await.text;
    let said =
        format!("Last backup of the database: <time datetime=\"{}", &made_at.to_rfc_3339()[..16]);
    assert!(page.contains(&said), "{page}");
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
async fn events_name_people_as_they_are_called_now_and_keep_the_name_of_then() {
    let app = TestApp::new().await;
    let admin = app.admin().await;
    let ann = app.user_of("ann", Role::Manager).await;
    let user = format!("/users/{}", ann.public_id().await);
    let task = ann.post("/tasks", &[("title", "Count")]).await;
    let task = format!("/tasks/{}", task.assert(Status::Created).body["id"].as_str().unwrap());
    admin.patch(&user, &[("name", "Ann <Moss>")]).await.assert(Status::Ok);
    let visitor = admin.in_a_browser();
    let who = |page: &Answer, text: &str| -> Vec<Option<String>> {
        let elements = page.assert(Status::Ok).elements();
        let named = elements.windows(2).filter(|two| {
            let texts = [&two[0].text, &two[1].text];
            two[0].get("class") == Some("who") && texts.into_iter().any(|shown| shown == text)
        });
        named.map(|two| two[0].get("title").map(str::to_owned)).collect()
    };
    let then = Some("ann@example.com".to_owned());
    assert_eq!(who(&visitor.open(&task).await, "Ann <Moss>"), std::slice::from_ref(&then));
    let audit = visitor.open("/audit?action=task.create").await;
    assert_eq!(sentences(&audit), ["Ann &#60;Moss&#62; created the task Count"]);
    assert_eq!(who(&audit, "Ann <Moss>"), std::slice::from_ref(&then));
    // A title is nothing for a finger.
    assert!(audit.text.contains("<dt>Actor then</dt><dd>ann@example.com</dd>"), "{}", audit.text);
    let audit = visitor.open("/audit?action=account.name").await;
    assert_eq!(who(&audit, "Ann <Moss>"), [then]);
    assert!(audit.text.contains("<dt>Target then</dt>"), "{}", audit.text);
    assert!(who(&audit, &admin.email).iter().all(Option::is_none));

    // Who is no more has the name of then.
    admin.delete(&user).await.assert(Status::NoContent);
    for page in [task.as_str(), "/audit?action=task.create"] {
        let page = visitor.open(page).await;
        assert_eq!(who(&page, "ann@example.com"), [None], "{}", page.text);
    }
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
