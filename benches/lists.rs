//! What does a page of a list cost, for each filter and order, of a thousand records and of 300,000?
//!
//! `cargo bench --bench lists` fills stores in a temporary folder, prints what a write takes, and
//! reads the first, the middle and the last page of each list, and one past its end. The filters are
//! all values below, alone and in pairs. It prints the costliest page of each filter, and the worst
//! of each resource, without and with a search. A cost is the time on a core of the threads that
//! read, in milliseconds, and the least of some rounds; without `/proc` (Linux) it is the time that
//! passes.
//!
//! In the environment: `ROWS` changes the 300,000, `ROUNDS` how often each page is read (3),
//! `FILTERS` how many filters are combined (2), `ONLY` names one resource, and `FOLDER` is where the
//! stores are kept for another run. `AGENDA=1` measures the agenda, the counts of tabs and the pages with them
//! instead, with 100,000 records of each kind.
//!
//! It measures, and judges nothing: the figures belong in a note, with the machine's name.

#![allow(clippy::expect_used, reason = "a bench that cannot go on says so and ends")]

#[path = "lists/agenda.rs"]
mod agenda;
#[path = "../tests/support/feed.rs"]
mod feed;
#[path = "lists/fill.rs"]
mod fill;
#[path = "lists/pages.rs"]
mod pages;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use widgetd::domain::{
    Action, AssigneeFilter, AuditFilter, Authority, EventId, Named, Page, PageRequest, Role,
    Search, Sort, Status, TargetRef, TaskFilter, TaskStatus, TemplateFilter, Timestamp, UserFilter,
    UserRef, WidgetFilter,
};
use widgetd::error::Error;
use widgetd::store::Store;

use fill::{NOW, day, email};

type SharedStore = Arc<dyn Store>;

/// One value of a filter or an order, and how it is set.
type Choice<F> = (&'static str, fn(&mut F));

/// A list: the values of each field of its filter, and its orders.
struct List<F: 'static> {
    name: &'static str,
    fields: &'static [&'static [Choice<F>]],
    orders: &'static [&'static str],
    sort: fn(&mut F, &str),
}

/// Declares the values of a field: `name: field = value, ...`.
macro_rules! choices {
    ($($name:literal: $field:ident = $value:expr),+ $(,)?) => {
        &[$(($name, |filter| filter.$field = Some($value))),+]
    };
}

fn account(n: u64) -> UserRef {
    UserRef::parse(&email(n)).expect("an account")
}

fn search(words: &str) -> Search {
    Search::parse(words).expect("words")
}

fn sort<K: Named>(text: &str) -> Sort<K> {
    Sort::parse(text).expect("an order")
}

const WIDGETS: List<WidgetFilter> = List {
    name: "widgets",
    fields: &[
        choices! { "owner=most": owner = account(0), "owner=few": owner = account(2) },
        choices! {
            "after=all": deadline_after = day(-1_000),
            "after=half": deadline_after = day(200),
            "after=none": deadline_after = day(9_000),
        },
        choices! { "before=half": deadline_before = day(200), "before=few": deadline_before = day(-299) },
        choices! { "overdue": overdue = true, "not overdue": overdue = false },
        choices! {
            "q=all": search = search("widget"),
            "q=letter": search = search("w"),
            "q=two words": search = search("widget https"),
            "q=tenth": search = search("7"),
            "q=few": search = search("17777"),
        },
    ],
    orders: &["created_at", "-created_at", "deadline", "-deadline"],
    sort: |filter, text| filter.sort = Some(sort(text)),
};

