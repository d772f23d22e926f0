//! The pages of widgets and templates, without scripts: lists, records, and forms that answer 303.

use rocket::http::Status;
use widgetd::domain::Role;

use crate::support::{Actor, Answer, TestApp, percent_encode, resolve};

/// The names of the rows of a list, which are links to records.
fn names(page: &Answer, list: &str) -> Vec<String> {
    let elements = page.assert(Status::Ok).elements();
    let rows = elements.windows(3).filter(|three| three[0].get("class") == Some("text"));
    let name = |three: &[crate::support::page::Element]| {
        assert!(three[1].get("href").is_some_and(|href| href.contains(list)), "{three:?}");
        let texts = [&three[1].text, &three[2].text];
        texts.into_iter().find(|text| !text.is_empty()).unwrap().clone()
    };
    rows.map(name).collect()
}

/// What the next page says of a form.
async fn said(actor: &Actor<'_>, path: &str, done: &Answer) -> String {
    let next = done.assert(Status::SeeOther).leads_to(path);
    let page = actor.in_a_browser().keeping_also(done).open(&next).await;
    let elements = page.assert(Status::Ok).elements();
    let flash = elements.iter().position(|e| e.get("id") == Some("flash")).expect("a message");
    elements[flash + 1].text.clone()
}

async fn add_template(actor: &Actor<'_>, name: &str, body: &str) {
    actor.post("/templates", &[("name", name), ("body", body)]).await.assert(Status::Created);
}

/// A record of each kind that its pages change: its path in the API, and two fields with values.
const RECORDS: [(&str, [(&str, &str); 2]); 2] = [
    ("/widgets/old", [("info_url", "https://example.org/"), ("deadline", "2031-02-03")]),
    ("/templates/old", [("name", "renamed"), ("body", "line\nline")]),
];

async fn app_with_records() -> TestApp {
    let app = TestApp::new().await;
    let admin = app.admin().await;
    admin.add_widget("old").await.assert(Status::Created);
    add_template(&admin, "old", "text").await;
    drop(admin);
    app
}

async fn again(app: &TestApp) -> Actor<'_> {
    Actor { email: "admin@example.com".to_owned(), ..app.anon() }.again().await
}

#[rocket::async_test]
async fn widget_page_lists_views_and_filters_from_its_address() {
    let app = TestApp::new().await;
    let admin = app.admin().await;
    for (name, deadline) in
        [("soon", "2026-12-30"), ("sooner", "2026-12-29"), ("late", "2027-01-01")]
    {
        let fields =
            [("name", name), ("info_url", "https://example.com/a"), ("deadline", deadline)];
        admin.post("/widgets", &fields).await.assert(Status::Created);
    }
    let employee = app.user("employee").await.in_a_browser();
    for (query, expected) in [
        ("", &["late", "sooner", "soon"][..]),
        ("?overdue=false", &["sooner", "soon", "late"]),
        ("?overdue=true", &[]),
        ("?sort=-deadline", &["late", "soon", "sooner"]),
        ("?q=soon&sort=created_at", &["soon", "sooner"]),
        ("?owner=admin@example.com&per_page=5&q=late", &["late"]),
    ] {
        let page = employee.open(&format!("/widgets{query}")).await;
        assert_eq!(names(&page, "widgets/"), expected, "{query}");
        let writes = ["New widget", "⋯", "Select"];
        assert!(page.elements().iter().all(|e| !writes.contains(&&*e.text)), "{query}");
    }
    let page = admin.in_a_browser().open("/widgets?overdue=false").await;
    let elements = page.elements();
    for text in ["New widget", "⋯", "Visit", "example.com"] {
        assert!(elements.iter().any(|e| e.text == text), "{text}: {}", page.text);
    }
    let chosen =
        elements.iter().find(|e| e.tag == "a" && e.has("aria-current") && e.text == "Upcoming");
    assert!(chosen.is_some(), "{}", page.text);
    let orders: Vec<_> =
        elements.iter().filter(|e| e.tag == "option").map(|e| e.text.as_str()).collect();
    assert_eq!(orders[0], "Due first", "the default is first");
    let csv = elements.iter().find(|e| e.text == "CSV").unwrap().get("href").unwrap();
    assert_eq!(resolve("/widgets?overdue=false", csv), "/api/v1/widgets?overdue=false&format=csv");

    app.advance(std::time::Duration::from_hours(24 * 1_000));
    let employee = app.user("late").await.in_a_browser();
    let passed = employee.open("/widgets?overdue=true").await;
    assert_eq!(names(&passed, "widgets/"), ["late", "soon", "sooner"]);
}

