//! Templates.

use widgetd::domain::{
    NewTemplate, Search, Sort, Template, TemplateBody, TemplateChange, TemplateFilter, UserId,
};
use widgetd::error::Error;

use crate::{
    ALL, ANY_STATE, CLI, NOW, Subject, assert_conflict, assert_not_found, assert_pages, at_once,
    cli_at, later, new_template, template_name,
};

fn body(text: &str) -> TemplateBody {
    TemplateBody::parse(text).unwrap()
}

fn to_name(text: &str) -> TemplateChange {
    TemplateChange { name: Some(template_name(text)), body: None }
}

fn to_body(text: &str) -> TemplateChange {
    TemplateChange { name: None, body: Some(body(text)) }
}

fn sorted(order: &str) -> TemplateFilter {
    TemplateFilter { sort: Some(Sort::parse(order).unwrap()), ..TemplateFilter::default() }
}

fn searched(words: &str) -> TemplateFilter {
    TemplateFilter { search: Some(Search::parse(words).unwrap()), ..TemplateFilter::default() }
}

impl Subject {
    async fn add_template(&self, name: &str, owner: UserId) -> Template {
        self.store.create_template(new_template(name, owner), CLI).await.unwrap()
    }

    async fn template_names(&self, owner: UserId, filter: TemplateFilter) -> Vec<String> {
        let page = self.store.list_templates(owner, filter, ALL).await.unwrap();
        assert_eq!(page.total, page.items.len() as u64);
        page.items.into_iter().map(|template| template.name.into_string()).collect()
    }
}

#[tokio::test]
async fn a_template_is_read_back_as_created_after_reopening() {
    let subject = Subject::new();
    let ann = subject.add_user("ann").await.public_id;
    let text = "Dear {name},\r\n\t50% \"off\" \u{202e}\u{1} \u{1f389}";
    let new = NewTemplate { body: body(text), ..new_template("a/b %", ann) };
    let made = subject.create_template(new, CLI).await.unwrap();
    assert_eq!((made.name.as_str(), made.body.as_str()), ("a/b %", text));
    assert_eq!((made.created_at, made.updated_at), (NOW, NOW));
    let subject = subject.reopen().await;
    assert_eq!(subject.get_template(ann, &made.name).await.unwrap(), made);
    assert_eq!(subject.list_templates(ann, searched("off"), ALL).await.unwrap().items, [made]);
}

#[tokio::test]
async fn a_list_has_the_beginning_of_a_body_of_more_than_4_kib() {
    let subject = Subject::new();
    let ann = subject.add_user("ann").await.public_id;
    let store = &subject.store;
    for (name, text, beginning) in [
        ("a", "x".repeat(4_096), None),
        ("b", "x".repeat(4_097), Some("x".repeat(1_024))),
        ("c", "ä".repeat(2_048), None),
        ("d", format!("{}a", "ä".repeat(2_048)), Some("ä".repeat(1_024))),
        ("e", "\u{1f389}".repeat(16 * 1_024), Some("\u{1f389}".repeat(1_024))),
        ("f", format!("a{}", "€".repeat(20_000)), Some(format!("a{}", "€".repeat(1_023)))),
    ] {
        let new = NewTemplate { body: body(&text), ..new_template(name, ann) };
        let made = store.create_template(new, CLI).await.unwrap();
        let list = store.list_templates(ann, sorted("-name"), ALL).await.unwrap();
        let is_long = beginning.is_some();
        let expected = Template {
            body: body(&beginning.unwrap_or_else(|| text.clone())),
            body_truncated: is_long,
            ..made.clone()
        };
        assert_eq!(list.items[0], expected, "{name}");
        // The record has all of it, also after a change of something else.
        assert_eq!((made.body.as_str(), made.body_truncated), (&*text, false));
        assert_eq!(store.get_template(ann, &made.name).await.unwrap(), made);
        let renamed = store
            .update_template(ann, &made.name, to_name(&format!("{name}2")), ANY_STATE, CLI)
            .await
            .unwrap();
        assert_eq!((renamed.body.as_str(), renamed.body_truncated), (&*text, false));
    }
}

