//! New tasks in one line, and giving tasks to people.

use rocket::http::Status;
use widgetd::domain::Role;

use crate::support::page::Element;
use crate::support::{Answer, TestApp};

#[rocket::async_test]
async fn quick_add_fills_the_form_with_what_a_line_says() {
    let app = TestApp::new().await;
    let manager = app.user_of("manager", Role::Manager).await;
    app.user("bob.ward").await;
    app.user("bea").await;
    let visitor = manager.in_a_browser();
    let open = async |line: &str| {
        let query: String = url::form_urlencoded::byte_serialize(line.as_bytes()).collect();
        visitor.open(&format!("/new/task?line={query}")).await
    };
    let page = open("Call the landlord 2099-12-31 @ward").await;
    let value = |name: &str| page.element(name).get("value").unwrap_or_default().to_owned();
    assert_eq!(value("title"), "Call the landlord");
    assert_eq!(value("deadline"), "2099-12-31");
    assert_eq!(value("assignee"), "bob.ward@example.com");
    let understood = page.element("understood");
    assert_eq!(understood.get("data-asks"), None);
    for text in ["Call the landlord", "31 December", "bob.ward"] {
        assert!(page.text.contains(text), "{text}: {}", page.text);
    }
    for (line, question, title) in [
        (
            "Call @b back tomorrow",
            "“b” can be bea@example.com or bob.ward@example.com.",
            "Call back",
        ),
        ("Call @zed", "Nobody here is called “zed”.", "Call @zed"),
        ("@bea", "What is to be done?", ""),
        ("@<b>", "Nobody here is called “&#60;b&#62;”.", "@<b>"),
    ] {
        let page = open(line).await;
        assert!(page.assert(Status::Ok).text.contains(question), "{line}: {}", page.text);
        assert_eq!(page.element("understood").get("data-asks"), Some(""), "{line}");
        assert_eq!(page.element("title").get("value"), Some(title), "{line}");
    }
    assert!(!open("  ").await.text.contains("understood"));
    for query in ["line=a&line=b", "line=%FF", "lime=x"] {
        visitor.open(&format!("/new/task?{query}")).await.assert(Status::BadRequest);
    }
    // The form comes back with its errors under its own address.
    let path = "/new/task?line=Pay+rent";
    let action = visitor.open(path).await.element("task-form").get("action").unwrap().to_owned();
    assert_eq!(crate::support::resolve(path, &action), path);
    let refused = visitor.submit(path, &[("title", ""), ("deadline", "2020-01-01")]).await;
    refused.assert(Status::BadRequest);
    assert_eq!(refused.element("task-form").get("action").unwrap(), action);
}

#[rocket::async_test]
async fn name_of_several_people_is_a_choice_of_exactly_those() {
    let app = TestApp::new().await;
    let manager = app.user_of("manager", Role::Manager).await;
    app.user("bob.ward").await;
    app.user("bea.ward").await;
    app.user("ann").await;
    let visitor = manager.in_a_browser();
    let options = |page: &Answer| -> Vec<(String, String)> {
        let elements = page.elements();
        let start = elements.iter().position(|e| e.get("id") == Some("assignee")).unwrap();
        assert_eq!(elements[start].tag, "select", "{}", page.text);
        let options = elements[start + 1..].iter().take_while(|e| e.tag == "option");
        options.map(|e| (e.get("value").unwrap().to_owned(), e.text.clone())).collect()
    };
    let is_chosen = |page: &Answer, value: &str| {
        let chosen = |e: &Element| e.has("selected") && e.get("value") == Some(value);
        page.elements().iter().any(chosen)
    };
    let expected = |typed: &str| {
        [
            (typed, "Please choose"),
            ("bea.ward@example.com", "bea.ward@example.com"),
            ("bob.ward@example.com", "bob.ward@example.com"),
            ("none", "Nobody yet"),
        ]
        .map(|(value, text)| (value.to_owned(), text.to_owned()))
    };

    let page = visitor.open("/new/task?line=Pay+rent+@ward").await;
    assert_eq!(options(&page), expected("ward"));
    assert!(is_chosen(&page, "ward"), "{}", page.text);
    // Sent as it is, it asks again.
    let path = "/new/task?line=Pay+rent+@ward";
    let refused = visitor.submit(path, &[("title", "Pay rent"), ("assignee", "ward")]).await;
    refused.assert(Status::BadRequest);
    assert_eq!(options(&refused), expected("ward"));
    assert!(is_chosen(&refused, "ward"), "{}", refused.text);
    assert!(refused.element("assignee").has("autofocus"));

    let refused = visitor.submit("/tasks", &[("title", "a"), ("assignee", "Ward")]).await;
    refused.assert(Status::BadRequest);
    assert_eq!(options(&refused), expected("Ward"));
    assert_eq!(refused.element("title").get("value"), Some("a"));
    let (value, _) = &options(&refused)[2];
    let done = visitor.submit("/tasks", &[("title", "a"), ("assignee", value)]).await;
    done.assert(Status::SeeOther);
    let tasks = manager.get("/tasks").await;
    assert_eq!(tasks.body["items"][0]["assignee"]["email"], *value);

    // A name that is nobody's is typed again.
    let refused = visitor.submit("/tasks", &[("title", "a"), ("assignee", "zed")]).await;
    assert_eq!(refused.element("assignee").tag, "input");
    assert_eq!(visitor.open("/new/task").await.element("assignee").tag, "input");
}

