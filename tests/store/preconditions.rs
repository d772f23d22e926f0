//! Preconditions: every resource checks them in the transaction of the write.

use std::sync::Arc;

use widgetd::domain::{
    Authority, InfoUrl, Precondition, Role, TaskChange, TaskId, TaskTitle, TemplateBody,
    TemplateChange, UserId, Version, Versions, WidgetChange,
};
use widgetd::error::Error;
use widgetd::store::Store;

use crate::{
    CLI, Subject, assert_not_found, assert_precondition_failed, at_once, if_match, new_task,
    new_template, new_widget, template_name, to_username, username, widget_name,
};

/// A record of each resource with versions.
#[derive(Clone, Copy, Debug)]
enum Record {
    Task(TaskId),
    Template(UserId),
    User(UserId),
    Widget,
}

impl Record {
    async fn create_all(subject: &Subject) -> [Self; 4] {
        let (ann, bob) = (subject.add_user("ann").await, subject.add_user("bob").await);
        let task = new_task("one", &ann);
        subject.create_task(task.clone(), CLI).await.unwrap();
        subject.create_template(new_template("one", ann.public_id), CLI).await.unwrap();
        subject.create_widget(new_widget("one", &ann), CLI).await.unwrap();
        let [owner, user] = [ann, bob].map(|user| user.public_id);
        [Self::Task(task.id), Self::Template(owner), Self::User(user), Self::Widget]
    }

    async fn version(self, store: &dyn Store) -> Result<Version, Error> {
        let reader = Authority { user: UserId::generate(), role: Role::Admin };
        Ok(match self {
            Self::Task(id) => store.get_task(id, reader).await?.version,
            Self::Template(owner) => {
                store.get_template(owner, &template_name("one")).await?.version
            }
            Self::User(id) => store.get_user(id).await?.version,
            Self::Widget => store.get_widget(&widget_name("one")).await?.version,
        })
    }

    /// Changes a field to a value that holds this number. Returns the new version.
    async fn update(
        self,
        store: &dyn Store,
        n: usize,
        precondition: Precondition,
    ) -> Result<Version, Error> {
        let text = format!("text{n}");
        Ok(match self {
            Self::Task(id) => {
                let title = TaskTitle::parse(&text).ok();
                let change = TaskChange { title, ..TaskChange::default() };
                store.update_task(id, change, precondition, CLI).await?.version
            }
            Self::Template(owner) => {
                let change = TemplateChange { name: None, body: TemplateBody::parse(&text).ok() };
                store
                    .update_template(owner, &template_name("one"), change, precondition, CLI)
                    .await?
                    .version
            }
            Self::User(id) => {
                store
                    .update_user(id, to_username(username(&text)), precondition, CLI)
                    .await?
                    .version
            }
            Self::Widget => {
                let info_url = InfoUrl::parse(&format!("https://example.com/{n}")).ok();
                let change = WidgetChange { info_url, ..WidgetChange::default() };
                store.update_widget(&widget_name("one"), change, precondition, CLI).await?.version
            }
        })
    }

    async fn delete(self, store: &dyn Store, precondition: Precondition) -> Result<(), Error> {
        match self {
            Self::Task(id) => store.delete_task(id, precondition, CLI).await,
            Self::Template(owner) => {
                store.delete_template(owner, &template_name("one"), precondition, CLI).await
            }
            Self::User(id) => store.delete_user(id, precondition, CLI).await,
            Self::Widget => store.delete_widget(&widget_name("one"), precondition, CLI).await,
        }
    }
}

const IS_ABSENT: Precondition = Precondition { is: None, is_not: Some(Versions::Any) };

#[tokio::test]
async fn a_precondition_is_checked_against_the_stored_version_of_each_resource() {
    let subject = Subject::new();
    let store = &*subject.store;
    for record in Record::create_all(&subject).await {
        let old = record.version(store).await.unwrap();
        let new = record.update(store, 1, if_match(old)).await.unwrap();
        assert_ne!(new, old, "{record:?}");
        // A stale version is refused also where nothing would change.
        for (n, precondition) in [(1, if_match(old)), (2, if_match(old)), (2, IS_ABSENT)] {
            assert_precondition_failed(record.update(store, n, precondition.clone()).await);
            assert_precondition_failed(record.delete(store, precondition).await);
        }
        assert_eq!(record.version(store).await.unwrap(), new, "{record:?}");
        assert_eq!(record.update(store, 1, if_match(new)).await.unwrap(), new, "{record:?}");
        record.delete(store, if_match(new)).await.unwrap();
        // What is absent is not found, whatever the precondition.
        assert_not_found(record.version(store).await);
        assert_not_found(record.update(store, 3, if_match(new)).await);
        assert_not_found(record.delete(store, if_match(new)).await);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn if_match_lets_one_of_64_concurrent_updates_of_each_resource_pass() {
    let subject = Subject::new();
    for record in Record::create_all(&subject).await {
        let old = record.version(&*subject.store).await.unwrap();
        let update = |n| {
            let store = Arc::clone(&subject.store);
            async move { record.update(&*store, n, if_match(old)).await }
        };
        let (made, refused): (Vec<_>, Vec<_>) =
            at_once(64, update).await.into_iter().partition(Result::is_ok);
        assert_eq!((made.len(), refused.len()), (1, 63), "{record:?}");
        refused.into_iter().for_each(assert_precondition_failed);
        let made = made.into_iter().next().unwrap().unwrap();
        assert_eq!(record.version(&*subject.store).await.unwrap(), made, "{record:?}");
    }
}