#[rocket::async_test]
async fn template_page_lists_the_owners_alone() {
    let app = TestApp::new().await;
    let (ann, bob) = (app.user("ann").await, app.user("bob").await);
    for (name, body) in [("b", "first\n text"), ("a", "second"), ("c/d?", "third")] {
        add_template(&ann, name, body).await;
    }
    add_template(&bob, "bobs", "first").await;
    let visitor = ann.in_a_browser();
    for (query, expected) in [
        ("", &["a", "b", "c/d?"][..]),
        ("?sort=-created_at", &["c/d?", "a", "b"]),
        ("?q=first", &["b"]),
        ("?q=nothing", &[]),
    ] {
        let page = visitor.open(&format!("/templates{query}")).await;
        assert_eq!(names(&page, "templates/"), expected, "{query}");
    }
    let page = visitor.open("/templates").await;
    assert!(page.elements().iter().any(|e| e.text == "first text"), "{}", page.text);
    let empty = app.user("new").await.in_a_browser().open("/templates").await;
    assert!(empty.text.contains("You have no templates yet."), "{}", empty.text);
}

#[rocket::async_test]
async fn list_page_with_a_filter_that_it_does_not_have_says_so() {
    let app = TestApp::new().await;
    let visitor = app.user("ann").await.in_a_browser();
    for path in ["/widgets", "/templates"] {
        for (query, why) in [
            ("page=0", "The filter “page” has a value that this page does not know."),
            ("sort=size", "The filter “sort” has a value that this page does not know."),
            ("stauts=done", "“stauts” is not a filter of this page."),
        ] {
            let refused = visitor.open(&format!("{path}?{query}")).await;
            assert!(refused.assert(Status::BadRequest).is_page(), "{path}?{query}");
            assert!(refused.text.contains(why), "{}", refused.text);
        }
    }
}

