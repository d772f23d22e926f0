//! The stores that are measured.

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use widgetd::clock::Clock;
use widgetd::domain::{
    Action, Actor, Deadline, Email, Failure, InfoUrl, NewTask, NewTemplate, NewUser, NewWidget,
    PasswordHash, Precondition, Quota, RequestContext, Role, Status, StoreLimits, Target,
    TaskChange, TaskDescription, TaskId, TaskStatus, TaskTitle, TemplateBody, TemplateName,
    Timestamp, UserId, UserNames, UserRef, Username, WidgetName, Zone,
};
use widgetd::store::{self, OpenMode};

use crate::{SharedStore, cost_since, setting, time_on_core};

pub const NOW: Timestamp = Timestamp::from_seconds(1_795_262_400);

const ANY_STATE: Precondition = Precondition { is: None, is_not: None };

/// How many writes wait at once.
const WRITERS: usize = 256;

/// How many users there are besides the list of users.
const USERS: u64 = 200;

pub fn rows() -> u64 {
    setting("ROWS", 300_000)
}

pub fn day(days: i64) -> Timestamp {
    NOW.plus_seconds(days * 86_400)
}

pub fn email(n: u64) -> String {
    format!("user{n}@example.org")
}

/// One store for each of the things that grow.
pub struct Stores {
    pub records: SharedStore,
    pub users: SharedStore,
    pub audit: SharedStore,
    /// Who has most of the records.
    pub big: UserId,
}

impl Stores {
    pub async fn open(folder: &Path, rows: u64) -> Self {
        let path = |name: &str| folder.join(format!("{name}-{rows}.db"));
        let records = open(&path("records"), USERS, async |store, users| {
            for n in 0..rows.min(1_000) {
                let new = template(n, users[0]);
                store.create_template(new, &context(0)).await.expect("a template");
            }
            write(store, "widget", rows, &users, |store, n, users| async move {
                store.create_widget(widget(n, &users), &context(0)).await.expect("a widget");
            })
            .await;
            write(store, "task", rows, &users, |store, n, users| async move {
                store.create_task(task(n, &users), &context(n)).await.expect("a task");
            })
            .await;
            write(store, "changed task", rows / 10, &users, |store, n, _| async move {
                let id = task_id(10 * n);
                let change =
                    TaskChange { status: Some(TaskStatus::InProgress), ..TaskChange::default() };
                store.update_task(id, change, ANY_STATE, &context(n)).await.expect("a task");
            })
            .await;
        })
        .await;
        let audit = open(&path("audit"), USERS, async |store, users| {
            write(store, "event", rows, &users, |store, n, users| async move {
                let (failure, context) = event(n, &users);
                store.record_failure(failure, &context).await.expect("an event");
            })
            .await;
        })
        .await;
        let users = open(&path("users"), rows, async |_, _| ()).await;
        let big = UserRef::parse(&email(0)).expect("an account");
        let big = records.get_user_by_name(&big).await.expect("an account").public_id;
        Self { records, users, audit, big }
    }
}

/// A store with users, and with what else is added to it unless it exists.
pub async fn open(
    path: &Path,
    users: u64,
    add: impl AsyncFn(&SharedStore, Arc<Vec<UserId>>),
) -> SharedStore {
    let limits = StoreLimits { quota: Quota::from_mib(u32::MAX), ..StoreLimits::default() };
    let is_new = !path.exists();
    let store = store::open(path, OpenMode::Create, Clock::System, limits).expect("a store");
    if is_new {
        let ids: Vec<_> = (0..users).map(|_| UserId::generate()).collect();
        let ids = Arc::new(ids);
        write(&store, "user", users, &ids, |store, n, ids| async move {
            store.create_user(user(n, &ids), None, &context(0)).await.expect("a user");
        })
        .await;
        add(&store, ids).await;
    }
    store
}

/// Writes the records 0 to `count`, many at once, and prints what one takes.
pub async fn write<W: Future<Output = ()> + Send + 'static>(
    store: &SharedStore,
    what: &str,
    count: u64,
    users: &Arc<Vec<UserId>>,
    one: impl Fn(SharedStore, u64, Arc<Vec<UserId>>) -> W + Copy + Send + 'static,
) {
    let (start, before) = (Instant::now(), time_on_core());
    let writer = |first: u64| {
        let (store, users) = (Arc::clone(store), Arc::clone(users));
        tokio::spawn(async move {
            for n in (first..count).step_by(WRITERS) {
                one(Arc::clone(&store), n, Arc::clone(&users)).await;
            }
        })
    };
    for writer in (0..WRITERS as u64).map(writer).collect::<Vec<_>>() {
        writer.await.expect("written");
    }
    let count = u32::try_from(count).expect("a number");
    let cost = cost_since(start, before).as_secs_f64() * 1e6 / f64::from(count);
    println!("writing a {what} took {cost:.1} us");
}

