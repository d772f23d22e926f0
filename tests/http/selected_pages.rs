//! What the pages do with several selected rows at once.

use rocket::http::Status;
use widgetd::domain::{Role, Status as AccountStatus};

use crate::support::{Actor, Answer, TestApp, Visitor};

/// The names and values of the checkboxes of a list's rows.
async fn boxes(visitor: &Visitor<'_>, path: &str) -> Vec<(String, String)> {
    let page = visitor.open(path).await;
    let boxes = page.assert(Status::Ok).elements().into_iter();
    let boxes = boxes.filter(|e| e.get("class") == Some("pick"));
    let text = |value: Option<&str>| value.unwrap().to_owned();
    boxes.map(|e| (text(e.get("name")), text(e.get("value")))).collect()
}

async fn send(
    visitor: &Visitor<'_>,
    path: &str,
    boxes: &[(String, String)],
    rest: &[(&str, &str)],
) -> Answer {
    let boxes = boxes.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    visitor.submit(path, &boxes.chain(rest.iter().copied()).collect::<Vec<_>>()).await
}

async fn add(manager: &Actor<'_>, title: &str) -> String {
    let answer = manager.post("/tasks", &[("title", title), ("assignee", "ann@example.com")]).await;
    answer.assert(Status::Created).body["id"].as_str().unwrap().to_owned()
}

#[rocket::async_test]
async fn selected_tasks_are_moved_assigned_and_deleted_together() {
    let app = TestApp::new().await;
    let manager = app.user_of("manager", Role::Manager).await;
    app.user("ann").await;
    app.user("bob").await;
    for n in 0..70 {
        add(&manager, &format!("task {n}")).await;
    }
    let visitor = manager.in_a_browser();
    let path = "/tasks?per_page=100&select=true";
    let all = boxes(&visitor, path).await;
    assert_eq!(all.len(), 70);
    let post = "/selected/tasks";
    let total = async |query: &str| {
        manager.get(&format!("/tasks?{query}")).await.body["total_items"].clone()
    };

    let done = send(&visitor, post, &all, &[("action", "start")]).await;
    done.assert(Status::SeeOther);
    assert_eq!(total("status=in_progress").await, 70);
    let said = visitor.keeping_also(&done).open("/tasks").await;
    assert!(said.text.contains("70 moved to “In progress”."), "{}", said.text);
    send(&visitor, post, &all[..2], &[("action", "finish"), ("assignee", "none")]).await;
    assert_eq!(total("status=done").await, 2);
    assert_eq!(total("assignee=none").await, 0, "only what the button says");
    send(&visitor, post, &all[2..5], &[("action", "assign"), ("assignee", "bob@example.com")])
        .await;
    assert_eq!(total("assignee=bob@example.com").await, 3);
    send(&visitor, post, &all[5..6], &[("action", "cancel")]).await;
    assert_eq!(total("status=cancelled").await, 1);

    // What was seen has changed, but for the last ones.
    let refused = send(&visitor, post, &all, &[("action", "delete")]).await;
    refused.assert(Status::Conflict);
    assert!(refused.text.contains("Nothing was deleted."), "{}", refused.text);
    assert_eq!(total("").await, 70);
    let seen = boxes(&visitor, path).await;
    send(&visitor, post, &seen[..69], &[("action", "delete")]).await.assert(Status::SeeOther);
    assert_eq!(total("").await, 1);
    // One is gone: none is changed.
    let refused = send(&visitor, post, &seen[68..], &[("action", "finish")]).await;
    refused.assert(Status::Conflict);
    assert_eq!(total("status=done").await, 0);

    // A reload of the address that a form was sent to.
    assert_eq!(visitor.open(post).await.assert(Status::SeeOther).leads_to(post), "/tasks");
    for (boxes, rest) in [
        (&[][..], &[("action", "start")][..]),
        (&all[..1], &[]),
        (&all[..1], &[("action", "explode")]),
        (&all[..1], &[("action", "assign")]),
        (&[("task".to_owned(), "1".to_owned())], &[("action", "start")]),
    ] {
        let refused = send(&visitor, post, boxes, rest).await;
        refused.assert(Status::BadRequest);
        let is_empty = boxes.is_empty();
        assert_eq!(refused.text.contains("Nothing is selected."), is_empty || boxes[0].1 == "1");
    }
}

