//! Every route for every kind of caller, before, during and after a change of authority: as
//! `docs/access.md` says.
//!
//! The routes are those of the service's own OpenAPI document, and each must be on the page. Writes
//! are tried with `dry_run`, which decides as any write does and changes nothing.

use std::collections::BTreeSet;
use std::sync::Barrier;
use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering};
use std::time::Duration;

use crate::access_page::{Access, Row, Target, expected, routes, targets};
use crate::authority_scene::{CHANGES, Change, Scene, Subject, enlist, everybody, prepare};
use crate::connection::{Connection, request, with_header};
use crate::databases::done;
use crate::program::{Client, PASSWORD, Server};
use crate::{Run, without_limits};

/// Each asks for all routes while the authority changes.
const CALLERS: usize = 4;

/// How long the callers ask before the change, at most.
const BEFORE_MILLIS: usize = 30;

/// One request that the page says something about.
struct Cell {
    method: String,
    path: String,
    row: Row,
    target: Target,
}

pub fn prove(run: &Run) -> String {
    let mut place = without_limits();
    place.set("WIDGETD_REGISTRATION", "approval");
    place.add_admin();
    let server = place.serve();
    let scene = prepare(&server);
    let cells = cells(&server);
    let pending = [("email", "pending@example.com"), ("password", PASSWORD)];
    assert_eq!(Client::of(&server.url).post("/auth/register", &pending).status, 201);
    let (key, _) =
        done(&place, &["key", "add", "pending@example.com", "--name", "one", "--scope", "write"]);
    let everybody = everybody(&scene, key.trim().to_owned());
    let mut connection = Connection::open(&server.url).unwrap();
    for (access, subject) in &everybody {
        for cell in &cells {
            let status = cell.ask(&mut connection, &scene, subject);
            cell.assert(status, &[*access], "before any change");
        }
    }
    let rounds = run.times(200, 8);
    let mut random = run.random(0);
    let (answers, during) = (AtomicUsize::new(0), AtomicUsize::new(0));
    for (change, before, after) in CHANGES.repeat(rounds) {
        let delay = Duration::from_millis(random.below(BEFORE_MILLIS) as u64);
        let change = Changing {
            scene: &scene,
            subject: &enlist(&scene, before),
            change,
            accesses: [before, after],
            stage: AtomicU8::new(BEFORE),
            answers: &answers,
            during: &during,
        };
        change.check(&cells, delay);
    }
    let routes: BTreeSet<_> = cells.iter().map(|cell| (&cell.method, &cell.path)).collect();
    format!(
        "{} routes, {} requests for each of {} kinds of callers; {} changes of authority {rounds} \
         times, each amid {CALLERS} callers who asked for all of them: {} answers, {} of them while \
         it changed; all as docs/access.md says",
        routes.len(),
        cells.len(),
        everybody.len(),
        CHANGES.len(),
        answers.into_inner(),
        during.into_inner()
    )
}

/// Every route of the document with its row of the page.
fn cells(server: &Server) -> Vec<Cell> {
    let document = server.client().get("/openapi.json").body;
    let mut page = routes();
    let mut cells = Vec::new();
    for (path, operations) in document["paths"].as_object().unwrap() {
        let names = operations.as_object().unwrap().keys().map(|name| name.to_uppercase());
        let is_method = |name: &String| request_methods().contains(&name.as_str());
        for method in names.filter(is_method) {
            let route = format!("{method} {path}");
            let found = page.iter().position(|(named, _)| *named == route);
            let found = found.unwrap_or_else(|| panic!("{route} is not on the page"));
            let (_, row) = page.swap_remove(found);
            cells.extend(targets(path, row).iter().map(|target| Cell {
                method: method.clone(),
                path: path.clone(),
                row,
                target: *target,
            }));
        }
    }
    assert!(page.is_empty(), "the document does not have {page:?}");
    cells
}

fn request_methods() -> [&'static str; 5] {
    ["GET", "POST", "PUT", "PATCH", "DELETE"]
}

const BEFORE: u8 = 0;
const DURING: u8 = 1;
const AFTER: u8 = 2;

/// A change while others ask.
struct Changing<'a> {
    scene: &'a Scene,
    subject: &'a Subject,
    change: Change,
    accesses: [Access; 2],
    stage: AtomicU8,
    answers: &'a AtomicUsize,
    during: &'a AtomicUsize,
}

impl Changing<'_> {
    fn check(&self, cells: &[Cell], delay: Duration) {
        let begun = Barrier::new(CALLERS + 1);
        std::thread::scope(|scope| {
            for caller in 0..CALLERS {
                let begun = &begun;
                scope.spawn(move || self.ask_all(cells, caller, begun));
            }
            begun.wait();
            std::thread::sleep(delay);
            self.stage.store(DURING, Ordering::SeqCst);
            self.change.make(self.scene, self.subject);
            self.stage.store(AFTER, Ordering::SeqCst);
        });
    }

    /// Asks for all routes in turns, until each was asked for after the change.
    fn ask_all(&self, cells: &[Cell], caller: usize, begun: &Barrier) {
        let mut connection = Connection::open(&self.scene.url).unwrap();
        begun.wait();
        let first = caller * cells.len() / CALLERS;
        let mut asked_after = 0;
        // A user imports once at a time; a second attempt would be 503.
        let is_own = |cell: &&Cell| caller == 0 || !cell.path.ends_with("/import");
        let own: Vec<_> = cells.iter().filter(is_own).collect();
        for cell in own.iter().cycle().skip(first) {
            let sent = self.stage.load(Ordering::SeqCst);
            let status = cell.ask(&mut connection, self.scene, self.subject);
            let answered = self.stage.load(Ordering::SeqCst);
            let possible = match (sent, answered) {
                (_, BEFORE) => &self.accesses[..1],
                (AFTER, _) => &self.accesses[1..],
                _ => &self.accesses[..],
            };
            cell.assert(status, possible, &format!("{:?}, {sent} to {answered}", self.change));
            self.answers.fetch_add(1, Ordering::Relaxed);
            self.during.fetch_add(usize::from(possible.len() == 2), Ordering::Relaxed);
            asked_after += usize::from(sent == AFTER);
            if asked_after == own.len() {
                return;
            }
        }
    }
}

