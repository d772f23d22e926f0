//! Durability: what was acknowledged survives `kill -9`.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rusqlite::Connection;

use crate::program::{Answer, Client, Place};

const ROUNDS: usize = 24;
const WRITERS: usize = 64;

#[test]
fn kill_9_loses_no_acknowledged_write_of_64_writers_and_no_logout() {
    let place = Place::new();
    place.add_admin();
    let acknowledged = Mutex::new(Vec::new());
    let server = place.serve();
    let (alive, ended) = (server.log_in("admin@example.com"), server.log_in("admin@example.com"));
    assert_eq!(ended.post("/auth/logout", &[]).status, 200);
    server.kill();
    let mut rounds_with_writes = 0;
    for round in 0..ROUNDS {
        let server = place.serve();
        let admin = server.log_in("admin@example.com");
        let before = acknowledged.lock().unwrap().len();
        let stop = AtomicBool::new(false);
        std::thread::scope(|scope| {
            for writer in 0..WRITERS {
                let (admin, stop, acknowledged) = (admin.clone(), &stop, &acknowledged);
                scope.spawn(move || {
                    for n in 0.. {
                        if stop.load(Ordering::Relaxed) {
                            return;
                        }
                        let name = format!("r{round}-w{writer}-{n}");
                        match admin.try_add_widget(&name) {
                            Ok(answer) if answer.status == 201 => {
                                acknowledged.lock().unwrap().push(name);
                            }
                            Ok(answer) => panic!("{}: {}", answer.status, answer.text),
                            // The connection died with the service; nothing was acknowledged.
                            Err(_) => return,
                        }
                    }
                });
            }
            // Long enough to hit running writes, at another moment in each round.
            std::thread::sleep(Duration::from_millis(120 + 11 * round as u64));
            server.kill();
            stop.store(true, Ordering::Relaxed);
        });
        rounds_with_writes += usize::from(acknowledged.lock().unwrap().len() > before);
    }

    // The program recovers the database after the last kill.
    let server = place.serve();
    for (session, status) in [(alive, 200), (ended, 401)] {
        let answer = server.client().bearing(&session.token.unwrap()).get("/auth/user");
        assert_eq!(answer.status, status, "{}", answer.text);
    }
    server.terminate();
    let database = Connection::open(place.database()).unwrap();
    let verdict: String =
        database.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
    assert_eq!(verdict, "ok");
    let mut find =
        database.prepare("SELECT EXISTS (SELECT 1 FROM widget WHERE name = ?1)").unwrap();
    let acknowledged = acknowledged.into_inner().unwrap();
    let lost: Vec<_> = acknowledged
        .iter()
        .filter(|name| !find.query_row([name], |row| row.get::<_, bool>(0)).unwrap())
        .collect();
    assert!(lost.is_empty(), "{} of {} are lost: {lost:?}", lost.len(), acknowledged.len());
    assert!(rounds_with_writes > ROUNDS / 2, "only {rounds_with_writes} rounds wrote anything");
}

/// A create with an idempotency key, and its first answer, if one arrived before the service died.
struct Attempt {
    key: String,
    answered: Option<String>,
}

fn try_create(client: &Client, key: &str) -> Option<Answer> {
    let client = client.with("Idempotency-Key", key);
    client.try_post("/tasks", &[("title", key)]).ok()
}

#[test]
fn kill_9_between_a_write_and_its_answer_leaves_one_record_and_the_retry_gets_the_first_answer() {
    let place = Place::new();
    place.add_admin();
    let (mut total, mut unanswered_but_done) = (0, 0);
    for round in 0..ROUNDS / 3 {
        let server = place.serve();
        let admin = server.log_in("admin@example.com");
        let attempts = Mutex::new(Vec::new());
        std::thread::scope(|scope| {
            for writer in 0..WRITERS {
                let (admin, attempts) = (&admin, &attempts);
                scope.spawn(move || {
                    for n in 0.. {
                        let key = format!("r{round}-w{writer}-{n}");
                        let answer = try_create(admin, &key);
                        let is_dead = answer.is_none();
                        let answered = answer.map(|answer| {
                            assert_eq!(answer.status, 201, "{}", answer.text);
                            answer.text
                        });
                        attempts.lock().unwrap().push(Attempt { key, answered });
                        if is_dead {
                            return;
                        }
                    }
                });
            }
            std::thread::sleep(Duration::from_millis(100 + 17 * round as u64));
            server.kill();
        });
        let server = place.serve();
        let admin = server.client().bearing(admin.token.as_ref().unwrap());
        let attempts = attempts.into_inner().unwrap();
        for Attempt { key, answered } in &attempts {
            let answer = try_create(&admin, key).unwrap();
            assert_eq!(answer.status, 201, "{}", answer.text);
            let is_replayed = answer.headers.contains_key("Idempotent-Replayed");
            match answered {
                Some(first) => assert_eq!((&answer.text, is_replayed), (first, true)),
                None => unanswered_but_done += usize::from(is_replayed),
            }
        }
        total += attempts.len();
        let tasks = admin.get("/tasks?per_page=5").body["total_items"].clone();
        assert_eq!(tasks, total, "round {round}");
        server.kill();
    }
    assert!(total > WRITERS, "{total}");
    eprintln!("{total} creates, of which {unanswered_but_done} were done without an answer");
}
