//! `/templates`: private to their owner.

use rocket::http::{ContentType, Method, Status};
use serde_json::json;

use crate::support::{Actor, Answer, TestApp, form, percent_encode};

/// The most bytes of a body.
const MAX: usize = 64 * 1024;

/// The path of a template, below the API.
fn path(name: &str) -> String {
    format!("/templates/{}", percent_encode(name))
}

impl Actor<'_> {
    async fn add_template(&self, name: &str, body: &str) -> Answer {
        self.post("/templates", &[("name", name), ("body", body)]).await
    }
}

#[rocket::async_test]
async fn create_takes_a_form_or_json_and_answers_201_with_location() {
    let app = TestApp::new().await;
    let ann = app.user("ann").await;
    let text = "Dear {name},\n\twelcome & 100% \"ours\"!\r\n";
    let json = json!({ "name": "two", "body": text });
    for (name, answer) in [
        ("one", ann.add_template("one", text).await),
        ("two", ann.post_json("/templates", &json).await),
    ] {
        answer.assert(Status::Created);
        let link = format!("/api/v1/templates/{name}");
        let expected = json!({
            "name": name,
            "body": text,
            "body_truncated": false,
            "created_at": "11/21/26 12:00:00 PM UTC",
            "created_at_iso8601": "2026-11-21T12:00:00+00:00",
            "updated_at": "11/21/26 12:00:00 PM UTC",
            "updated_at_iso8601": "2026-11-21T12:00:00+00:00",
            "link": link,
        });
        assert_eq!((&answer.body, answer.header("Location")), (&expected, Some(link.as_str())));
        let read = ann.get(&format!("/templates/{name}")).await;
        read.assert(Status::Ok);
        assert_eq!((&read.body, read.header("ETag")), (&expected, answer.header("ETag")));
        assert_eq!(read.header("Location"), None);
    }
}

#[rocket::async_test]
async fn a_taken_name_is_409_on_create_and_on_patch() {
    let app = TestApp::new().await;
    let ann = app.user("ann").await;
    ann.add_template("one", "First.").await.assert(Status::Created);
    ann.add_template("two", "Second.").await.assert(Status::Created);
    let message = "Template name: one already exists, must be unique.";
    ann.add_template("one", "Other.").await.assert_message(Status::Conflict, message);
    let rename = [("name", "one"), ("body", "Other.")];
    ann.patch("/templates/two", &rename).await.assert_message(Status::Conflict, message);
    assert_eq!(ann.get("/templates/one").await.body["body"], "First.");
    assert_eq!(ann.get("/templates/two").await.body["body"], "Second.");
    ann.add_template("ONE", "Case counts.").await.assert(Status::Created);
}

#[rocket::async_test]
async fn patch_answers_the_template_and_a_location_if_the_name_is_new() {
    let app = TestApp::new().await;
    let ann = app.user("ann").await;
    let made = ann.add_template("one", "First.").await;
    app.advance(std::time::Duration::from_mins(1));
    let changed = ann.patch("/templates/one", &[("body", "Second.")]).await;
    changed.assert(Status::Ok);
    assert_eq!(changed.header("Location"), None);
    assert_ne!(changed.header("ETag"), made.header("ETag"));
    let mut expected = made.body.clone();
    expected["body"] = json!("Second.");
    expected["updated_at"] = json!("11/21/26 12:01:00 PM UTC");
    expected["updated_at_iso8601"] = json!("2026-11-21T12:01:00+00:00");
    assert_eq!(changed.body, expected);

    let renamed = ann.patch("/templates/one", &[("name", "a/b ä")]).await;
    renamed.assert(Status::Ok);
    assert_eq!(renamed.header("Location"), Some("/api/v1/templates/a%2Fb%20%C3%A4"));
    expected["name"] = json!("a/b ä");
    expected["link"] = json!("/api/v1/templates/a%2Fb%20%C3%A4");
    assert_eq!(renamed.body, expected);
    ann.get("/templates/one").await.assert_message(Status::NotFound, "one not found in database.");
    assert_eq!(ann.get("/templates/a%2Fb%20%C3%A4").await.body, expected);
    // To its own name.
    let same = ann.patch("/templates/a%2Fb%20%C3%A4", &[("name", "a/b ä")]).await;
    assert_eq!(
        (same.assert(Status::Ok).header("Location"), &same.body["name"]),
        (None, &json!("a/b ä"))
    );
}

