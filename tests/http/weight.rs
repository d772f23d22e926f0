//! The size of each page with everything that it loads.

use std::collections::{BTreeMap, BTreeSet};

use rocket::http::Status;
use widgetd::domain::{Role, Status as AccountStatus};

use crate::support::{Actor, Answer, TestApp, Visitor, resolve};

/// How much a page and all that it loads may be, in bytes and not compressed.
const MAX_BYTES: usize = 60_000;

/// What a page loads.
fn loads(path: &str, page: &Answer) -> Vec<String> {
    let elements = page.elements().into_iter();
    let loaded = elements.filter_map(|element| match element.tag.as_str() {
        "link" if element.get("rel") != Some("apple-touch-icon") => {
            element.get("href").map(str::to_owned)
        }
        "script" | "img" => element.get("src").map(str::to_owned),
        _ => None,
    });
    let mut loaded: Vec<_> = loaded.map(|address| resolve(path, &address)).collect();
    let app = loaded.iter().find(|address| address.ends_with("/app.js")).cloned();
    for module in page.elements().iter().filter_map(|element| element.get("data-module")) {
        let app = app.as_deref().expect("app.js, which loads it");
        loaded.push(resolve(app, &format!("{module}.js")));
    }
    loaded
}

/// What a file loads: a module others, and a style sheet nothing.
fn imports(text: &str) -> Vec<String> {
    assert!(!text.contains("@import") && !text.contains("url("), "{text}");
    let marks = ["from\"", "import\"", "import(\""];
    let found = marks.iter().flat_map(|mark| text.split(mark).skip(1));
    found.map(|rest| rest.split('"').next().unwrap().to_owned()).collect()
}

/// All that a browser asks for to show a page, each with its size.
async fn sizes(visitor: &Visitor<'_>, path: &str) -> BTreeMap<String, usize> {
    let page = visitor.open(path).await;
    let mut sizes = BTreeMap::from([(path.to_owned(), page.assert(Status::Ok).text.len())]);
    let mut wanted = loads(path, &page);
    while let Some(address) = wanted.pop() {
        if sizes.contains_key(&address) {
            continue;
        }
        let file = visitor.script().open(&address).await;
        file.assert(Status::Ok);
        wanted.extend(imports(&file.text).iter().map(|import| resolve(&address, import)));
        sizes.insert(address, file.text.len());
    }
    sizes
}

fn told(sizes: &BTreeMap<String, usize>) -> String {
    let told =
        |(name, size): (&String, &usize)| format!("{} {size}", name.rsplit('/').next().unwrap());
    sizes.iter().map(told).collect::<Vec<_>>().join(", ")
}

#[rocket::async_test]
async fn page_weight_is_at_most_60_kb_with_everything_loaded() {
    let app = TestApp::new().await;
    let nobody = app.visitor().from("127.0.0.1");
    let mut all = BTreeMap::new();
    // The pages without a session first, while setup is possible.
    for path in app.pages(&[]) {
        if nobody.open(&path).await.status == Status::Ok {
            all.insert(path.clone(), sizes(&nobody, &path).await);
        }
    }
    let admin = app.user_of("administrator", Role::Admin).await;
    let (pages, admin) = (app.pages(&app.records(&admin).await), admin.in_a_browser());
    for path in pages {
        if !all.contains_key(&path) {
            all.insert(path.clone(), sizes(&admin, &path).await);
        }
    }
    let mut loaded = BTreeSet::new();
    for (path, sizes) in &all {
        let sum: usize = sizes.values().sum();
        assert!(sum < MAX_BYTES, "{path} weighs {sum} bytes: {}", told(sizes));
        loaded.extend(
            sizes
                .keys()
                .filter_map(|name| name.split_once("/js/"))
                .map(|(_, name)| name.to_owned()),
        );
    }
    // Every module was found.
    let modules = std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/static/js")).unwrap();
    let modules: BTreeSet<_> =
        modules.map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
    assert_eq!(loaded, modules);
}

/// How many rows a page shows.
async fn rows(visitor: &Visitor<'_>, path: &str) -> usize {
    let page = visitor.open(path).await;
    let is_row = |class: &str| ["row", "row person"].contains(&class);
    page.elements().iter().filter(|element| element.get("class").is_some_and(is_row)).count()
}

const TEXT: &str =
    "A few sentences about what is to be done, where the papers are, and whom to ask. And more.";

/// Adds a task with a deadline in the next days, and a template.
async fn add_records(admin: &Actor<'_>, n: usize, assignee: &str) {
    let (title, day) = (format!("Prepare the meeting with customer {n}"), n % 7 + 21);
    let deadline = format!("2026-11-{day}");
    let task = [
        ("title", &*title),
        ("description", TEXT),
        ("assignee", assignee),
        ("deadline", &deadline),
    ];
    admin.post("/tasks", &task).await.assert(Status::Created);
    let template = [("name", &*format!("Reply to customer {n}")), ("body", TEXT)];
    admin.post("/templates", &template).await.assert(Status::Created);
}

/// The pages with lists, as full as they are where nobody asks for more, with texts as people write them.
#[rocket::async_test]
async fn full_lists_weigh_at_most_60_kb_with_everything_loaded() {
    const ROWS: usize = 25;
    let app = TestApp::new().await;
    let admin = app.user_of("administrator", Role::Admin).await;
    let visitor = admin.in_a_browser();
    let mut heavy = Vec::new();
    let mut weigh = async |path: &str| {
        let (rows, sizes) = (rows(&visitor, path).await, sizes(&visitor, path).await);
        let sum: usize = sizes.values().sum();
        println!("{path}: {rows} rows, {sum} bytes ({})", told(&sizes));
        assert!(rows >= ROWS, "{path} has {rows} rows");
        if sum >= MAX_BYTES {
            heavy.push(format!("{path} {sum}"));
        }
    };
    let waiting = app.user("first.surname").await;
    app.set_status(&waiting, AccountStatus::Pending).await;
    let mut other = String::new();
    for n in 1..ROWS - 1 {
        other = app.user(&format!("first{n}.surname{n}")).await.email;
    }
    for n in 0..ROWS {
        add_records(&admin, n, if n % 2 == 0 { &admin.email } else { &other }).await;
    }
    for n in 0..ROWS {
        // Of 13 tasks and 12 widgets.
        if n == ROWS / 2 {
            weigh("/").await;
        }
        admin.add_widget(&format!("reporting-service-{n}")).await.assert(Status::Created);
    }
    for path in ["/tasks", "/widgets", "/templates", "/people"] {
        weigh(path).await;
        weigh(&format!("{path}?select=true")).await;
    }
    weigh("/board").await;
    assert!(heavy.is_empty(), "{heavy:?}");
}
