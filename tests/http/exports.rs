//! Lists as CSV, and what the tests of CSV share.

use std::fmt::Write;
use std::time::Duration;

use rocket::http::Method::{self, Post};
use rocket::http::{Accept, Header, Status};
use rocket::tokio::io::AsyncReadExt;
use serde_json::json;
use widgetd::domain::{Role, Status as AccountStatus};

use crate::support::{Actor, Answer, TestApp};

pub const CSV: (&str, &str) = ("Content-Type", "text/csv");

/// Every list that can be exported, with its columns.
const LISTS: [(&str, &str); 5] = [
    ("/widgets", "name,info_url,deadline,owner,owner_name,owner_username,created_at"),
    (
        "/tasks",
        "id,title,description,status,deadline,assignee,assignee_name,assignee_username,creator,\
         creator_name,creator_username,created_at,updated_at",
    ),
    ("/templates", "name,body,created_at,updated_at"),
    ("/users", "public_id,email,username,name,role,status,registered_on,used_bytes,quota_bytes"),
    (
        "/audit",
        "id,at,actor,actor_id,address,action,target,target_id,result,detail,credential,request_id,target_kind,changes",
    ),
];

impl Actor<'_> {
    /// All of a list as CSV.
    pub async fn export(&self, path: &str) -> String {
        let separator = if path.contains('?') { '&' } else { '?' };
        let answer = self.get(&format!("{path}{separator}format=csv")).await;
        assert!(answer.assert(Status::Ok).is_csv(), "{path}");
        answer.text
    }

    pub async fn import(&self, path: &str, table: &str) -> Answer {
        self.send_with(Post, path, &[CSV], table).await
    }
}

/// The cells of a table, read by another program's rules.
fn cells(table: &str) -> Vec<Vec<String>> {
    let reader = csv::ReaderBuilder::new().has_headers(false).from_reader(table.as_bytes());
    let row =
        |row: csv::Result<csv::StringRecord>| row.unwrap().iter().map(str::to_owned).collect();
    reader.into_records().map(row).collect()
}

/// A column of a table, without the header.
pub fn column(table: &str, name: &str) -> Vec<String> {
    let cells = cells(table);
    let number = cells[0].iter().position(|cell| cell == name).unwrap();
    cells[1..].iter().map(|row| row[number].clone()).collect()
}

#[track_caller]
pub fn assert_imported(answer: &Answer, [created, updated, unchanged]: [u64; 3]) {
    let expected = json!({
        "status": "success", "created": created, "updated": updated, "unchanged": unchanged,
    });
    assert_eq!(answer.assert(Status::Ok).body, expected);
}

/// The errors of a refused import, by place.
#[track_caller]
pub fn errors(answer: &Answer) -> Vec<(String, String)> {
    answer.assert_message(Status::BadRequest, "Input payload validation failed");
    let errors = answer.body["errors"].as_object().unwrap();
    errors.iter().map(|(place, why)| (place.clone(), why.as_str().unwrap().to_owned())).collect()
}

