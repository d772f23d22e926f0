//! Imports of CSV: all rows or none.

use std::fmt::Write;

use rocket::http::Method::Post;
use rocket::http::Status;
use serde_json::{Value, json};
use widgetd::domain::{Precondition, Status as AccountStatus};

use crate::exports::{CSV, assert_imported, column, errors};
use crate::support::{TestApp, widget};

#[rocket::async_test]
async fn csv_import_can_be_tried_and_is_done_once() {
    let app = TestApp::new().await;
    let admin = app.admin().await;
    admin.add_widget("old").await.assert(Status::Created);
    let before = app.dump();
    let table = "name,info_url,deadline\nnew,https://example.com,2026-12-31\n";
    let wrong = "name,info_url,deadline\nold,https://example.com,2026-12-31\nx,x,2026-12-31\n";
    let tried = admin.import("/widgets/import?mode=upsert&dry_run=true", table).await;
    let expected = json!({
        "dry_run": true, "status": "success", "created": 1, "updated": 0, "unchanged": 0,
    });
    assert_eq!(tried.assert(Status::Ok).body, expected);
    let once = async |table: &str| {
        let headers = [CSV, ("Idempotency-Key", "k")];
        admin.send_with(Post, "/widgets/import", &headers, table).await
    };
    let errors_of_all = errors(&once(wrong).await);
    assert_eq!(errors_of_all.len(), 2);
    assert_eq!(errors(&admin.import("/widgets/import?dry_run=true", wrong).await), errors_of_all);
    assert!(app.dump() == before);

    let first = once(table).await;
    assert_imported(&first, [1, 0, 0]);
    let again = once(table).await;
    assert_eq!((again.status, &again.text), (first.status, &first.text));
    assert_eq!(again.header("Idempotent-Replayed"), Some("true"));
    once(wrong).await.assert(Status::UnprocessableEntity);
    admin.import("/widgets/import", table).await.assert(Status::BadRequest);
}

#[rocket::async_test]
async fn csv_import_names_errors_by_row_and_column_and_leaves_nothing() {
    let app = TestApp::new().await;
    let admin = app.admin().await;
    admin.add_widget("old").await.assert(Status::Created);
    let before = app.dump();
    let table = "\u{feff}deadline,name,info_url\r\n\
        soon,ok-1,https://example.com\r\n\
        2026-12-31,old,https://example.com\r\n\
        \r\n\
        2026-12-31,Bad Name,nowhere\r\n\
        ,,\r\n\
        2026-12-31,ok-2\r\n\
        2026-12-31,ok-3,https://example.com\r\n\
        2026-11-20,\"ok\n4\",https://example.com\r\n\
        2026-12-31,ok-3,https://example.com\r\n\
        ,ok-5,\r\n";
    let answer = admin.import("/widgets/import", table).await;
    let expected = [
        ("row 2, deadline", "'soon' is not a date that is understood; write it like 2026-12-31, 12/31/2026, 12/31/26, Dec 31 2026, December 31, 2026 or 31 Dec 2026"),
        ("row 3, name", "Widget name: old already exists, must be unique."),
        ("row 5, info_url", "nowhere is not a valid http or https URL"),
        ("row 5, name", "'Bad Name' contains one or more invalid characters. Widget name must contain only lowercase letters, numbers, hyphen and underscore characters."),
        ("row 7", "has 2 cells; the header has 3"),
        ("row 9, name", "'ok\n4' contains one or more invalid characters. Widget name must contain only lowercase letters, numbers, hyphen and underscore characters."),
        ("row 10, name", "is in row 8, too"),
        ("row 11, deadline", "is required"),
        ("row 11, info_url", "is required"),
    ]
    .map(|(place, why)| (place.to_owned(), why.to_owned()));
    let mut found = errors(&answer);
    found.sort();
    let mut sorted = expected.to_vec();
    sorted.sort();
    assert_eq!(found, sorted);
    // In the order of the rows.
    let places = ["row 2, ", "row 3, ", "row 9, ", "row 10, ", "row 11, "];
    let at: Vec<_> = places.iter().map(|place| answer.text.find(place).unwrap()).collect();
    assert!(at.is_sorted(), "{}", answer.text);
    assert!(app.dump() == before);

    let mut many = "name,info_url,deadline\n".to_owned();
    for n in 0..250 {
        writeln!(many, "w{n},x,2026-12-31").unwrap();
    }
    let answer = admin.import("/widgets/import", &many).await;
    let found = errors(&answer);
    assert_eq!(found.len(), 101);
    assert_eq!(answer.error_of("rows"), "have 150 more errors");
    assert!(app.dump() == before);
}

