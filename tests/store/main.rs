//! The contract suite of `trait Store`, for any engine. What holds for SQLite alone is in `sqlite`.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    missing_docs,
    reason = "a test fails by panicking"
)]

#[path = "../support/random.rs"]
mod random;

mod administration;
mod agenda;
mod api_keys;
mod audit;
mod authority;
mod backups;
mod disk;
mod history;
mod lists;
mod passwords;
mod preconditions;
mod quotas;
mod retention;
mod sessions;
mod sqlite;
mod tables;
mod tasks;
mod templates;
mod users;
mod widgets;
mod zones;

use std::fmt::Debug;
use std::ops::Deref;
use std::path::PathBuf;
use std::sync::Arc;

use tempfile::TempDir;
use tokio::task::JoinHandle;
use widgetd::clock::Clock;
use widgetd::domain::{
    Actor, AuditEntry, AuditFilter, Credential, Deadline, Email, InfoUrl, KeyId, KeyName, KeyScope,
    NewApiKey, NewResetCode, NewSession, NewTask, NewTemplate, NewUser, NewWidget, Page,
    PageRequest, PasswordHash, Precondition, RequestContext, RequestId, Role, SecretHash,
    SessionId, Status, StoreLimits, StoredCredentials, TaskDescription, TaskId, TaskStatus,
    TaskTitle, TemplateBody, TemplateName, Timestamp, User, UserChange, UserFilter, UserId,
    UserNames, UserRef, Username, Version, Versions, WidgetFilter, WidgetName, Zone,
};
use widgetd::error::Error;
use widgetd::store::{self, OpenMode, Retention, Store};

/// No precondition.
const ANY_STATE: Precondition = Precondition { is: None, is_not: None };

const NOW: Timestamp = Timestamp::from_millis(1_795_262_400_123);

/// A page that holds every list of these tests.
const ALL: PageRequest = PageRequest::new(1, 100);

const fn later(millis: i64) -> Timestamp {
    Timestamp::from_millis(NOW.as_millis() + millis)
}

/// A store under test, and how to close it and open it again.
struct Subject {
    store: Arc<dyn Store>,
    clock: Clock,
    folder: TempDir,
}

fn database(folder: &TempDir) -> PathBuf {
    folder.path().join("widgetd.db")
}

impl Subject {
    fn new() -> Self {
        Self::open(TempDir::new().unwrap(), OpenMode::Create)
    }

    fn open(folder: TempDir, mode: OpenMode) -> Self {
        Self::limited(folder, mode, StoreLimits::default())
    }

    fn limited(folder: TempDir, mode: OpenMode, limits: StoreLimits) -> Self {
        let clock = Clock::fixed(NOW);
        let store = store::open(&database(&folder), mode, clock.clone(), limits).unwrap();
        Self { store, clock, folder }
    }

    /// A store in a folder with a database of an earlier version.
    fn upgraded(folder: TempDir) -> Self {
        store::upgrade(&database(&folder)).unwrap().expect("an older schema");
        Self::open(folder, OpenMode::Write)
    }

    async fn reopen(self) -> Self {
        self.store.close().await;
        Self::open(self.folder, OpenMode::Write)
    }

    async fn add(&self, new: NewUser) -> User {
        self.store.create_user(new, None, CLI).await.unwrap()
    }

    async fn add_user(&self, name: &str) -> User {
        self.add(new_user(name)).await
    }

    async fn add_ids<const N: usize>(&self, names: [&str; N]) -> [UserId; N] {
        let news = names.map(new_user);
        for new in &news {
            self.add(new.clone()).await;
        }
        news.map(|new| new.public_id)
    }

    async fn add_admin(&self, name: &str) -> User {
        self.add(NewUser { role: Role::Admin, ..new_user(name) }).await
    }

    /// Starts a session with the user's current token epoch.
    async fn log_in(&self, id: UserId) -> SessionId {
        let (user, session) = (self.store.get_user(id).await.unwrap(), new_session(id));
        self.store
            .start_session(session.clone(), user.token_epoch, &owner_context(id, "192.0.2.7"))
            .await
            .unwrap();
        session.id
    }

    /// The request context of a user who has just logged in.
    async fn context_of(&self, user: UserId) -> RequestContext {
        let credential =
            Credential::Session { id: self.log_in(user).await, expires_at: later(1_000) };
        RequestContext { credential: Some(credential), ..owner_context(user, "192.0.2.7") }
    }

    async fn is_live(&self, user: UserId, session: SessionId) -> bool {
        self.store.find_session_authority(user, session).await.unwrap().is_some()
    }

    async fn credentials(&self, name: &str) -> StoredCredentials {
        self.store.find_credentials(&account(name), None).await.unwrap().unwrap()
    }