#[tokio::test]
async fn search_finds_the_last_word_of_a_long_body() {
    let subject = Subject::new();
    let ann = subject.add_user("ann").await.public_id;
    let text = body(&format!("{} needle", "x ".repeat(32_000)));
    let new = NewTemplate { body: text, ..new_template("long", ann) };
    subject.create_template(new, CLI).await.unwrap();
    assert_eq!(subject.template_names(ann, searched("needle")).await, ["long"]);
}

#[tokio::test]
async fn authority_over_a_template_is_its_owner_s_alone() {
    let subject = Subject::new();
    let (ann, boss) =
        (subject.add_user("ann").await.public_id, subject.add_admin("boss").await.public_id);
    let (store, name) = (&subject.store, template_name("one"));
    let anns = subject.add_template("one", ann).await;
    for stranger in [boss, UserId::generate()] {
        assert_not_found(store.get_template(stranger, &name).await);
        assert_not_found(
            store.update_template(stranger, &name, to_body("x"), ANY_STATE, CLI).await,
        );
        assert_not_found(store.delete_template(stranger, &name, ANY_STATE, CLI).await);
        for filter in [TemplateFilter::default(), searched("one"), searched("of"), sorted("-name")]
        {
            assert!(subject.template_names(stranger, filter).await.is_empty());
        }
    }
    // Another user may use the same name.
    let bosses = subject.add_template("one", boss).await;
    assert_ne!(bosses.version, anns.version);
    store.update_template(boss, &name, to_body("other"), ANY_STATE, CLI).await.unwrap();
    store.delete_template(boss, &name, ANY_STATE, CLI).await.unwrap();
    assert_eq!(store.get_template(ann, &name).await.unwrap(), anns);
}

#[tokio::test]
async fn a_taken_name_is_a_conflict_and_changes_nothing() {
    let subject = Subject::new();
    let ann = subject.add_user("ann").await.public_id;
    let (one, two) =
        (subject.add_template("one", ann).await, subject.add_template("two", ann).await);
    let taken = "Template name: one already exists, must be unique.";
    let again = NewTemplate { body: body("other"), ..new_template("one", ann) };
    assert_conflict(subject.create_template(again, &cli_at(later(1))).await, taken);
    let both = TemplateChange { body: Some(body("other")), ..to_name("one") };
    assert_conflict(
        subject.update_template(ann, &two.name, both, ANY_STATE, &cli_at(later(1))).await,
        taken,
    );
    for template in [one, two] {
        assert_eq!(subject.get_template(ann, &template.name).await.unwrap(), template);
    }
    // Names differ by letter case.
    subject.add_template("One", ann).await;
}

#[tokio::test]
async fn a_template_needs_an_owner() {
    let subject = Subject::new();
    let gone = subject.add_user("gone").await.public_id;
    subject.delete_user(gone, ANY_STATE, CLI).await.unwrap();
    for owner in [UserId::generate(), gone] {
        assert_not_found(subject.create_template(new_template("one", owner), CLI).await);
    }
}

#[tokio::test]
async fn an_update_changes_the_given_fields_and_the_version() {
    let subject = Subject::new();
    let ann = subject.add_user("ann").await.public_id;
    let (store, made) = (&subject.store, subject.add_template("one", ann).await);
    let update = async |name: &str, change, at| {
        store
            .update_template(ann, &template_name(name), change, ANY_STATE, &cli_at(at))
            .await
            .unwrap()
    };
    let changed = update("one", to_body("other"), later(1)).await;
    let expected = Template {
        body: body("other"),
        updated_at: later(1),
        version: changed.version,
        ..made.clone()
    };
    assert_eq!(changed, expected);
    assert_ne!(changed.version, made.version);

    let renamed = update("one", to_name("ONE"), later(2)).await;
    let expected = Template {
        name: template_name("ONE"),
        updated_at: later(2),
        version: renamed.version,
        ..changed.clone()
    };
    assert_eq!(renamed, expected);
    assert_ne!(renamed.version, changed.version);
    assert_not_found(store.get_template(ann, &made.name).await);

    // Equal values change nothing.
    for change in [to_name("ONE"), to_body("other"), TemplateChange::default()] {
        assert_eq!(update("ONE", change, later(3)).await, renamed);
    }
    assert_eq!(store.get_template(ann, &renamed.name).await.unwrap(), renamed);
    assert_not_found(store.update_template(ann, &made.name, to_body("x"), ANY_STATE, CLI).await);
}