#[rocket::async_test]
async fn csv_has_each_list_with_a_header_and_crlf() {
    let app = TestApp::new().await;
    let (admin, ann) = (app.admin().await, app.user("ann").await);
    admin.add_widget("one").await.assert(Status::Created);
    let names = [("name", "Ada, \"A\""), ("username", "ada")];
    admin.patch("/auth/user", &names).await.assert(Status::Ok);
    let text = "a \"b\", c\nd 🎉 ".repeat(1_000);
    let template = [("name", "=sum"), ("body", text.as_str())];
    admin.post("/templates", &template).await.assert(Status::Created);
    let task = [
        ("title", "-1"),
        ("description", text.get(..8_000).unwrap()),
        ("deadline", "2026-12-31T12:00:00.250Z"),
        ("assignee", "ann@example.com"),
    ];
    admin.post("/tasks", &task).await.assert(Status::Created);
    for (path, columns) in LISTS {
        let csv = admin.export(path).await;
        assert!(csv.starts_with(&format!("{columns}\r\n")), "{path}: {csv}");
        assert!(csv.ends_with("\r\n"), "{path}");
        let total = admin.get(path).await.body["total_items"].as_u64().unwrap();
        let count = column(&csv, columns.split(',').next().unwrap()).len() as u64;
        // Each export is no event.
        assert_eq!(count, total, "{path}");
        let answer = admin.get(&format!("{path}?format=csv")).await;
        assert_eq!(answer.text, csv);
        let name = format!("attachment; filename=\"{}.csv\"", &path[1..]);
        assert_eq!(answer.header("Content-Disposition"), Some(name.as_str()));
        assert_eq!(answer.header("Vary"), Some("Accept"));
        assert_eq!(answer.header("Cache-Control"), Some("no-store"));
        assert_eq!(admin.get(path).await.header("Vary"), Some("Accept"));
        let head = admin.send(Method::Head, &format!("{path}?format=csv"), None, "").await;
        assert_eq!(
            (head.assert(Status::Ok).text.as_str(), head.header("Vary")),
            ("", Some("Accept"))
        );
    }
    let templates = admin.export("/templates").await;
    assert_eq!(column(&templates, "name"), ["'=sum"]);
    assert_eq!(column(&templates, "body"), [text.as_str()]);
    let tasks = cells(&ann.export("/tasks").await);
    let expected = [
        "'-1",
        &text[..8_000],
        "pending",
        "2026-12-31T12:00:00.250Z",
        "ann@example.com",
        "",
        "",
        "admin@example.com",
        "Ada, \"A\"",
        "ada",
        "2026-11-21T12:00:00.500Z",
        "2026-11-21T12:00:00.500Z",
    ];
    assert_eq!(tasks[1][1..], expected);
    let widgets = admin.export("/widgets").await;
    let expected = "one,https://example.com,2026-12-31,admin@example.com,\"Ada, \"\"A\"\"\",ada,2026-11-21T12:00:00.500Z\r\n";
    assert_eq!(widgets.split_once("\r\n").unwrap().1, expected);
    let actions = column(&admin.export("/audit").await, "action");
    assert!(actions.contains(&"session.start".to_owned()), "{actions:?}");
}

#[rocket::async_test]
async fn csv_is_asked_for_by_accept_or_format() {
    let app = TestApp::new().await;
    let admin = app.admin().await;
    admin.add_widget("one").await.assert(Status::Created);
    for (accept, query, is_csv) in [
        ("text/csv", "", true),
        ("text/csv, */*;q=0.1", "", true),
        ("application/json;q=0.5, text/csv", "", true),
        ("*/*", "", false),
        ("application/json, text/csv;q=0.9", "", false),
        ("text/csv", "?format=json", false),
        ("application/json", "?format=csv", true),
        ("text/html", "?format=csv", true),
    ] {
        let path = format!("/widgets{query}");
        let mut request = app.client.get(format!("/api/v1{path}"));
        let token = admin.token.clone().unwrap();
        request.add_header(Header::new("Authorization", format!("Bearer {token}")));
        request.add_header(Header::new("Accept", accept));
        let answer = Answer::read(request.dispatch().await).await;
        assert_eq!(answer.assert(Status::Ok).text.starts_with("name,"), is_csv, "{accept} {query}");
    }
    let links = admin.get("/widgets?format=json&per_page=5").await;
    assert_eq!(links.body["links"]["self"], "/api/v1/widgets?format=json&page=1&per_page=5");
    let refused = admin.get("/widgets?format=csv&page=1&per_page=10").await;
    refused.assert_invalid(&["page", "per_page"]);
    assert_eq!(refused.error_of("page"), "is not for CSV, which has the whole list");
    let refused = admin.get("/widgets?format=xml").await;
    assert_eq!(
        refused.assert_invalid(&["format"]).error_of("format"),
        "'xml' must be one of json, csv"
    );
    // Other lists are JSON.
    admin.get("/people?format=csv").await.assert_invalid(&["format"]);
}

#[rocket::async_test]
async fn csv_keeps_filter_and_order() {
    let app = TestApp::new().await;
    let admin = app.admin().await;
    for (name, deadline) in [("a", "2026-12-03"), ("b", "2026-12-01"), ("c", "2026-12-02")] {
        let fields = [("name", name), ("info_url", "https://example.com"), ("deadline", deadline)];
        admin.post("/widgets", &fields).await.assert(Status::Created);
    }
    for (query, expected) in [
        ("", &["a", "b", "c"][..]),
        ("?sort=-created_at", &["c", "b", "a"]),
        ("?sort=deadline", &["b", "c", "a"]),
        ("?sort=-deadline&deadline_before=2026-12-03", &["c", "b"]),
        ("?q=b", &["b"]),
        ("?owner=nobody", &[]),
    ] {
        let csv = admin.export(&format!("/widgets{query}")).await;
        assert_eq!(column(&csv, "name"), expected, "{query}");
    }
}