#[rocket::async_test]
async fn csv_import_refuses_a_wrong_header_and_what_is_no_table() {
    let app = TestApp::with(&[("limits", "{csv=2000}")]).await;
    let admin = app.admin().await;
    let columns = "is not a column; columns are name, info_url, deadline, owner, created_at, \
                   owner_name, owner_username";
    for (table, expected) in [
        ("", &[("body", "is empty; its first row must name the columns")][..]),
        ("\n\n", &[("body", "is empty; its first row must name the columns")]),
        (
            "name,colour,name,info_url\n",
            &[
                ("row 1, colour", columns),
                ("row 1, deadline", "is a column that is required"),
                ("row 1, name", "is there twice"),
            ],
        ),
        (
            "name;info_url;deadline\n",
            &[
                ("row 1, deadline", "is a column that is required"),
                ("row 1, info_url", "is a column that is required"),
                ("row 1, name", "is a column that is required"),
                ("row 1, name;info_url;deadline", columns),
            ],
        ),
        (
            "name,info_url,deadline\na,\"https://example.com,2026-12-31\nb,c,d\n",
            &[("row 2", "has a quote that is not closed")],
        ),
        (
            "name,info_url,deadline\na,https://example.com,2026-12-31\u{0}\n",
            &[("row 2, deadline", "must not contain a NUL character")],
        ),
    ] {
        let answer = admin.import("/widgets/import", table).await;
        let expected: Vec<_> =
            expected.iter().map(|(place, why)| ((*place).to_owned(), (*why).to_owned())).collect();
        let mut found = errors(&answer);
        found.sort();
        assert_eq!(found, expected, "{table:?}");
    }
    let bytes = admin.send_with(Post, "/widgets/import", &[CSV], b"name\n\xff\n").await;
    assert_eq!(bytes.assert_invalid(&["body"]).error_of("body"), "is not valid UTF-8");
    let no_rows = admin.import("/widgets/import", "name,info_url,deadline\n").await;
    assert_imported(&no_rows, [0, 0, 0]);
    for content_type in ["application/json", "text/plain", "application/x-www-form-urlencoded"] {
        let headers = [("Content-Type", content_type)];
        let answer = admin.send_with(Post, "/widgets/import", &headers, "name").await;
        answer.assert_message(Status::UnsupportedMediaType, "The Content-Type must be text/csv.");
    }
    admin
        .send_with(Post, "/tasks/import", &[], "title\n")
        .await
        .assert(Status::UnsupportedMediaType);
    let large = format!("name,info_url,deadline\n{}", "x".repeat(2_000));
    let answer = admin.import("/widgets/import", &large).await;
    answer.assert_message(Status::PayloadTooLarge, "The body is larger than 2000 bytes.");
    let charset = [("Content-Type", "text/csv; charset=utf-8; header=present")];
    let answer = admin.send_with(Post, "/tasks/import", &charset, "title\none\n").await;
    assert_imported(&answer, [1, 0, 0]);
    for (query, field) in [("mode=replace", "mode"), ("mod=upsert", "mod")] {
        let answer = admin.import(&format!("/tasks/import?{query}"), "title\none\n").await;
        answer.assert_invalid(&[field]);
    }
}