impl Cell {
    fn assert(&self, status: u16, possible: &[Access], when: &str) {
        let Self { method, path, row, target } = self;
        let outcomes: Vec<_> =
            possible.iter().map(|access| expected(*row, *target, *access)).collect();
        assert!(
            outcomes.iter().any(|outcome| outcome.is(status)),
            "{method} {path} ({target:?}) answers {possible:?} with {status}, not {outcomes:?} \
             ({when}); the page says {row:?}"
        );
    }

    fn ask(&self, connection: &mut Connection, scene: &Scene, subject: &Subject) -> u16 {
        let path = self.address(scene, subject);
        let fields = self.fields(scene);
        let credential = &subject.credential;
        let mut bytes = match &*self.path {
            // A stream, of which only the head is of interest.
            "/audit/events" => request("HEAD", &path, credential, &[]),
            // Its key is in the address.
            "/calendar.ics" => without_credential(request("GET", &path, "", &[])),
            "/widgets/import" | "/tasks/import" => {
                let table = fields[0].1;
                let empty = String::from_utf8(request(&self.method, &path, credential, &[]));
                let kind = format!("Content-Type: text/csv\r\nContent-Length: {}", table.len());
                (empty.unwrap().replace("Content-Length: 0", &kind) + table).into_bytes()
            }
            _ => request(&self.method, &path, credential, &fields),
        };
        if credential.is_empty() {
            bytes = without_credential(bytes);
        }
        if self.path == "/" || self.path.starts_with("/healthz") {
            let text = String::from_utf8(bytes).unwrap();
            bytes = with_header(text.replace("/api/v1", "").into_bytes(), "Accept", "*/*");
        }
        connection.exchange(&bytes).unwrap_or_else(|error| panic!("{path}: {error}")).status
    }

    fn address(&self, scene: &Scene, subject: &Subject) -> String {
        let is_others = self.target == Target::Others;
        let path = match &*self.path {
            "/calendar.ics" if subject.credential.is_empty() => self.path.clone(),
            "/calendar.ics" => format!("{}?key={}", self.path, subject.credential),
            "/search" => "/search?q=shared".to_owned(),
            path => path
                .replace("{public_id}", &scene.user)
                .replace("sessions/{id}", &format!("sessions/{}", subject.spare_session))
                .replace("keys/{id}", &format!("keys/{}", subject.spare_key))
                .replace(
                    "tasks/{id}",
                    &format!("tasks/{}", if is_others { &scene.task } else { &subject.task }),
                )
                .replace("widgets/{name}", "widgets/shared")
                .replace(
                    "templates/{name}",
                    if is_others { "templates/theirs" } else { "templates/own" },
                ),
        };
        if self.method == "GET" { path } else { path + "?dry_run=true" }
    }

    fn fields<'a>(&self, scene: &'a Scene) -> Vec<(&'static str, &'a str)> {
        let new_password = "another phrase nobody guesses";
        match (&*self.method, &*self.path) {
            ("POST", "/auth/register" | "/users") => {
                vec![("email", "stranger@example.com"), ("password", PASSWORD)]
            }
            ("POST", "/auth/login") => {
                vec![("email", "target@example.com"), ("password", PASSWORD)]
            }
            ("POST", "/auth/reset") => vec![("code", &scene.code), ("new_password", new_password)],
            ("POST", "/auth/setup") => vec![
                ("code", "abcd-efgh-ijkl-mnop"),
                ("email", "stranger@example.com"),
                ("password", PASSWORD),
            ],
            ("POST", "/auth/password") => {
                vec![("current_password", PASSWORD), ("new_password", new_password)]
            }
            ("POST", "/auth/keys") => vec![("name", "another"), ("scope", "read")],
            ("PATCH", "/auth/user") => vec![("name", "A name")],
            ("DELETE", "/auth/user") => vec![("password", PASSWORD)],
            ("PATCH", "/users/{public_id}") => vec![("role", "manager")],
            ("POST", "/widgets") => vec![
                ("name", "new"),
                ("info_url", "https://example.com"),
                ("deadline", "2099-12-31"),
            ],
            ("PUT" | "PATCH", "/widgets/{name}") => {
                vec![("info_url", "https://example.com/new"), ("deadline", "2099-12-31")]
            }
            ("POST", "/widgets/import") => {
                vec![("", "name,info_url,deadline\nimported,https://example.com,2099-12-31\n")]
            }
            ("POST", "/tasks/import") => vec![("", "title\nimported\n")],
            ("POST", "/tasks") => vec![("title", "New")],
            ("PATCH", "/tasks/{id}") if self.target == Target::OwnInFull => vec![("title", "New")],
            ("PATCH", "/tasks/{id}") => vec![("status", "done")],
            ("POST", "/templates") => vec![("name", "new"), ("body", "A text.")],
            ("PATCH", "/templates/{name}") => vec![("body", "Another text.")],
            _ => Vec::new(),
        }
    }
}

fn without_credential(request: Vec<u8>) -> Vec<u8> {
    let text = String::from_utf8(request).unwrap();
    let lines = text.split_inclusive("\r\n");
    lines.filter(|line| !line.starts_with("Authorization:")).collect::<String>().into_bytes()
}
