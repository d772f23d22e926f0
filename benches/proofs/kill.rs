//! `kill -9` amid writers: what was answered is there afterwards, and the database is whole.
//!
//! Each writer has an account, and knows of each of its records and sessions what it was told last
//! and what it has asked for without an answer. After each kill it reads all that it has touched.

use std::io::Result;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::ScopedJoinHandle;
use std::time::Duration;

use crate::connection::{Answer, Connection, request, with_header};
use crate::program::{PASSWORD, Place, Server};
use crate::random::Random;
use crate::{Run, without_limits};

const WRITERS: usize = 64;

/// How often a database is killed before the next one is begun: it grows, and each start reads it.
const KILLS_PER_DATABASE: usize = 20;

/// After how many writes of a round the service is killed, at most.
const WRITES_PER_ROUND: usize = 1_200;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Widget,
    Task,
    Template,
}

/// A number in a record; `None` where the record does not exist.
type Value = Option<u64>;

struct Record {
    kind: Kind,
    /// The name, or the id of a task: none while its create has no answer.
    id: Option<String>,
    /// What was read or answered last.
    known: Value,
    /// What was asked for without an answer.
    unanswered: Option<Value>,
}

struct Session {
    token: String,
    is_ended: bool,
    /// A logout without an answer.
    is_ending: bool,
    /// Since the last kill.
    is_touched: bool,
}

struct Writer {
    number: usize,
    random: Random,
    /// Of the session that stays.
    token: String,
    records: Vec<Record>,
    sessions: Vec<Session>,
    /// The records that were written since the last kill.
    touched: Vec<usize>,
    next: u64,
    acknowledged: usize,
    /// Writes without an answer that were done.
    done_unanswered: usize,
}

pub fn prove(run: &Run) -> String {
    let rounds = run.times(2_000, 40);
    let (mut acknowledged, mut unanswered) = (0, 0);
    for (number, first) in (0..rounds).step_by(KILLS_PER_DATABASE).enumerate() {
        let kills = KILLS_PER_DATABASE.min(rounds - first);
        let place = without_limits();
        place.add_admin();
        let server = place.serve();
        let mut random = run.random(number);
        let mut writers = enlist(&server, run, number);
        server.kill();
        for _ in 0..kills {
            let count = random.below(WRITES_PER_ROUND);
            // In the middle of a batch, not always at its end.
            let then = Duration::from_micros(random.below(3_000) as u64);
            write_until_killed(&place, &mut writers, count, then);
        }
        let server = place.serve();
        check_all(&server, &mut writers);
        server.kill();
        check_whole(&place.database());
        acknowledged += writers.iter().map(|writer| writer.acknowledged).sum::<usize>();
        unanswered += writers.iter().map(|writer| writer.done_unanswered).sum::<usize>();
    }
    format!(
        "{rounds} times kill -9 amid {WRITERS} writers: {acknowledged} acknowledged writes, none \
         lost; {unanswered} writes without an answer were done; every database is whole"
    )
}

/// Creates the writers' accounts.
fn enlist(server: &Server, run: &Run, database: usize) -> Vec<Writer> {
    let admin = server.log_in("admin@example.com");
    let enlist = |number: usize| {
        let email = email(number);
        let fields = [("email", email.as_str()), ("password", PASSWORD), ("role", "admin")];
        let created = admin.post("/users", &fields);
        assert_eq!(created.status, 201, "{}", created.text);
        Writer {
            number,
            random: run.random(database * WRITERS + number),
            token: server.log_in(&email).token.unwrap(),
            records: Vec::new(),
            sessions: Vec::new(),
            touched: Vec::new(),
            next: 0,
            acknowledged: 0,
            done_unanswered: 0,
        }
    };
    (0..WRITERS).map(enlist).collect()
}

fn email(number: usize) -> String {
    format!("writer-{number}@example.com")
}

/// All writers check what the last kill has left, then write until the next one, which comes a moment
/// after so many writes.
fn write_until_killed(place: &Place, writers: &mut [Writer], count: usize, then: Duration) {
    let server = place.serve();
    let connections = of_each(writers, |writer| writer.check_touched(&server.url));
    let done = &AtomicUsize::new(0);
    std::thread::scope(|scope| {
        let write = |(writer, mut connection): (&'_ mut Writer, Connection)| {
            // Ends with the connection.
            while writer.write(&mut connection).is_ok() {
                done.fetch_add(1, Ordering::Relaxed);
            }
        };
        let threads: Vec<_> = (writers.iter_mut().zip(connections))
            .map(|writer| scope.spawn(move || write(writer)))
            .collect();
        // One that has found a fault has ended.
        while done.load(Ordering::Relaxed) < count
            && !threads.iter().any(ScopedJoinHandle::is_finished)
        {
            std::thread::sleep(Duration::from_millis(1));
        }
        std::thread::sleep(then);
        server.kill();
    });
}