#[tokio::test]
async fn search_matches_the_current_words_of_a_template() {
    let subject = Subject::new();
    let ann = subject.add_user("ann").await.public_id;
    let (store, name) = (&subject.store, template_name("apple"));
    let new = NewTemplate { body: body("pear"), ..new_template("apple", ann) };
    store.create_template(new, CLI).await.unwrap();
    store.update_template(ann, &name, to_body("quince"), ANY_STATE, CLI).await.unwrap();
    store.update_template(ann, &name, to_name("plum"), ANY_STATE, CLI).await.unwrap();
    for gone in ["apple", "pear"] {
        assert!(subject.template_names(ann, searched(gone)).await.is_empty(), "{gone}");
    }
    for found in ["quince", "plum", "plum quince"] {
        assert_eq!(subject.template_names(ann, searched(found)).await, ["plum"], "{found}");
    }
    store.delete_template(ann, &template_name("plum"), ANY_STATE, CLI).await.unwrap();
    assert!(subject.template_names(ann, searched("quince")).await.is_empty());
}

#[tokio::test]
async fn search_matches_word_prefixes_of_names_and_bodies() {
    let subject = Subject::new();
    let ann = subject.add_user("ann").await.public_id;
    for (name, text) in
        [("Welcome", "Dear {name}, écrivez-nous"), ("Good-bye", "Dear all"), ("🎉", "a \"b\" 100%")]
    {
        let new = NewTemplate { body: body(text), ..new_template(name, ann) };
        subject.create_template(new, CLI).await.unwrap();
    }
    for (words, expected) in [
        ("dear", &["Welcome", "Good-bye"][..]),
        ("DEAR wel", &["Welcome"]),
        ("ecr", &["Welcome"]),
        ("bye", &["Good-bye"]),
        ("good-bye", &["Good-bye"]),
        ("🎉", &["🎉"]),
        ("100%", &["🎉"]),
        ("a OR b", &[]),
        ("ear", &[]),
        ("name:dear", &[]),
        ("\"", &[]),
        ("", &[]),
        (" ", &[]),
    ] {
        assert_eq!(subject.template_names(ann, searched(words)).await, expected, "{words}");
    }
    let many = "d ".repeat(50);
    assert_eq!(subject.template_names(ann, searched(&many)).await, ["Welcome", "Good-bye"]);
    let filter = TemplateFilter { search: Some(Search::parse("dear").unwrap()), ..sorted("name") };
    assert_eq!(subject.template_names(ann, filter).await, ["Good-bye", "Welcome"]);
}

#[tokio::test]
async fn sort_works_in_both_directions_with_ties_in_the_order_of_creation() {
    let subject = Subject::new();
    let ann = subject.add_user("ann").await.public_id;
    for (name, at) in [("b", later(2)), ("a", later(1)), ("B", later(1)), ("ä", NOW)] {
        subject.create_template(new_template(name, ann), &cli_at(at)).await.unwrap();
    }
    for name in ["a", "b"] {
        let name = template_name(name);
        subject
            .update_template(ann, &name, to_body("x"), ANY_STATE, &cli_at(later(9)))
            .await
            .unwrap();
    }
    assert_eq!(subject.template_names(ann, TemplateFilter::default()).await, ["ä", "a", "B", "b"]);
    for (order, expected) in [
        ("name", ["B", "a", "b", "ä"]),
        ("created_at", ["ä", "a", "B", "b"]),
        ("updated_at", ["ä", "B", "b", "a"]),
    ] {
        assert_eq!(subject.template_names(ann, sorted(order)).await, expected, "{order}");
        let reversed: Vec<_> = expected.into_iter().rev().collect();
        assert_eq!(
            subject.template_names(ann, sorted(&format!("-{order}"))).await,
            reversed,
            "-{order}"
        );
    }
}

