//! `/tasks`: managers create them, the assignee changes their status.

use std::time::Duration;

use rocket::http::Method::{Delete, Patch, Post};
use rocket::http::{ContentType, Status};
use serde_json::{Value, json};
use widgetd::domain::{Precondition, Role};

use crate::support::{Actor, Answer, PASSWORD, TestApp};

const ABSENT: &str = "/tasks/00000000-0000-4000-8000-000000000000";

/// Creates a task, and returns its path below the API.
async fn add(manager: &Actor<'_>, title: &str, fields: &[(&str, &str)]) -> String {
    let answer = manager.post("/tasks", &[&[("title", title)], fields].concat()).await;
    path_of(answer.assert(Status::Created))
}

fn path_of(answer: &Answer) -> String {
    answer.body["link"].as_str().unwrap().strip_prefix("/api/v1").unwrap().to_owned()
}

/// A manager and an employee.
/// A user as part of a task.
async fn summary(user: &Actor<'_>) -> Value {
    let id = user.public_id().await.to_string();
    json!({ "email": user.email, "username": null, "name": null, "public_id": id })
}

async fn two(app: &TestApp) -> (Actor<'_>, Actor<'_>) {
    (app.user_of("boss", Role::Manager).await, app.user("ann").await)
}

#[rocket::async_test]
async fn create_answers_201_with_location_and_the_assignee_reads_the_task() {
    let app = TestApp::new().await;
    let (boss, ann) = two(&app).await;
    let fields = json!({
        "title": "Write the report",
        "description": "Two pages.\nSoon.",
        "deadline": "2026-12-31",
        "assignee": "ann@example.com",
    });
    let made = boss.post_json("/tasks", &fields).await;
    made.assert(Status::Created);
    let id = made.body["id"].as_str().unwrap().to_owned();
    let expected = json!({
        "id": id,
        "title": "Write the report",
        "description": "Two pages.\nSoon.",
        "description_truncated": false,
        "status": "pending",
        "deadline": "12/31/26 11:59:59 PM UTC",
        "deadline_iso8601": "2026-12-31T23:59:59+00:00",
        "deadline_date": "2026-12-31",
        "deadline_passed": false,
        "time_remaining": "40 days 11 hours 59 minutes 59 seconds",
        "assignee": summary(&ann).await,
        "creator": summary(&boss).await,
        "created_at": "11/21/26 12:00:00 PM UTC",
        "created_at_iso8601": "2026-11-21T12:00:00+00:00",
        "updated_at": "11/21/26 12:00:00 PM UTC",
        "updated_at_iso8601": "2026-11-21T12:00:00+00:00",
        "link": format!("/api/v1/tasks/{id}"),
    });
    assert_eq!(made.body, expected);
    assert_eq!(made.header("Location"), Some(format!("/api/v1/tasks/{id}").as_str()));
    for reader in [&boss, &ann] {
        let task = reader.get(&format!("/tasks/{id}")).await;
        assert_eq!((&task.body, task.etag()), (&expected, made.etag()));
        assert_eq!(reader.get("/tasks").await.body["items"], json!([expected]));
    }
}

#[rocket::async_test]
async fn only_the_title_is_required() {
    let app = TestApp::new().await;
    let (boss, _) = two(&app).await;
    for fields in [
        &[("title", "one")][..],
        &[
            ("title", "one"),
            ("description", ""),
            ("status", ""),
            ("deadline", ""),
            ("assignee", ""),
        ],
        &[("title", "one"), ("deadline", "none"), ("assignee", "none")],
    ] {
        let task = boss.post("/tasks", fields).await.assert(Status::Created).body.clone();
        assert_eq!((&task["description"], &task["status"]), (&json!(""), &json!("pending")));
        for field in ["deadline", "deadline_iso8601", "time_remaining", "assignee"] {
            assert_eq!(task.get(field), Some(&Value::Null), "{field}");
        }
        assert_eq!(task["deadline_passed"], false);
    }
}