#[rocket::async_test]
async fn validation_names_every_field_at_fault_in_one_answer() {
    let app = TestApp::new().await;
    let ann = app.user("ann").await;
    ann.add_template("one", "Text.").await.assert(Status::Created);
    ann.post("/templates", &[]).await.assert_invalid(&["name", "body"]);
    ann.post_json("/templates", &json!({ "name": "", "body": "" }))
        .await
        .assert_invalid(&["name", "body"]);
    ann.post_json("/templates", &json!({ "name": "a\0", "body": "b\0" }))
        .await
        .assert_invalid(&["name", "body"]);
    let extra = [("name", "."), ("body", "x"), ("owner", "bob@example.com")];
    ann.post("/templates", &extra).await.assert_invalid(&["name", "owner"]);
    let answer = ann.patch("/templates/one", &[]).await;
    assert_eq!(
        answer.assert_invalid(&["name"]).error_of("name"),
        "is required, unless body is given"
    );
    ann.patch("/templates/one", &[("name", ""), ("body", "")]).await.assert_invalid(&["name"]);
    let body = json!({ "name": "..", "body": "" }).to_string();
    ann.send(Method::Patch, "/templates/one", Some(ContentType::JSON), body)
        .await
        .assert_invalid(&["name", "body"]);
    assert_eq!(ann.get("/templates").await.body["total_items"], 1);
}

#[rocket::async_test]
async fn an_invalid_name_is_400_in_a_body_and_in_a_path() {
    let app = TestApp::new().await;
    let ann = app.user("ann").await;
    ann.add_template("one", "Text.").await.assert(Status::Created);
    let long = "ä".repeat(101);
    for (name, why) in [
        (".", "must not be '.', which means something else in an address"),
        ("..", "must not be '..', which means something else in an address"),
        (" a", "must not begin or end with a blank"),
        ("a\u{a0}", "must not begin or end with a blank"),
        (" ", "is required"),
        ("a\nb", "must not contain control characters"),
        ("a\u{202e}b", "must not contain control characters"),
        ("a\u{fffd}", "must not contain U+FFFD, which stands for what could not be read"),
        (&long, "must have at most 100 characters"),
    ] {
        for answer in [
            ann.add_template(name, "Text.").await,
            ann.patch("/templates/one", &[("name", name)]).await,
            ann.get(&path(name)).await,
            ann.patch(&path(name), &[("body", "x")]).await,
            ann.delete(&path(name)).await,
        ] {
            assert_eq!(answer.assert_invalid(&["name"]).error_of("name"), why, "{name:?}");
        }
    }
    ann.get("/templates/%FF").await.assert_invalid(&["name"]);
    ann.get("/templates/a%00b").await.assert_invalid(&["name"]);
}

#[rocket::async_test]
async fn body_limit_is_64_kib_of_utf_8_in_either_format() {
    let app = TestApp::new().await;
    let ann = app.user("ann").await;
    let escaped = |text: &str| {
        let units: Vec<_> = text.encode_utf16().map(|unit| format!("\\u{unit:04x}")).collect();
        units.concat()
    };
    for (n, letter) in ["x", "ä", "€", "🎉", "\u{1}", "\"", "\n"].into_iter().enumerate() {
        let most =
            format!("{}{}", letter.repeat(MAX / letter.len()), "x".repeat(MAX % letter.len()));
        let more = format!("{most}x");
        let write = async |name: &str, text: &str, format: &str| {
            let (content_type, body) = match format {
                "form" => (ContentType::Form, form(&[("name", name), ("body", text)])),
                "JSON" => (ContentType::JSON, json!({ "name": name, "body": text }).to_string()),
                _ => (
                    ContentType::JSON,
                    format!("{{\"name\": \"{}\", \"body\": \"{}\"}}", escaped(name), escaped(text)),
                ),
            };
            ann.send(Method::Post, "/templates", Some(content_type), body).await
        };
        for format in ["form", "JSON", "escaped JSON"] {
            // The longest name fits beside the longest body.
            let name = format!("{n}{format}{}", "🎉".repeat(99 - format.len()));
            write(&name, &most, format).await.assert(Status::Created);
            assert_eq!(ann.get(&path(&name)).await.body["body"], most.as_str());
            let answer = write("more", &more, format).await;
            let why = "has 65537 bytes in UTF-8; it may have at most 65536";
            assert_eq!(
                answer.assert_invalid(&["body"]).error_of("body"),
                why,
                "{letter:?} {format}"
            );
        }
        ann.patch(&path(&format!("{n}form{}", "🎉".repeat(95))), &[("body", &most)])
            .await
            .assert(Status::Ok);
    }
    assert_eq!(ann.get("/templates?per_page=5&sort=name").await.body["total_items"], 21);
}