#[rocket::async_test]
async fn quick_add_leads_back_to_its_page_and_the_form_to_the_task() {
    let app = TestApp::new().await;
    let manager = app.user_of("manager", Role::Manager).await;
    let visitor = manager.in_a_browser().saying("Host", "here.example");
    let sent_to = async |path: &str, page: &str| {
        let visitor = visitor.saying("Referer", &format!("http://here.example{page}"));
        let done = visitor.submit(path, &[("title", "a")]).await;
        done.assert(Status::SeeOther).header("Location").unwrap().to_owned()
    };
    let sent = async |page: &str| sent_to("/new/task?line=a", page).await;
    assert_eq!(sent("/tasks?open=true").await, "/tasks?open=true");
    assert_eq!(sent("/").await, "/");
    // The second one is the form again, after an error.
    for record in [sent("/new/task?line=a").await, sent_to("/tasks", "/tasks").await] {
        assert!(
            record.trim_start_matches("../").trim_start_matches("./").starts_with("tasks/"),
            "{record}"
        );
    }
    let home = visitor.open("/").await;
    assert!(home.text.contains("data-quick"), "{}", home.text);
    let ann = app.user("ann").await;
    assert!(!ann.in_a_browser().open("/").await.text.contains("data-quick"));
}

#[rocket::async_test]
async fn task_is_assigned_from_its_page() {
    let app = TestApp::new().await;
    let manager = app.user_of("manager", Role::Manager).await;
    let bob = app.user("bob").await;
    let task = manager.post("/tasks", &[("title", "a")]).await;
    let id = task.assert(Status::Created).body["id"].as_str().unwrap().to_owned();
    let (visitor, path) = (manager.in_a_browser(), format!("/tasks/{id}/assignee"));
    let page = visitor.open(&format!("/tasks/{id}")).await;
    let option = page.elements().into_iter().find(|e| e.tag == "option" && e.text.contains("bob"));
    let bob_id = option.unwrap().get("value").unwrap().to_owned();
    let done = visitor.submit(&path, &[("assignee", &bob_id)]).await;
    assert_eq!(done.assert(Status::SeeOther).leads_to(&path), format!("/tasks/{id}"));
    assert_eq!(manager.get(&format!("/tasks/{id}")).await.body["assignee"]["public_id"], *bob_id);
    visitor.submit(&path, &[("assignee", "none")]).await.assert(Status::SeeOther);
    visitor.submit(&path, &[("assignee", "zed")]).await.assert(Status::BadRequest);
    visitor.submit(&path, &[]).await.assert(Status::BadRequest);
    let refused = bob.in_a_browser().submit(&path, &[("assignee", &bob_id)]).await;
    refused.assert(Status::Forbidden);
    assert!(manager.get(&format!("/tasks/{id}")).await.body["assignee"].is_null());
}