#[rocket::async_test]
async fn validation_names_every_field_at_fault_in_one_answer() {
    let app = TestApp::new().await;
    let (boss, _) = two(&app).await;
    let path = add(&boss, "one", &[]).await;
    let bad = json!({
        "title": "x".repeat(256),
        "description": "x".repeat(10_001),
        "status": "open",
        "deadline": "2026-11-20",
        "assignee": "first last",
    });
    let names = ["title", "description", "status", "assignee", "deadline"];
    let made = boss.post_json("/tasks", &bad).await;
    let changed = boss.send(Patch, &path, Some(ContentType::JSON), bad.to_string()).await;
    assert!(made.error_of("deadline").starts_with("2026-11-20T23:59:59+00:00 is in the past; "));
    // The store judges the deadline of a PATCH, because an unchanged one is accepted.
    for (answer, names) in [(made, &names[..]), (changed, &names[..4])] {
        answer.assert_invalid(names);
        assert_eq!(answer.error_of("title"), "must have at most 255 characters");
        assert_eq!(answer.error_of("description"), "must have at most 10000 characters");
        assert_eq!(
            answer.error_of("status"),
            "'open' must be one of pending, in_progress, done, cancelled"
        );
        let why = "'first last' is not an account's e-mail address, username or public id";
        assert_eq!(answer.error_of("assignee"), why);
    }
    for fields in [&[][..], &[("title", "")], &[("title", " ")]] {
        boss.post("/tasks", fields).await.assert_invalid(&["title"]);
    }
    boss.patch(&path, &[]).await.assert_invalid(&["title"]);
    boss.patch(&path, &[("status", ""), ("assignee", "")]).await.assert_invalid(&["title"]);
    boss.patch(&path, &[("creator", "ann@example.com"), ("status", "done")])
        .await
        .assert_invalid(&["creator"]);
    boss.post("/tasks", &[("title", "a\nb")]).await.assert_invalid(&["title"]);
    assert_eq!(boss.get("/tasks").await.body["total_items"], 1);
}

#[rocket::async_test]
async fn description_limit_is_10_000_characters_in_either_format() {
    let app = TestApp::new().await;
    let (boss, _) = two(&app).await;
    let long = "🎉".repeat(10_000);
    let path = add(&boss, "form", &[("description", &long)]).await;
    assert_eq!(boss.get(&path).await.body["description"], long);
    boss.patch(&path, &[("description", "short")]).await.assert(Status::Ok);
    let json = format!(
        "{{\"title\": \"json\", \"description\": \"{}\"}}",
        "\\ud83c\\udf89".repeat(10_000)
    );
    let made = boss.send(Post, "/tasks", Some(ContentType::JSON), json).await;
    assert_eq!(made.assert(Status::Created).body["description"], long);
    for (method, path) in [(Post, "/tasks"), (Patch, path.as_str())] {
        let huge = "x".repeat(128 * 1024 + 1);
        boss.send(method, path, Some(ContentType::Form), huge)
            .await
            .assert(Status::PayloadTooLarge);
    }
}

#[rocket::async_test]
async fn assignee_is_a_user_by_any_name_and_an_unknown_one_is_400() {
    let app = TestApp::new().await;
    let (boss, ann) = two(&app).await;
    ann.patch("/auth/user", &[("username", "Ann.O")]).await.assert(Status::Ok);
    let id = ann.public_id().await.to_string();
    for name in [id.as_str(), "ANN@example.com", "ann.o"] {
        let path = add(&boss, "one", &[("assignee", name)]).await;
        assert_eq!(boss.get(&path).await.body["assignee"]["public_id"], id);
    }
    let gone = app.user("gone").await;
    let gone_id = gone.public_id().await.to_string();
    gone.send(
        Delete,
        "/auth/user",
        Some(ContentType::Form),
        crate::support::form(&[("password", PASSWORD)]),
    )
    .await;
    let path = add(&boss, "one", &[]).await;
    for name in ["gone@example.com", gone_id.as_str(), "nobody"] {
        let made = boss.post("/tasks", &[("title", "x"), ("assignee", name)]).await;
        let changed = boss.patch(&path, &[("title", "x"), ("assignee", name)]).await;
        for answer in [made, changed] {
            answer.assert_invalid(&["assignee"]);
            assert_eq!(answer.error_of("assignee"), format!("there is no account {name}"));
        }
    }
    assert_eq!(boss.get(&path).await.body["title"], "one");
}