    async fn emails(&self, filter: UserFilter) -> Vec<String> {
        let page = self.store.list_users(None, filter, ALL).await.unwrap();
        page.items.into_iter().map(|user| user.names.label().to_owned()).collect()
    }

    /// The whole audit, latest first.
    async fn audit(&self) -> Vec<AuditEntry> {
        self.store.list_audit(None, AuditFilter::default(), ALL).await.unwrap().items
    }

    /// Asserts which actions the audit notes of some work, sorted by name.
    async fn audited<T>(&self, actions: &[&str], work: impl Future<Output = T>) -> T {
        let before = self.audit().await.len();
        let answer = work.await;
        let mut noted: Vec<_> =
            self.audit().await.into_iter().rev().skip(before).map(|entry| entry.action).collect();
        noted.sort();
        assert_eq!(noted, actions);
        answer
    }
}

/// The methods of the store are called on the subject.
impl Deref for Subject {
    type Target = dyn Store;

    fn deref(&self) -> &Self::Target {
        &*self.store
    }
}

fn account(name: &str) -> UserRef {
    UserRef::parse(name).unwrap()
}

fn email(name: &str) -> Email {
    Email::parse(&format!("{name}@example.com")).unwrap()
}

fn username(text: &str) -> Username {
    Username::parse(text).unwrap()
}

fn hash(text: &str) -> PasswordHash {
    PasswordHash::from_stored(text.to_owned())
}

fn secret(byte: u8) -> SecretHash {
    SecretHash::new([byte; 32])
}

/// The request context of the command line, which may do everything.
const CLI: &RequestContext = &RequestContext::local(Actor::CommandLine, NOW);

fn cli_at(at: Timestamp) -> RequestContext {
    RequestContext { at, ..CLI.clone() }
}

/// The request context of a user without a session, from this address.
fn owner_context(owner: UserId, address: &str) -> RequestContext {
    RequestContext {
        credential: None,
        password_epoch: None,
        actor: Actor::User(owner),
        address: Some(address.parse().unwrap()),
        client: Some("curl/8.5.0".to_owned()),
        request: Some(RequestId::generate()),
        at: NOW,
        dry_run: false,
        idempotency_key: None,
    }
}

fn new_user(name: &str) -> NewUser {
    NewUser {
        public_id: UserId::generate(),
        names: email(name).into(),
        role: Role::Employee,
        status: Status::Active,
        password_hash: hash("first"),
        reset_code: None,
    }
}

fn with_username(name: &str, text: &str) -> NewUser {
    let new = new_user(name);
    let names = UserNames { username: Some(username(text)), ..new.names };
    NewUser { names, ..new }
}

fn reset_code(hash: SecretHash, expires_at: Timestamp) -> NewResetCode {
    NewResetCode { hash, expires_at }
}

fn new_session(user: UserId) -> NewSession {
    NewSession { id: SessionId::generate(), user, expires_at: later(1_000), renewable_until: None }
}

/// An API key whose hash repeats this byte.
fn new_key(owner: UserId, name: &str, byte: u8) -> NewApiKey {
    NewApiKey {
        id: KeyId::generate(),
        owner,
        name: KeyName::parse(name).unwrap(),
        scope: KeyScope::Read,
        hash: secret(byte),
        expires_at: None,
    }
}

fn new_widget(name: &str, owner: &User) -> NewWidget {
    NewWidget {
        name: widget_name(name),
        info_url: InfoUrl::parse("https://example.com").unwrap(),
        deadline: Deadline::parse("2026-12-31", &Zone::UTC).unwrap(),
        owner: owner.public_id,
    }
}

/// A task without an assignee.
fn new_task(title: &str, creator: &User) -> NewTask {
    NewTask {
        id: TaskId::generate(),
        title: TaskTitle::parse(title).unwrap(),
        description: TaskDescription::default(),
        status: TaskStatus::Pending,
        deadline: None,
        assignee: None,
        creator: creator.public_id,
    }
}

fn widget_name(text: &str) -> WidgetName {
    WidgetName::parse(text).unwrap()
}

fn new_template(name: &str, owner: UserId) -> NewTemplate {
    NewTemplate { name: template_name(name), body: TemplateBody::parse("A text.").unwrap(), owner }
}

fn template_name(text: &str) -> TemplateName {
    TemplateName::parse(text).unwrap()
}

const fn to_status(status: Status) -> UserChange {
    UserChange { username: None, name: None, status: Some(status), role: None }
}

const fn to_role(role: Role) -> UserChange {
    UserChange { username: None, name: None, status: None, role: Some(role) }
}

const fn to_username(username: Username) -> UserChange {
    UserChange { username: Some(username), name: None, status: None, role: None }
}

/// The precondition of `If-Match`.
fn if_match(version: Version) -> Precondition {
    Precondition { is: Some(Versions::These(vec![version])), is_not: None }
}