/// Does something on a thread for each writer.
fn of_each<T: Send>(
    writers: &mut [Writer],
    work: impl Fn(&mut Writer) -> Result<T> + Sync,
) -> Vec<T> {
    let work = &work;
    std::thread::scope(|scope| {
        let threads: Vec<_> =
            writers.iter_mut().map(|writer| scope.spawn(move || work(writer))).collect();
        let done = threads.into_iter().map(|thread| thread.join().expect("a writer's check"));
        done.map(|done| done.expect("it serves")).collect()
    })
}

/// Checks everything since the beginning, and that there is nothing else.
fn check_all(server: &Server, writers: &mut [Writer]) {
    let exists = |writer: &Writer, kind: Kind| {
        writer.records.iter().filter(|r| r.kind == kind && r.known.is_some()).count()
    };
    let url = &server.url;
    of_each(writers, |writer| {
        writer.touched = (0..writer.records.len()).collect();
        writer.sessions.iter_mut().for_each(|session| session.is_touched = true);
        let mut connection = writer.check_touched(url)?;
        let own = count(&mut connection, "/templates", &writer.token);
        assert_eq!(own, exists(writer, Kind::Template), "templates");
        Ok(())
    });
    let mut connection = Connection::open(url).unwrap();
    for (kind, list) in [(Kind::Widget, "/widgets"), (Kind::Task, "/tasks")] {
        let all: usize = writers.iter().map(|writer| exists(writer, kind)).sum();
        assert_eq!(count(&mut connection, list, &writers[0].token), all, "{list}");
    }
}

fn count(connection: &mut Connection, list: &str, token: &str) -> usize {
    let answer = connection.exchange(&request("GET", list, token, &[])).unwrap();
    answer.header("Total-Count").unwrap().parse().unwrap()
}

fn check_whole(database: &Path) {
    let database = rusqlite::Connection::open(database).unwrap();
    for check in ["PRAGMA integrity_check", "PRAGMA foreign_key_check"] {
        let mut statement = database.prepare(check).unwrap();
        let found = statement.query_map([], |row| row.get::<_, String>(0)).unwrap();
        let found: Vec<_> = found.map(std::result::Result::unwrap).collect();
        assert!(found.is_empty() || found == ["ok"], "{check}: {found:?}");
    }
}

impl Writer {
    /// One or two writes. Fails where the connection does.
    fn write(&mut self, connection: &mut Connection) -> Result<()> {
        match self.random.below(10) {
            0..5 => self.create(connection),
            5..7 => self.change(connection, Some),
            7 => self.change(connection, |_| None),
            8 => self.log_in(connection),
            _ => self.log_out(connection),
        }
    }

    fn create(&mut self, connection: &mut Connection) -> Result<()> {
        let kind = self.random.pick(&[Kind::Widget, Kind::Task, Kind::Template]);
        let value = self.next();
        let id = (kind != Kind::Task).then(|| format!("w{}-{value}", self.number));
        self.touched.push(self.records.len());
        self.records.push(Record { kind, id, known: None, unanswered: Some(Some(value)) });
        let answer = connection.exchange(&self.creation(kind, value))?;
        let record = self.records.last_mut().unwrap();
        record.is_created(&answer);
        self.acknowledged += 1;
        Ok(())
    }

    /// Only a task needs a key: it has no name by which it could be found.
    fn creation(&self, kind: Kind, value: u64) -> Vec<u8> {
        let name = format!("w{}-{value}", self.number);
        let name = name.as_str();
        let (number, url) = (value.to_string(), url_of(value));
        let create = |path, fields: &[_]| request("POST", path, &self.token, fields);
        match kind {
            Kind::Widget => create(
                "/widgets",
                &[("name", name), ("info_url", &url), ("deadline", "2099-12-31")],
            ),
            Kind::Task => {
                with_header(create("/tasks", &[("title", &number)]), "Idempotency-Key", name)
            }
            Kind::Template => create("/templates", &[("name", name), ("body", &number)]),
        }
    }

    /// Changes a record, or deletes it.
    fn change(&mut self, connection: &mut Connection, to: fn(u64) -> Value) -> Result<()> {
        let value = to(self.next());
        if self.records.is_empty() {
            return Ok(());
        }
        let chosen = self.random.below(self.records.len());
        let record = &mut self.records[chosen];
        if record.known.is_none() {
            return Ok(());
        }
        self.touched.push(chosen);
        record.unanswered = Some(value);
        let (path, token) = (record.path(), &self.token);
        let text = value.map(|value| match record.kind {
            Kind::Widget => ("info_url", url_of(value)),
            Kind::Task => ("title", value.to_string()),
            Kind::Template => ("body", value.to_string()),
        });
        let answer = connection.exchange(&match &text {
            Some((field, text)) => request("PATCH", &path, token, &[(field, text)]),
            None => request("DELETE", &path, token, &[]),
        })?;
        let expected = if value.is_some() { 200 } else { 204 };
        assert_eq!(answer.status, expected, "{path}: {}", answer.text());
        (record.known, record.unanswered) = (value, None);
        self.acknowledged += 1;
        Ok(())
    }

