//! `/tasks`: managers hand them out, the assignee moves them on.

use std::time::Duration;

use rocket::futures::future::join_all;
use rocket::http::Method::{Delete, Get, Patch, Post};
use rocket::http::{ContentType, Status};
use serde_json::{Value, json};
use widgetd::domain::{Precondition, Role};

use crate::support::{Actor, Answer, PASSWORD, TestApp};

const ABSENT: &str = "/tasks/00000000-0000-4000-8000-000000000000";

/// Hands out a task, and answers its address below the API.
async fn add(manager: &Actor<'_>, title: &str, fields: &[(&str, &str)]) -> String {
    let answer = manager.post("/tasks", &[&[("title", title)], fields].concat()).await;
    path_of(answer.assert(Status::Created))
}

fn path_of(answer: &Answer) -> String {
    answer.body["link"].as_str().unwrap().strip_prefix("/api/v1").unwrap().to_owned()
}

fn titles(answer: &Answer) -> Vec<&str> {
    let items = answer.assert(Status::Ok).body["items"].as_array().unwrap();
    items.iter().map(|item| item["title"].as_str().unwrap()).collect()
}

/// A manager and an employee.
async fn two(app: &TestApp) -> (Actor<'_>, Actor<'_>) {
    (app.user_of("boss", Role::Manager).await, app.user("ann").await)
}

