//! The pages of tasks, without scripts: lists, records, and forms that answer 303.

use rocket::http::Status;
use widgetd::domain::{Role, Status as AccountStatus};

use crate::support::{Actor, Answer, TestApp};

async fn add(actor: &Actor<'_>, fields: &[(&str, &str)]) -> String {
    let answer = actor.post("/tasks", fields).await;
    answer.assert(Status::Created).body["id"].as_str().unwrap().to_owned()
}

/// The titles of the rows of a list.
fn titles(page: &Answer) -> Vec<String> {
    let elements = page.assert(Status::Ok).elements();
    let links = elements.windows(2).filter(|pair| {
        pair[0].get("href").is_some_and(|href| href.contains("tasks/")) && pair[1].tag == "bdi"
    });
    links.map(|pair| pair[1].text.clone()).collect()
}

#[rocket::async_test]
async fn task_page_lists_views_with_counts_and_filters_from_its_address() {
    let app = TestApp::new().await;
    let manager = app.user_of("manager", Role::Manager).await;
    let ann = app.user("ann").await;
    for (title, assignee, status) in [
        ("for ann", "ann@example.com", "pending"),
        ("for nobody", "none", "pending"),
        ("finished", "ann@example.com", "done"),
    ] {
        add(&manager, &[("title", title), ("assignee", assignee), ("status", status)]).await;
    }
    let visitor = manager.in_a_browser();
    for (query, expected) in [
        ("", &["for ann", "for nobody", "finished"][..]),
        ("?open=true", &["for ann", "for nobody"]),
        ("?assignee=none&open=true", &["for nobody"]),
        ("?status=done", &["finished"]),
        ("?q=nobody", &["for nobody"]),
        ("?mine=true&open=true", &[]),
    ] {
        assert_eq!(titles(&visitor.open(&format!("/tasks{query}")).await), expected, "{query}");
    }
    let page = visitor.open("/tasks?open=true").await;
    let counts: Vec<_> =
        page.elements().into_iter().filter(|e| e.tag == "small").map(|e| e.text).collect();
    assert_eq!(counts, ["0", "2", "0", "1", "1"]);
    let here = |page: &Answer| {
        let mut elements = page.elements().into_iter();
        elements.rfind(|e| e.get("aria-current") == Some("page")).unwrap().text
    };
    assert_eq!(here(&page), "Tasks");
    assert_eq!(titles(&ann.in_a_browser().open("/tasks").await), ["for ann", "finished"]);

    for (query, why) in [
        ("page=0", "The filter “page” has a value that this page does not know."),
        ("Call+555-0100=1&status=call+555-0100", "The filter “status” has a value"),
    ] {
        let refused = visitor.open(&format!("/tasks?{query}")).await;
        assert!(refused.assert(Status::BadRequest).text.contains(why), "{}", refused.text);
        // Another site may have made up the address.
        assert!(!refused.text.contains("555-0100"), "{}", refused.text);
    }
    let refused = visitor.open("/tasks?stauts=done").await;
    refused.assert(Status::BadRequest);
    assert!(refused.text.contains("“stauts” is not a filter of this page."), "{}", refused.text);
}

#[rocket::async_test]
async fn task_page_has_pages_whose_links_keep_the_filter() {
    let app = TestApp::new().await;
    let manager = app.user_of("manager", Role::Manager).await;
    for n in 0..12 {
        add(&manager, &[("title", &format!("task {n}"))]).await;
    }
    let visitor = manager.in_a_browser();
    let path = "/tasks?open=true&per_page=5&sort=created_at";
    let first = visitor.open(path).await;
    assert_eq!(titles(&first).len(), 5);
    let next = first.elements().into_iter().find(|e| e.get("rel") == Some("next")).unwrap();
    let next = crate::support::resolve(path, next.get("href").unwrap());
    assert_eq!(titles(&visitor.open(&next).await)[0], "task 5");
    assert!(next.contains("open=true") && next.contains("sort=created_at"), "{next}");
}