#[rocket::async_test]
async fn a_deadline_is_the_end_of_a_day_or_a_time_of_day() {
    let app = TestApp::new().await;
    let (boss, _) = two(&app).await;
    for (text, expected) in [
        ("2026-11-21", "2026-11-21T23:59:59+00:00"),
        ("Dec 31 2026", "2026-12-31T23:59:59+00:00"),
        ("2026-11-21T13:00:01+01:00", "2026-11-21T12:00:01+00:00"),
    ] {
        let task = boss.get(&add(&boss, text, &[("deadline", text)]).await).await;
        assert_eq!(task.body["deadline_iso8601"], expected);
    }
    for text in ["2026-11-21T12:00:00Z", "2026-11-20", "soon", "9999-12-31T23:59:59-12:00"] {
        boss.post("/tasks", &[("title", "x"), ("deadline", text)])
            .await
            .assert_invalid(&["deadline"]);
    }
}

#[rocket::async_test]
async fn overdue_and_time_remaining_follow_the_clock_and_the_status() {
    let app = TestApp::new().await;
    let (boss, _) = two(&app).await;
    let path = add(&boss, "one", &[("deadline", "2026-11-21T12:00:10Z")]).await;
    let before = boss.get(&path).await;
    assert_eq!(before.body["time_remaining"], "9 seconds");
    app.advance(Duration::from_secs(10));
    let after = boss.get(&path).await;
    assert_ne!(after.etag(), before.etag());
    assert_eq!(boss.get("/tasks?overdue=true").await.each("title"), ["one"]);
    for status in ["pending", "done", "cancelled"] {
        let task = boss.patch(&path, &[("status", status)]).await.body;
        let told = (&task["deadline_passed"], &task["time_remaining"]);
        assert_eq!(told, (&json!(true), &json!("No time remaining")), "{status}");
    }
    assert_eq!(boss.get("/tasks?overdue=true").await.each("title"), [""; 0]);
    assert_eq!(boss.get("/tasks?overdue=false").await.each("title"), ["one"]);
    // A past deadline may stay, but not change to another one in the past.
    boss.patch(&path, &[("deadline", "2026-11-21T12:00:10Z")]).await.assert(Status::Ok);
    boss.patch(&path, &[("deadline", "2026-11-21T12:00:09Z")]).await.assert_invalid(&["deadline"]);
}

#[rocket::async_test]
async fn patch_changes_what_is_given_and_answers_the_task_with_its_etag() {
    let app = TestApp::new().await;
    let (boss, ann) = two(&app).await;
    let path =
        add(&boss, "one", &[("deadline", "2026-12-31"), ("assignee", "ann@example.com")]).await;
    let before = boss.get(&path).await;
    app.advance(Duration::from_secs(1));
    let after =
        boss.patch(&path, &[("title", "two"), ("description", "more"), ("assignee", "")]).await;
    let mut expected = before.body.clone();
    for (field, value) in [
        ("title", "two"),
        ("description", "more"),
        ("updated_at", "11/21/26 12:00:01 PM UTC"),
        ("updated_at_iso8601", "2026-11-21T12:00:01+00:00"),
        ("time_remaining", "40 days 11 hours 59 minutes 58 seconds"),
    ] {
        expected[field] = json!(value);
    }
    assert_eq!(after.assert(Status::Ok).body, expected);
    assert_ne!(after.etag(), before.etag());
    assert_eq!(after.header("Location"), None);
    let read = boss.get(&path).await;
    assert_eq!((&read.body, read.etag()), (&expected, after.etag()));
    // A PATCH that changes nothing keeps the ETag.
    app.advance(Duration::from_secs(1));
    let same = boss.patch(&path, &[("title", "two")]).await;
    assert_eq!((same.etag(), &same.body["updated_at"]), (after.etag(), &expected["updated_at"]));
    // In JSON an empty text is a value; `none` or null clears a field.
    let fields = r#"{"description": "", "deadline": "none", "assignee": null}"#;
    let cleared = boss.send(Patch, &path, Some(ContentType::JSON), fields).await.body;
    assert_eq!((&cleared["title"], &cleared["description"]), (&json!("two"), &json!("")));
    assert_eq!((&cleared["deadline"], &cleared["assignee"]), (&Value::Null, &Value::Null));
    ann.get(&path).await.assert_message(Status::NotFound, "There is no such task.");
}

