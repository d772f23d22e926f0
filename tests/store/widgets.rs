//! Widgets.

use widgetd::domain::{
    Deadline, InfoUrl, NewWidget, PageRequest, Sort, Upsert, UserId, Version, Widget, WidgetChange,
    WidgetFilter, Zone,
};
use widgetd::error::Error;

use crate::{
    ALL, ANY_STATE, CLI, NOW, Subject, assert_conflict, assert_not_found, assert_pages,
    assert_precondition_failed, at_once, cli_at, if_match, later, new_widget, widget_name,
};

#[tokio::test]
async fn a_widget_is_read_back_as_created_after_reopening() {
    let subject = Subject::new();
    let ann = subject.add_user("ann").await;
    let new = new_widget("one", &ann);
    subject.create_widget(new.clone(), CLI).await.unwrap();
    let subject = subject.reopen().await;
    let widget = subject.get_widget(&widget_name("one")).await.unwrap();
    assert_eq!(
        (widget.name, widget.info_url, widget.deadline),
        (new.name, new.info_url, new.deadline)
    );
    assert_eq!(widget.created_at, NOW);
    assert_eq!(widget.owner, ann.summary());
}

#[tokio::test]
async fn a_taken_name_is_a_conflict_and_changes_nothing() {
    let subject = Subject::new();
    let (ann, bob) = (subject.add_user("ann").await, subject.add_user("bob").await);
    subject.create_widget(new_widget("one", &ann), CLI).await.unwrap();
    let again = subject.create_widget(new_widget("one", &bob), &cli_at(later(1))).await;
    assert_conflict(again, "Widget name: one already exists, must be unique.");
    let widget = subject.get_widget(&widget_name("one")).await.unwrap();
    assert_eq!((widget.owner.public_id, widget.created_at), (ann.public_id, NOW));
}

#[tokio::test]
async fn a_new_widget_needs_an_existing_owner_and_an_upsert_keeps_the_owner() {
    let subject = Subject::new();
    let (ann, gone) = (subject.add_user("ann").await, subject.add_user("gone").await);
    subject.delete_user(gone.public_id, ANY_STATE, CLI).await.unwrap();
    for owner in [UserId::generate(), gone.public_id] {
        let orphan = NewWidget { owner, ..new_widget("one", &ann) };
        assert_not_found(subject.create_widget(orphan.clone(), CLI).await);
        assert_not_found(subject.upsert_widget(orphan.clone(), ANY_STATE, CLI).await);
        assert_not_found(subject.get_widget(&widget_name("one")).await);

        subject.create_widget(new_widget("one", &ann), CLI).await.unwrap();
        assert_eq!(subject.upsert_widget(orphan, ANY_STATE, CLI).await.unwrap().1, Upsert::Updated);
        let widget = subject.get_widget(&widget_name("one")).await.unwrap();
        assert_eq!(widget.owner.public_id, ann.public_id);
        subject.delete_widget(&widget_name("one"), ANY_STATE, CLI).await.unwrap();
    }
}

#[tokio::test]
async fn an_upsert_creates_or_updates() {
    let subject = Subject::new();
    let (ann, bob) = (subject.add_user("ann").await, subject.add_user("bob").await);
    assert_eq!(
        subject.upsert_widget(new_widget("one", &ann), ANY_STATE, CLI).await.unwrap().1,
        Upsert::Created
    );
    let changed = NewWidget {
        info_url: InfoUrl::parse("https://example.org").unwrap(),
        deadline: Deadline::parse("2027-01-01", &Zone::UTC).unwrap(),
        ..new_widget("one", &bob)
    };
    assert_eq!(
        subject.upsert_widget(changed.clone(), ANY_STATE, &cli_at(later(1))).await.unwrap().1,
        Upsert::Updated
    );
    let widget = subject.get_widget(&widget_name("one")).await.unwrap();
    assert_eq!((widget.info_url, widget.deadline), (changed.info_url, changed.deadline));
    assert_eq!((widget.owner.public_id, widget.created_at), (ann.public_id, NOW));
}

