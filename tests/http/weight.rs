//! The size of each page with everything that it loads.

use std::collections::{BTreeMap, BTreeSet};

use rocket::http::Status;
use widgetd::domain::Role;

use crate::support::{Answer, TestApp, Visitor, resolve};

/// How much a page and all that it loads may be, in bytes and not compressed.
const MAX_BYTES: usize = 60_000;

/// What a page loads.
fn loads(page: &Answer) -> Vec<String> {
    let elements = page.elements().into_iter();
    let loaded = elements.filter_map(|element| match element.tag.as_str() {
        "link" if element.get("rel") != Some("apple-touch-icon") => {
            element.get("href").map(str::to_owned)
        }
        "script" | "img" => element.get("src").map(str::to_owned),
        _ => None,
    });
    loaded.collect()
}

/// What a file loads: a module others, and a style sheet nothing.
fn imports(text: &str) -> Vec<String> {
    assert!(!text.contains("@import") && !text.contains("url("), "{text}");
    let marks = ["from \"", "import \"", "import(\""];
    let found = marks.iter().flat_map(|mark| text.split(mark).skip(1));
    found.map(|rest| rest.split('"').next().unwrap().to_owned()).collect()
}

/// All that a browser asks for to show a page, each with its size.
async fn sizes(visitor: &Visitor<'_>, path: &str) -> BTreeMap<String, usize> {
    let page = visitor.open(path).await;
    let mut sizes = BTreeMap::from([(path.to_owned(), page.assert(Status::Ok).text.len())]);
    let mut wanted: Vec<String> =
        loads(&page).iter().map(|address| resolve(path, address)).collect();
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
        let parts: Vec<_> = sizes
            .iter()
            .map(|(name, size)| format!("{} {size}", name.rsplit('/').next().unwrap()))
            .collect();
        println!("{path}: {sum} bytes ({})", parts.join(", "));
        assert!(sum < MAX_BYTES, "{path} weighs {sum} bytes: {parts:?}");
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