#[rocket::async_test]
async fn task_page_of_a_record_escapes_texts_and_links_addresses() {
    let app = TestApp::new().await;
    let manager = app.user_of("manager", Role::Manager).await;
    let title = "<script>alert(1)</script>\"'&amp;";
    let text = "See <b>https://example.org/a?b=c&d</b>,\njavascript:alert(1) \"x";
    let id = add(&manager, &[("title", title), ("description", text)]).await;
    let visitor = manager.in_a_browser();
    for path in [format!("/tasks/{id}"), format!("/tasks/{id}/edit"), "/tasks".to_owned()] {
        let page = visitor.open(&path).await;
        let elements = page.assert(Status::Ok).elements();
        let scripts = elements.iter().filter(|e| e.tag == "script").count();
        assert_eq!(scripts, 1, "{path}: {}", page.text);
        assert!(!page.text.contains("<b>"), "{path}");
        assert!(
            elements.iter().any(|e| e.text == title || e.get("value") == Some(title)),
            "{path}: {}",
            page.text
        );
    }
    let page = visitor.open(&format!("/tasks/{id}")).await;
    let elements = page.elements();
    let links: Vec<_> = elements
        .iter()
        .filter(|e| e.get("rel").is_some_and(|rel| rel.contains("noopener")))
        .collect();
    assert_eq!(links.len(), 1);
    assert_eq!(links[0].get("href"), Some("https://example.org/a?b=c&d"));
}

#[rocket::async_test]
async fn task_form_creates_and_shows_its_errors_with_what_was_typed() {
    let app = TestApp::new().await;
    let manager = app.user_of("manager", Role::Manager).await;
    let visitor = manager.in_a_browser();
    let refused = visitor
        .submit("/tasks", &[("title", ""), ("description", "A\r\ntext"), ("assignee", "who?")])
        .await;
    refused.assert(Status::BadRequest);
    assert_eq!(refused.element("title-error").text, "This is required.");
    assert!(refused.element("assignee-error").text.contains("who?"), "{}", refused.text);
    assert_eq!(refused.element("assignee").get("value"), Some("who?"));
    assert_eq!(refused.element("description").text, "A\ntext", "line ends are plain");

    let done = visitor
        .submit("/tasks", &[("title", "new"), ("description", "A\r\ntext"), ("deadline", "")])
        .await;
    let page = done.assert(Status::SeeOther).leads_to("/tasks");
    let id = page.strip_prefix("/tasks/").unwrap();
    let task = manager.get(&format!("/tasks/{id}")).await;
    assert_eq!(task.body["description"], "A\ntext", "line ends are plain");
    assert_eq!(task.body["deadline"], rocket::serde::json::Value::Null);
}

#[rocket::async_test]
async fn task_form_merges_what_others_have_changed_and_shows_conflicts() {
    let app = TestApp::new().await;
    let manager = app.user_of("manager", Role::Manager).await;
    app.user("ann").await;
    let fields =
        [("title", "old"), ("description", "old\ntext"), ("deadline", "2030-01-01T10:00:00Z")];
    let id = add(&manager, &fields).await;
    let (visitor, path) = (manager.in_a_browser(), format!("/tasks/{id}"));
    let edit = format!("{path}/edit");
    let (mine, also_mine) = (
        visitor.changed(&edit, &[("title", "mine")]).await,
        visitor.changed(&edit, &[("description", "mine\r\ntext")]).await,
    );

    // Somebody else changes other fields.
    manager.patch(&path, &[("assignee", "ann@example.com")]).await.assert(Status::Ok);
    visitor.post(&path, &mine).await.assert(Status::SeeOther);
    visitor.post(&path, &also_mine).await.assert(Status::SeeOther);
    let task = manager.get(&path).await.body;
    assert_eq!((&task["title"], &task["description"]), (&"mine".into(), &"mine\ntext".into()));
    assert_eq!(task["assignee"]["email"], "ann@example.com");
    assert_eq!(task["deadline_iso8601"], "2030-01-01T10:00:00+00:00", "it keeps its time of day");

    // Somebody else changes the same field.
    let mine = visitor.changed(&edit, &[("title", "mine again")]).await;
    manager.patch(&path, &[("title", "theirs")]).await.assert(Status::Ok);
    let conflict = visitor.post(&path, &mine).await;
    conflict.assert(Status::Conflict);
    assert_eq!(conflict.element("title").get("value"), Some("mine again"));
    assert!(conflict.text.contains("theirs"), "{}", conflict.text);
    assert_eq!(manager.get(&path).await.body["title"], "theirs", "nothing is saved");
    // Sent once more, it replaces theirs.
    visitor.post(&path, &conflict.form_body()).await.assert(Status::SeeOther);
    assert_eq!(manager.get(&path).await.body["title"], "mine again");
}

