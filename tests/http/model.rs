//! Random requests of several teams at once, against the service and against a plain model of its rules
//! in memory: they agree on every answer.
//!
//! The teams share one service and see each other's widgets and, as managers, each other's tasks; each
//! asks for its own by a word that its records have. A failure prints the seed; `MODEL_SEED` tries one.

mod lists;
mod plain;

use std::fmt::Write as _;
use std::hash::{BuildHasher, RandomState};

use rocket::futures::future::join_all;
use rocket::http::Method::Post;
use rocket::http::Status;
use rocket::tokio::task::yield_now;
use widgetd::domain::Role;

use crate::support::{Actor, Answer, FORM, Random, TestApp, form};
use plain::{Change, Plain, Write};

/// The word that a team's records have.
const TEAMS: [&str; 4] = ["alpha", "bravo", "carol", "delta"];
const NAMES: [&str; 4] = ["one", "two", "three", "four"];
const STATUSES: [&str; 4] = ["pending", "in_progress", "done", "cancelled"];
const DATES: [&str; 4] = ["2026-11-21", "2026-11-25", "2026-12-31", "2027-02-03"];

/// How many requests each team sends, besides those that follow from them.
const REQUESTS: usize = 500;

impl Random {
    /// Nothing in half of the cases.
    fn maybe<T: Clone>(&mut self, from: &[T]) -> Option<T> {
        (self.below(2) == 0).then(|| self.pick(from))
    }
}

/// A team on the service, and what the model says of it.
pub struct Team<'a> {
    app: &'a TestApp,
    pub word: &'static str,
    pub random: Random,
    pub plain: Plain,
    /// One for each user of the model, also the deleted.
    pub actors: Vec<Actor<'a>>,
    keys: usize,
}

impl<'a> Team<'a> {
    async fn new(app: &'a TestApp, word: &'static str, seed: u64) -> Self {
        let random = Random(seed);
        let mut team =
            Self { app, word, random, plain: Plain::default(), actors: Vec::new(), keys: 0 };
        for role in [Role::Admin, Role::Manager, Role::Employee, Role::Employee] {
            team.register(role).await;
        }
        team
    }

    async fn register(&mut self, role: Role) {
        let name = format!("{}-{}", self.word, self.actors.len());
        let actor = self.app.user_of(&name, role).await;
        let id = actor.public_id().await.to_string();
        self.plain.add_user(actor.email.clone(), id, role);
        self.actors.push(actor);
    }

    async fn run(mut self) {
        for _ in 0..REQUESTS {
            let who = self.random.pick(&self.plain.members());
            match self.random.below(20) {
                0 => self.change_an_account().await,
                1 => self.import_widgets(who).await,
                2..=11 => {
                    let write = self.any_write();
                    self.write(who, write).await;
                }
                _ => lists::read(&mut self, who).await,
            }
        }
    }

    /// Changes the role or the status of a member other than the first, or deletes one.
    async fn change_an_account(&mut self) {
        let (whom, by) = (self.random.pick(&self.plain.members()[1..]), self.random.below(3));
        let by = self.plain.members()[by];
        let user = &self.plain.users[whom];
        let path = format!("/users/{}", user.id);
        let role = self.random.pick(&[Role::Employee, Role::Employee, Role::Manager, Role::Admin]);
        let expected = |done| match (self.plain.users[by].is_active, self.plain.role(by)) {
            (false, _) => 401,
            (true, Role::Admin) => done,
            (true, _) => 403,
        };
        let actor = &self.actors[by];
        match self.random.below(8) {
            0 if by != whom => {
                let expected = expected(204);
                assert_status(&actor.delete(&path).await, expected, "delete a user");
                if expected == 204 {
                    self.plain.delete_user(whom);
                    self.register(Role::Employee).await;
                }
            }
            1..=3 if by != whom => {
                let to = if user.is_active { "disabled" } else { "active" };
                let expected = expected(200);
                let answer = actor.patch(&path, &[("status", to)]).await;
                assert_status(&answer, expected, "change a status");
                if expected == 200 {
                    self.plain.users[whom].is_active = to == "active";
                    if to == "active" {
                        self.actors[whom] = self.actors[whom].again().await;
                    }
                }
            }
            _ if by != whom => {
                let expected = expected(200);
                let answer = actor.patch(&path, &[("role", role.as_str())]).await;
                assert_status(&answer, expected, "change a role");
                if expected == 200 {
                    self.plain.users[whom].role = role;
                }
            }
            _ => {}
        }
    }

