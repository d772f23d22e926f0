//! Does the time of a search tell what is in records that the caller may not see?
//!
//! `cargo bench --bench search` gives 1,000 other users a private template and an assigned task that
//! contain a word. One user, with 60 of each, searches for it and for a word that nobody has, in
//! turn, 3,000 times each (`ROUNDS`). It prints the medians in microseconds, and the probability by
//! the Mann-Whitney U test that such a difference is chance. Below 0.01 it ends with an error.

#![allow(clippy::expect_used, reason = "a bench that cannot go on says so and ends")]

use std::sync::Arc;
use std::time::Instant;

use widgetd::clock::Clock;
use widgetd::domain::{
    Actor, Authority, Email, NewTask, NewTemplate, NewUser, PageRequest, PasswordHash, Quota,
    RequestContext, Role, Search, Status, StoreLimits, TaskDescription, TaskFilter, TaskId,
    TaskStatus, TaskTitle, TemplateBody, TemplateFilter, TemplateName, Timestamp, UserId, UserRef,
};
use widgetd::store::{self, OpenMode, Store};

const NOW: Timestamp = Timestamp::from_seconds(1_795_262_400);

/// Neighbours in the order of the index, and equally long.
const OF_OTHERS: &str = "zebrafinch";
const OF_NOBODY: &str = "zebrafingh";

fn main() {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("widgetd.db");
    let limits = StoreLimits { quota: Quota::from_mib(u32::MAX), ..StoreLimits::default() };
    let store = store::open(&path, OpenMode::Create, Clock::System, limits).expect("a store");
    let reader = runtime.block_on(fill(&store));
    let rounds = setting("ROUNDS", 3_000);
    let mut is_told = false;
    for what in ["templates", "tasks"] {
        let mut costs = [Vec::new(), Vec::new()];
        for round in 0..rounds + 100 {
            // Which comes first changes, in no regular order.
            let first = usize::from(round.wrapping_mul(0x9e37_79b9) & 64 == 0);
            for which in [first, 1 - first] {
                let word = [OF_OTHERS, OF_NOBODY][which];
                let start = Instant::now();
                let found = runtime.block_on(search(&store, reader, what, word));
                let cost = start.elapsed().as_secs_f64() * 1e6;
                assert_eq!(found, 0);
                // The first ones fill the caches.
                if round >= 100 {
                    costs[which].push(cost);
                }
            }
        }
        let p = probability_of_chance(&costs);
        let [others, nobody] = costs.map(median);
        println!("{what:10} of others {others:7.2} us, of nobody {nobody:7.2} us, p = {p:.4}");
        is_told |= p < 0.01;
    }
    assert!(!is_told, "the time of a search tells what others have");
}

async fn search(store: &Arc<dyn Store>, reader: UserId, what: &str, word: &str) -> u64 {
    let search = Some(Search::parse(word).expect("a word"));
    if what == "templates" {
        let filter = TemplateFilter { search, ..TemplateFilter::default() };
        return store
            .list_templates(reader, filter, PageRequest::DEFAULT)
            .await
            .expect("a page")
            .total;
    }
    let filter = TaskFilter { search, ..TaskFilter::default() };
    let reader = Authority { user: reader, role: Role::Employee };
    store.list_tasks(reader, filter, PageRequest::DEFAULT, NOW).await.expect("a page").total
}

/// The user who searches, whose row is among those of the others.
async fn fill(store: &Arc<dyn Store>) -> UserId {
    let mut reader = None;
    for n in 0..1_001 {
        let user = UserId::generate();
        let new = NewUser {
            public_id: user,
            names: Email::parse(&format!("user{n}@example.org")).expect("an address").into(),
            role: Role::Employee,
            status: Status::Active,
            password_hash: PasswordHash::from_stored(String::new()),
            reset_code: None,
        };
        let context = RequestContext::local(Actor::CommandLine, NOW);
        store.create_user(new, None, &context).await.expect("an account");
        let (count, word) = if n == 500 { (60, "") } else { (1, OF_OTHERS) };
        if n == 500 {
            reader = Some(user);
        }
        for record in 0..count {
            let name = format!("{word} number{record} for{n}");
            let new = NewTemplate {
                name: TemplateName::parse(name.trim()).expect("a name"),
                body: TemplateBody::parse("Dear all, see you soon.").expect("a body"),
                owner: user,
            };
            store.create_template(new, &context).await.expect("a template");
            let new = NewTask {
                id: TaskId::generate(),
                title: TaskTitle::parse(name.trim()).expect("a title"),
                description: TaskDescription::default(),
                status: TaskStatus::Pending,
                deadline: None,
                assignee: Some(UserRef::Id(user)),
                creator: user,
            };
            store.create_task(new, &context).await.expect("a task");
        }
    }
    reader.expect("the reader")
}

fn median(mut costs: Vec<f64>) -> f64 {
    costs.sort_by(f64::total_cmp);
    costs[costs.len() / 2]
}

/// The two-sided p of the Mann-Whitney U test, by its normal approximation.
#[allow(clippy::cast_precision_loss, reason = "the numbers are small")]
fn probability_of_chance(costs: &[Vec<f64>; 2]) -> f64 {
    let mut all: Vec<(f64, usize)> =
        (0..2).flat_map(|which| costs[which].iter().map(move |cost| (*cost, which))).collect();
    all.sort_by(|a, b| a.0.total_cmp(&b.0));
    let ranks: f64 = all
        .iter()
        .enumerate()
        .filter(|(_, (_, which))| *which == 0)
        .map(|(n, _)| n as f64 + 1.0)
        .sum();
    let n = costs[0].len() as f64;
    let sum = ranks - n * (n + 1.0) / 2.0;
    let z = (sum - n * n / 2.0).abs() / (n * n * (n + n + 1.0) / 12.0).sqrt();
    // Abramowitz and Stegun, 7.1.26: the complement of the error function.
    let x = z / std::f64::consts::SQRT_2;
    let t = 1.0 / (1.0 + 0.327_591_1 * x);
    let poly = t
        * (0.254_829_592
            + t * (-0.284_496_736
                + t * (1.421_413_741 + t * (-1.453_152_027 + t * 1.061_405_429))));
    poly * (-x * x).exp()
}

fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}