#[rocket::async_test]
async fn task_form_that_changes_nothing_keeps_the_version() {
    let app = TestApp::new().await;
    let manager = app.user_of("manager", Role::Manager).await;
    let id = add(&manager, &[("title", "a"), ("description", "b\nc")]).await;
    let (visitor, path) = (manager.in_a_browser(), format!("/tasks/{id}"));
    let before = manager.get(&path).await.header("ETag").map(str::to_owned);
    let same = visitor.changed(&format!("{path}/edit"), &[("title", "a")]).await;
    let done = visitor.post(&path, &same).await;
    let said = visitor.keeping_also(&done).open(&path).await;
    assert!(said.text.contains("Nothing was changed."), "{}", said.text);
    assert_eq!(manager.get(&path).await.header("ETag").map(str::to_owned), before);
}

#[rocket::async_test]
async fn task_move_leads_back_and_offers_to_undo_it_once() {
    let app = TestApp::new().await;
    let manager = app.user_of("manager", Role::Manager).await;
    let ann = app.user("ann").await;
    let id = add(&manager, &[("title", "a"), ("assignee", "ann@example.com")]).await;
    let path = format!("/tasks/{id}/status");
    let visitor = ann.in_a_browser().saying("Host", "here.example");
    let from = |address: &str| visitor.saying("Referer", address);
    let done =
        from("http://here.example/tasks?open=true").submit(&path, &[("status", "done")]).await;
    done.assert(Status::SeeOther);
    assert_eq!(done.header("Location"), Some("/tasks?open=true"));
    assert_eq!(ann.get(&format!("/tasks/{id}")).await.body["status"], "done");

    let page = visitor.keeping_also(&done).open("/tasks").await;
    assert!(page.text.contains("Moved to “Done”."), "{}", page.text);
    let undo = page.elements().into_iter().find(|e| e.text == "Undo").unwrap();
    assert_eq!(undo.get("value"), Some("pending"));
    let cleared = page.set_cookie().unwrap();
    assert_eq!(cleared.value, "");
    assert!(cleared.attributes.contains(&"Max-Age=0".to_owned()), "{cleared:?}");

    // A page of another site gets nobody anywhere.
    for address in [
        "http://evil.example/tasks",
        "http://here.example.evil.example/tasks",
        "http://here.example//evil.example/",
        "http://here.example/\\evil.example/",
        "nonsense",
    ] {
        let done = from(address).submit(&path, &[("status", "in_progress")]).await;
        done.assert(Status::SeeOther);
        assert_eq!(done.leads_to(&path), format!("/tasks/{id}"), "{address}");
    }
    visitor.submit(&path, &[("status", "cancelled")]).await.assert(Status::Conflict);
    visitor.submit(&path, &[("status", "soon")]).await.assert(Status::BadRequest);
    assert_eq!(ann.get(&format!("/tasks/{id}")).await.body["status"], "in_progress");
    // A reload of the address that a form was sent to.
    assert_eq!(
        visitor.open(&path).await.assert(Status::SeeOther).leads_to(&path),
        format!("/tasks/{id}")
    );
}