#[rocket::async_test]
async fn the_assignee_may_patch_the_status_alone() {
    let app = TestApp::new().await;
    let (boss, ann) = two(&app).await;
    let path = add(&boss, "one", &[("assignee", "ann@example.com")]).await;
    let stale = ann.send_if(Patch, &path, ("If-Match", "\"stale\""), &[("status", "done")]).await;
    stale.assert(Status::PreconditionFailed);
    for status in
        ["in_progress", "pending", "done", "done", "pending", "done", "in_progress", "done"]
    {
        let task = ann.patch(&path, &[("status", status)]).await;
        assert_eq!(task.assert(Status::Ok).body["status"], status);
    }
    let message = "The assignee cannot move a task from done to cancelled.";
    let cancelled = ann.patch(&path, &[("status", "cancelled")]).await;
    cancelled.assert_message(Status::Conflict, message);
    for field in
        [("title", "x"), ("description", "x"), ("deadline", "none"), ("assignee", "nobody")]
    {
        for fields in [&[field][..], &[("status", "in_progress"), field]] {
            let answer = ann.patch(&path, fields).await;
            answer.assert_message(Status::Forbidden, "The assignee may change the status alone");
        }
    }
    // An empty input of a form is absent.
    ann.patch(&path, &[("status", "in_progress"), ("title", "")]).await.assert(Status::Ok);
    boss.patch(&path, &[("status", "cancelled")]).await.assert(Status::Ok);
    let answer = ann.patch(&path, &[("status", "pending")]).await;
    answer.assert_message(
        Status::Conflict,
        "The assignee cannot move a task from cancelled to pending.",
    );
    ann.patch(&path, &[("status", "cancelled")]).await.assert(Status::Ok);
    let task = boss.patch(&path, &[("status", "done")]).await;
    assert_eq!(
        (&task.body["title"], &task.body["assignee"]["email"]),
        (&json!("one"), &json!(ann.email))
    );
}

#[rocket::async_test]
async fn a_manager_who_is_the_assignee_keeps_the_permissions_of_a_manager() {
    let app = TestApp::new().await;
    let (boss, _) = two(&app).await;
    let path =
        add(&boss, "one", &[("assignee", "boss@example.com"), ("status", "cancelled")]).await;
    boss.patch(&path, &[("status", "pending"), ("title", "two")]).await.assert(Status::Ok);
    app.set_role(&boss, Role::Employee).await;
    let refused = boss.patch(&path, &[("title", "three")]).await;
    refused.assert_message(Status::Forbidden, "The assignee may change the status alone");
    boss.patch(&path, &[("status", "done")]).await.assert(Status::Ok);
    boss.delete(&path).await.assert_message(Status::Forbidden, "You are not a manager");
}