#[rocket::async_test]
async fn xss_in_every_field_of_widgets_and_templates_is_escaped() {
    let app = TestApp::new().await;
    let admin = app.admin().await;
    let visitor = admin.in_a_browser();
    let tags = |page: &Answer| {
        let elements = page.assert(Status::Ok).elements().into_iter();
        elements.map(|e| (e.tag, e.attributes.len())).collect::<Vec<_>>()
    };
    for (n, hostile) in [
        "<script>alert(1)</script>",
        "\"><img src=x onerror=alert(1)>",
        "'\"` autofocus onfocus=alert(1) x=\"",
        "</textarea></title></main><b>",
        "&quot;&#34;&lt;&amp;",
        "javascript:alert(1)",
        "../../a/b?c#d%2F%00",
        "{{ 7 * 7 }}{% raw %}<!--",
    ]
    .into_iter()
    .enumerate()
    {
        let url = format!("https://example.com/{}", hostile.replace(' ', ""));
        let (name, plain) = (format!("w{n}"), format!("p{n}"));
        for (name, url) in [(&name, &*url), (&plain, "https://example.com/")] {
            let fields = [("name", &**name), ("info_url", url), ("deadline", "2031-01-01")];
            admin.post("/widgets", &fields).await.assert(Status::Created);
        }
        add_template(&admin, hostile, hostile).await;
        add_template(&admin, &plain, "text").await;
        for (address, other) in [
            (format!("/widgets/{name}"), format!("/widgets/{plain}")),
            (format!("/templates/{}", percent_encode(hostile)), format!("/templates/{plain}")),
        ] {
            for path in ["", "/edit", "/delete"] {
                let page = visitor.open(&format!("{address}{path}")).await;
                let harmless = visitor.open(&format!("{other}{path}")).await;
                assert_eq!(tags(&page), tags(&harmless), "{address}{path}: {}", page.text);
                let text = if address.starts_with("/widgets") { &url } else { hostile };
                let shows = |e: &crate::support::page::Element| {
                    e.text == *text || e.get("value") == Some(text)
                };
                let is_shown = page.elements().iter().any(shows);
                let is_hidden = address.starts_with("/widgets") && path == "/delete";
                assert!(is_shown != is_hidden, "{address}{path}: {}", page.text);
            }
        }
        for (list, other) in [
            (format!("/widgets?q={name}"), format!("/widgets?q={plain}")),
            (format!("/templates?q={}", percent_encode("nothing")), "/templates?q=none".to_owned()),
        ] {
            assert_eq!(
                tags(&visitor.open(&list).await),
                tags(&visitor.open(&other).await),
                "{list}"
            );
        }
        let seen = names(&visitor.open("/templates?per_page=50").await, "templates/");
        assert!(seen.contains(&hostile.to_owned()), "{seen:?}");
    }
    let link = visitor.open("/widgets/w0").await;
    let links = link.elements();
    let link = links.iter().find(|e| e.get("rel") == Some("noopener noreferrer")).unwrap();
    assert_eq!(link.get("href"), Some("https://example.com/<script>alert(1)</script>"));
}

#[rocket::async_test]
async fn record_pages_are_reachable_whatever_the_name() {
    let app = TestApp::new().await;
    let admin = app.admin().await;
    let visitor = admin.in_a_browser();
    for name in ["new", "edit", "delete", "import", "a-b_c"] {
        let fields = [("name", name), ("info_url", "https://e.org"), ("deadline", "2031-01-01")];
        let done = visitor.submit("/widgets", &fields).await;
        let page = done.assert(Status::SeeOther).leads_to("/widgets");
        assert_eq!(page, format!("/widgets/{name}"));
        let page = visitor.open(&page).await;
        assert!(page.assert(Status::Ok).elements().iter().any(|e| e.tag == "h1" && e.text == name));
    }
    for name in
        ["new", "edit", "a/b", "a/edit", "50% off?", "a?b#c", "...", "مرحبا 🎉", "a\\b", "~!*'()"]
    {
        let done = visitor.submit("/templates", &[("name", name), ("body", "text")]).await;
        let path = done.assert(Status::SeeOther).leads_to("/templates");
        assert_eq!(said(&admin, "/templates", &done).await, "Added.", "{name}");
        // What the page links to, too.
        let page = visitor.open(&path).await;
        let elements = page.assert(Status::Ok).elements();
        for (label, expected) in [("Edit", name), ("Delete…", name)] {
            let link = elements.iter().find(|e| e.text == label).unwrap().get("href").unwrap();
            let next = visitor.open(&resolve(&path, link)).await;
            let is_shown = next.assert(Status::Ok).elements().into_iter();
            let mut is_shown =
                is_shown.filter(|e| e.get("value") == Some(expected) || e.text == expected);
            assert!(is_shown.next().is_some(), "{name} {label}");
        }
        let gone = elements.iter().find(|e| e.text == "Delete…").unwrap().get("href").unwrap();
        let gone = resolve(&path, gone);
        let seen = visitor.open(&gone).await.form_body();
        let done = visitor.post(&gone, &seen).await;
        assert_eq!(done.assert(Status::SeeOther).leads_to(&gone), "/templates", "{name}");
        visitor.open(&path).await.assert(Status::NotFound);
    }
    // Letter case of widgets does not count.
    visitor.open("/widgets/NEW").await.assert(Status::Ok);
    visitor.open("/widgets/no.name").await.assert(Status::BadRequest);
    visitor.open("/widgets/unknown").await.assert(Status::NotFound);
}

