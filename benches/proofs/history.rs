//! A random history of many callers: each answer must fit one order of events.
//!
//! Some callers share one user: their sessions and keys, two widgets, two templates and a task.
//! Beside reads and writes they log in and out, change the password, the role and the status, end
//! sessions and revoke keys, so that writes are under way while their authority ends. All that one
//! group sees is one state machine (`account_model`), so an answer must fit the records and the
//! authority at one moment.

use std::io::Result;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use serde_json::Value;

use crate::account_model::{Account, Act, Call, Role};
use crate::connection::{Answer, Connection};
use crate::history_calls::{Plan, World, etag, password, session_id, session_number};
use crate::linearizability::{Checker, Span};
use crate::program::{Client, Server};
use crate::random::Random;
use crate::{Run, without_limits};

const GROUPS: usize = 8;
const CALLERS: usize = 6;

/// How many calls each caller makes before all wait for each other.
const CALLS_PER_PART: usize = 50;

struct Caller {
    number: usize,
    random: Random,
    connection: Connection,
}

pub fn prove(run: &Run) -> String {
    let refused = crate::history_self_check::refused_histories();
    let parts = run.times(10_000_000, 240_000) / (GROUPS * CALLERS * CALLS_PER_PART) + 1;
    let place = without_limits();
    place.add_admin();
    let server = place.serve();
    let counts = Counts::default();
    std::thread::scope(|scope| {
        for group in 0..GROUPS {
            let world = enlist(&server, group);
            let (url, counts) = (server.url.as_str(), &counts);
            scope.spawn(move || check_group(run, url, group, &world, parts, counts));
        }
    });
    let total = parts * GROUPS * CALLERS * CALLS_PER_PART;
    let [writes, refusals, ends] = counts.0.map(AtomicUsize::into_inner);
    assert!(refusals > total / 1_000 && ends > total / 1_000, "{refusals}, {ends}");
    format!(
        "{total} calls of {GROUPS} groups of {CALLERS} callers, each in order: {writes} were \
         writes, {ends} ended or changed an authority, {refusals} came with one that had ended; \
         the checker refused {refused} wrong histories"
    )
}

/// Writes that were done; calls that were refused with 401; ends and changes of authority.
#[derive(Default)]
struct Counts([AtomicUsize; 3]);

impl Counts {
    fn add(&self, Call { act, status, .. }: &Call) {
        let is_done = *status < 300;
        let counted = [
            is_done && matches!(act, Act::Create { .. } | Act::Change { .. } | Act::Delete { .. }),
            *status == 401,
            is_done
                && !matches!(act, Act::Read { .. } | Act::WhoAmI { .. } | Act::ListSessions { .. })
                && !matches!(act, Act::Create { .. } | Act::Change { .. } | Act::Delete { .. })
                && !matches!(act, Act::LogIn { .. } | Act::CreateKey(_)),
        ];
        for (count, is_counted) in self.0.iter().zip(counted) {
            count.fetch_add(usize::from(is_counted), Ordering::Relaxed);
        }
    }
}

/// Creates the user of a group, and the task.
fn enlist(server: &Server, group: usize) -> Mutex<World> {
    let boss = server.log_in("admin@example.com");
    let email = format!("user-{group}@example.com");
    let user = boss.post("/users", &[("email", &email), ("password", &password(0))]);
    let task = boss.post("/tasks", &[("title", "0"), ("assignee", &email)]);
    assert_eq!((user.status, task.status), (201, 201), "{}{}", user.text, task.text);
    let id = |answer: &Value, field: &str| answer[field].as_str().unwrap().to_owned();
    Mutex::new(World::new(
        group,
        boss.token.unwrap(),
        email,
        id(&user.body, "public_id"),
        id(&task.body, "id"),
    ))
}

fn initial(url: &str, world: &World) -> Account {
    let boss = Client::of(url).bearing(&world.boss);
    let task = boss.get(&format!("/tasks/{}", world.task));
    let etag = etag(task.headers["ETag"].to_str().unwrap());
    Account {
        role: Role::Employee,
        is_active: true,
        password: 0,
        sessions: Vec::new(),
        keys: Vec::new(),
        records: [None, None, None, None, Some((etag, 0))],
    }
}