#[rocket::async_test]
async fn tasks_of_others_are_404_before_validation_and_preconditions() {
    let app = TestApp::new().await;
    let (boss, ann) = two(&app).await;
    app.user("bob").await;
    let paths = [
        add(&boss, "free", &[]).await,
        add(&boss, "bobs", &[("assignee", "bob@example.com")]).await,
    ];
    let others = [ABSENT, "/tasks/none", "/tasks/%FF"];
    for path in paths.iter().map(String::as_str).chain(others) {
        let mut answers = vec![ann.get(path).await];
        for fields in [&[("status", "done")][..], &[("title", "x")], &[("assignee", "nobody")]] {
            answers.push(ann.patch(path, fields).await);
        }
        answers.push(ann.send_if(Patch, path, ("If-Match", "\"x\""), &[("status", "done")]).await);
        for answer in answers {
            answer.assert_message(Status::NotFound, "There is no such task.");
        }
    }
    for path in others {
        boss.get(path).await.assert_message(Status::NotFound, "There is no such task.");
        boss.patch(path, &[("title", "x")])
            .await
            .assert_message(Status::NotFound, "There is no such task.");
        boss.delete(path).await.assert_message(Status::NotFound, "There is no such task.");
    }
    assert_eq!(ann.get("/tasks").await.body["total_items"], 0);
    assert_eq!(boss.get("/tasks").await.body["total_items"], 2);
}

#[rocket::async_test]
async fn a_missing_role_is_403_with_a_challenge_of_manager_users() {
    let app = TestApp::new().await;
    let (boss, ann) = two(&app).await;
    let path = add(&boss, "one", &[("assignee", "ann@example.com")]).await;
    for (method, path) in [(Post, "/tasks"), (Delete, path.as_str())] {
        let answer = ann.send(method, path, Some(ContentType::JSON), "{").await;
        answer.assert_message(Status::Forbidden, "You are not a manager");
        assert_eq!(
            answer.header("WWW-Authenticate"),
            Some(
                "Bearer realm=\"manager_users@widgetd\", error=\"insufficient_scope\", \
                 error_description=\"You are not a manager\""
            )
        );
        let answer = app.anon().send(method, path, None, "").await;
        answer.assert_message(Status::Unauthorized, "Unauthorized");
        assert_eq!(
            answer.header("WWW-Authenticate"),
            Some("Bearer realm=\"manager_users@widgetd\"")
        );
    }
    let reads = boss.key("r", "read").await;
    reads.delete(&path).await.assert_message(Status::Forbidden, "This API key may only read");
    reads.get(&path).await.assert(Status::Ok);
    boss.key("w", "write").await.delete(&path).await.assert(Status::NoContent);
}

#[rocket::async_test]
async fn list_filters_search_and_sort_follow_the_query() {
    let app = TestApp::new().await;
    let (boss, ann) = two(&app).await;
    for (title, fields) in [
        ("Plan", &[("assignee", "ann@example.com"), ("deadline", "2026-12-31")][..]),
        (
            "Report écrit",
            &[("assignee", "boss@example.com"), ("status", "done"), ("deadline", "2026-12-01")],
        ),
        ("Lunch", &[("description", "for the report")]),
    ] {
        add(&boss, title, fields).await;
        app.advance(Duration::from_secs(1));
    }
    let ann_id = ann.public_id().await;
    for (query, expected) in [
        ("", &["Plan", "Report écrit", "Lunch"][..]),
        ("mine=true", &["Report écrit"]),
        ("mine=false", &["Plan", "Lunch"]),
        ("mine=", &["Plan", "Report écrit", "Lunch"]),
        ("status=done", &["Report écrit"]),
        ("open=true", &["Plan", "Lunch"]),
        ("open=false", &["Report écrit"]),
        ("open=true&mine=true", &[]),
        ("assignee=Ann%40example.com", &["Plan"]),
        (&format!("assignee={ann_id}"), &["Plan"]),
        ("assignee=nobody", &[]),
        ("deadline_before=2026-12-31", &["Report écrit"]),
        ("deadline_before=2027-01-01", &["Plan", "Report écrit"]),
        ("deadline_after=2026-12-31", &["Plan"]),
        ("deadline_after=2026-12-31T23:59:59.999Z", &["Plan"]),
        ("deadline_before=2026-12-31T23:59:59.999Z", &["Report écrit"]),
        ("overdue=true", &[]),
        ("overdue=false", &["Plan", "Report écrit", "Lunch"]),
        ("q=repo", &["Report écrit", "Lunch"]),
        ("q=ECRIT+rep", &["Report écrit"]),
        ("q=%22*", &[]),
        ("sort=-created_at", &["Lunch", "Report écrit", "Plan"]),
        ("sort=deadline", &["Report écrit", "Plan", "Lunch"]),
        ("sort=-deadline", &["Plan", "Report écrit", "Lunch"]),
        ("sort=-updated_at&mine=false", &["Lunch", "Plan"]),
    ] {
        assert_eq!(boss.get(&format!("/tasks?{query}")).await.each("title"), expected, "{query}");
    }
    let page = boss.get("/tasks?sort=-created_at&mine=false&per_page=5").await;
    let link = "/api/v1/tasks?sort=-created_at&mine=false&page=1&per_page=5";
    assert_eq!(
        (page.body["links"]["self"].as_str(), page.header("Total-Count")),
        (Some(link), Some("2"))
    );
    assert_eq!(ann.get("/tasks").await.each("title"), ["Plan"]);
    assert_eq!(ann.get("/tasks?mine=false").await.each("title"), [""; 0]);
    assert_eq!(ann.get("/tasks?assignee=boss@example.com").await.each("title"), [""; 0]);
}