    fn log_in(&mut self, connection: &mut Connection) -> Result<()> {
        // The service keeps a hundred per account.
        if self.sessions.iter().filter(|session| !session.is_ended).count() > 50 {
            return Ok(());
        }
        let fields = [("email", email(self.number)), ("password", PASSWORD.to_owned())];
        let fields = fields.each_ref().map(|(name, value)| (*name, value.as_str()));
        let answer = connection.exchange(&request("POST", "/auth/login", "", &fields))?;
        assert_eq!(answer.status, 200, "{}", answer.text());
        let token = answer.json()["access_token"].as_str().unwrap().to_owned();
        self.sessions.push(Session { token, is_ended: false, is_ending: false, is_touched: true });
        self.acknowledged += 1;
        Ok(())
    }

    fn log_out(&mut self, connection: &mut Connection) -> Result<()> {
        let is_alive = |session: &&mut Session| !session.is_ended;
        let Some(session) = self.sessions.iter_mut().rev().find(is_alive) else { return Ok(()) };
        (session.is_ending, session.is_touched) = (true, true);
        let answer = connection.exchange(&request("POST", "/auth/logout", &session.token, &[]))?;
        assert_eq!(answer.status, 200, "{}", answer.text());
        (session.is_ended, session.is_ending) = (true, false);
        self.acknowledged += 1;
        Ok(())
    }

    fn next(&mut self) -> u64 {
        self.next += 1;
        self.next
    }

    /// Compares what was touched since the last kill with what it was answered.
    fn check_touched(&mut self, url: &str) -> Result<Connection> {
        let mut connection = Connection::open(url)?;
        self.touched.sort_unstable();
        self.touched.dedup();
        for touched in std::mem::take(&mut self.touched) {
            self.check_record(&mut connection, touched)?;
        }
        for session in self.sessions.iter_mut().filter(|session| session.is_touched) {
            let answer = connection.exchange(&request("GET", "/auth/user", &session.token, &[]))?;
            let is_ended = answer.status == 401;
            assert!(
                [200, 401].contains(&answer.status)
                    && (is_ended == session.is_ended || session.is_ending && is_ended),
                "a session that {} ended answers {}",
                if session.is_ended { "was" } else { "was not" },
                answer.status
            );
            self.done_unanswered += usize::from(is_ended != session.is_ended);
            (session.is_ended, session.is_ending, session.is_touched) = (is_ended, false, false);
        }
        Ok(connection)
    }

    fn check_record(&mut self, connection: &mut Connection, touched: usize) -> Result<()> {
        if self.records[touched].id.is_none() {
            let Some(Some(value)) = self.records[touched].unanswered else { unreachable!() };
            let answer = connection.exchange(&self.creation(Kind::Task, value))?;
            self.done_unanswered += usize::from(answer.header("Idempotent-Replayed").is_some());
            self.records[touched].is_created(&answer);
        }
        let record = &mut self.records[touched];
        let answer = connection.exchange(&request("GET", &record.path(), &self.token, &[]))?;
        let found = record.value_in(&answer);
        assert!(
            found == record.known || Some(found) == record.unanswered,
            "{} has {found:?}; answered was {:?}, unanswered {:?}",
            record.path(),
            record.known,
            record.unanswered
        );
        self.done_unanswered += usize::from(found != record.known);
        (record.known, record.unanswered) = (found, None);
        Ok(())
    }
}

impl Record {
    fn is_created(&mut self, answer: &Answer) {
        assert_eq!(answer.status, 201, "{}", answer.text());
        if self.kind == Kind::Task {
            self.id = Some(answer.json()["id"].as_str().unwrap().to_owned());
        }
        self.known = self.unanswered.take().flatten();
    }

    fn path(&self) -> String {
        let list = match self.kind {
            Kind::Widget => "widgets",
            Kind::Task => "tasks",
            Kind::Template => "templates",
        };
        format!("/{list}/{}", self.id.as_deref().unwrap_or("?"))
    }

    fn value_in(&self, answer: &Answer) -> Value {
        if answer.status == 404 {
            return None;
        }
        assert_eq!(answer.status, 200, "{}", answer.text());
        let field = match self.kind {
            Kind::Widget => "info_url",
            Kind::Task => "title",
            Kind::Template => "body",
        };
        let text = answer.json()[field].as_str().unwrap().to_owned();
        Some(text.rsplit('/').next().unwrap().parse().unwrap())
    }
}

fn url_of(value: u64) -> String {
    format!("https://example.com/{value}")
}
