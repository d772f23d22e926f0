//! `/widgets`: every account reads, administrators write.

use std::time::Duration;

use rocket::http::Status;
use serde_json::{Value, json};

use crate::support::{TestApp, widget};

#[rocket::async_test]
async fn create_takes_a_form_or_json_and_answers_201_with_location() {
    let app = TestApp::new().await;
    let admin = app.admin().await;
    let json = json!({ "name": "two", "info_url": "https://example.com", "deadline": "12/31/26" });
    for (name, answer) in
        [("one", admin.add_widget("one").await), ("two", admin.post_json("/widgets", &json).await)]
    {
        answer.assert(Status::Created);
        assert_eq!(
            answer.body,
            json!({ "status": "success", "message": format!("New widget added: {name}.") })
        );
        assert_eq!(answer.header("Location"), Some(format!("/api/v1/widgets/{name}").as_str()));
    }
}

#[rocket::async_test]
async fn get_answers_every_user_and_a_name_in_a_path_is_case_insensitive() {
    let app = TestApp::new().await;
    let admin = app.admin().await;
    admin.add_widget("one").await.assert(Status::Created);
    let ann = app.user("ann").await;
    for path in ["/widgets/one", "/widgets/ONE", "/widgets/%6Fne"] {
        let answer = ann.get(path).await;
        answer.assert(Status::Ok);
        let expected = json!({
            "name": "one",
            "info_url": "https://example.com",
            "created_at": "11/21/26 12:00:00 PM UTC",
            "created_at_iso8601": "2026-11-21T12:00:00+00:00",
            "created_at_rfc822": "Sat, 21 Nov 2026 12:00:00 +0000",
            "deadline": "12/31/26 11:59:59 PM UTC",
            "deadline_iso8601": "2026-12-31T23:59:59+00:00",
            "deadline_date": "2026-12-31",
            "deadline_passed": false,
            "time_remaining": "40 days 11 hours 59 minutes 59 seconds",
            "owner": {
                "email": "admin@example.com",
                "username": null,
                "name": null,
                "public_id": admin.public_id().await.to_string(),
            },
            "link": "/api/v1/widgets/one",
        });
        assert_eq!(answer.body, expected);
    }
    admin.delete("/widgets/ONE").await.assert(Status::NoContent);
}

#[rocket::async_test]
async fn deadline_passes_with_the_end_of_its_day() {
    let app = TestApp::new().await;
    let admin = app.admin().await;
    let fields =
        [("name", "today"), ("info_url", "https://example.com"), ("deadline", "2026-11-21")];
    admin.post("/widgets", &fields).await.assert(Status::Created);
    app.advance(Duration::from_secs(12 * 3600 - 1));
    let admin = admin.bearing(admin.log_in(crate::support::PASSWORD).await.token());
    let widget = admin.get("/widgets/today").await;
    assert_eq!(
        (&widget.body["deadline_passed"], &widget.body["time_remaining"]),
        (&json!(false), &json!("No time remaining"))
    );
    app.advance(Duration::from_secs(1));
    let widget = admin.get("/widgets/today").await;
    assert_eq!(
        (&widget.body["deadline_passed"], &widget.body["time_remaining"]),
        (&json!(true), &json!("No time remaining"))
    );
}

#[rocket::async_test]
async fn a_taken_name_is_409_and_changes_nothing() {
    let app = TestApp::new().await;
    let admin = app.admin().await;
    admin.add_widget("one").await.assert(Status::Created);
    let fields =
        [("name", "one"), ("info_url", "https://example.org/other"), ("deadline", "2027-01-01")];
    let answer = admin.post("/widgets", &fields).await;
    answer.assert_message(Status::Conflict, "Widget name: one already exists, must be unique.");
    assert_eq!(admin.get("/widgets/one").await.body["info_url"], "https://example.com");
}

#[rocket::async_test]
async fn validation_names_every_field_at_fault_in_one_answer() {
    let app = TestApp::new().await;
    let admin = app.admin().await;
    let answer = admin
        .post(
            "/widgets",
            &[("name", "No Name"), ("info_url", "ftp://x"), ("deadline", "11/20/2026")],
        )
        .await;
    answer.assert_invalid(&["name", "info_url", "deadline"]);
    assert!(
        answer.error_of("name").starts_with("'No Name' contains one or more invalid characters. ")
    );
    admin.post("/widgets", &[]).await.assert_invalid(&["name", "info_url", "deadline"]);
    admin
        .put("/widgets/one", &[("info_url", ""), ("deadline", "soon")])
        .await
        .assert_invalid(&["info_url", "deadline"]);
    admin.put("/widgets/one", &[("deadline", "2026-12-30")]).await.assert_invalid(&["info_url"]);
    admin.put("/widgets/one", &widget("one")).await.assert_invalid(&["name"]);
    assert_eq!(admin.get("/widgets").await.body["total_items"], 0);
}