#[rocket::async_test]
async fn body_limit_of_the_request_is_413_and_differs_between_routes() {
    let app = TestApp::new().await;
    let admin = app.admin().await;
    admin.add_template("one", "Text.").await.assert(Status::Created);
    let limit = 6 * MAX + 4 * 1024;
    let (at, over) = ("x".repeat(limit), "x".repeat(limit + 1));
    for content_type in [ContentType::Form, ContentType::JSON] {
        for (method, path) in [(Method::Post, "/templates"), (Method::Patch, "/templates/one")] {
            admin
                .send(method, path, Some(content_type.clone()), &at)
                .await
                .assert(Status::BadRequest);
            let answer = admin.send(method, path, Some(content_type.clone()), &over).await;
            answer.assert_message(
                Status::PayloadTooLarge,
                &format!("The body is larger than {limit} bytes."),
            );
        }
    }
    for (method, path) in [(Method::Post, "/widgets"), (Method::Delete, "/templates/one")] {
        admin
            .send(method, path, Some(ContentType::Form), "x".repeat(8 * 1024 + 1))
            .await
            .assert(Status::PayloadTooLarge);
        admin
            .send(method, path, Some(ContentType::JSON), "x".repeat(MAX + 1))
            .await
            .assert(Status::PayloadTooLarge);
    }
    admin.send(Method::Post, "/templates", None, "x").await.assert(Status::UnsupportedMediaType);
    admin
        .send(Method::Post, "/templates", Some(ContentType::Plain), &over)
        .await
        .assert(Status::UnsupportedMediaType);
}

#[rocket::async_test]
async fn list_sort_and_search_follow_the_query() {
    let app = TestApp::new().await;
    let ann = app.user("ann").await;
    for (name, body) in [("b", "Dear all"), ("a", "Dear {name}"), ("c", "Écrire & \"quote\"")] {
        ann.add_template(name, body).await.assert(Status::Created);
        app.advance(std::time::Duration::from_secs(1));
    }
    ann.patch("/templates/b", &[("body", "Dear all of you")]).await.assert(Status::Ok);
    for (query, expected) in [
        ("", &["b", "a", "c"][..]),
        ("sort=created_at", &["b", "a", "c"]),
        ("sort=-created_at", &["c", "a", "b"]),
        ("sort=name", &["a", "b", "c"]),
        ("sort=-name", &["c", "b", "a"]),
        ("sort=updated_at", &["a", "c", "b"]),
        ("sort=-updated_at", &["b", "c", "a"]),
        ("q=dear", &["b", "a"]),
        ("q=dear+name&sort=-name", &["a"]),
        ("q=ecr", &["c"]),
        ("q=%22quote%22", &["c"]),
        ("q=", &["b", "a", "c"]),
        ("q=nothing", &[]),
    ] {
        assert_eq!(ann.get(&format!("/templates?{query}")).await.each("name"), expected, "{query}");
    }
    let list = ann.get("/templates?q=dear&sort=name&per_page=5").await;
    assert_eq!(list.body["items"][0], ann.get("/templates/a").await.body);
    assert_eq!(list.body["links"]["self"], "/api/v1/templates?q=dear&sort=name&page=1&per_page=5");
    assert_eq!(list.header("Total-Count"), Some("2"));
    for (query, field) in [
        ("sort=body", "sort"),
        ("sort=", ""),
        ("sort=--name", "sort"),
        ("sort=name&sort=name", "sort"),
        ("q=a%00b", "q"),
        ("q=%FF", "q"),
        ("owner=ann", "owner"),
        ("page=0", "page"),
    ] {
        let answer = ann.get(&format!("/templates?{query}")).await;
        if field.is_empty() {
            answer.assert(Status::Ok);
        } else {
            answer.assert_invalid(&[field]);
        }
    }
    let why = "'body' must be one of name, -name, created_at, -created_at, updated_at, -updated_at";
    assert_eq!(ann.get("/templates?sort=body").await.error_of("sort"), why);
}