#[rocket::async_test]
async fn record_forms_say_which_day_has_passed_and_who_is_unknown_at_once() {
    let app = app_with_records().await;
    let manager = app.user_of("boss", Role::Manager).await;
    let visitor = manager.in_a_browser();
    let made = manager.post("/tasks", &[("title", "a")]).await;
    let edit = format!("/tasks/{}", made.assert(Status::Created).body["id"].as_str().unwrap());
    let yesterday = "2026-11-20";
    for path in ["/tasks", &edit] {
        let fields = [("title", "b"), ("deadline", yesterday), ("assignee", "zed")];
        let refused = visitor.submit(path, &fields).await;
        refused.assert(Status::BadRequest);
        assert_eq!(
            refused.element("deadline-error").text,
            "Yesterday is in the past. Please choose today or a later day."
        );
        let who = refused.element("assignee-error").text;
        assert_eq!(who, "There is no account zed.", "{path}");
    }
    let fields = [("name", "a"), ("info_url", "https://a.example"), ("deadline", "2020-01-01")];
    let refused = again(&app).await.in_a_browser().submit("/widgets", &fields).await;
    assert_eq!(
        refused.assert(Status::BadRequest).element("deadline-error").text,
        "1 Jan 2020 is in the past. Please choose today or a later day."
    );
    assert_eq!(manager.get(&edit).await.body["title"], "a");
    assert_eq!(manager.get("/tasks").await.body["total_items"], 1);
}

#[rocket::async_test]
async fn record_forms_show_their_errors_with_what_was_typed() {
    let app = app_with_records().await;
    let admin = again(&app).await;
    let visitor = admin.in_a_browser();
    let refused = visitor
        .submit(
            "/widgets",
            &[("name", "No.Name"), ("info_url", "example"), ("deadline", "2020-01-01")],
        )
        .await;
    refused.assert(Status::BadRequest);
    for (field, value, why) in [
        ("name", "No.Name", "invalid characters"),
        ("info_url", "example", "is not a valid http or https URL"),
        ("deadline", "2020-01-01", "past"),
    ] {
        assert_eq!(refused.element(field).get("value"), Some(value));
        assert_eq!(refused.element(field).get("aria-invalid"), Some("true"));
        let error = refused.element(&format!("{field}-error")).text;
        assert!(error.contains(why), "{field}: {error}");
    }
    assert!(refused.element("name").has("autofocus"));
    for (path, fields) in [
        ("/widgets", &crate::support::widget("old")[..]),
        ("/templates", &[("name", "old"), ("body", "other\r\ntext")]),
    ] {
        let taken = visitor.submit(path, fields).await;
        let summary = taken.assert(Status::Conflict).summary();
        assert!(summary.contains("old"), "{summary}");
        for (name, typed) in taken.form_fields() {
            assert!(fields.contains(&(&*name, &*typed.replace('\n', "\r\n"))), "{name}: {typed}");
        }
    }
    let refused = visitor.submit("/templates/old", &[("name", " a"), ("body", "")]).await;
    refused.assert(Status::BadRequest);
    assert_eq!(refused.element("body-error").text, "This is required.");
    assert!(!refused.element("name-error").text.is_empty());
    // Fields that the form does not have are errors of the whole.
    visitor.submit("/widgets/old", &[("color", "red")]).await.assert(Status::BadRequest);
    assert_eq!(admin.get("/templates/old").await.body["body"], "text", "nothing is saved");
}