#[rocket::async_test]
async fn selected_tasks_obey_the_rules_of_one_task() {
    let app = TestApp::new().await;
    let manager = app.user_of("manager", Role::Manager).await;
    let ann = app.user("ann").await;
    let bob = app.user("bob").await;
    let ids = [add(&manager, "one").await, add(&manager, "two").await];
    manager
        .patch(&format!("/tasks/{}", ids[1]), &[("status", "cancelled")])
        .await
        .assert(Status::Ok);
    let (visitor, post) = (ann.in_a_browser(), "/selected/tasks");
    let mine = boxes(&visitor, "/tasks?select=true").await;
    assert_eq!(mine.len(), 2);
    let refused = send(&visitor, post, &mine, &[("action", "finish")]).await;
    refused.assert(Status::Conflict);
    assert!(refused.text.contains("“two”: The assignee cannot move"), "{}", refused.text);
    for (action, status) in [("assign", Status::Forbidden), ("delete", Status::Forbidden)] {
        let rest = [("action", action), ("assignee", "none")];
        send(&visitor, post, &mine, &rest).await.assert(status);
    }
    // Those of others do not exist for him.
    let refused = send(&bob.in_a_browser(), post, &mine[..1], &[("action", "finish")]).await;
    refused.assert(Status::Conflict);
    assert!(!refused.text.contains("one”"), "{}", refused.text);
    assert_eq!(manager.get("/tasks?status=pending").await.body["total_items"], 1);
}

#[rocket::async_test]
async fn selected_people_are_approved_together() {
    let app = TestApp::new().await;
    let admin = app.admin().await;
    for name in ["ann", "bob", "eve"] {
        let user = app.user(name).await;
        app.set_status(&user, AccountStatus::Pending).await;
    }
    let visitor = admin.in_a_browser();
    let (path, post) = ("/people?status=pending&select=true", "/selected/people");
    let waiting = boxes(&visitor, path).await;
    assert_eq!(waiting.len(), 3);
    let ann = app.find("ann@example.com").await.public_id;
    assert_eq!(waiting[0].1, ann.to_string());
    let disable = [("status", "disabled")];
    admin.patch(&format!("/users/{}", waiting[2].1), &disable).await.assert(Status::Ok);
    let refused = send(&visitor, post, &waiting, &[]).await;
    refused.assert(Status::Conflict);
    assert!(refused.text.contains("eve@example.com was disabled meanwhile."), "{}", refused.text);
    assert_eq!(boxes(&visitor, path).await.len(), 2);
    let done = send(&visitor, post, &waiting[..2], &[]).await;
    let said = visitor.keeping_also(&done).open(path).await;
    assert!(said.text.contains("2 approved. They can sign in now."), "{}", said.text);
    assert!(boxes(&visitor, path).await.is_empty());
    send(&visitor, post, &[], &[]).await.assert(Status::BadRequest);
}