#[rocket::async_test]
async fn task_delete_asks_and_deletes_only_what_was_seen() {
    let app = TestApp::new().await;
    let manager = app.user_of("manager", Role::Manager).await;
    let id = add(&manager, &[("title", "a")]).await;
    let (visitor, path) = (manager.in_a_browser(), format!("/tasks/{id}"));
    let delete = format!("{path}/delete");
    let question = visitor.open(&delete).await;
    let seen = question.assert(Status::Ok).form_body();
    manager.patch(&path, &[("title", "b")]).await.assert(Status::Ok);
    visitor.post(&delete, &seen).await.assert(Status::PreconditionFailed);
    manager.get(&path).await.assert(Status::Ok);
    let seen = visitor.open(&delete).await.form_body();
    let done = visitor.post(&delete, &seen).await;
    assert_eq!(done.assert(Status::SeeOther).leads_to(&delete), "/tasks");
    manager.get(&path).await.assert(Status::NotFound);
}

#[rocket::async_test]
async fn search_page_has_what_its_reader_may_see_of_each_kind() {
    let app = TestApp::new().await;
    let admin = app.admin().await;
    let ann = app.user("ann").await;
    admin.add_widget("star-one").await.assert(Status::Created);
    add(&admin, &[("title", "star two"), ("assignee", "ann@example.com")]).await;
    add(&admin, &[("title", "star secret")]).await;
    for (owner, name) in [(&ann, "star three"), (&admin, "star private")] {
        owner.post("/templates", &[("name", name), ("body", "x")]).await.assert(Status::Created);
    }
    let page = ann.in_a_browser().open("/search?q=STAR").await;
    for text in ["star-one", "star two", "star three"] {
        assert!(page.assert(Status::Ok).text.contains(text), "{text}: {}", page.text);
    }
    for text in ["secret", "private", "People"] {
        assert!(!page.text.contains(text), "{text}: {}", page.text);
    }
    // Also an account that waits.
    app.set_status(&ann, AccountStatus::Pending).await;
    let page = admin.in_a_browser().open("/search?q=ann").await;
    app.set_status(&ann, AccountStatus::Active).await;
    let ann = ann.again().await;
    assert!(page.text.contains("ann@example.com"), "{}", page.text);
    let nothing = ann.in_a_browser().open("/search?q=%3Cb%3E").await;
    assert!(nothing.text.contains("Nothing has these words."), "{}", nothing.text);
    assert!(!nothing.text.contains("<b>"), "{}", nothing.text);
    ann.in_a_browser().open("/search").await.assert(Status::Ok);
    ann.in_a_browser().open("/search?a=b").await.assert(Status::BadRequest);
}

#[rocket::async_test]
async fn problem_page_keeps_the_menu_and_an_ended_session_says_so() {
    let app = TestApp::new().await;
    let ann = app.user("ann").await;
    let visitor = ann.in_a_browser();
    for (path, title) in [("/people", "Administrators only"), ("/nowhere", "Not found")] {
        let page = visitor.open(path).await;
        assert!(page.text.contains(&format!("<h1>{title}</h1>")), "{}", page.text);
        assert!(
            page.elements()
                .iter()
                .any(|e| e.get("href").is_some_and(|to| to.ends_with("tasks?open=true")))
        );
    }
    let stranger = app.visitor().open("/nowhere").await;
    assert!(!stranger.text.contains("Sign out"), "{}", stranger.text);

    ann.post("/auth/logout", &[]).await.assert(Status::Ok);
    let path = "/tasks?open=true";
    let login = visitor.open(path).await.assert(Status::SeeOther).leads_to(path);
    assert_eq!(login, "/login?next=tasks%3Fopen%3Dtrue&notice=session-ended");
    let page = app.visitor().open(&login).await;
    assert!(page.text.contains("Your session has ended. Please sign in again."), "{}", page.text);
    let login = app.visitor().open(path).await.leads_to(path);
    assert_eq!(login, "/login?next=tasks%3Fopen%3Dtrue", "nothing has ended");
}