#[rocket::async_test]
async fn record_forms_merge_what_others_have_changed_and_show_conflicts() {
    let app = app_with_records().await;
    let admin = again(&app).await;
    let visitor = admin.in_a_browser();
    let [widget, template] = RECORDS;
    for ((path, [(one, mine), (other, theirs)]), renames) in [(widget, false), (template, true)] {
        let edit = format!("{path}/edit");
        // Others change another field.
        let body = visitor.changed(&edit, &[(other, theirs)]).await;
        let before = admin.get(path).await.body;
        let now = if one == "info_url" { "https://example.net/" } else { "old" };
        admin.patch(path, &[(one, now)]).await.assert(Status::Ok);
        let done = visitor.post(path, &body).await;
        assert_eq!(said(&admin, path, &done).await, "Saved.");
        let after = admin.get(path).await.body;
        assert_eq!(after[one], now);
        let field = if other == "deadline" { "deadline_date" } else { other };
        assert_eq!(after[field], theirs);
        assert_ne!(before, after);

        // Others change the same field.
        let (next, last) =
            if other == "deadline" { ("2033-03-03", "2034-04-04") } else { ("mine", "theirs") };
        let body = visitor.changed(&edit, &[(one, mine), (other, next)]).await;
        admin.patch(path, &[(other, last)]).await.assert(Status::Ok);
        let conflict = visitor.post(path, &body).await;
        conflict.assert(Status::Conflict);
        let typed = conflict.form_fields();
        assert!(typed.contains(&(one.to_owned(), mine.to_owned())), "{typed:?}");
        assert!(typed.contains(&(other.to_owned(), next.to_owned())), "{typed:?}");
        let elements = conflict.elements();
        let shown = elements.iter().position(|e| e.get("class") == Some("theirs")).unwrap();
        assert_eq!(elements[shown + 2].text, last, "theirs beside mine");
        for label in ["Keep mine", "Use theirs"] {
            assert!(elements.iter().any(|e| e.text == label), "{label}");
        }
        let stored = admin.get(path).await.body;
        assert_eq!((&stored[one], &stored[field]), (&now.into(), &last.into()), "nothing is saved");

        // Sent once more, it replaces theirs.
        let done = visitor.post(path, &conflict.form_body()).await;
        let address = if renames { "/templates/renamed" } else { path };
        assert_eq!(done.assert(Status::SeeOther).leads_to(path), address);
        let stored = admin.get(address).await.body;
        assert_eq!((&stored[one], &stored[field]), (&mine.into(), &next.into()));
        admin.get(path).await.assert(if renames { Status::NotFound } else { Status::Ok });
    }
}

#[rocket::async_test]
async fn record_forms_that_change_nothing_keep_the_version() {
    let app = app_with_records().await;
    let admin = again(&app).await;
    // Line ends that a text area does not keep.
    admin.patch("/templates/old", &[("body", "a\r\nb\rc\n d")]).await.assert(Status::Ok);
    let visitor = admin.in_a_browser();
    for (path, _) in RECORDS {
        let before = admin.get(path).await.etag();
        let same = visitor.changed(&format!("{path}/edit"), &[]).await;
        let same = same.replace("%0D%0A", "%0A").replace("%0D", "%0A").replace("%0A", "%0D%0A");
        let done = visitor.post(path, &same).await;
        assert_eq!(said(&admin, path, &done).await, "Nothing was changed.", "{same}");
        assert_eq!(admin.get(path).await.etag(), before);
    }
    // A deadline that has passed stays.
    app.advance(std::time::Duration::from_hours(24 * 1_000));
    let admin = again(&app).await;
    let visitor = admin.in_a_browser();
    let moved =
        visitor.changed("/widgets/old/edit", &[("info_url", "https://example.org/x")]).await;
    visitor.post("/widgets/old", &moved).await.assert(Status::SeeOther);
    assert_eq!(admin.get("/widgets/old").await.body["info_url"], "https://example.org/x");
}