#[rocket::async_test]
async fn csv_has_nothing_that_the_caller_may_not_see() {
    let app = TestApp::new().await;
    let boss = app.user_of("boss", Role::Manager).await;
    let (ann, bob) = (app.user("ann").await, app.user("bob").await);
    // In every field of what is not for Ann.
    for (n, owner) in [(1, &bob), (2, &boss)] {
        let text = format!("secret{n} text");
        let fields = [("name", text.as_str()), ("body", &text)];
        owner.post("/templates", &fields).await.assert(Status::Created);
        let task = [
            ("title", text.as_str()),
            ("description", &text),
            ("assignee", "bob@example.com"),
            ("deadline", "2099-01-01"),
        ];
        boss.post("/tasks", &task).await.assert(Status::Created);
    }
    let own = [("title", "mine"), ("assignee", "ann@example.com")];
    boss.post("/tasks", &own).await.assert(Status::Created);
    ann.post("/templates", &[("name", "mine"), ("body", "mine")]).await.assert(Status::Created);
    let id = bob.public_id().await;
    for path in ["/widgets", "/tasks", "/templates"] {
        let mut queries = vec![String::new(), "?q=secret1".to_owned(), "?q=mine".to_owned()];
        if path == "/tasks" {
            queries.extend(
                ["?mine=false", "?overdue=false", "?status=pending", "?assignee=none"]
                    .map(str::to_owned),
            );
            queries.push(format!("?assignee={id}"));
            queries.push("?deadline_after=2098-01-01&sort=-deadline".to_owned());
        }
        for query in queries {
            let csv = ann.export(&format!("{path}{query}")).await;
            for secret in ["secret", "2099", "bob"] {
                assert!(!csv.contains(secret), "{path}{query}: {csv}");
            }
            let rows = cells(&csv).len() - 1;
            assert!(rows <= 1, "{path}{query}: {csv}");
        }
    }
    assert_eq!(column(&ann.export("/tasks").await, "title"), ["mine"]);
    assert_eq!(column(&ann.export("/templates").await, "body"), ["mine"]);
    // And managers see all tasks, but no templates of others.
    assert_eq!(column(&boss.export("/tasks").await, "title").len(), 3);
    assert_eq!(column(&boss.export("/templates").await, "name"), ["secret2 text"]);
    let calendar = ann.key("phone", "calendar").await;
    for (path, _) in LISTS {
        calendar.get(&format!("{path}?format=csv")).await.assert(Status::Forbidden);
    }
    for path in ["/users", "/audit"] {
        ann.get(&format!("{path}?format=csv")).await.assert(Status::Forbidden);
        app.anon().get(&format!("{path}?format=csv")).await.assert(Status::Unauthorized);
    }
}

#[rocket::async_test]
async fn csv_is_cut_off_when_the_caller_loses_the_session_or_the_role() {
    for event in ["logout", "demotion", "disabled", "expiry"] {
        let app = TestApp::new().await;
        let (admin, boss) = (app.admin().await, app.user_of("boss", Role::Manager).await);
        let mut table = "title,description\n".to_owned();
        for n in 0..100 {
            writeln!(table, "{n},{}", "x".repeat(5_000)).unwrap();
        }
        assert_imported(&admin.import("/tasks/import", &table).await, [100, 0, 0]);
        let mut request = app.client.get("/api/v1/tasks").header(Accept::CSV);
        let token = boss.token.clone().unwrap();
        request.add_header(Header::new("Authorization", format!("Bearer {token}")));
        let mut answer = request.dispatch().await;
        let mut text = vec![0; 50_000];
        answer.read_exact(&mut text).await.unwrap();
        match event {
            "logout" => drop(boss.post("/auth/logout", &[]).await),
            "demotion" => app.set_role(&boss, Role::Employee).await,
            "disabled" => app.set_status(&boss, AccountStatus::Disabled).await,
            _ => app.advance(Duration::from_hours(2)),
        }
        let rest = answer.read_to_end(&mut text).await;
        assert!(rest.is_err(), "{event}");
        assert!(text.len() < 150_000, "{event}: {}", text.len());
    }
}

#[rocket::async_test]
async fn csv_export_counts_as_a_filtered_list() {
    let app = TestApp::with(&[("throttle", "true")]).await;
    let ann = app.user("ann").await;
    for _ in 0..300 {
        ann.get("/widgets?format=csv").await.assert(Status::Ok);
    }
    ann.get("/widgets?format=csv").await.assert(Status::TooManyRequests);
    ann.get("/widgets?format=json").await.assert(Status::Ok);
}