#[rocket::async_test]
async fn selected_widgets_and_templates_are_deleted_together_as_they_were_seen() {
    let app = TestApp::new().await;
    let admin = app.admin().await;
    let visitor = admin.in_a_browser();
    for name in ["one", "two", "three"] {
        admin.add_widget(name).await.assert(Status::Created);
        let name = format!("{name}.2: 50%");
        let template = [("name", &*name), ("body", "text")];
        admin.post("/templates", &template).await.assert(Status::Created);
    }
    for (list, changed, change) in [
        ("widgets", "/widgets/two", ("info_url", "https://example.org/2")),
        ("templates", "/templates/two.2%3A%2050%25", ("body", "2")),
    ] {
        let (path, post) = (format!("/{list}?select=true"), format!("/selected/{list}"));
        let total = async || admin.get(&format!("/{list}")).await.body["total_items"].clone();
        let seen = boxes(&visitor, &path).await;
        assert_eq!(seen.len(), 3, "{list}");
        admin.patch(changed, &[change]).await.assert(Status::Ok);
        let refused = send(&visitor, &post, &seen, &[]).await;
        refused.assert(Status::Conflict);
        assert!(refused.text.contains("was changed meanwhile. Nothing was deleted."), "{list}");
        assert!(refused.text.contains("“two"), "{}", refused.text);
        assert_eq!(total().await, 3, "{list}");
        let now = boxes(&visitor, &path).await;
        let done = send(&visitor, &post, &now[..2], &[]).await;
        let said = visitor.keeping_also(&done).open(&path).await;
        assert!(said.text.contains("2 deleted."), "{}", said.text);
        assert_eq!(total().await, 1, "{list}");
        // One is gone: none is deleted.
        let refused = send(&visitor, &post, &now, &[]).await;
        refused.assert(Status::Conflict);
        assert!(refused.text.contains(&format!("One of these {list} does not exist")), "{list}");
        assert_eq!(total().await, 1, "{list}");
        send(&visitor, &post, &[], &[]).await.assert(Status::BadRequest);
    }
    // The templates of others do not exist, and only administrators see checkboxes of widgets.
    let ann = app.user("ann").await;
    let hers = boxes(&visitor, "/templates?select=true").await;
    send(&ann.in_a_browser(), "/selected/templates", &hers, &[]).await.assert(Status::Conflict);
    let page = ann.in_a_browser().open("/widgets").await;
    assert!(!page.text.contains("id=\"selecting\""), "{}", page.text);
}

#[rocket::async_test]
async fn selected_moves_are_undone_together_unless_one_has_changed_since() {
    let app = TestApp::new().await;
    let manager = app.user_of("manager", Role::Manager).await;
    let ann = app.user("ann").await;
    let ids = [add(&manager, "one").await, add(&manager, "two").await];
    let status = async |id: &String, status: &str| {
        manager.patch(&format!("/tasks/{id}"), &[("status", status)]).await.assert(Status::Ok);
    };
    status(&ids[0], "in_progress").await;
    let visitor = manager.in_a_browser();
    let total = async |query: &str| {
        manager.get(&format!("/tasks?{query}")).await.body["total_items"].clone()
    };
    let post = "/selected/tasks";
    // Presses Undo in the notice about a form that was sent.
    let undo = async |done: &Answer, by: &Visitor<'_>| {
        let page = visitor.keeping_also(done).open("/tasks").await;
        let button = page.elements().into_iter().find(|e| e.text == "Undo").unwrap();
        by.submit("/selected/undo", &[("request", button.get("value").unwrap())]).await
    };
    let seen = boxes(&visitor, "/tasks?select=true").await;
    for rest in [
        &[("action", "finish")][..],
        &[("action", "cancel")],
        &[("action", "assign"), ("assignee", "none")],
    ] {
        let done = send(&visitor, post, &seen, rest).await;
        // What somebody else has done is not theirs to undo.
        let theirs = undo(&done, &ann.in_a_browser()).await;
        theirs.assert(Status::SeeOther);
        let is_undone = total("status=in_progress&assignee=ann@example.com").await == 1;
        assert!(!is_undone, "{rest:?}");
        let undone = undo(&done, &visitor).await;
        let said = visitor.keeping_also(&undone).open("/tasks").await;
        assert!(said.text.contains("2 as before."), "{}", said.text);
        for query in ["status=in_progress", "status=pending"] {
            assert_eq!(total(&format!("{query}&assignee=ann@example.com")).await, 1, "{rest:?}");
        }
    }
    let done = send(&visitor, post, &seen, &[("action", "finish")]).await;
    status(&ids[1], "cancelled").await;
    let refused = undo(&done, &visitor).await;
    refused.assert(Status::Conflict);
    assert!(refused.text.contains("“two” was changed meanwhile. Nothing was undone."));
    assert_eq!(total("status=done").await, 1);
}
