//! Widgets.

use std::sync::Arc;

use widgetd::domain::{Deadline, InfoUrl, NewWidget, Owner, PageRequest, PublicId, Put, WidgetName};
use widgetd::error::Error;

use crate::{NOW, Subject, assert_conflict, assert_not_found, block_on, later, new_widget};

fn name(text: &str) -> WidgetName {
    WidgetName::parse(text).unwrap()
}

#[test]
fn a_widget_is_what_was_stored_also_after_reopening() {
    block_on(async {
        let subject = Subject::new();
        let ann = subject.add_user("ann").await;
        let new = new_widget("one", &ann);
        subject.store.create_widget(new.clone(), NOW).await.unwrap();
        let subject = subject.reopen().await;
        let widget = subject.store.get_widget(&name("one")).await.unwrap();
        assert_eq!((widget.name, widget.info_url, widget.deadline), (new.name, new.info_url, new.deadline));
        assert_eq!(widget.created_at, NOW);
        assert_eq!(widget.owner, Owner { email: ann.email, public_id: ann.public_id });
    });
}

#[test]
fn an_absent_widget_is_not_found() {
    block_on(async {
        let subject = Subject::new();
        assert_not_found(subject.store.get_widget(&name("one")).await);
        assert_not_found(subject.store.delete_widget(&name("one")).await);
    });
}

#[test]
fn a_taken_name_is_a_conflict_and_changes_nothing() {
    block_on(async {
        let subject = Subject::new();
        let (ann, bob) = (subject.add_user("ann").await, subject.add_user("bob").await);
        subject.store.create_widget(new_widget("one", &ann), NOW).await.unwrap();
        let again = subject.store.create_widget(new_widget("one", &bob), later(1)).await;
        assert_conflict(again, "Widget name: one already exists, must be unique.");
        let widget = subject.store.get_widget(&name("one")).await.unwrap();
        assert_eq!((widget.owner.public_id, widget.created_at), (ann.public_id, NOW));
    });
}

#[test]
fn a_widget_needs_an_owner() {
    block_on(async {
        let subject = Subject::new();
        let ann = subject.add_user("ann").await;
        let orphan = NewWidget { owner: PublicId::generate(), ..new_widget("one", &ann) };
        assert_not_found(subject.store.create_widget(orphan.clone(), NOW).await);
        assert_not_found(subject.store.put_widget(orphan, NOW).await);
        assert_not_found(subject.store.get_widget(&name("one")).await);
    });
}

#[test]
fn putting_adds_what_is_new_and_changes_what_exists() {
    block_on(async {
        let subject = Subject::new();
        let (ann, bob) = (subject.add_user("ann").await, subject.add_user("bob").await);
        assert_eq!(subject.store.put_widget(new_widget("one", &ann), NOW).await.unwrap(), Put::Created);
        let changed = NewWidget {
            info_url: InfoUrl::parse("https://example.org").unwrap(),
            deadline: Deadline::parse("2027-01-01", NOW).unwrap(),
            ..new_widget("one", &bob)
        };
        assert_eq!(subject.store.put_widget(changed.clone(), later(1)).await.unwrap(), Put::Updated);
        let widget = subject.store.get_widget(&name("one")).await.unwrap();
        assert_eq!((widget.info_url, widget.deadline), (changed.info_url, changed.deadline));
        assert_eq!((widget.owner.public_id, widget.created_at), (ann.public_id, NOW));
    });
}

#[test]
fn a_deleted_name_is_free_again() {
    block_on(async {
        let subject = Subject::new();
        let ann = subject.add_user("ann").await;
        subject.store.create_widget(new_widget("one", &ann), NOW).await.unwrap();
        subject.store.delete_widget(&name("one")).await.unwrap();
        assert_not_found(subject.store.get_widget(&name("one")).await);
        subject.store.create_widget(new_widget("one", &ann), NOW).await.unwrap();
    });
}

#[test]
fn pages_follow_the_order_of_creation() {
    block_on(async {
        let subject = Subject::new();
        let ann = subject.add_user("ann").await;
        for n in (0..12).rev() {
            subject.store.create_widget(new_widget(&format!("w{n:02}"), &ann), NOW).await.unwrap();
        }
        let names = async |page, per_page| {
            let page = subject.store.list_widgets(PageRequest::new(page, per_page)).await.unwrap();
            assert_eq!(page.total, 12);
            page.items.into_iter().map(|widget| widget.name.into_string()).collect::<Vec<_>>()
        };
        assert_eq!(names(1, 5).await, ["w11", "w10", "w09", "w08", "w07"]);
        assert_eq!(names(3, 5).await, ["w01", "w00"]);
        assert!(names(4, 5).await.is_empty());
        assert!(names(u64::MAX, 100).await.is_empty());
    });
}

#[test]
fn of_many_writes_at_once_each_is_answered_by_its_own_result() {
    block_on(async {
        let subject = Subject::new();
        let ann = subject.add_user("ann").await;
        // Half of the names are used twice; every batch holds winners and losers.
        let writes: Vec<_> = (0..600)
            .map(|n| {
                let (store, new) = (Arc::clone(&subject.store), new_widget(&format!("w{}", n % 400), &ann));
                tokio::spawn(async move { store.create_widget(new, NOW).await })
            })
            .collect();
        let (mut created, mut refused) = (0, 0);
        for write in writes {
            match write.await.unwrap() {
                Ok(()) => created += 1,
                Err(Error::Conflict(_)) => refused += 1,
                Err(error) => panic!("{error:?}"),
            }
        }
        assert_eq!((created, refused), (400, 200));
        assert_eq!(subject.store.list_widgets(PageRequest::DEFAULT).await.unwrap().total, 400);
    });
}
