//! What is exported as CSV is imported exactly.

use std::time::Duration;

use rocket::http::Status;
use serde_json::json;

use crate::exports::{assert_imported, column, errors};
use crate::support::{Random, TestApp};

/// Rows of cells as a table.
fn table(rows: &[Vec<String>]) -> String {
    let mut writer = csv::WriterBuilder::new().from_writer(Vec::new());
    for row in rows {
        writer.write_record(row).unwrap();
    }
    String::from_utf8(writer.into_inner().unwrap()).unwrap()
}

/// A few of the characters of each kind that could be damaged on the way.
fn random_text(next: &mut impl FnMut(usize) -> usize, most: usize, is_line: bool) -> String {
    const PARTS: [&str; 30] = [
        "a",
        "Z",
        "0",
        " ",
        ",",
        ";",
        "\"",
        "\"\"",
        "'",
        "=",
        "+",
        "-",
        "@",
        "\\",
        "|",
        "ä",
        "ß",
        "е́",
        "漢字",
        "🎉",
        "👩‍👩‍👧",
        "مرحبا",
        "שלום",
        "\u{a0}",
        "＝",
        "none",
        "NULL",
        "\u{feff}",
        "\u{301}",
        "{}",
    ];
    const BREAKS: [&str; 6] = ["\n", "\r\n", "\r", "\t", "\u{202e}", "\u{1}"];
    (0..next(most))
        .map(|_| {
            let n = next(PARTS.len() + if is_line { 0 } else { BREAKS.len() });
            PARTS.get(n).copied().unwrap_or_else(|| BREAKS[n - PARTS.len()])
        })
        .collect()
}

#[rocket::async_test]
async fn csv_round_trip_of_10_000_random_tasks_is_exact() {
    let app = TestApp::with(&[("quota_mib", "1000"), ("time_zone", "America/Los_Angeles")]).await;
    let (admin, ann) = (app.admin().await, app.user("ann").await);
    let seed = u64::from(std::process::id());
    println!("seed {seed}");
    let mut random = Random(seed);
    let mut next = |below: usize| random.below(below);
    let header = ["description", "deadline", "title", "status", "assignee"].map(str::to_owned);
    let mut rows = vec![header.to_vec()];
    for n in 0..10_000 {
        // A title is a line with something to read.
        let title = format!("{}{n}", random_text(&mut next, 12, true));
        let deadline = match next(3) {
            0 => String::new(),
            1 => format!("2027-{:02}-{:02}", 1 + next(12), 1 + next(28)),
            _ => format!("2027-01-{:02}T{:02}:00:00.{:03}Z", 1 + next(28), next(24), next(1_000)),
        };
        let status = ["pending", "in_progress", "done", "cancelled"][next(4)];
        let assignee = if next(2) == 0 { "" } else { "ann@example.com" };
        let description = random_text(&mut next, 40, false);
        rows.push([&description, &deadline, &title, status, assignee].map(str::to_owned).to_vec());
    }
    // What a spreadsheet would run is written so that it reads back.
    let safe = |cell: &String| {
        let is_formula = cell
            .trim_start_matches('\'')
            .starts_with(['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠']);
        if is_formula { format!("'{cell}") } else { cell.clone() }
    };
    let cells_of = |row: &Vec<String>| row.iter().map(safe).collect::<Vec<_>>();
    let written = table(&rows.iter().map(cells_of).collect::<Vec<_>>());
    assert_imported(&admin.import("/tasks/import", &written).await, [10_000, 0, 0]);

    // What JSON says is what was meant.
    let page = admin.get("/tasks?per_page=100&page=100").await;
    for (item, row) in page.body["items"].as_array().unwrap().iter().zip(&rows[9_901..]) {
        assert_eq!((&item["title"], &item["description"]), (&json!(row[2]), &json!(row[0])));
    }
    let exported = admin.export("/tasks").await;
    for (name, n) in
        [("description", 0), ("deadline", 1), ("title", 2), ("status", 3), ("assignee", 4)]
    {
        let expected: Vec<_> = rows[1..].iter().map(|row| safe(&row[n])).collect();
        assert!(column(&exported, name) == expected, "{name}");
    }
    // The same again is no change; and a service in another time zone gets the same from it.
    let upsert = admin.import("/tasks/import?mode=upsert", &exported).await;
    assert_imported(&upsert, [0, 0, 10_000]);
    assert!(admin.export("/tasks").await == exported);
    let elsewhere = [("quota_mib", "1000"), ("time_zone", "Pacific/Kiritimati")];
    let other = TestApp::with(&elsewhere).await;
    let (other_admin, _) = (other.admin().await, other.user("ann").await);
    assert_imported(&other_admin.import("/tasks/import", &exported).await, [10_000, 0, 0]);
    assert!(other_admin.export("/tasks").await == exported);
    assert_eq!(
        column(&ann.export("/tasks").await, "id").len(),
        column(&exported, "assignee").iter().filter(|a| !a.is_empty()).count()
    );
}