#[rocket::async_test]
async fn an_invalid_name_in_a_path_is_400() {
    let app = TestApp::new().await;
    let admin = app.admin().await;
    let long = "x".repeat(101);
    for name in ["no%20name", "a.b", "%FF", "a%00b", "%C3%A4", "a%2Fb", &long] {
        let path = format!("/widgets/{name}");
        admin.get(&path).await.assert_invalid(&["name"]);
        admin.delete(&path).await.assert_invalid(&["name"]);
        admin.put(&path, &widget("x")[1..]).await.assert_invalid(&["name"]);
    }
}

#[rocket::async_test]
async fn put_updates_an_existing_widget_and_keeps_its_owner() {
    let app = TestApp::new().await;
    let admin = app.admin().await;
    admin.add_widget("one").await.assert(Status::Created);
    let bob = app.user("bob").await;
    app.set_role(&bob, widgetd::domain::Role::Admin).await;

    let answer = bob
        .put("/widgets/One", &[("info_url", "https://example.org"), ("deadline", "Jan 1 2027")])
        .await;
    answer.assert(Status::Ok);
    assert_eq!(
        answer.body,
        json!({ "status": "success", "message": "'one' was successfully updated" })
    );
    assert_eq!(answer.header("Location"), None);
    let widget = admin.get("/widgets/one").await.body;
    assert_eq!(widget["info_url"], "https://example.org");
    assert_eq!(widget["deadline"], "01/01/27 11:59:59 PM UTC");
    assert_eq!(widget["owner"]["email"], "admin@example.com");
}

#[rocket::async_test]
async fn put_creates_a_new_widget_with_201_and_location() {
    let app = TestApp::new().await;
    let admin = app.admin().await;
    let answer = admin.put("/widgets/one", &widget("x")[1..]).await;
    answer.assert_message(Status::Created, "New widget added: one.");
    assert_eq!(answer.header("Location"), Some("/api/v1/widgets/one"));
    admin.get("/widgets/one").await.assert(Status::Ok);
}

#[rocket::async_test]
async fn pagination_is_in_the_order_of_creation_with_links_and_total_count() {
    let app = TestApp::new().await;
    let admin = app.admin().await;
    for n in (0..12).rev() {
        admin.add_widget(&format!("w{n:02}")).await.assert(Status::Created);
    }
    let first = admin.get("/widgets").await;
    assert_eq!(first.each("name"), (2..12).rev().map(|n| format!("w{n:02}")).collect::<Vec<_>>());
    assert_eq!(first.body["items"][0], admin.get("/widgets/w11").await.body);
    let mut first = first;
    first.body["items"] = Value::Null;
    let expected = json!({
        "links": {
            "self": "/api/v1/widgets?page=1&per_page=10",
            "first": "/api/v1/widgets?page=1&per_page=10",
            "next": "/api/v1/widgets?page=2&per_page=10",
            "last": "/api/v1/widgets?page=2&per_page=10",
        },
        "has_prev": false, "has_next": true, "page": 1, "total_pages": 2,
        "items_per_page": 10, "total_items": 12, "items": null,
    });
    assert_eq!(first.body, expected);
    assert_eq!(first.header("Total-Count"), Some("12"));
    assert_eq!(
        first.header("Link"),
        Some(
            "</api/v1/widgets?page=1&per_page=10>; rel=\"self\", </api/v1/widgets?page=1&per_page=10>; rel=\"first\", \
             </api/v1/widgets?page=2&per_page=10>; rel=\"next\", </api/v1/widgets?page=2&per_page=10>; rel=\"last\""
        )
    );

    let last = admin.get("/widgets?page=3&per_page=5").await;
    assert_eq!(last.each("name"), ["w01", "w00"]);
    assert_eq!((&last.body["has_prev"], &last.body["has_next"]), (&json!(true), &json!(false)));
    assert_eq!(last.body["links"]["prev"], "/api/v1/widgets?page=2&per_page=5");
    assert_eq!(last.body["links"]["next"], Value::Null);
}

#[rocket::async_test]
async fn pagination_past_the_end_or_of_nothing_is_an_empty_page() {
    let app = TestApp::new().await;
    let admin = app.admin().await;
    let empty = admin.get("/widgets").await;
    assert_eq!((&empty.body["total_pages"], &empty.body["items"]), (&json!(0), &json!([])));
    assert_eq!(empty.assert(Status::Ok).header("Total-Count"), Some("0"));
    admin.add_widget("one").await.assert(Status::Created);
    for page in ["2", "9223372036854775807", "18446744073709551615"] {
        let answer = admin.get(&format!("/widgets?page={page}")).await;
        answer.assert(Status::Ok);
        assert_eq!(answer.body["items"], json!([]));
        assert_eq!(
            (&answer.body["has_prev"], &answer.body["has_next"]),
            (&json!(true), &json!(false))
        );
        assert_eq!(answer.body["links"]["last"], "/api/v1/widgets?page=1&per_page=10");
    }
}

