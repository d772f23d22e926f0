//! The store's contract, in the words of `trait Store`: what any engine has to keep.
//! What is said of files and of SQLite itself is in `sqlite`.

#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs, reason = "a test fails by panicking")]

mod sqlite;
mod tokens;
mod users;
mod widgets;

use std::sync::Arc;

use tempfile::TempDir;
use widgetd::domain::{
    Deadline, Email, InfoUrl, NewUser, NewWidget, PasswordHash, PublicId, Role, Status, Timestamp, User, WidgetName,
};
use widgetd::error::Error;
use widgetd::store::{self, IfAbsent, Store};

const NOW: Timestamp = Timestamp::from_millis(1_795_262_400_123);

fn later(millis: i64) -> Timestamp {
    Timestamp::from_millis(NOW.as_millis() + millis)
}

/// A store under test, and how to close it and open it again.
struct Subject {
    store: Arc<dyn Store>,
    folder: TempDir,
}

impl Subject {
    fn new() -> Self {
        let folder = TempDir::new().unwrap();
        let store = store::open(&folder.path().join("widgetd.db"), IfAbsent::Create).unwrap();
        Self { store, folder }
    }

    async fn reopen(self) -> Self {
        self.store.close().await;
        let store = store::open(&self.folder.path().join("widgetd.db"), IfAbsent::Fail).unwrap();
        Self { store, folder: self.folder }
    }

    async fn add_user(&self, name: &str) -> User {
        self.store.create_user(new_user(name), NOW).await.unwrap()
    }
}

fn email(name: &str) -> Email {
    Email::parse(&format!("{name}@example.com")).unwrap()
}

fn hash(text: &str) -> PasswordHash {
    PasswordHash::from_phc(text.to_owned())
}

fn new_user(name: &str) -> NewUser {
    NewUser {
        public_id: PublicId::generate(),
        email: email(name),
        username: None,
        role: Role::Employee,
        status: Status::Active,
        password_hash: hash("first"),
    }
}

fn new_widget(name: &str, owner: &User) -> NewWidget {
    NewWidget {
        name: WidgetName::parse(name).unwrap(),
        info_url: InfoUrl::parse("https://example.com").unwrap(),
        deadline: Deadline::parse("2026-12-31", NOW).unwrap(),
        owner: owner.public_id,
    }
}

#[track_caller]
fn assert_conflict<T: std::fmt::Debug>(result: Result<T, Error>, message: &str) {
    match result {
        Err(Error::Conflict(text)) => assert_eq!(text, message),
        other => panic!("{other:?}"),
    }
}

#[track_caller]
fn assert_not_found<T: std::fmt::Debug>(result: Result<T, Error>) {
    assert!(matches!(result, Err(Error::NotFound(_))), "{result:?}");
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap().block_on(future)
}

#[test]
fn an_installation_keeps_its_id() {
    block_on(async {
        let subject = Subject::new();
        let id = subject.store.get_installation_id().await.unwrap();
        assert_eq!(id.len(), 36);
        let subject = subject.reopen().await;
        assert_eq!(subject.store.get_installation_id().await.unwrap(), id);
        assert_ne!(Subject::new().store.get_installation_id().await.unwrap(), id);
    });
}

#[test]
fn a_store_answers_until_it_is_closed() {
    block_on(async {
        let subject = Subject::new();
        let ann = subject.add_user("ann").await;
        subject.store.ping().await.unwrap();
        subject.store.close().await;
        subject.store.close().await;
        assert!(matches!(subject.store.ping().await, Err(Error::Busy)));
        assert!(matches!(subject.store.create_widget(new_widget("one", &ann), NOW).await, Err(Error::Busy)));
        assert_eq!(subject.store.get_user(ann.public_id).await.unwrap(), ann);
    });
}

#[test]
fn closing_finishes_what_is_queued() {
    block_on(async {
        let subject = Subject::new();
        let ann = subject.add_user("ann").await;
        let writes: Vec<_> = (0..200)
            .map(|n| {
                let (store, new) = (Arc::clone(&subject.store), new_widget(&format!("w{n}"), &ann));
                tokio::spawn(async move { store.create_widget(new, NOW).await })
            })
            .collect();
        let first = writes.into_iter();
        let mut acknowledged = 0;
        let store = Arc::clone(&subject.store);
        let closing = tokio::task::spawn_blocking(move || block_on(store.close()));
        for write in first {
            match write.await.unwrap() {
                Ok(()) => acknowledged += 1,
                Err(Error::Busy) => {}
                Err(error) => panic!("{error:?}"),
            }
        }
        closing.await.unwrap();
        let subject = subject.reopen().await;
        let request = widgetd::domain::PageRequest::DEFAULT;
        assert_eq!(subject.store.list_widgets(request).await.unwrap().total, acknowledged);
    });
}