#[tokio::test]
async fn pagination_follows_the_sort() {
    let subject = Subject::new();
    let [ann, bob] = subject.add_ids(["ann", "bob"]).await;
    let mut templates = Vec::new();
    for n in (0..12).rev() {
        subject.add_template(&format!("bobs {n}"), bob).await;
        templates.push(subject.add_template(&format!("t{n:02}"), ann).await);
    }
    let list = async |filter, request| subject.list_templates(ann, filter, request).await;
    assert_pages(&templates, async |request| list(TemplateFilter::default(), request).await).await;
    assert_pages(&templates, async |request| list(sorted("-name"), request).await).await;
    assert_pages(&templates, async |request| list(searched("t"), request).await).await;
    templates.reverse();
    assert_pages(&templates, async |request| list(sorted("name"), request).await).await;
}

#[tokio::test]
async fn a_deleted_name_is_free_again() {
    let subject = Subject::new();
    let ann = subject.add_user("ann").await.public_id;
    let first = subject.add_template("one", ann).await;
    subject.delete_template(ann, &first.name, ANY_STATE, CLI).await.unwrap();
    assert_not_found(subject.get_template(ann, &first.name).await);
    assert_ne!(subject.add_template("one", ann).await.version, first.version);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_limit_of_1000_templates_per_user_holds_under_concurrent_writes() {
    let subject = Subject::new();
    let [ann, bob] = subject.add_ids(["ann", "bob"]).await;
    let create = |n| {
        let (store, new) = (subject.store.clone(), new_template(&format!("t{n}"), ann));
        async move {
            // The queue may be full for a moment.
            loop {
                match store.create_template(new.clone(), CLI).await {
                    Err(Error::Busy) => tokio::task::yield_now().await,
                    answer => return answer,
                }
            }
        }
    };
    let answers = at_once(1_010, create).await;
    let refused: Vec<_> = answers.into_iter().filter(Result::is_err).collect();
    assert_eq!(refused.len(), 10);
    for answer in refused {
        assert_conflict(answer, "There are 1000 templates already, the most there may be.");
    }
    let page = subject.list_templates(ann, TemplateFilter::default(), ALL).await.unwrap();
    assert_eq!(page.total, 1_000);
    subject.add_template("one", bob).await;
    subject.delete_template(ann, &page.items[0].name, ANY_STATE, CLI).await.unwrap();
    subject.add_template("one more", ann).await;
}

#[tokio::test]
async fn soft_delete_of_a_user_deletes_its_templates() {
    let subject = Subject::new();
    let [ann, bob] = subject.add_ids(["ann", "bob"]).await;
    for owner in [ann, bob] {
        subject.add_template("one", owner).await;
        subject.add_template("two", owner).await;
    }
    subject.delete_user(ann, ANY_STATE, CLI).await.unwrap();
    let subject = subject.reopen().await;
    assert_not_found(subject.get_template(ann, &template_name("one")).await);
    for filter in [TemplateFilter::default(), searched("one")] {
        assert!(subject.template_names(ann, filter).await.is_empty());
    }
    assert_eq!(subject.template_names(bob, searched("text")).await, ["one", "two"]);
}

/// Pseudo-random texts of all kinds of characters, the same ones each time.
fn random_texts(count: usize) -> impl Iterator<Item = String> {
    let mut state = 0x9E37_79B9_7F4A_7C15_u64;
    let mut random = move |below: u32| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        u32::try_from(state >> 33).unwrap() % below
    };
    (0..count).map(move |_| {
        let length = random(60);
        let mut any = || match random(4) {
            0 => char::from(b"\"'%_*\\/?#&+:;^-(){}[]<>|"[random(24) as usize]),
            1 => char::from_u32(0x20 + random(0x5f)).unwrap(),
            2 => char::from_u32(1 + random(0x2fff)).unwrap(),
            _ => char::from_u32(1 + random(0x2_ffff)).unwrap_or('\u{5d0}'),
        };
        (0..length).map(|_| any()).collect()
    })
}

#[tokio::test]
async fn random_texts_are_stored_byte_for_byte_and_found_by_search() {
    let subject = Subject::new();
    let ann = subject.add_user("ann").await.public_id;
    for (n, text) in random_texts(200).enumerate() {
        let text = format!("w{n}x {text}");
        let name = format!("n{n}");
        let new = NewTemplate { body: body(&text), ..new_template(&name, ann) };
        let made = subject.create_template(new, CLI).await.unwrap();
        assert_eq!(subject.get_template(ann, &made.name).await.unwrap().body.as_str(), text);
        assert_eq!(subject.template_names(ann, searched(&text)).await, [name], "{text:?}");
    }
}