#[tokio::test]
async fn a_deleted_name_is_free_again() {
    let subject = Subject::new();
    let ann = subject.add_user("ann").await;
    subject.create_widget(new_widget("one", &ann), CLI).await.unwrap();
    subject.delete_widget(&widget_name("one"), ANY_STATE, CLI).await.unwrap();
    assert_not_found(subject.get_widget(&widget_name("one")).await);
    subject.create_widget(new_widget("one", &ann), CLI).await.unwrap();
}

#[tokio::test]
async fn pagination_follows_the_order_of_creation() {
    let subject = Subject::new();
    let ann = subject.add_user("ann").await;
    let mut widgets = Vec::new();
    for n in (0..12).rev() {
        let new = new_widget(&format!("w{n:02}"), &ann);
        subject.create_widget(new.clone(), CLI).await.unwrap();
        widgets.push(subject.get_widget(&new.name).await.unwrap());
    }
    assert_pages(&widgets, async |request| {
        subject.list_widgets(None, WidgetFilter::default(), request, NOW).await
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_of_600_concurrent_writes_is_answered_by_its_own_result() {
    let subject = Subject::new();
    let ann = subject.add_user("ann").await;
    // Half of the names are used twice; every batch holds writes that succeed and that conflict.
    let create = |n| {
        let (store, new) = (subject.store.clone(), new_widget(&format!("w{}", n % 400), &ann));
        async move { store.create_widget(new, CLI).await }
    };
    let (mut created, mut refused) = (0, 0);
    for answer in at_once(600, create).await {
        match answer {
            Ok(_) => created += 1,
            Err(Error::Conflict(_)) => refused += 1,
            Err(error) => panic!("{error:?}"),
        }
    }
    assert_eq!((created, refused), (400, 200));
    let listed =
        subject.list_widgets(None, WidgetFilter::default(), PageRequest::DEFAULT, NOW).await;
    assert_eq!(listed.unwrap().total, 400);
}

fn to_deadline(text: &str) -> WidgetChange {
    WidgetChange { deadline: Deadline::parse(text, &Zone::UTC).ok(), ..WidgetChange::default() }
}

#[tokio::test]
async fn an_update_that_changes_nothing_keeps_the_version() {
    let subject = Subject::new();
    let ann = subject.add_user("ann").await;
    let (store, new) = (&subject.store, new_widget("one", &ann));
    let created = store.create_widget(new.clone(), CLI).await.unwrap();
    assert_eq!(store.get_widget(&new.name).await.unwrap(), created);
    let (upserted, upsert) = store.upsert_widget(new.clone(), ANY_STATE, CLI).await.unwrap();
    assert_eq!((&upserted, upsert), (&created, Upsert::Updated));
    let same = WidgetChange {
        name: Some(new.name.clone()),
        info_url: Some(new.info_url.clone()),
        deadline: Some(new.deadline),
    };
    for change in [same, WidgetChange::default()] {
        let precondition = if_match(created.version);
        let updated = store.update_widget(&new.name, change, precondition, CLI).await;
        assert_eq!(updated.unwrap(), created);
    }
    let stale = if_match(Version::from_stored(0));
    assert_precondition_failed(
        store.upsert_widget(new.clone(), stale.clone(), CLI).await.map(drop),
    );

    let change = to_deadline("2027-01-01");
    let changed = store.update_widget(&new.name, change, ANY_STATE, CLI).await.unwrap();
    assert_ne!(changed.version, created.version);
    assert_eq!(store.get_widget(&new.name).await.unwrap(), changed);
    let (upserted, _) = store.upsert_widget(new, ANY_STATE, CLI).await.unwrap();
    assert_ne!(upserted.version, changed.version);
    assert_eq!(upserted, Widget { version: upserted.version, ..created });
}

#[tokio::test]
async fn a_deadline_is_validated_only_where_it_changes() {
    let subject = Subject::new();
    let ann = subject.add_user("ann").await;
    let past = Deadline::parse("2026-11-01", &Zone::UTC).unwrap();
    let (store, new) = (&subject.store, NewWidget { deadline: past, ..new_widget("one", &ann) });
    let name = widget_name("one");
    let created = store.create_widget(new.clone(), CLI).await.unwrap();

    let info_url = InfoUrl::parse("https://example.org").unwrap();
    let put = NewWidget { info_url: info_url.clone(), ..new.clone() };
    let (put, _) = store.upsert_widget(put, ANY_STATE, CLI).await.unwrap();
    assert_eq!((put.info_url, put.deadline), (info_url, past));
    let change = WidgetChange { info_url: Some(created.info_url), ..to_deadline("2026-11-01") };
    let patched = store.update_widget(&name, change, ANY_STATE, CLI).await.unwrap();

    let refusal = "deadline: 2026-11-20 is in the past; the deadline must be today (2026-11-21, UTC) or later";
    let yesterday = Deadline::parse("2026-11-20", &Zone::UTC).unwrap();
    let change = to_deadline("2026-11-20");
    let update = store.update_widget(&name, change, ANY_STATE, CLI).await;
    assert_eq!(update.unwrap_err().to_string(), refusal);
    for name in ["one", "new"] {
        let put = NewWidget { deadline: yesterday, ..new_widget(name, &ann) };
        let upsert = store.upsert_widget(put, ANY_STATE, CLI).await;
        assert_eq!(upsert.unwrap_err().to_string(), refusal);
    }
    assert_eq!(store.get_widget(&name).await.unwrap(), patched);
    let today = to_deadline("2026-11-21");
    assert!(store.update_widget(&name, today, ANY_STATE, CLI).await.is_ok());
}

#[tokio::test]
async fn pagination_and_totals_count_writes_of_other_programs() {
    let subject = Subject::new();
    let ann = subject.add_user("ann").await;
    for n in 0..12 {
        let new = new_widget(&format!("w{n:02}"), &ann);
        subject.create_widget(new, CLI).await.unwrap();
    }
    let other = rusqlite::Connection::open(crate::database(&subject.folder)).unwrap();
    other
        .execute_batch(
            "UPDATE widget SET deadline = deadline + 86400000 * (7 * id % 11);
             INSERT INTO widget (name, info_url, deadline, owner_id, created_at, updated_at)
             SELECT name || 'x', info_url, deadline - 1, owner_id, 0, 0 FROM widget;
             DELETE FROM widget WHERE id = 3;",
        )
        .unwrap();
    let sorted = |text: &str| WidgetFilter {
        sort: Some(Sort::parse(text).unwrap()),
        ..WidgetFilter::default()
    };
    let mut widgets =
        subject.list_widgets(None, WidgetFilter::default(), ALL, NOW).await.unwrap().items;
    assert_eq!(widgets.len(), 23);
    let list = async |sort: &str, page| subject.list_widgets(None, sorted(sort), page, NOW).await;
    assert_pages(&widgets, async |page| list("created_at", page).await).await;
    // A stable sort keeps the order of creation.
    widgets.sort_by_key(|widget| widget.deadline.timestamp());
    assert_pages(&widgets, async |page| list("deadline", page).await).await;
    widgets.reverse();
    assert_pages(&widgets, async |page| list("-deadline", page).await).await;
}

#[test]
fn what_is_written_among_reads_together_is_seen_after_it() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let subject = Subject::new();
    let ann = runtime.block_on(subject.add_user("ann"));
    let count = async || {
        let page = subject.list_widgets(None, WidgetFilter::default(), ALL, NOW).await;
        page.unwrap().total
    };
    subject.read_together(&mut || {
        runtime.block_on(async {
            assert_eq!(count().await, 0);
            for n in 1..=3 {
                let name = format!("w{n}");
                subject.create_widget(new_widget(&name, &ann), CLI).await.unwrap();
                assert_eq!(
                    subject.get_widget(&widget_name(&name)).await.unwrap().name.as_str(),
                    name
                );
                assert_eq!(count().await, n);
            }
        });
    });
}