    fn any_write(&mut self) -> Write {
        let random = &mut self.random;
        let name = |random: &mut Random| format!("{}-{}", self.word, random.pick(&NAMES));
        let url = format!("https://example.com/{}", random.below(9));
        let (text, date) =
            (format!("{} {}", self.word, random.below(100)), random.pick(&DATES).to_owned());
        let assignees: Vec<_> = self.plain.members().into_iter().map(Some).chain([None]).collect();
        let assignee = random.pick(&assignees);
        let task = random.below(self.plain.tasks.len() + 1);
        match random.below(13) {
            0 => Write::CreateWidget { name: name(random), url, date },
            1 => Write::PutWidget { name: name(random), url, date },
            2 => Write::ChangeWidget { name: name(random), to: name(random), url },
            3 => Write::DeleteWidget { name: name(random) },
            4 | 5 if self.plain.tasks.len() < 12 => {
                let date = (random.below(3) > 0).then_some(date);
                Write::CreateTask { title: text, assignee, date }
            }
            4..=6 => Write::ChangeTask { at: task, change: Change::Status(random.pick(&STATUSES)) },
            7 => Write::ChangeTask { at: task, change: Change::Title(text) },
            8 => Write::ChangeTask { at: task, change: Change::Assignee(assignee) },
            9 => Write::DeleteTask { at: task },
            10 => Write::CreateTemplate { name: name(random), body: text },
            11 => Write::ChangeTemplate { name: name(random), to: name(random), body: text },
            _ => Write::DeleteTemplate { name: name(random) },
        }
    }

    /// Sends a write in one of the ways that there are, and does it in the model if it was done.
    async fn write(&mut self, who: usize, write: Write) {
        let (method, path) = (write.method(), write.path(&self.plain));
        let expected = self.plain.expected(who, &write);
        match self.random.below(6) {
            0 => {
                let dry = format!("{path}?dry_run=true");
                let answer = self.send(who, &write, &dry, &[]).await;
                assert_status(&answer, expected, &format!("a dry run of {write:?}"));
            }
            1 if method == Post => {
                self.keys += 1;
                let key = format!("{} {}", self.word, self.keys);
                let header = [("Idempotency-Key", &*key)];
                let first = self.send(who, &write, &path, &header).await;
                assert_status(&first, expected, &format!("{write:?} with a key"));
                self.apply(who, &write, &first);
                if expected == 201 {
                    let second = self.send(who, &write, &path, &header).await;
                    assert_eq!((second.status, &second.text), (first.status, &first.text));
                    assert_eq!(second.header("Idempotent-Replayed"), Some("true"));
                }
            }
            2 | 3 if method != Post => self.write_if_match(who, write).await,
            _ => {
                let answer = self.send(who, &write, &path, &[]).await;
                assert_status(
                    &answer,
                    expected,
                    &format!("{write:?} of {:?}", self.plain.role(who)),
                );
                self.apply(who, &write, &answer);
            }
        }
    }

