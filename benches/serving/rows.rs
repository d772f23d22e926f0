//! The rows of the table.

use std::time::Duration;

use crate::load::{By, Load, Report, creates, logins, mixed, pauses};
use crate::service::{Program, Target, WIDGET};
use crate::table::{Figures, Table};
use crate::{rounds, seconds};

const GET: Load = read("GET a widget, 32", 32, WIDGET, By::Token);

const READS: [Load; 6] = [
    read("GET page 1 of the widgets, 32", 32, "/api/v1/widgets", By::Token),
    read("GET page 90 of the widgets, 32", 32, "/api/v1/widgets?page=90&per_page=10", By::Token),
    read("GET page 1 of the tasks, 32", 32, "/api/v1/tasks", By::Token),
    read("HTML page of widgets, 16", 16, "/widgets", By::Cookie),
    read("HTML page of tasks, 16", 16, "/tasks", By::Cookie),
    read("HTML page home, 16", 16, "/", By::Cookie),
];

const LOGINS: Load = login("log in, 2", 2);

/// These add widgets, so they come last: the lists above are of 1,000.
const WRITES: [Load; 3] = [
    Load { script: Some(mixed), ..read("90 % GET, 9 % list, 1 % create, 32", 32, "", By::Token) },
    Load { script: Some(creates), ..read("create a widget, 1", 1, "", By::Token) },
    Load { script: Some(creates), ..read("create a widget, 64", 64, "", By::Token) },
];

const fn read(name: &'static str, connections: u32, path: &'static str, by: By) -> Load {
    Load { name, connections, path, by, script: None }
}

const fn login(name: &'static str, connections: u32) -> Load {
    Load { script: Some(logins), ..read(name, connections, "/api/v1/auth/login", By::Nobody) }
}

/// Measures and prints the rows that the table wants.
pub fn all(table: &Table, programs: &[Program]) {
    starts(table, programs);
    let targets: Vec<Target> = programs.iter().map(Program::serve).collect();
    commands(table, programs);
    get_beside_bare(table, &targets);
    for load in &READS {
        one(table, load, &targets);
    }
    one(table, &LOGINS, &targets);
    flood(table, &targets);
    for load in &WRITES {
        one(table, load, &targets);
    }
    assert!(table.has_rows(), "no row has ONLY in its name");
}

/// Does something with each in turn, as often as the settings say. Returns what came of each.
fn in_turns<S, T>(rounds: u32, subjects: &[S], mut turn: impl FnMut(&S, u32) -> T) -> Vec<Vec<T>> {
    let mut all: Vec<Vec<T>> = subjects.iter().map(|_| Vec::new()).collect();
    for round in 0..rounds {
        for (subject, results) in subjects.iter().zip(&mut all) {
            results.push(turn(subject, round));
        }
    }
    all
}

/// Prints a row of what came of each program. The new one is the last.
fn row<T>(table: &Table, name: &str, unit: &str, turns: &[Vec<T>], value: impl Fn(&T) -> f64) {
    let figures: Vec<Figures> = turns.iter().map(|turns| Figures::of(turns, &value)).collect();
    print(table, name, unit, &figures);
}

fn print(table: &Table, name: &str, unit: &str, figures: &[Figures]) {
    let (new, old) = figures.split_last().expect("the new program");
    table.row(name, unit, old.last(), new);
}

fn rates(reports: &[Report]) -> Figures {
    Figures {
        micros: reports.iter().filter_map(|report| report.micros).collect(),
        ..Figures::of(reports, |report| report.per_second)
    }
}

fn one(table: &Table, load: &Load, targets: &[Target]) {
    if table.wants(load.name) {
        let turns = in_turns(rounds(), targets, |target, round| {
            load.run(target, &format!("c{}r{round}", load.connections))
        });
        let figures: Vec<Figures> = turns.iter().map(|reports| rates(reports)).collect();
        print(table, load.name, "/s", &figures);
    }
}