const TASKS: List<TaskFilter> = List {
    name: "tasks",
    fields: &[
        choices! { "mine": mine = true, "not mine": mine = false },
        choices! {
            "done": status = TaskStatus::Done,
            "pending": status = TaskStatus::Pending,
            "cancelled (few)": status = TaskStatus::Cancelled,
        },
        choices! { "open": open = true, "not open": open = false },
        choices! { "assignee=most": assignee = AssigneeFilter::User(account(0)), "assignee=few": assignee = AssigneeFilter::User(account(2)), "assignee=none": assignee = AssigneeFilter::Nobody },
        choices! {
            "after=all": deadline_after = day(-1_000),
            "after=half": deadline_after = day(200),
            "after=none": deadline_after = day(9_000),
        },
        choices! { "before=half": deadline_before = day(200), "before=few": deadline_before = day(-299) },
        choices! { "overdue": overdue = true, "not overdue": overdue = false },
        choices! {
            "q=all": search = search("task"),
            "q=letter": search = search("t"),
            "q=two words": search = search("task describe"),
            "q=tenth": search = search("7"),
            "q=few": search = search("17777"),
        },
    ],
    orders: &["created_at", "-created_at", "deadline", "-deadline", "updated_at", "-updated_at"],
    sort: |filter, text| filter.sort = Some(sort(text)),
};

const TEMPLATES: List<TemplateFilter> = List {
    name: "templates",
    fields: &[choices! { "q=all": search = search("template"), "q=few": search = search("777") }],
    orders: &["name", "-name", "created_at", "-created_at", "updated_at", "-updated_at"],
    sort: |filter, text| filter.sort = Some(sort(text)),
};

const USERS: List<UserFilter> = List {
    name: "users",
    fields: &[
        choices! { "active": status = Status::Active, "pending": status = Status::Pending },
        choices! { "employee": role = Role::Employee, "admin": role = Role::Admin },
        choices! {
            "q=all": search = search("user"),
            "q=two words": search = search("user example"),
            "q=few": search = search("user17777"),
        },
    ],
    orders: &["registered_on", "-registered_on"],
    sort: |filter, text| filter.sort = Some(sort(text)),
};

const AUDIT: List<AuditFilter> = List {
    name: "audit",
    fields: &[
        choices! {
            "account=most": user = account(0),
            "account=few": user = account(2),
            "account=name": user = UserRef::parse("user.0").expect("an account"),
        },
        choices! {
            "target=most": target = TargetRef::parse(&email(0)).expect("an account"),
            "target=few": target = TargetRef::parse(&email(2)).expect("an account"),
        },
        choices! {
            "after=all": after = EventId::new(0),
            "after=half": after = EventId::new(fill::rows() / 2),
        },
        choices! { "logins": action = Action::LogIn, "changes": action = Action::ChangeRole },
        choices! {
            "since=all": since = day(-9_000),
            "since=half": since = Timestamp::from_seconds(NOW.as_seconds() + fill::rows().cast_signed() / 2),
            "since=none": since = day(9_000),
        },
        choices! {
            "q=all": search = search("user"),
            "q=two words": search = search("user session"),
            "q=third": search = search("account"),
            "q=few": search = search("user177"),
        },
    ],
    orders: &["at", "-at"],
    sort: |filter, text| filter.sort = Some(sort(text)),
};

fn main() {
    // The time on a core of a thread that ends is not counted.
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .thread_keep_alive(Duration::from_hours(24))
        .build()
        .expect("a runtime");
    let temporary = tempfile::tempdir().expect("a temporary folder");
    let folder = std::env::var_os("FOLDER").map_or(temporary.path().to_owned(), PathBuf::from);
    if std::env::var_os("AGENDA").is_some() {
        runtime.block_on(agenda::all(&folder));
    } else {
        runtime.block_on(all(&folder));
    }
}

async fn all(folder: &Path) {
    let mut worst = Vec::new();
    for rows in [1_000, fill::rows()] {
        let start = Instant::now();
        let stores = fill::Stores::open(folder, rows).await;
        println!("{rows} records of each kind, in {:.0} s\n", start.elapsed().as_secs_f64());
        let (records, big) = (&*stores.records, stores.big);
        let boss = Authority { user: big, role: Role::Manager };
        let own = Authority { user: big, role: Role::Employee };
        worst
            .extend(cost(&WIDGETS, async |f, p| records.list_widgets(None, f, p, NOW).await).await);
        worst.extend(cost(&TASKS, async |f, p| records.list_tasks(boss, f, p, NOW).await).await);
        let list = List { name: "own tasks", ..TASKS };
        worst.extend(cost(&list, async |f, p| records.list_tasks(own, f, p, NOW).await).await);
        worst.extend(cost(&TEMPLATES, async |f, p| records.list_templates(big, f, p).await).await);
        worst.extend(cost(&USERS, async |f, p| stores.users.list_users(None, f, p).await).await);
        worst.extend(cost(&AUDIT, async |f, p| stores.audit.list_audit(None, f, p).await).await);
        println!("worst of {rows}, in milliseconds");
        worst.drain(..).for_each(|line| println!("  {line}"));
        println!();
    }
}

