//! What does a page of a list cost: the first, the middle and the last one, of a thousand widgets and of
//! a million?
//!
//! `cargo bench --bench lists` fills two stores in a temporary folder and reads their pages in turn,
//! `Total-Count` included. It prints the median of each, in microseconds, and its ratio to the first
//! page of the small store. `WIDGETS` in the environment changes the million, `ROUNDS` how often each
//! page is read (200).
//!
//! It measures, and judges nothing: the figures belong in a note, with the machine's name.

#![allow(clippy::expect_used, reason = "a bench that cannot go on says so and ends")]

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use widgetd::clock::Clock;
use widgetd::domain::{
    Actor, Deadline, Email, InfoUrl, NewUser, NewWidget, PageRequest, PasswordHash, Quota,
    RequestContext, Role, Sort, Status, StoreLimits, Timestamp, UserId, WidgetFilter, WidgetName,
    WidgetSort, Zone,
};
use widgetd::store::{self, IfAbsent, Store};

const NOW: Timestamp = Timestamp::from_seconds(1_795_262_400);

fn main() {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    let folder = tempfile::tempdir().expect("a temporary folder");
    runtime.block_on(async {
        let large = setting("WIDGETS", 1_000_000);
        let small = fill(&folder.path().join("small.db"), 1_000).await;
        let start = Instant::now();
        let many = fill(&folder.path().join("large.db"), large).await;
        println!("filled with {large} widgets in {:.0} s\n", start.elapsed().as_secs_f64());
        for (key, name) in
            [(WidgetSort::CreatedAt, "created_at"), (WidgetSort::Deadline, "deadline")]
        {
            for descending in [false, true] {
                let filter = WidgetFilter {
                    sort: Some(Sort { key, descending }),
                    ..WidgetFilter::default()
                };
                println!("sort={}{name}", if descending { "-" } else { "" });
                let mut base = None;
                for (what, store, size) in [("1000", &small, 1_000), ("all", &many, large)] {
                    let last = size / 10;
                    for (which, number) in
                        [("first", 1), ("quarter", last / 4), ("middle", last / 2), ("last", last)]
                    {
                        let cost = cost(store, &filter, PageRequest::new(number, 10)).await;
                        let base = *base.get_or_insert(cost);
                        println!("  {what:5} {which:8} {cost:8.1} us   {:5.2}", cost / base);
                    }
                }
            }
        }
    });
}

/// The median of what reading a page takes, in microseconds.
async fn cost(store: &Arc<dyn Store>, filter: &WidgetFilter, request: PageRequest) -> f64 {
    let mut costs = Vec::new();
    for _ in 0..setting("ROUNDS", 200) {
        let start = Instant::now();
        let page = store.list_widgets(None, filter.clone(), request, NOW).await.expect("a page");
        costs.push(start.elapsed().as_secs_f64() * 1e6);
        assert_eq!(page.items.len(), 10);
    }
    costs.sort_by(f64::total_cmp);
    costs[costs.len() / 2]
}

async fn fill(path: &Path, widgets: u64) -> Arc<dyn Store> {
    let limits = StoreLimits { quota: Quota::from_mib(u32::MAX), ..StoreLimits::default() };
    let store = store::open(path, IfAbsent::Create, Clock::System, limits).expect("a store");
    let context = RequestContext::local(Actor::CommandLine, NOW);
    let owner = UserId::generate();
    let new = NewUser {
        public_id: owner,
        names: Email::parse("bench@example.org").expect("an address").into(),
        role: Role::Admin,
        status: Status::Active,
        password_hash: PasswordHash::from_stored(String::new()),
        reset_code: None,
    };
    store.create_user(new, None, &context).await.expect("an account");
    let tasks: Vec<_> = (0..256)
        .map(|task| {
            let (store, context) = (Arc::clone(&store), context.clone());
            tokio::spawn(async move {
                for n in (task..widgets).step_by(256) {
                    // A thousand days, in no order.
                    let day = Timestamp::from_seconds(
                        NOW.as_seconds()
                            + 86_400 * (n.wrapping_mul(2_654_435_761) % 1_000).cast_signed(),
                    );
                    let new = NewWidget {
                        name: WidgetName::parse(&format!("widget-{n}")).expect("a name"),
                        info_url: InfoUrl::parse("https://example.org").expect("a URL"),
                        deadline: Deadline::end_of(Zone::UTC.date_of(day), &Zone::UTC),
                        owner,
                    };
                    store.create_widget(new, &context).await.expect("a widget");
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.expect("filled");
    }
    store
}

fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}