#[rocket::async_test]
async fn pagination_parameters_that_are_invalid_are_400() {
    let app = TestApp::new().await;
    let ann = app.user("ann").await;
    for (query, field) in [
        ("page=0", "page"),
        ("page=-1", "page"),
        ("page=abc", "page"),
        ("page=1.5", "page"),
        ("page=18446744073709551616", "page"),
        ("page=1&page=1", "page"),
        ("per_page=0", "per_page"),
        ("per_page=7", "per_page"),
        ("per_page=abc", "per_page"),
        ("per_page=101", "per_page"),
        ("pagge=1", "pagge"),
    ] {
        ann.get(&format!("/widgets?{query}")).await.assert_invalid(&[field]);
    }
    app.anon().get("/widgets?page=0").await.assert(Status::Unauthorized);
}

#[rocket::async_test]
async fn patch_changes_what_is_given_and_answers_the_widget_with_its_etag() {
    let app = TestApp::new().await;
    let (admin, bob) = (app.admin().await, app.user("bob").await);
    app.set_role(&bob, widgetd::domain::Role::Admin).await;
    admin.add_widget("one").await.assert(Status::Created);
    let before = admin.get("/widgets/one").await;
    let answer = bob.patch("/widgets/One", &[("info_url", "https://example.com/more")]).await;
    let mut expected = before.body.clone();
    expected["info_url"] = json!("https://example.com/more");
    assert_eq!(answer.assert(Status::Ok).body, expected);
    assert_eq!(answer.header("Location"), None);
    let after = admin.get("/widgets/one").await;
    assert_eq!((after.body.clone(), after.etag()), (expected, answer.etag()));
    let answer = admin.patch("/widgets/one", &[("deadline", "2027-01-31")]).await;
    assert_eq!(answer.body["deadline_iso8601"], "2027-01-31T23:59:59+00:00");
}

#[rocket::async_test]
async fn patch_of_the_name_answers_the_new_location_and_409_if_it_is_taken() {
    let app = TestApp::new().await;
    let admin = app.admin().await;
    for name in ["one", "two"] {
        admin.add_widget(name).await.assert(Status::Created);
    }
    let answer = admin.patch("/widgets/one", &[("name", "first")]).await;
    answer.assert(Status::Ok);
    assert_eq!(answer.header("Location"), Some("/api/v1/widgets/first"));
    assert_eq!(
        (&answer.body["name"], &answer.body["link"]),
        (&json!("first"), &json!("/api/v1/widgets/first"))
    );
    admin.get("/widgets/one").await.assert(Status::NotFound);
    // A rename keeps the order of creation.
    let list = admin.get("/widgets").await;
    assert_eq!(
        (&list.body["items"][0]["name"], &list.body["total_items"]),
        (&json!("first"), &json!(2))
    );
    admin.add_widget("one").await.assert(Status::Created);

    let taken = admin.patch("/widgets/first", &[("name", "two"), ("deadline", "2027-01-31")]).await;
    taken.assert_message(Status::Conflict, "Widget name: two already exists, must be unique.");
    assert_eq!(admin.get("/widgets/first").await.etag(), answer.etag());
    // A PATCH to the same name is no rename.
    let same = admin.patch("/widgets/first", &[("name", "first")]).await;
    assert_eq!(same.assert(Status::Ok).header("Location"), None);
}

#[rocket::async_test]
async fn patch_validation_names_every_field_at_fault() {
    let app = TestApp::new().await;
    let admin = app.admin().await;
    admin.add_widget("one").await.assert(Status::Created);
    let nothing = admin.patch("/widgets/one", &[("name", "")]).await;
    let why = "is required, unless info_url or deadline is given";
    assert_eq!(nothing.assert_invalid(&["name"]).error_of("name"), why);
    let fields = [("name", "A b"), ("info_url", "x"), ("deadline", "soon"), ("owner", "me")];
    admin
        .patch("/widgets/one", &fields)
        .await
        .assert_invalid(&["name", "info_url", "deadline", "owner"]);
    let past = &[("deadline", "2026-11-20")];
    admin.patch("/widgets/one", past).await.assert_invalid(&["deadline"]);
    admin
        .patch("/widgets/none", &[("name", "two")])
        .await
        .assert_message(Status::NotFound, "none not found in database.");
}