#[rocket::async_test]
async fn template_form_takes_64_kib_however_browsers_write_line_ends() {
    let app = TestApp::new().await;
    let ann = app.user("ann").await;
    let visitor = ann.in_a_browser();
    let lines = "a\r\n".repeat(32 * 1024);
    let done = visitor.submit("/templates", &[("name", "long"), ("body", &lines)]).await;
    assert_eq!(said(&ann, "/templates", &done).await, "Added.");
    let body = ann.get("/templates/long").await.body["body"].take();
    assert!(body == lines.replace("\r\n", "\n"));
    let page = visitor.open("/templates/long").await;
    assert_eq!(page.element("text").text, lines.replace("\r\n", "\n").trim());
    let refused =
        visitor.submit("/templates/long", &[("name", "long"), ("body", &(lines + "a"))]).await;
    refused.assert(Status::BadRequest);
    assert!(refused.element("body-error").text.contains("it may have at most 65536"));
}

#[rocket::async_test]
async fn record_delete_asks_and_deletes_only_what_was_seen() {
    let app = app_with_records().await;
    let admin = again(&app).await;
    let visitor = admin.in_a_browser();
    for (path, [_, (field, value)]) in RECORDS {
        let delete = format!("{path}/delete");
        let question = visitor.open(&delete).await;
        assert!(question.assert(Status::Ok).elements().iter().any(|e| e.text == "old"));
        let seen = question.form_body();
        admin.patch(path, &[(field, value)]).await.assert(Status::Ok);
        let refused = visitor.post(&delete, &seen).await;
        assert!(refused.assert(Status::PreconditionFailed).is_page());
        assert!(refused.text.contains("It has changed meanwhile"), "{}", refused.text);
        admin.get(path).await.assert(Status::Ok);
        let seen = visitor.open(&delete).await.form_body();
        let done = visitor.post(&delete, &seen).await;
        assert_eq!(said(&admin, &delete, &done).await, "Deleted.");
        let list = path.trim_end_matches("/old");
        assert_eq!(done.leads_to(&delete), list);
        admin.get(path).await.assert(Status::NotFound);
        visitor.post(&delete, &seen).await.assert(Status::NotFound);
    }
}

#[rocket::async_test]
async fn template_page_shows_its_history_without_its_texts() {
    let app = app_with_records().await;
    let admin = again(&app).await;
    admin.patch("/templates/old", &[("body", "another secret")]).await.assert(Status::Ok);
    admin.patch("/templates/old", &[("body", "text")]).await.assert(Status::Ok);
    let page = admin.in_a_browser().open("/templates/old").await;
    let lines = page.assert(Status::Ok).text.matches("<bdi class=\"who\">").count();
    assert_eq!(lines, 3, "{}", page.text);
    assert!(page.text.contains("<p class=\"change\">body</p>"), "{}", page.text);
    assert!(page.text.contains("created it"), "{}", page.text);
    assert!(!page.text.contains("secret"), "{}", page.text);
    let history = admin.get("/templates/old/history").await;
    let actions = ["template.update", "template.update", "template.create"];
    assert_eq!(history.assert(Status::Ok).each("action"), actions);
    assert_eq!(history.body["items"][0]["changes"], serde_json::json!({ "body": null }));
    assert!(!history.text.contains("secret") && !history.text.contains("template:"));
}

#[rocket::async_test]
async fn widget_page_shows_its_history_to_all_and_its_forms_to_administrators() {
    let app = app_with_records().await;
    let admin = again(&app).await;
    admin.patch("/widgets/old", &[("info_url", "https://example.org/")]).await.assert(Status::Ok);
    let employee = app.user_of("employee", Role::Employee).await.in_a_browser();
    let page = employee.open("/widgets/old").await;
    for text in ["changed it", "created it", "https://example.org/", "Changed"] {
        assert!(page.assert(Status::Ok).text.contains(text), "{text}: {}", page.text);
    }
    let labels = ["Edit", "Delete…"];
    assert!(page.elements().iter().all(|e| !labels.contains(&&*e.text)), "{}", page.text);
    let page = admin.in_a_browser().open("/widgets/old").await;
    for label in labels {
        assert!(page.elements().iter().any(|e| e.text == label), "{label}");
    }
}
