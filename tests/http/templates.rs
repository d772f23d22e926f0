//! `/templates`: texts that nobody but their owner sees.

use rocket::http::{ContentType, Method, Status};
use serde_json::{Value, json};

use crate::support::{Actor, Answer, TestApp, form};

/// The most bytes of a body.
const MAX: usize = 64 * 1024;

/// The path of a template, below the API.
fn path(name: &str) -> String {
    let name = percent_encoding::utf8_percent_encode(name, percent_encoding::NON_ALPHANUMERIC);
    format!("/templates/{name}")
}

impl Actor<'_> {
    async fn add_template(&self, name: &str, body: &str) -> Answer {
        self.post("/templates", &[("name", name), ("body", body)]).await
    }
}

fn names(answer: &Answer) -> Vec<&str> {
    answer.assert(Status::Ok);
    answer.body["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|item| item["name"].as_str().unwrap())
        .collect()
}

#[rocket::async_test]
async fn a_template_is_added_from_a_form_or_json_and_read() {
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
async fn nobody_else_sees_or_changes_a_template_not_even_an_administrator() {
    let app = TestApp::new().await;
    let (ann, admin) = (app.user("ann").await, app.admin().await);
    ann.add_template("one", "Secret.").await.assert(Status::Created);
    for answer in [
        admin.get("/templates/one").await,
        admin.patch("/templates/one", &[("body", "x")]).await,
        admin.delete("/templates/one").await,
    ] {
        answer.assert_message(Status::NotFound, "one not found in database.");
    }
    for list in ["/templates", "/templates?q=secret", "/templates?sort=-name"] {
        assert!(names(&admin.get(list).await).is_empty());
        assert_eq!(names(&ann.get(list).await), ["one"]);
    }
    admin.add_template("one", "Mine.").await.assert(Status::Created);
    assert_eq!(ann.get("/templates/one").await.body["body"], "Secret.");
}

#[rocket::async_test]
async fn a_key_of_the_owner_reads_and_writes_as_far_as_it_goes() {
    let app = TestApp::new().await;
    let ann = app.user("ann").await;
    let (reads, writes) = (ann.key("r", "read").await, ann.key("w", "write").await);
    writes.add_template("one", "Text.").await.assert(Status::Created);
    reads
        .add_template("two", "Text.")
        .await
        .assert_message(Status::Forbidden, "This API key may only read");
    for actor in [&reads, &writes, &ann] {
        actor.get("/templates/one").await.assert(Status::Ok);
    }
    reads.delete("/templates/one").await.assert(Status::Forbidden);
    writes.delete("/templates/one").await.assert(Status::NoContent);
}

#[rocket::async_test]
async fn a_taken_name_is_a_conflict_and_changes_nothing() {
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
async fn a_change_answers_what_is_now_and_where_if_that_is_elsewhere() {
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
async fn deleting_answers_nothing_and_leaves_nothing() {
    let app = TestApp::new().await;
    let ann = app.user("ann").await;
    ann.add_template("one", "Text.").await.assert(Status::Created);
    let answer = ann.delete("/templates/one").await;
    answer.assert(Status::NoContent);
    assert_eq!(answer.text, "");
    for answer in [ann.get("/templates/one").await, ann.delete("/templates/one").await] {
        answer.assert_message(Status::NotFound, "one not found in database.");
    }
    assert!(names(&ann.get("/templates?q=text").await).is_empty());
}

#[rocket::async_test]
async fn what_somebody_has_not_seen_they_do_not_change() {
    let app = TestApp::new().await;
    let ann = app.user("ann").await;
    let first = ann.add_template("one", "First.").await.etag();
    let seen = ann.send_if(Method::Get, "/templates/one", ("If-None-Match", &first), &[]).await;
    assert_eq!((seen.status, seen.text.as_str()), (Status::NotModified, ""));
    let body = [("body", "Second.")];
    let changed = ann.send_if(Method::Patch, "/templates/one", ("If-Match", &first), &body).await;
    let second = changed.assert(Status::Ok).etag();
    for condition in
        [("If-Match", first.as_str()), ("If-None-Match", "*"), ("If-None-Match", &second)]
    {
        for (method, fields) in [(Method::Patch, &[("body", "Third.")][..]), (Method::Delete, &[])]
        {
            let answer = ann.send_if(method, "/templates/one", condition, fields).await;
            answer.assert(Status::PreconditionFailed);
        }
    }
    let nonsense = ann.send_if(Method::Delete, "/templates/one", ("If-Match", "first"), &[]).await;
    nonsense.assert_invalid(&["If-Match"]);
    ann.send_if(Method::Delete, "/templates/none", ("If-Match", "*"), &[])
        .await
        .assert(Status::NotFound);
    assert_eq!(ann.get("/templates/one").await.body["body"], "Second.");
    let deleted = ann.send_if(Method::Delete, "/templates/one", ("If-Match", &second), &[]).await;
    deleted.assert(Status::NoContent);
}

#[rocket::async_test]
async fn every_field_at_fault_is_named_at_once() {
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
async fn a_name_that_cannot_be_is_bad_input_wherever_it_stands() {
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
async fn a_body_of_64_kib_is_taken_in_either_format_and_not_a_byte_more() {
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
            // The longest name there can be is no obstacle.
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
async fn far_more_than_that_is_413_and_other_inputs_keep_their_limits() {
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
async fn an_account_has_a_thousand_templates_at_the_most() {
    let app = TestApp::new().await;
    let ann = app.user("ann").await;
    for n in 0..1_000 {
        ann.add_template(&n.to_string(), "Text.").await.assert(Status::Created);
    }
    let answer = ann.add_template("one more", "Text.").await;
    answer.assert_message(
        Status::Conflict,
        "There are 1000 templates already, the most there may be.",
    );
    ann.patch("/templates/1", &[("name", "renamed")]).await.assert(Status::Ok);
    app.user("bob").await.add_template("one", "Text.").await.assert(Status::Created);
    ann.delete("/templates/2").await.assert(Status::NoContent);
    ann.add_template("one more", "Text.").await.assert(Status::Created);
}

#[rocket::async_test]
async fn a_list_is_sorted_searched_and_paged_as_it_says() {
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
        assert_eq!(names(&ann.get(&format!("/templates?{query}")).await), expected, "{query}");
    }
    let list = ann.get("/templates?q=dear&sort=name&per_page=5").await;
    assert_eq!(list.body["items"][0], ann.get("/templates/a").await.body);
    assert_eq!(list.body["links"]["self"], "/api/v1/templates?q=dear&sort=name&page=1&per_page=5");
    assert_eq!(list.header("Total-Count"), Some("2"));
    let query = "/templates?q=dear&sort=name&per_page=5";
    let again = ann.send_if(Method::Get, query, ("If-None-Match", &list.etag()), &[]).await;
    again.assert(Status::NotModified);

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

/// Characters of every kind, the same ones each time.
fn random() -> impl FnMut(u32) -> u32 {
    let mut state = 0x9E37_79B9_7F4A_7C15_u64;
    move |below| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        u32::try_from(state >> 33).unwrap() % below
    }
}

fn random_text(random: &mut impl FnMut(u32) -> u32, length: u32) -> String {
    let mut any = || match random(4) {
        0 => char::from(b"\"'%_*\\/?#&+:;^-(){}[]<>|"[random(24) as usize]),
        1 => char::from_u32(0x20 + random(0x5f)).unwrap(),
        2 => char::from_u32(1 + random(0x2fff)).unwrap(),
        _ => char::from_u32(1 + random(0x2_ffff)).unwrap_or('\u{5d0}'),
    };
    (0..length).map(|_| any()).collect()
}

/// Reads a template under the address that was given for it, and finds it by its name.
async fn assert_kept(ann: &Actor<'_>, name: &str, body: &str, made: &Answer) {
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
        assert!(names(&found).contains(&name), "{name:?} by {words:?}: {}", found.text);
        let link = found.body["links"]["self"].as_str().unwrap().strip_prefix("/api/v1").unwrap();
        assert_eq!(ann.get(link).await.body, found.body);
    }
}

#[rocket::async_test]
async fn hostile_names_and_bodies_are_kept_to_the_byte() {
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
        assert_kept(&ann, text, &format!(" {text}\n\u{202e}{text}\t"), &made).await;
    }
}

#[rocket::async_test]
async fn random_texts_are_kept_to_the_byte() {
    let app = TestApp::new().await;
    let ann = app.user("ann").await;
    let mut random = random();
    let mut kept = 0;
    for n in 0..200 {
        let length = random(60);
        // The number tells them apart, and is a word even where the rest has none.
        let name = format!("{n}{}", random_text(&mut random, length));
        let body = format!("{n}x{}", random_text(&mut random, 3 * length));
        let made = if n % 2 == 0 {
            ann.add_template(&name, &body).await
        } else {
            ann.post_json("/templates", &json!({ "name": name, "body": body })).await
        };
        if widgetd::domain::TemplateName::parse(&name).is_ok() {
            assert_kept(&ann, &name, &body, &made).await;
            kept += 1;
        } else {
            made.assert_invalid(&["name"]);
            let name = format!("n{n}");
            let made = ann.add_template(&name, &body).await;
            assert_kept(&ann, &name, &body, &made).await;
        }
    }
    assert!(kept > 100, "{kept}");
    assert_eq!(ann.get("/templates").await.body["total_items"], 200);
}

#[rocket::async_test]
async fn a_deleted_account_leaves_no_template_behind() {
    let app = TestApp::new().await;
    let ann = app.user("ann").await;
    ann.add_template("one", "Text.").await.assert(Status::Created);
    let password = [("password", crate::support::PASSWORD)];
    ann.send(Method::Delete, "/auth/user", Some(ContentType::Form), form(&password))
        .await
        .assert(Status::NoContent);
    let again = app.user("ann").await;
    assert_eq!(again.get("/templates").await.body["items"], Value::Array(Vec::new()));
    again.get("/templates/one").await.assert(Status::NotFound);
}