/// Prints the costliest page of each filter, and returns the worst of all, without and with a search.
async fn cost<F: Clone + Default, T>(
    list: &List<F>,
    read: impl AsyncFn(F, PageRequest) -> Result<Page<T>, Error>,
) -> Vec<String> {
    let mut all = Vec::new();
    if std::env::var("ONLY").is_ok_and(|only| only != list.name) {
        return Vec::new();
    }
    for (name, filter) in filters(list.fields, setting("FILTERS", 2)) {
        let (mut worst, mut total) = ((0.0, String::new()), 0);
        for order in list.orders {
            let mut filter = filter.clone();
            (list.sort)(&mut filter, order);
            let first = read(filter.clone(), PageRequest::DEFAULT).await.expect("a page");
            total = first.total;
            let pages = first.last_page();
            for page in [1, pages.div_ceil(2), pages, pages + 1] {
                let request = PageRequest::new(page, 10);
                let cost = least(|| read(filter.clone(), request)).await;
                if cost > worst.0 {
                    worst = (cost, format!("sort={order}&page={page}"));
                }
            }
        }
        let what = format!("{name}&{}", worst.1);
        let what = what.trim_start_matches('&');
        let line = format!("{:10} {:8.2}  {what} of {total}", list.name, worst.0);
        println!("{line}");
        all.push((what.contains("q="), worst.0, line));
    }
    println!();
    let worst = |searches| {
        let all = all.iter().filter(move |line| line.0 == searches);
        all.max_by(|a, b| a.1.total_cmp(&b.1)).map(|line| line.2.clone())
    };
    [worst(false), worst(true)].into_iter().flatten().collect()
}

/// Each set of up to `most` values of different fields, with its name.
fn filters<F: Clone + Default>(fields: &[&[Choice<F>]], most: u64) -> Vec<(String, F)> {
    let mut all = vec![(0, String::new(), F::default())];
    for field in fields {
        for (count, name, filter) in all.clone() {
            for (value, set) in *field {
                if count < most {
                    let mut filter = filter.clone();
                    set(&mut filter);
                    all.push((count + 1, format!("{name}&{value}"), filter));
                }
            }
        }
    }
    all.into_iter().map(|(_, name, filter)| (name, filter)).collect()
}

/// The least cost of some rounds, in milliseconds.
async fn least<T>(read: impl AsyncFn() -> Result<T, Error>) -> f64 {
    let mut least = f64::MAX;
    for _ in 0..setting("ROUNDS", 3) {
        let (start, before) = (Instant::now(), time_on_core());
        read().await.expect("an answer");
        least = least.min(cost_since(start, before).as_secs_f64() * 1e3);
    }
    least
}

/// The time on a core since `before`, or else the time since `start`.
fn cost_since(start: Instant, before: Option<Duration>) -> Duration {
    let passed = start.elapsed();
    before.and_then(|before| time_on_core()?.checked_sub(before)).unwrap_or(passed)
}

/// How long the threads of this process but the first have had a core.
fn time_on_core() -> Option<Duration> {
    // The kernel counts the time of a thread when it stops.
    std::thread::sleep(Duration::from_micros(100));
    let main = std::process::id().to_string();
    let mut sum = Duration::ZERO;
    for thread in std::fs::read_dir("/proc/self/task").ok()?.flatten() {
        if *thread.file_name() != *main {
            let times = std::fs::read_to_string(thread.path().join("schedstat")).ok()?;
            sum += Duration::from_nanos(times.split(' ').next()?.parse().ok()?);
        }
    }
    Some(sum)
}

fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}