#[track_caller]
fn assert_conflict<T: Debug>(result: Result<T, Error>, message: &str) {
    match result {
        Err(Error::Conflict(text)) => assert_eq!(text, message),
        other => panic!("{other:?}"),
    }
}

#[track_caller]
fn assert_precondition_failed<T: Debug>(result: Result<T, Error>) {
    assert!(matches!(result, Err(Error::PreconditionFailed)), "{result:?}");
}

#[track_caller]
fn assert_not_found<T: Debug>(result: Result<T, Error>) {
    assert!(matches!(result, Err(Error::NotFound(_))), "{result:?}");
}

#[track_caller]
fn assert_busy<T: Debug>(result: Result<T, Error>) {
    assert!(matches!(result, Err(Error::Busy)), "{result:?}");
}

#[track_caller]
fn assert_credentials<T: Debug>(result: Result<T, Error>) {
    assert!(matches!(result, Err(Error::WrongCredentials(_))), "{result:?}");
}

/// Spawns this many tasks.
fn spawn<W>(count: usize, work: impl Fn(usize) -> W) -> Vec<JoinHandle<W::Output>>
where
    W: Future<Output: Send + 'static> + Send + 'static,
{
    (0..count).map(|n| tokio::spawn(work(n))).collect()
}

async fn join<T>(tasks: Vec<JoinHandle<T>>) -> Vec<T> {
    let mut answers = Vec::with_capacity(tasks.len());
    for task in tasks {
        answers.push(task.await.unwrap());
    }
    answers
}

/// Runs this many tasks concurrently. Returns their results in order.
async fn at_once<W>(count: usize, work: impl Fn(usize) -> W) -> Vec<W::Output>
where
    W: Future<Output: Send + 'static> + Send + 'static,
{
    join(spawn(count, work)).await
}

/// Asserts that the pages of a list hold these items, which fill more than one page of five.
async fn assert_pages<T: Debug + PartialEq>(
    expected: &[T],
    list: impl AsyncFn(PageRequest) -> Result<Page<T>, Error>,
) {
    assert!(expected.len() > 5);
    let past_the_end: [&[T]; 2] = [&[], &[]];
    let numbers = (1..=expected.len().div_ceil(5) as u64 + 1).chain([u64::MAX]);
    for (number, items) in numbers.zip(expected.chunks(5).chain(past_the_end)) {
        let request = PageRequest::new(number, 5);
        let page = list(request).await.unwrap();
        assert_eq!(
            (page.request, page.items.as_slice(), page.total),
            (request, items, expected.len() as u64)
        );
    }
}

#[tokio::test]
async fn the_installation_id_is_unique_and_survives_reopening() {
    let subject = Subject::new();
    let id = subject.get_installation_id().await.unwrap();
    assert_eq!(id.len(), 36);
    let subject = subject.reopen().await;
    assert_eq!(subject.get_installation_id().await.unwrap(), id);
    assert_ne!(Subject::new().store.get_installation_id().await.unwrap(), id);
}

#[tokio::test]
async fn a_closed_store_is_busy_for_writes_and_still_reads() {
    let subject = Subject::new();
    let (store, ann) = (&subject.store, subject.add_user("ann").await);
    store.ping().await.unwrap();
    store.close().await;
    store.close().await;
    assert_busy(store.ping().await);
    assert_busy(store.create_widget(new_widget("one", &ann), CLI).await);
    assert_busy(store.create_task(new_task("one", &ann), CLI).await);
    assert_busy(store.create_user(new_user("bob"), None, CLI).await);
    assert_busy(
        store.create_first_administrator(new_user("bob"), new_session(ann.public_id), CLI).await,
    );
    assert_busy(store.start_session(new_session(ann.public_id), ann.token_epoch, CLI).await);
    assert_busy(store.record_key_use(KeyId::generate(), NOW).await);
    assert_busy(store.purge(Retention { now: NOW, networks_since: NOW, audit_since: NOW }).await);
    assert_eq!(store.get_user(ann.public_id).await.unwrap(), ann);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn close_finishes_the_queued_writes() {
    let subject = Subject::new();
    let ann = subject.add_user("ann").await;
    let writes = spawn(200, |n| {
        let (store, new) = (subject.store.clone(), new_widget(&format!("w{n}"), &ann));
        async move { store.create_widget(new, CLI).await }
    });
    let subject = subject.reopen().await;
    let mut acknowledged = 0;
    for write in join(writes).await {
        match write {
            Ok(_) => acknowledged += 1,
            Err(Error::Busy) => {}
            Err(error) => panic!("{error:?}"),
        }
    }
    let listed =
        subject.list_widgets(None, WidgetFilter::default(), PageRequest::DEFAULT, NOW).await;
    assert_eq!(listed.unwrap().total, acknowledged);
}