#[rocket::async_test]
async fn a_task_is_handed_out_and_read() {
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
        "status": "pending",
        "deadline": "12/31/26 11:59:59 PM UTC",
        "deadline_iso8601": "2026-12-31T23:59:59+00:00",
        "deadline_passed": false,
        "time_remaining": "40 days 11 hours 59 minutes 59 seconds",
        "assignee": { "email": "ann@example.com", "public_id": ann.public_id().await.to_string() },
        "creator": { "email": "boss@example.com", "public_id": boss.public_id().await.to_string() },
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
async fn a_title_is_enough() {
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
async fn every_field_at_fault_is_named_at_once() {
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
    // Whether a deadline that changes is in the past is decided where it is stored.
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
async fn a_description_has_ten_thousand_characters_in_either_format() {
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
async fn an_assignee_is_somebody_by_any_name() {
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
async fn a_deadline_passes_whatever_becomes_of_the_task() {
    let app = TestApp::new().await;
    let (boss, _) = two(&app).await;
    let path = add(&boss, "one", &[("deadline", "2026-11-21T12:00:10Z")]).await;
    let before = boss.get(&path).await;
    assert_eq!(before.body["time_remaining"], "9 seconds");
    app.advance(Duration::from_secs(10));
    let after = boss.get(&path).await;
    assert_ne!(after.etag(), before.etag());
    assert_eq!(titles(&boss.get("/tasks?overdue=true").await), ["one"]);
    for status in ["pending", "done", "cancelled"] {
        let task = boss.patch(&path, &[("status", status)]).await.body;
        let told = (&task["deadline_passed"], &task["time_remaining"]);
        assert_eq!(told, (&json!(true), &json!("No time remaining")), "{status}");
    }
    assert_eq!(titles(&boss.get("/tasks?overdue=true").await), [""; 0]);
    assert_eq!(titles(&boss.get("/tasks?overdue=false").await), ["one"]);
    // It may stay, and may not become another one in the past.
    boss.patch(&path, &[("deadline", "2026-11-21T12:00:10Z")]).await.assert(Status::Ok);
    boss.patch(&path, &[("deadline", "2026-11-21T12:00:09Z")]).await.assert_invalid(&["deadline"]);
}

#[rocket::async_test]
async fn a_change_changes_what_is_given_and_answers_what_it_is_now() {
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
    // The same again is no change.
    app.advance(Duration::from_secs(1));
    let same = boss.patch(&path, &[("title", "two")]).await;
    assert_eq!((same.etag(), &same.body["updated_at"]), (after.etag(), &expected["updated_at"]));
    // An empty text of JSON is one, and `none` or null removes.
    let fields = r#"{"description": "", "deadline": "none", "assignee": null}"#;
    let cleared = boss.send(Patch, &path, Some(ContentType::JSON), fields).await.body;
    assert_eq!((&cleared["title"], &cleared["description"]), (&json!("two"), &json!("")));
    assert_eq!((&cleared["deadline"], &cleared["assignee"]), (&Value::Null, &Value::Null));
    ann.get(&path).await.assert_message(Status::NotFound, "There is no such task.");
}

#[rocket::async_test]
async fn the_assignee_moves_a_task_on_and_changes_nothing_else() {
    let app = TestApp::new().await;
    let (boss, ann) = two(&app).await;
    let path = add(&boss, "one", &[("assignee", "ann@example.com")]).await;
    for status in ["in_progress", "pending", "done", "done", "in_progress", "done"] {
        let task = ann.patch(&path, &[("status", status)]).await;
        assert_eq!(task.assert(Status::Ok).body["status"], status);
    }
    for (status, message) in [
        ("pending", "The assignee cannot move a task from done to pending."),
        ("cancelled", "The assignee cannot move a task from done to cancelled."),
    ] {
        ann.patch(&path, &[("status", status)]).await.assert_message(Status::Conflict, message);
    }
    for field in
        [("title", "x"), ("description", "x"), ("deadline", "none"), ("assignee", "nobody")]
    {
        for fields in [&[field][..], &[("status", "in_progress"), field]] {
            let answer = ann.patch(&path, fields).await;
            answer.assert_message(Status::Forbidden, "The assignee may change the status alone");
        }
    }
    // What is left empty is not given.
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
async fn a_manager_whom_a_task_is_assigned_to_stays_a_manager() {
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
async fn what_is_not_theirs_is_not_there_for_others() {
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
async fn who_is_no_manager_is_told_so_and_how_to_come_back() {
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
async fn deleting_answers_nothing_and_leaves_nothing() {
    let app = TestApp::new().await;
    let (boss, _) = two(&app).await;
    let path = add(&boss, "one", &[]).await;
    let answer = boss.delete(&path).await;
    answer.assert(Status::NoContent);
    assert_eq!((answer.text.as_str(), answer.header("Content-Type")), ("", None));
    boss.get(&path).await.assert(Status::NotFound);
    boss.delete(&path).await.assert(Status::NotFound);
}

#[rocket::async_test]
async fn only_what_was_seen_is_changed() {
    let app = TestApp::new().await;
    let (boss, ann) = two(&app).await;
    let path = add(&boss, "one", &[("assignee", "ann@example.com")]).await;
    let old = boss.get(&path).await.etag();
    let new = boss.patch(&path, &[("title", "two")]).await.etag();
    let done: &[(&str, &str)] = &[("status", "done")];
    for (who, method, fields) in [(&boss, Patch, done), (&ann, Patch, done), (&boss, Delete, &[])] {
        for stale in [old.as_str(), "\"nonsense\"", &format!("W/{new}")] {
            let answer = who.send_if(method, &path, ("If-Match", stale), fields).await;
            answer.assert(Status::PreconditionFailed);
        }
        who.send_if(method, &path, ("If-Match", "not a tag"), fields)
            .await
            .assert_invalid(&["If-Match"]);
        who.send_if(method, &path, ("If-None-Match", "*"), fields)
            .await
            .assert(Status::PreconditionFailed);
    }
    let seen = ann.send_if(Get, &path, ("If-None-Match", &new), &[]).await;
    assert_eq!((seen.assert(Status::NotModified).text.as_str(), seen.etag()), ("", new.clone()));
    let done = ann.send_if(Patch, &path, ("If-Match", &new), done).await.etag();
    boss.send_if(Delete, &path, ("If-Match", &done), &[]).await.assert(Status::NoContent);
}

#[rocket::async_test]
async fn of_two_managers_who_edit_at_once_one_is_told_to_look_again() {
    let app = TestApp::new().await;
    let (boss, other) =
        (app.user_of("boss", Role::Manager).await, app.user_of("other", Role::Manager).await);
    for round in 0..16 {
        let path = add(&boss, "one", &[]).await;
        let seen = boss.get(&path).await.etag();
        let seen = ("If-Match", seen.as_str());
        let fields = [[("title", "of boss")], [("description", "of other")]];
        let (one, two) = rocket::futures::future::join(
            boss.send_if(Patch, &path, seen, &fields[0]),
            other.send_if(Patch, &path, seen, &fields[1]),
        )
        .await;
        let (winner, loser) = if one.status == Status::Ok { (&one, &two) } else { (&two, &one) };
        winner.assert(Status::Ok);
        loser.assert(Status::PreconditionFailed);
        assert_eq!(boss.get(&path).await.body, winner.body, "{round}");
        // Who looks again loses nothing, of the other one's either.
        let (again, fields) =
            if one.status == Status::Ok { (&other, &fields[1]) } else { (&boss, &fields[0]) };
        let seen = again.get(&path).await.etag();
        let both = again.send_if(Patch, &path, ("If-Match", &seen), fields).await.body;
        assert_eq!((&both["title"], &both["description"]), (&json!("of boss"), &json!("of other")));
    }
}

#[rocket::async_test]
async fn of_64_changes_of_what_was_seen_one_is_made() {
    let app = TestApp::new().await;
    let (boss, _) = two(&app).await;
    let path = add(&boss, "one", &[]).await;
    let seen = boss.get(&path).await.etag();
    let names: Vec<_> = (0..64).map(|n| format!("t{n}")).collect();
    let change = async |name: &String| {
        boss.send_if(Patch, &path, ("If-Match", &seen), &[("title", name)]).await
    };
    let answers = join_all(names.iter().map(change)).await;
    let count = |status| answers.iter().filter(|answer| answer.status == status).count();
    assert_eq!((count(Status::Ok), count(Status::PreconditionFailed)), (1, 63));
    let made = answers.iter().find(|answer| answer.status == Status::Ok).unwrap();
    assert_eq!(boss.get(&path).await.body, made.body);
}

#[rocket::async_test]
async fn of_64_tasks_at_once_each_is_handed_out() {
    let app = TestApp::new().await;
    let (boss, _) = two(&app).await;
    let answers = join_all((0..64).map(|_| boss.post("/tasks", &[("title", "one")]))).await;
    assert!(answers.iter().all(|answer| answer.status == Status::Created));
    assert_eq!(boss.get("/tasks").await.body["total_items"], 64);
}

#[rocket::async_test]
async fn a_list_is_what_is_asked_for() {
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
        assert_eq!(titles(&boss.get(&format!("/tasks?{query}")).await), expected, "{query}");
    }
    assert_eq!(titles(&ann.get("/tasks").await), ["Plan"]);
    assert_eq!(titles(&ann.get("/tasks?mine=false").await), [""; 0]);
    assert_eq!(titles(&ann.get("/tasks?assignee=boss@example.com").await), [""; 0]);
}

#[rocket::async_test]
async fn a_question_that_is_not_understood_is_bad_input() {
    let app = TestApp::new().await;
    let (_, ann) = two(&app).await;
    for (query, field, why) in [
        ("mine=yes", "mine", "'yes' must be one of true, false"),
        ("overdue=1", "overdue", "'1' must be one of true, false"),
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
            "is not known here; known are page, per_page, mine, status, assignee, deadline_before, deadline_after, \
             overdue, q, sort",
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
async fn a_list_comes_in_pages_whose_links_ask_the_same() {
    let app = TestApp::new().await;
    let (boss, _) = two(&app).await;
    for n in 0..7 {
        add(&boss, &format!("t{n}"), &[]).await;
    }
    let page = boss.get("/tasks?sort=-created_at&status=pending&per_page=5").await;
    assert_eq!(titles(&page), ["t6", "t5", "t4", "t3", "t2"]);
    let next = page.body["links"]["next"].as_str().unwrap();
    assert_eq!(next, "/api/v1/tasks?sort=-created_at&status=pending&page=2&per_page=5");
    assert_eq!(titles(&boss.get(next.strip_prefix("/api/v1").unwrap()).await), ["t1", "t0"]);
    assert_eq!(page.header("Total-Count"), Some("7"));
    let seen = boss.send_if(Get, "/tasks?per_page=5", ("If-None-Match", "*"), &[]).await;
    seen.assert(Status::NotModified);
}

#[rocket::async_test]
async fn who_has_left_is_told_as_former() {
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
    // Such a tag is good for a change.
    other
        .send_if(Patch, &path, ("If-Match", &tags[2]), &[("title", "two")])
        .await
        .assert(Status::Ok);
}