#[rocket::async_test]
async fn a_long_body_is_truncated_in_lists_and_whole_elsewhere() {
    let app = TestApp::new().await;
    let ann = app.user("ann").await;
    let long = "\u{1}".repeat(MAX);
    let made = ann.add_template("long", &long).await;
    let changed = ann.patch("/templates/long", &[("name", "longer")]).await;
    let read = ann.get("/templates/longer").await;
    for answer in [&made, &changed, &read] {
        assert_eq!(answer.body["body"], long);
        assert_eq!(answer.body["body_truncated"], false);
    }
    let list = ann.get("/templates").await;
    let mut expected = read.body.clone();
    expected["body"] = json!("\u{1}".repeat(1_024));
    expected["body_truncated"] = json!(true);
    assert_eq!(list.body["items"], json!([expected]));
    // A change behind the beginning is a new ETag of the list, too.
    ann.patch("/templates/longer", &[("body", &format!("{}x", &long[1..]))]).await;
    let after = ann.get("/templates").await;
    assert_eq!(after.body["items"][0]["body"], expected["body"]);
    assert_ne!(after.etag(), list.etag());
}

/// Reads a template at its `Location`, and finds it by its name and its body.
async fn assert_round_trip(ann: &Actor<'_>, name: &str, body: &str, made: &Answer) {
    made.assert(Status::Created);
    assert_eq!((&made.body["name"], &made.body["body"]), (&json!(name), &json!(body)));
    let link = made.header("Location").unwrap();
    assert_eq!(made.body["link"], link);
    assert!(link.bytes().all(|byte| byte.is_ascii_graphic()), "{link}");
    let read = ann.get(link.strip_prefix("/api/v1").unwrap()).await;
    assert_eq!(read.assert(Status::Ok).body, made.body);
    assert_eq!(ann.get(&path(name)).await.body, made.body);
    for words in [name, body] {
        let found = ann.get(&format!("/templates?{}", form(&[("q", words)]))).await;
        assert!(found.each("name").contains(&name), "{name:?} by {words:?}: {}", found.text);
        let link = found.body["links"]["self"].as_str().unwrap().strip_prefix("/api/v1").unwrap();
        assert_eq!(ann.get(link).await.body, found.body);
    }
}

#[rocket::async_test]
async fn hostile_names_and_bodies_are_kept_to_the_byte_and_found() {
    let app = TestApp::new().await;
    let ann = app.user("ann").await;
    for text in [
        "'; DROP TABLE template; --",
        "\"quoted\" 'too' `and` \\so\\",
        "100%",
        "%2F",
        "%zz",
        "a/b",
        "a//b/../c",
        "a%2Fb",
        "a?b=c#d",
        "a+b c",
        "a&b=c;d",
        "<script>alert(1)</script>",
        "{{ name }} ${name} %s",
        "🎉 👩‍👩‍👧",
        "مرحبا بالعالم",
        "שלום",
        "e\u{301} é",
        "ﬁ ﷺ",
        "...a",
        "x AND NOT y",
        "name:x*",
        "a\u{200d}b",
        "\u{feff}a",
    ] {
        let made = ann.add_template(text, &format!(" {text}\n\u{202e}{text}\t")).await;
        assert_round_trip(&ann, text, &format!(" {text}\n\u{202e}{text}\t"), &made).await;
    }
}