#[rocket::async_test]
async fn csv_import_upserts_and_changes_only_the_columns_that_are_there() {
    let app = TestApp::new().await;
    let (admin, ann) = (app.admin().await, app.user("ann").await);
    let fields = [
        ("title", "one"),
        ("description", "A text."),
        ("status", "in_progress"),
        ("deadline", "2026-12-31"),
        ("assignee", "ann@example.com"),
    ];
    let one = admin.post("/tasks", &fields).await.body["id"].as_str().unwrap().to_owned();
    let path = format!("/tasks/{one}");
    let upsert = async |table: &str| admin.import("/tasks/import?mode=upsert", table).await;
    assert_imported(&upsert(&format!("id,title\n{one},two\n")).await, [0, 1, 0]);
    let task = admin.get(&path).await.body;
    assert_eq!((&task["title"], &task["description"]), (&json!("two"), &json!("A text.")));
    assert_eq!(
        (&task["status"], &task["assignee"]["email"]),
        (&json!("in_progress"), &json!("ann@example.com"))
    );
    assert_imported(&upsert(&format!("status,id,title\n,{one},two\n")).await, [0, 0, 1]);
    let table =
        format!("title,id,deadline,description,assignee\nthree,{one},,,\nnew,,none,,none\n");
    assert_imported(&upsert(&table).await, [1, 1, 0]);
    let task = admin.get(&path).await.body;
    for (field, value) in
        [("deadline", Value::Null), ("assignee", Value::Null), ("description", json!(""))]
    {
        assert_eq!(task[field], value, "{field}");
    }
    // A row with an id that no task has makes one with it.
    let id = "11111111-1111-4111-8111-111111111111";
    assert_imported(
        &upsert(&format!("id,title,creator\n{id},four,ann@example.com\n")).await,
        [1, 0, 0],
    );
    let task = admin.get(&format!("/tasks/{id}")).await.body;
    assert_eq!(task["creator"]["email"], "admin@example.com");
    let again = admin.import("/tasks/import", &format!("id,title\n{id},four\n")).await;
    assert_eq!(
        errors(&again),
        [("row 2, id".to_owned(), format!("There is a task {id} already."))]
    );
    let twice = upsert(&format!("id,title\n{id},five\n{id},six\n")).await;
    assert_eq!(errors(&twice), [("row 3, id".to_owned(), "is in row 2, too".to_owned())]);
    // An assignee is active.
    app.set_status(&ann, AccountStatus::Disabled).await;
    let refused = upsert("title,assignee\nfive,ann@example.com\n").await;
    let why = "the account ann@example.com is disabled, not active";
    assert_eq!(errors(&refused), [("row 2, assignee".to_owned(), why.to_owned())]);
    // A former one stays who they are, though nobody can be told so anew.
    app.set_status(&ann, AccountStatus::Active).await;
    assert_imported(
        &upsert(&format!("id,title,assignee\n{id},five,ann@example.com\n")).await,
        [0, 1, 0],
    );
    let ann_id = app.find("ann@example.com").await.public_id;
    app.store.delete_user(ann_id, Precondition::default(), &app.cli_context()).await.unwrap();
    let exported = admin.export("/tasks").await;
    assert!(column(&exported, "assignee").contains(&ann_id.to_string()));
    assert_imported(&upsert(&exported).await, [0, 0, 3]);
}

#[rocket::async_test]
async fn csv_import_writes_as_single_writes_do() {
    let app = TestApp::with(&[("quota_mib", "1")]).await;
    let admin = app.admin().await;
    let rows = |count: usize| -> String {
        let row = |n| format!("{n},https://example.com,2026-12-31\n");
        format!("name,info_url,deadline\n{}", (0..count).map(row).collect::<String>())
    };
    let before = app.dump();
    let refused = admin.import("/widgets/import", &rows(2_000)).await;
    refused.assert(Status::InsufficientStorage);
    assert!(app.dump() == before);
    assert_imported(&admin.import("/widgets/import", &rows(1_500)).await, [1_500, 0, 0]);
    let found = admin.get("/widgets?q=1499&sort=-deadline").await;
    assert_eq!(found.each("name"), ["1499"]);
    let page = admin.get("/widgets?page=150").await;
    assert_eq!((page.each("name").len(), &page.body["total_items"]), (10, &json!(1_500)));
    // One of a plain widget and its import are the same.
    admin.delete("/widgets/7").await.assert(Status::NoContent);
    admin.post("/widgets", &widget("7")).await.assert(Status::Created);
    let same = "name,info_url,deadline\n7,https://example.com,2026-12-31\n";
    assert_imported(&admin.import("/widgets/import?mode=upsert", same).await, [0, 0, 1]);
}

#[rocket::async_test]
async fn csv_import_of_more_than_100_000_rows_is_refused() {
    let app = TestApp::new().await;
    let admin = app.admin().await;
    let table = format!("title\n{}", "x\n".repeat(100_001));
    let answer = admin.import("/tasks/import", &table).await;
    assert_eq!(answer.assert_invalid(&["body"]).error_of("body"), "has more than 100000 rows");
}