pub fn context(n: u64) -> RequestContext {
    let at = NOW.plus_seconds((scatter(n) % 2_592_000).cast_signed());
    RequestContext::local(Actor::CommandLine, at)
}

/// A number in no order.
const fn scatter(n: u64) -> u64 {
    n.wrapping_mul(2_654_435_761) % 4_294_967_291
}

/// An active user: the first one has half of all, and the others the rest.
fn someone(n: u64, users: &[UserId]) -> UserId {
    let n = if n.is_multiple_of(2) { 0 } else { scatter(n) % users.len() as u64 };
    let n = if is_pending(n) { 0 } else { n };
    users[usize::try_from(n).expect("a number")]
}

pub const fn is_pending(n: u64) -> bool {
    n % 20 == 3
}

fn user(n: u64, ids: &[UserId]) -> NewUser {
    NewUser {
        public_id: ids[usize::try_from(n).expect("a number")],
        names: UserNames {
            email: Some(Email::parse(&email(n)).expect("an address")),
            username: (n == 0).then(|| Username::parse("user.0").expect("a name")),
            name: None,
        },
        role: [Role::Employee, Role::Manager, Role::Admin]
            [[0, 0, 0, 0, 0, 0, 0, 1, 1, 2][(n % 10) as usize]],
        status: if is_pending(n) { Status::Pending } else { Status::Active },
        password_hash: PasswordHash::from_stored(String::new()),
        reset_code: None,
    }
}

pub fn widget(n: u64, users: &[UserId]) -> NewWidget {
    NewWidget {
        name: WidgetName::parse(&format!("widget-{n}")).expect("a name"),
        info_url: InfoUrl::parse("https://example.org").expect("a URL"),
        // A thousand days, in no order.
        deadline: Deadline::end_of(
            Zone::UTC.date_of(day((scatter(n) % 1_000).cast_signed() - 300)),
            &Zone::UTC,
        ),
        owner: someone(n, users),
    }
}

fn task_id(n: u64) -> TaskId {
    TaskId::parse(&format!("00000000-0000-4000-8000-{n:012}")).expect("an id")
}

pub fn task(n: u64, users: &[UserId]) -> NewTask {
    let due = day((scatter(n) % 1_000).cast_signed() - 300);
    let description =
        format!("Describe what is to be done, in some words, like number {}.", n % 977);
    NewTask {
        id: task_id(n),
        title: TaskTitle::parse(&format!("task {n}")).expect("a title"),
        description: TaskDescription::parse(&description).expect("a description"),
        status: match scatter(n) / 1_000 % 100 {
            0..40 => TaskStatus::Done,
            40..70 => TaskStatus::Pending,
            70..99 => TaskStatus::InProgress,
            _ => TaskStatus::Cancelled,
        },
        deadline: (n % 5 != 1).then(|| Deadline::end_of(Zone::UTC.date_of(due), &Zone::UTC)),
        assignee: (n % 7 != 1).then(|| UserRef::Id(someone(n, users))),
        creator: users[0],
    }
}

fn template(n: u64, owner: UserId) -> NewTemplate {
    NewTemplate {
        name: TemplateName::parse(&format!("template {}", scatter(n))).expect("a name"),
        body: TemplateBody::parse(&format!("Dear {n},\n{}", "see you soon. ".repeat(300)))
            .expect("a body"),
        owner,
    }
}

fn event(n: u64, users: &[UserId]) -> (Failure, RequestContext) {
    let user = someone(n, users);
    let action = if n.is_multiple_of(3) { Action::ChangeRole } else { Action::LogIn };
    let target = if n.is_multiple_of(3) { users[1] } else { user };
    let failure = Failure { action, target: Target::User(target), reason: "wrong_password" };
    let at = NOW.plus_seconds(n.cast_signed());
    (failure, RequestContext::local(Actor::User(user), at))
}
