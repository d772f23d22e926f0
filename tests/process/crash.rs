//! Durability: what was acknowledged survives `kill -9`.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rusqlite::Connection;

use crate::program::Place;

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
