//! Accessibility of every page for each role: light, dark, narrow, and zoomed to 200%.

use super::{Page, Site};
use crate::browser_support::Display;

/// Every page, and the roles that may see it.
pub const PAGES: [(&str, &[&str]); 10] = [
    ("login", &["nobody"]),
    ("register", &["nobody"]),
    ("reset", &["nobody"]),
    ("", &["employee", "manager", "admin"]),
    ("widgets", &["employee", "manager", "admin"]),
    ("tasks", &["employee", "manager", "admin"]),
    ("templates", &["employee", "manager", "admin"]),
    ("account", &["employee", "manager", "admin"]),
    ("people", &["admin"]),
    ("audit", &["admin"]),
];

#[test]
#[ignore = "needs Chromium and its driver; .ci/run installs them"]
fn every_page_is_accessible_in_every_display() {
    let site = Site::new();
    add_records(&site);
    site.visit(&[], async |page| {
        for who in ["nobody", "employee", "manager", "admin"] {
            if who != "nobody" {
                page.sign_in(who).await;
            }
            for (address, _) in PAGES.iter().filter(|(_, seen_by)| seen_by.contains(&who)) {
                page.open(address).await;
                let name = if address.is_empty() { "home" } else { address };
                check_displays(page, &format!("{name}-{who}")).await;
            }
            if who != "nobody" {
                for (name, address) in pages_of_records(&site, who) {
                    page.open(&address).await;
                    check_displays(page, &format!("{name}-{who}")).await;
                }
            }
            if who != "nobody" {
                page.open("").await;
                page.sign_out().await;
            }
        }
    });
}

#[test]
#[ignore = "needs Chromium and its driver; .ci/run installs them"]
fn every_setup_and_problem_page_is_accessible_in_every_display() {
    let (site, setup) = Site::without_users();
    site.visit(&["404"], async |page| {
        for (address, name) in [
            ("login", "login-new"),
            (&*setup, "setup"),
            ("setup/none", "setup-wrong"),
            ("no", "problem"),
        ] {
            page.open(address).await;
            check_displays(page, name).await;
        }
    });
}

async fn check_displays(page: &Page, name: &str) {
    for display in Display::ALL {
        page.set_display(display).await;
        page.assert_no_overflow().await;
        page.assert_accessible().await;
        page.screenshot(&format!("{name}-{}", display.name())).await;
    }
    page.set_display(Display::Light).await;
}

/// The pages of a record that a user may see.
pub fn pages_of_records(site: &Site, who: &str) -> Vec<(&'static str, String)> {
    let tasks = site.api(who).get("/tasks").body;
    let task = format!("tasks/{}", tasks["items"][0]["id"].as_str().unwrap());
    let mut pages = vec![
        ("task", task.clone()),
        ("widget", "widgets/widget-1".to_owned()),
        ("template", "templates/Report%201".to_owned()),
        ("template-new", "new/template".to_owned()),
        ("template-edit", "templates/Report%201/edit".to_owned()),
        ("template-delete", "templates/Report%201/delete".to_owned()),
    ];
    if who == "admin" {
        pages.push(("widget-new", "new/widget".to_owned()));
        pages.push(("widget-edit", "widgets/widget-1/edit".to_owned()));
        pages.push(("widget-delete", "widgets/widget-1/delete".to_owned()));
    }
    if who != "employee" {
        pages.push(("task-new", "new/task".to_owned()));
        pages.push(("task-edit", format!("{task}/edit")));
        pages.push(("task-delete", format!("{task}/delete")));
    }
    pages
}

/// Creates records of every kind; of widgets, tasks and templates more than fit on one page.
pub fn add_records(site: &Site) {
    let admin = site.api("admin");
    for n in 1..=12 {
        let deadline = format!("2099-01-{n:02}");
        let fields = [
            ("name", &*format!("widget-{n}")),
            ("info_url", "https://example.com/more"),
            ("deadline", &*deadline),
        ];
        assert_eq!(admin.post("/widgets", &fields).status, 201);
        for assignee in ["employee@example.com", "manager@example.com", "admin@example.com"] {
            let title = format!("Count the widgets, part {n}");
            let fields = [
                ("title", &*title),
                ("description", "All of them.\nTwice, if need be."),
                ("assignee", assignee),
                ("deadline", &*deadline),
            ];
            assert_eq!(admin.post("/tasks", &fields).status, 201);
        }
    }
    for who in ["employee", "manager", "admin"] {
        let api = site.api(who);
        for n in 1..=12 {
            let body = "Dear all,\n\nthis is what was done, and this is what is next.\n".repeat(n);
            assert_eq!(
                api.post("/templates", &[("name", &*format!("Report {n}")), ("body", &*body)])
                    .status,
                201
            );
        }
        assert_eq!(
            api.post("/auth/keys", &[("name", "nightly report"), ("scope", "read")]).status,
            201
        );
    }
}
