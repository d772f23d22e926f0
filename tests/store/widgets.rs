//! Widgets.

use std::sync::Arc;

use widgetd::domain::{
    Deadline, InfoUrl, NewWidget, PageRequest, Put, UserId, UserSummary, WidgetFilter,
};
use widgetd::error::Error;

use crate::{
    ANYHOW, NOW, Subject, assert_conflict, assert_not_found, assert_pages, block_on, cli_context,
    cli_context_at, later, new_widget, widget_name,
};

#[test]
fn a_widget_is_what_was_stored_also_after_reopening() {
    block_on(async {
        let subject = Subject::new();
        let ann = subject.add_user("ann").await;
        let new = new_widget("one", &ann);
        subject.store.create_widget(new.clone(), &cli_context()).await.unwrap();
        let subject = subject.reopen().await;
        let widget = subject.store.get_widget(&widget_name("one")).await.unwrap();
        assert_eq!(
            (widget.name, widget.info_url, widget.deadline),
            (new.name, new.info_url, new.deadline)
        );
        assert_eq!(widget.created_at, NOW);
        assert_eq!(
            widget.owner,
            UserSummary { email: ann.email, public_id: ann.public_id, is_deleted: false }
        );
    });
}

#[test]
fn an_absent_widget_is_not_found() {
    block_on(async {
        let subject = Subject::new();
        assert_not_found(subject.store.get_widget(&widget_name("one")).await);
        assert_not_found(
            subject.store.delete_widget(&widget_name("one"), ANYHOW, &cli_context()).await,
        );
    });
}

#[test]
fn a_taken_name_is_a_conflict_and_changes_nothing() {
    block_on(async {
        let subject = Subject::new();
        let (ann, bob) = (subject.add_user("ann").await, subject.add_user("bob").await);
        subject.store.create_widget(new_widget("one", &ann), &cli_context()).await.unwrap();
        let again =
            subject.store.create_widget(new_widget("one", &bob), &cli_context_at(later(1))).await;
        assert_conflict(again, "Widget name: one already exists, must be unique.");
        let widget = subject.store.get_widget(&widget_name("one")).await.unwrap();
        assert_eq!((widget.owner.public_id, widget.created_at), (ann.public_id, NOW));
    });
}

#[test]
fn a_new_widget_needs_an_owner_and_one_that_exists_has_one() {
    block_on(async {
        let subject = Subject::new();
        let (ann, gone) = (subject.add_user("ann").await, subject.add_user("gone").await);
        subject.store.delete_user(gone.public_id, &cli_context()).await.unwrap();
        for owner in [UserId::generate(), gone.public_id] {
            let orphan = NewWidget { owner, ..new_widget("one", &ann) };
            assert_not_found(subject.store.create_widget(orphan.clone(), &cli_context()).await);
            assert_not_found(
                subject.store.upsert_widget(orphan.clone(), ANYHOW, &cli_context()).await,
            );
            assert_not_found(subject.store.get_widget(&widget_name("one")).await);

            subject.store.create_widget(new_widget("one", &ann), &cli_context()).await.unwrap();
            assert_eq!(
                subject.store.upsert_widget(orphan, ANYHOW, &cli_context()).await.unwrap(),
                Put::Updated
            );
            let widget = subject.store.get_widget(&widget_name("one")).await.unwrap();
            assert_eq!(widget.owner.public_id, ann.public_id);
            subject.store.delete_widget(&widget_name("one"), ANYHOW, &cli_context()).await.unwrap();
        }
    });
}

#[test]
fn putting_adds_what_is_new_and_changes_what_exists() {
    block_on(async {
        let subject = Subject::new();
        let (ann, bob) = (subject.add_user("ann").await, subject.add_user("bob").await);
        assert_eq!(
            subject
                .store
                .upsert_widget(new_widget("one", &ann), ANYHOW, &cli_context())
                .await
                .unwrap(),
            Put::Created
        );
        let changed = NewWidget {
            info_url: InfoUrl::parse("https://example.org").unwrap(),
            deadline: Deadline::parse("2027-01-01", NOW).unwrap(),
            ..new_widget("one", &bob)
        };
        assert_eq!(
            subject
                .store
                .upsert_widget(changed.clone(), ANYHOW, &cli_context_at(later(1)))
                .await
                .unwrap(),
            Put::Updated
        );
        let widget = subject.store.get_widget(&widget_name("one")).await.unwrap();
        assert_eq!((widget.info_url, widget.deadline), (changed.info_url, changed.deadline));
        assert_eq!((widget.owner.public_id, widget.created_at), (ann.public_id, NOW));
    });
}

#[test]
fn a_deleted_name_is_free_again() {
    block_on(async {
        let subject = Subject::new();
        let ann = subject.add_user("ann").await;
        subject.store.create_widget(new_widget("one", &ann), &cli_context()).await.unwrap();
        subject.store.delete_widget(&widget_name("one"), ANYHOW, &cli_context()).await.unwrap();
        assert_not_found(subject.store.get_widget(&widget_name("one")).await);
        subject.store.create_widget(new_widget("one", &ann), &cli_context()).await.unwrap();
    });
}

#[test]
fn pages_follow_the_order_of_creation() {
    block_on(async {
        let subject = Subject::new();
        let ann = subject.add_user("ann").await;
        let mut widgets = Vec::new();
        for n in (0..12).rev() {
            let new = new_widget(&format!("w{n:02}"), &ann);
            subject.store.create_widget(new.clone(), &cli_context()).await.unwrap();
            widgets.push(subject.store.get_widget(&new.name).await.unwrap());
        }
        assert_pages(&widgets, async |request| {
            subject.store.list_widgets(WidgetFilter::default(), request, NOW).await
        })
        .await;
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
                let (store, new) =
                    (Arc::clone(&subject.store), new_widget(&format!("w{}", n % 400), &ann));
                tokio::spawn(async move { store.create_widget(new, &cli_context()).await })
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
        assert_eq!(
            subject
                .store
                .list_widgets(WidgetFilter::default(), PageRequest::DEFAULT, NOW)
                .await
                .unwrap()
                .total,
            400
        );
    });
}