/// Reading a widget, and a bare Rocket route beside it.
fn get_beside_bare(table: &Table, targets: &[Target]) {
    let bare_name = "GET a widget: bare Rocket route, 32";
    let ratio_name = "GET a widget: new/bare";
    if ![GET.name, bare_name, ratio_name].into_iter().any(|name| table.wants(name)) {
        return;
    }
    let bare = targets.last().expect("the new program").bare();
    let bare_get = read(bare_name, 32, "/", By::Token);
    let mut all: Vec<(&Load, &Target)> = targets.iter().map(|target| (&GET, target)).collect();
    all.push((&bare_get, &bare));
    let turns = in_turns(rounds(), &all, |(load, target), _| load.run(target, ""));
    let figures: Vec<Figures> = turns.iter().map(|reports| rates(reports)).collect();
    let (bare, ours) = figures.split_last().expect("the bare route");
    print(table, GET.name, "/s", ours);
    table.row(bare_name, "/s", None, bare);
    table.ratio(ratio_name, bare, ours.last().expect("the new program"));
}

/// What came of reads without and with logins beside them.
struct Flood {
    alone: Report,
    paced_alone: Report,
    beside: Report,
    paced_beside: Report,
    logins: Report,
    resident: f64,
}

/// Reads a widget while 16 connections log in as fast as they are answered: as often as there can be,
/// and about 3,000 times a second.
fn flood(table: &Table, targets: &[Target]) {
    type Value = fn(&Flood) -> f64;
    let rows: [(&str, &str, Value); 7] = [
        ("GET beside 16 that log in, 32", "/s", |flood| flood.beside.per_second),
        ("GET beside logins: p99", "ms", |flood| flood.beside.p99),
        ("GET beside logins: p99 without logins", "ms", |flood| flood.alone.p99),
        ("GET beside logins: p99, paced", "ms", |flood| flood.paced_beside.p99),
        ("GET beside logins: p99, paced, without logins", "ms", |flood| flood.paced_alone.p99),
        ("GET beside logins: logins meanwhile, 16", "/s", |flood| flood.logins.per_second),
        ("GET beside logins: resident at the end", "KiB", |flood| flood.resident),
    ];
    if !rows.iter().any(|(name, ..)| table.wants(name)) {
        return;
    }
    let paced = Load { script: Some(pauses), ..GET };
    let turns = in_turns(rounds(), targets, |target, _| {
        let (alone, paced_alone) = (GET.run(target, ""), paced.run(target, ""));
        // The logins start before the reads and outlast them.
        let logins = login("logins beside reads", 16).start(target, "", 2 * seconds() + 3);
        std::thread::sleep(Duration::from_secs(1));
        let (beside, paced_beside) = (GET.run(target, ""), paced.run(target, ""));
        let resident = target.server.memory("Rss").unwrap_or(f64::NAN);
        Flood { alone, paced_alone, beside, paced_beside, logins: logins.wait(), resident }
    });
    for (name, unit, value) in rows {
        row(table, name, unit, &turns, value);
    }
}

/// How long a start takes, and what is in memory once it is over.
fn starts(table: &Table, programs: &[Program]) {
    type Value = fn(&(Duration, [f64; 2])) -> f64;
    let rows: [(&str, &str, Value); 3] = [
        ("start to the first answer of /healthz", "ms", |(time, _)| time.as_secs_f64() * 1e3),
        ("memory at rest, resident", "KiB", |(_, memory)| memory[0]),
        ("memory at rest, anonymous", "KiB", |(_, memory)| memory[1]),
    ];
    if !rows.iter().any(|(name, ..)| table.wants(name)) {
        return;
    }
    let turns = in_turns(rounds(), programs, |program, _| {
        let (server, time) = program.start();
        // What a start leaves to do is done by then.
        std::thread::sleep(Duration::from_secs(2));
        (time, ["Rss", "Anonymous"].map(|name| server.memory(name).unwrap_or(f64::NAN)))
    });
    for (name, unit, value) in rows {
        row(table, name, unit, &turns, value);
    }
}

/// A command of the program, beside the service.
fn commands(table: &Table, programs: &[Program]) {
    let name = "widgetd user list";
    if table.wants(name) {
        let turns = in_turns(20, programs, |program, _| program.run(&["user", "list"], ""));
        row(table, name, "ms", &turns, |time| time.as_secs_f64() * 1e3);
    }
}