#[rocket::async_test]
async fn an_invalid_filter_is_400_and_names_what_is_allowed() {
    let app = TestApp::new().await;
    let (_, ann) = two(&app).await;
    for (query, field, why) in [
        ("mine=yes", "mine", "'yes' must be one of true, false"),
        ("overdue=1", "overdue", "'1' must be one of true, false"),
        ("open=yes", "open", "'yes' must be one of true, false"),
        ("status=open", "status", "'open' must be one of pending, in_progress, done, cancelled"),
        (
            "sort=title",
            "sort",
            "'title' must be one of created_at, -created_at, deadline, -deadline, updated_at, -updated_at",
        ),
        (
            "assignee=a%20b",
            "assignee",
            "'a b' is not an account's e-mail address, username or public id",
        ),
        (
            "owner=x",
            "owner",
            "is not known here; known are page, per_page, mine, status, open, assignee, deadline_before, \
             deadline_after, overdue, q, sort, format",
        ),
        ("page=0", "page", "'0' is not a page; it must be a whole number, at least 1"),
    ] {
        let answer = ann.get(&format!("/tasks?{query}")).await;
        answer.assert_invalid(&[field]);
        assert_eq!(answer.error_of(field), why);
    }
    ann.get("/tasks?deadline_before=soon&deadline_after=x&status=x").await.assert_invalid(&[
        "deadline_before",
        "deadline_after",
        "status",
    ]);
}

#[rocket::async_test]
async fn a_deleted_user_is_shown_as_former_and_changes_the_etag() {
    let app = TestApp::new().await;
    let (boss, ann) = two(&app).await;
    let other = app.user_of("other", Role::Manager).await;
    let path = add(&boss, "one", &[("assignee", "ann@example.com")]).await;
    let mut tags = vec![other.get(&path).await.etag()];
    for (who, field) in [(&ann, "assignee"), (&boss, "creator")] {
        let before = other.get("/tasks").await.etag();
        app.store
            .delete_user(
                app.find(&who.email).await.public_id,
                Precondition::default(),
                &app.cli_context(),
            )
            .await
            .unwrap();
        let task = other.get(&path).await;
        assert_eq!(
            (&task.body[field]["email"], &task.body[field]["former"]),
            (&json!(who.email), &json!(true))
        );
        assert!(!tags.contains(&task.etag()));
        tags.push(task.etag());
        let list = other.get("/tasks").await;
        assert_eq!(list.body["items"], json!([task.body]));
        assert_ne!(list.etag(), before);
    }
    // `If-Match` takes that ETag.
    other
        .send_if(Patch, &path, ("If-Match", &tags[2]), &[("title", "two")])
        .await
        .assert(Status::Ok);
}