#[rocket::async_test]
async fn csv_round_trip_of_widgets_is_exact_also_when_they_are_overdue() {
    let app = TestApp::new().await;
    let admin = app.admin().await;
    for n in 1..=9 {
        let deadline = format!("2026-12-0{n}");
        let url = format!("https://example.com/?q=\"{n}\",ä");
        let name = format!("-w{n}");
        let fields = [("name", name.as_str()), ("info_url", &url), ("deadline", &deadline)];
        admin.post("/widgets", &fields).await.assert(Status::Created);
    }
    app.advance(Duration::from_hours(15 * 24));
    let admin = admin.again().await;
    let exported = admin.export("/widgets").await;
    let tags = admin.get("/widgets").await.etag();
    let upsert = admin.import("/widgets/import?mode=upsert", &exported).await;
    assert_imported(&upsert, [0, 0, 9]);
    assert_eq!(admin.get("/widgets").await.etag(), tags);
    let names = column(&exported, "name");
    for name in &names {
        admin.delete(&format!("/widgets/{}", &name[1..])).await.assert(Status::NoContent);
    }
    assert_imported(&admin.import("/widgets/import", &exported).await, [9, 0, 0]);
    let again = admin.export("/widgets").await;
    for name in ["name", "info_url", "deadline", "owner"] {
        assert_eq!(column(&again, name), column(&exported, name));
    }
    // Without `created_at`, a deadline of a new widget must not have passed.
    let late = admin
        .import("/widgets/import", "name,info_url,deadline\nx,https://example.com,2026-12-01\n")
        .await;
    let why = "2026-12-01 is in the past; the deadline must be today (2026-12-06, UTC) or later";
    assert_eq!(errors(&late), [("row 2, deadline".to_owned(), why.to_owned())]);
}

#[rocket::async_test]
async fn csv_keeps_dates_where_they_end_earlier() {
    let app = TestApp::with(&[("time_zone", "Etc/GMT+12")]).await;
    let admin = app.admin().await;
    let today = ("deadline", "2026-11-21");
    let widget = [("name", "one"), ("info_url", "https://example.com"), today];
    admin.post("/widgets", &widget).await.assert(Status::Created);
    admin.post("/tasks", &[("title", "one"), today]).await.assert(Status::Created);
    // There, the date has ended.
    let other = TestApp::with(&[("time_zone", "Pacific/Kiritimati")]).await;
    let other_admin = other.admin().await;
    for path in ["/widgets", "/tasks"] {
        let exported = admin.export(path).await;
        assert_eq!(column(&exported, "deadline"), ["2026-11-21"]);
        let imported = other_admin.import(&format!("{path}/import"), &exported).await;
        assert_imported(&imported, [1, 0, 0]);
        assert_eq!(other_admin.export(path).await, exported);
        let item = other_admin.get(path).await.body["items"][0].clone();
        assert_eq!(
            (&item["deadline_date"], &item["deadline_iso8601"]),
            (&json!("2026-11-21"), &json!("2026-11-21T09:59:59+00:00"))
        );
    }
}