fn check_group(
    run: &Run,
    url: &str,
    group: usize,
    world: &Mutex<World>,
    parts: usize,
    counts: &Counts,
) {
    let clock = Instant::now();
    let mut checker = Checker::new(initial(url, &world.lock().unwrap()));
    let new = |number| Caller {
        number,
        random: run.random(group * CALLERS + number),
        connection: Connection::open(url).unwrap(),
    };
    let mut callers: Vec<_> = (0..CALLERS).map(new).collect();
    for part in 0..parts {
        let mut spans = std::thread::scope(|scope| {
            let make_calls = |caller| scope.spawn(move || make_calls(caller, world, clock));
            let threads: Vec<_> = callers.iter_mut().map(make_calls).collect();
            let made = threads.into_iter().map(|thread| thread.join().expect("a caller"));
            made.flat_map(|spans| spans.expect("a connection")).collect::<Vec<_>>()
        });
        find_races(&mut spans);
        for span in &spans {
            counts.add(&span.call);
        }
        if let Err(why) = checker.check(&spans) {
            panic!("group {group}, part {part}: {why}");
        }
    }
}

fn make_calls(
    caller: &mut Caller,
    world: &Mutex<World>,
    clock: Instant,
) -> Result<Vec<Span<Call>>> {
    let mut spans = Vec::with_capacity(CALLS_PER_PART);
    while spans.len() < CALLS_PER_PART {
        let Plan { call, request, slot } = world.lock().unwrap().plan(&mut caller.random);
        let begins = clock.elapsed().as_nanos();
        let answer = caller.connection.exchange(&request)?;
        let ends = clock.elapsed().as_nanos();
        let call = complete(call, &answer);
        world.lock().unwrap().learn(&call, slot, &answer);
        spans.push(Span { caller: caller.number, begins, ends, call });
    }
    Ok(spans)
}

/// The call with what its answer says.
fn complete(mut call: Call, answer: &Answer) -> Call {
    call.status = answer.status;
    let is_done = answer.status < 300;
    let etag_of = || answer.header("ETag").map_or(0, etag);
    let body = answer.json();
    match &mut call.act {
        Act::Read { found, .. } if is_done => {
            let text = ["info_url", "body", "title"].iter().find_map(|field| body[*field].as_str());
            let number = text.and_then(|text| text.rsplit('/').next()?.parse().ok());
            *found = Some((etag_of(), number.expect("a number")));
        }
        Act::Create { version, .. } | Act::Change { version, .. } if is_done => {
            version.0 = etag_of();
        }
        Act::LogIn { session, .. } if is_done => {
            let token = body["access_token"].as_str().expect("a token");
            *session = session_number(&session_id(token));
        }
        Act::WhoAmI { role } if is_done => {
            *role = match body["role"].as_str() {
                Some("employee") => Some(Role::Employee),
                Some("manager") => Some(Role::Manager),
                Some("admin") => Some(Role::Admin),
                _ => None,
            }
        }
        Act::ListSessions { sessions } if is_done => {
            let items = body["items"].as_array().expect("items");
            let number = |item: &Value| session_number(item["id"].as_str().expect("an id"));
            *sessions = items.iter().map(number).collect();
            sessions.sort_unstable();
        }
        _ => {}
    }
    call
}

/// Between the check of a password and the start of the session, other events may end all sessions:
/// then the login is refused, though the password is right all the time.
fn find_races(spans: &mut [Span<Call>]) {
    let ends_sessions = |span: &&Span<Call>| {
        let Call { act, status, .. } = &span.call;
        *status < 300
            && matches!(act, Act::EndAllSessions | Act::ChangePassword { .. } | Act::SetActive(_))
    };
    let ends: Vec<_> =
        spans.iter().filter(ends_sessions).map(|span| (span.begins, span.ends)).collect();
    for span in spans {
        if let Act::LogIn { races, .. } = &mut span.call.act {
            *races = ends.iter().any(|(begins, ends)| *begins < span.ends && *ends > span.begins);
        }
    }
}