    /// Imports a few widgets: all of them, or none.
    async fn import_widgets(&mut self, who: usize) {
        let (random, word) = (&mut self.random, self.word);
        let first = random.below(NAMES.len());
        let names = (0..=random.below(3)).map(|n| (first + n) % NAMES.len());
        let row = |at: usize| {
            let url = format!("https://example.com/{}", random.below(9));
            let (name, date) = (format!("{word}-{}", NAMES[at]), random.pick(&DATES).to_owned());
            Write::PutWidget { name, url, date }
        };
        let rows: Vec<_> = names.map(row).collect();
        let (mode, is_dry) = (random.pick(&["create", "upsert"]), random.below(4) == 0);
        let has_fault = random.below(4) == 0;
        let mut table = "name,info_url,deadline\n".to_owned();
        for row in &rows {
            let Write::PutWidget { name, url, date } = row else { unreachable!() };
            writeln!(table, "{name},{url},{date}").unwrap();
        }
        if has_fault {
            writeln!(table, "{word}-last,https://example.com,2026-11-20").unwrap();
        }
        let is_new = |row: &Write| self.plain.expected(who, row) == 201;
        let expected = match self.plain.expected(who, &rows[0]) {
            refused @ (401 | 403) => refused,
            _ if has_fault => 400,
            _ if mode == "create" && !rows.iter().all(is_new) => 400,
            _ => 200,
        };
        let path = format!("/widgets/import?mode={mode}&dry_run={is_dry}");
        let send = || self.actors[who].import(&path, &table);
        let mut answer = send().await;
        // Two teams import at this moment.
        while answer.status == Status::ServiceUnavailable {
            yield_now().await;
            answer = send().await;
        }
        assert_status(&answer, expected, &path);
        if !is_dry {
            for row in &rows {
                self.apply(who, row, &answer);
            }
        }
    }

    /// Reads a record, and writes it if it is as it was; in half of the cases it is not any more.
    async fn write_if_match(&mut self, who: usize, write: Write) {
        let path = write.path(&self.plain);
        let read = self.actors[who].get(&path).await;
        if read.status != Status::Ok {
            return;
        }
        let root = self.plain.members()[0];
        let other = write.another_change(&self.plain);
        let is_changed = match other {
            Some(other) if self.random.below(2) == 0 => {
                let answer = self.send(root, &other, &path, &[]).await;
                assert_status(&answer, 200, &format!("{other:?} between"));
                self.apply(root, &other, &answer);
                true
            }
            _ => false,
        };
        let expected = match self.plain.expected(who, &write) {
            refused @ (401 | 403 | 404) => refused,
            _ if is_changed => 412,
            done => done,
        };
        let tag = read.etag();
        let answer = self.send(who, &write, &path, &[("If-Match", &tag)]).await;
        assert_status(&answer, expected, &format!("{write:?} if it is not changed"));
        self.apply(who, &write, &answer);
    }

    async fn send(
        &self,
        who: usize,
        write: &Write,
        path: &str,
        headers: &[(&str, &str)],
    ) -> Answer {
        let fields = write.fields(&self.plain);
        let fields: Vec<_> = fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let form_type = (!fields.is_empty()).then_some(("Content-Type", FORM));
        let headers: Vec<_> = form_type.into_iter().chain(headers.iter().copied()).collect();
        self.actors[who].send_with(write.method(), path, &headers, form(&fields)).await
    }

    fn apply(&mut self, who: usize, write: &Write, answer: &Answer) {
        if answer.status.class().is_success() {
            let id = answer.body["id"].as_str().unwrap_or_default();
            self.plain.apply(who, write, id);
        }
    }
}

#[track_caller]
pub fn assert_status(answer: &Answer, expected: u16, what: &str) {
    assert_eq!(answer.status.code, expected, "{what}: {}", answer.text);
}

#[rocket::async_test]
async fn the_service_agrees_with_a_plain_model_of_its_rules() {
    let given = std::env::var("MODEL_SEED").ok().map(|seed| vec![seed.parse().unwrap()]);
    let seeds = given.unwrap_or_else(|| vec![1, 2, RandomState::new().hash_one(())]);
    for seed in seeds {
        println!("MODEL_SEED={seed}");
        let app = TestApp::new().await;
        let teams = TEAMS.into_iter().zip(seed..).map(async |(word, seed)| {
            Team::new(&app, word, seed).await.run().await;
        });
        join_all(teams).await;
    }
}
