//! Exports and imports: on the command line, killed, and read by other programs.

use std::fmt::Write as _;
use std::fs::File;
use std::io::{Read, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rusqlite::Connection;

use crate::cli::{assert_failed, look};
use crate::program::{BINARY, Client, Place, TEST_TIMEOUT, peak_memory_kib, text};

/// A table of so many tasks.
fn tasks(count: usize) -> String {
    let mut table = "title,description\n".to_owned();
    for n in 0..count {
        writeln!(table, "task {n},What there is to do about number {n}").unwrap();
    }
    table
}

fn widgets(count: usize) -> String {
    let mut table = "name,info_url,deadline\n".to_owned();
    for n in 0..count {
        writeln!(table, "widget-{n},https://example.com/{n},2099-12-31").unwrap();
    }
    table
}

#[track_caller]
fn assert_imported(place: &Place, arguments: &[&str], stdin: &str, said: &str) {
    let output = place.run(arguments, stdin);
    let said = format!("{said}\nDatabase: {}\n", place.database().display());
    assert_eq!((output.status.code(), text(&output.stderr)), (Some(0), said), "{arguments:?}");
}

/// A column of a table without quotes.
fn column(table: &str, name: &str) -> Vec<String> {
    let mut rows = table.lines().map(|row| row.split(',').map(str::to_owned).collect::<Vec<_>>());
    let number = rows.next().unwrap().iter().position(|column| column == name).unwrap();
    rows.map(|row| row[number].clone()).collect()
}

#[test]
fn export_and_import_read_back_what_they_write_while_the_service_runs() {
    let place = Place::new();
    place.add_admin();
    place.add_user(&["eve@example.com", "--admin"]);
    place.add_user(&["bob@example.com"]);
    let server = place.serve();
    let (admin, eve) = (server.log_in("admin@example.com"), server.log_in("eve@example.com"));
    for (n, owner) in [&admin, &eve, &eve].into_iter().enumerate() {
        assert_eq!(owner.try_add_widget(&format!("w{n}")).unwrap().status, 201);
    }
    let fields = [("title", "=one, \"two\""), ("assignee", "bob@example.com")];
    assert_eq!(eve.post("/tasks", &fields).status, 201);
    assert_eq!(eve.post("/templates", &[("name", "a"), ("body", "b\nc")]).status, 201);

    let exported = look(&place, &["export", "widgets"]);
    assert_eq!(exported, admin.get("/widgets?format=csv").text);
    let file = place.path().join("widgets.csv");
    std::fs::write(&file, &exported).unwrap();
    for n in 0..3 {
        assert_eq!(admin.send("DELETE", &format!("/widgets/w{n}"), &[]).status, 204);
    }
    let import = ["import", "widgets", "widgets.csv"];
    assert_imported(&place, &import, "", "Imported widgets: 3 created, 0 updated, 0 unchanged.");
    // Everybody has their own again.
    let again = look(&place, &["export", "widgets"]);
    assert_eq!(column(&again, "owner"), column(&exported, "owner"));
    assert_eq!(column(&again, "name"), ["w0", "w1", "w2"]);
    let upsert = [&import[..], &["--mode", "upsert"]].concat();
    assert_imported(&place, &upsert, "", "Imported widgets: 0 created, 0 updated, 3 unchanged.");

    let tasks = look(&place, &["export", "tasks"]);
    assert!(tasks.contains("\"'=one, \"\"two\"\"\""), "{tasks}");
    let upsert = ["import", "tasks", "-", "--mode", "upsert"];
    assert_imported(&place, &upsert, &tasks, "Imported tasks: 0 created, 0 updated, 1 unchanged.");
    assert_eq!(look(&place, &["export", "tasks"]), tasks);
    // New records belong to the first administrator, or to whom the command names.
    let new = "name,info_url,deadline\nn,https://example.com,2099-12-31\n";
    let import = ["import", "widgets", "-"];
    assert_imported(&place, &import, new, "Imported widgets: 1 created, 0 updated, 0 unchanged.");
    assert_eq!(admin.get("/widgets/n").body["owner"]["email"], "admin@example.com");
    let import = ["import", "tasks", "-", "--owner", "eve@example.com"];
    let new = "title,creator\ntwo,admin@example.com\n";
    assert_imported(&place, &import, new, "Imported tasks: 1 created, 0 updated, 0 unchanged.");
    let creators = column(&look(&place, &["export", "tasks"]).replace("one, ", ""), "creator");
    assert_eq!(creators[1], "eve@example.com");

    let templates = look(&place, &["export", "templates", "--owner", "eve@example.com"]);
    assert!(templates.contains("a,\"b\nc\","), "{templates}");
    assert_eq!(column(&look(&place, &["export", "users"]), "email").len(), 3);
    assert!(column(&look(&place, &["export", "audit"]), "action").len() > 3);
}

#[test]
fn export_and_import_say_what_is_wrong() {
    let place = Place::new();
    let failed = |arguments: &[&str], stdin: &str, code, said: &str| {
        assert_failed(&place.run(arguments, stdin), code, said);
    };
    failed(&["export", "widgets"], "", 1, "there is no database at");
    place.add_admin();
    failed(&["export", "sessions"], "", 2, "widgets, tasks, templates, users, audit");
    failed(&["export", "templates"], "", 2, "--owner");
    failed(&["export", "widgets", "--owner", "admin@example.com"], "", 1, "is for templates only");
    failed(&["export", "templates", "--owner", "eve@example.com"], "", 1, "there is no account");
    failed(&["import", "users", "-"], "", 2, "widgets, tasks");
    failed(&["import", "widgets", "nowhere.csv"], "", 1, "cannot read nowhere.csv");
    failed(&["import", "widgets", "-", "--mode", "replace"], "", 2, "create, upsert");
    let table = "name,info_url,deadline\nOne,https://example.com,soon\ntwo,x,2099-12-31\n";
    let said = "widgetd: nothing was imported\nrow 2, deadline: 'soon' is not a date";
    failed(&["import", "widgets", "-"], table, 1, said);
    failed(&["import", "widgets", "-"], table, 1, "\nrow 3, info_url: x is not a valid");
    assert_eq!(look(&place, &["export", "widgets"]).lines().count(), 1);
    std::fs::write(place.path().join("bytes.csv"), b"name\n\xff\n").unwrap();
    failed(&["import", "widgets", "bytes.csv"], "", 1, "file: is not valid UTF-8");
}

/// Waits until an import has written so much to the log that it is in the midst of it.
fn wait_for_log(database: &Path) {
    let log = database.with_extension("db-wal");
    let deadline = Instant::now() + TEST_TIMEOUT;
    while std::fs::metadata(&log).map_or(0, |log| log.len()) < 4 * 1024 * 1024 {
        assert!(Instant::now() < deadline, "nothing is written");
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// Moves the log into the database.
fn empty_log(database: &Path) {
    let database = Connection::open(database).unwrap();
    let busy: i64 =
        database.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0)).unwrap();
    assert_eq!(busy, 0);
}

/// Asserts that nothing of an import is there, and that the same import succeeds.
fn assert_nothing_is_left(place: &Place, table: &str) {
    let database = Connection::open(place.database()).unwrap();
    let get = |sql: &str| database.query_row(sql, [], |row| row.get::<_, String>(0)).unwrap();
    assert_eq!(get("PRAGMA integrity_check"), "ok");
    assert_eq!(get("SELECT count(*) || '' FROM task"), "0");
    assert_eq!(get("SELECT count(*) || '' FROM task_text WHERE task_text MATCH 'task'"), "0");
    assert_eq!(get("SELECT sum(used_bytes) || '' FROM user"), "0");
    drop(database);
    let count = table.lines().count() - 1;
    let said = format!("Imported tasks: {count} created, 0 updated, 0 unchanged.");
    assert_imported(place, &["import", "tasks", "-"], table, &said);
}

#[test]
fn kill_9_in_the_midst_of_an_import_leaves_nothing_of_it() {
    let table = tasks(30_000);
    // On the command line.
    let mut place = Place::new();
    place.set("WIDGETD_QUOTA_MIB", "1000");
    place.add_admin();
    empty_log(&place.database());
    let file = place.path().join("tasks.csv");
    std::fs::write(&file, &table).unwrap();
    let mut import = place
        .command(&["import", "tasks", "tasks.csv"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    wait_for_log(&place.database());
    import.kill().unwrap();
    assert_eq!(import.wait().unwrap().code(), None, "it was over before it was killed");
    assert_nothing_is_left(&place, &table);

    // In the service.
    let mut place = Place::new();
    place.set("WIDGETD_QUOTA_MIB", "1000");
    place.add_admin();
    let server = place.serve();
    let admin = server.log_in("admin@example.com");
    empty_log(&place.database());
    std::thread::scope(|scope| {
        let import = scope.spawn(|| admin.import("/tasks/import", &table));
        wait_for_log(&place.database());
        server.kill();
        assert!(import.join().unwrap().is_err(), "it was over before it was killed");
    });
    assert_nothing_is_left(&place, &table);
}

const NASTY: [&str; 8] = [
    "plain",
    "=1+1",
    "a \"quote\", a comma",
    "two\nlines",
    "two\r\nmore",
    "🎉 е́ 漢字",
    "مرحبا שלום",
    " blanks ",
];

#[test]
#[ignore = "needs python3; .ci/run installs it"]
fn python_reads_an_export_and_writes_an_import() {
    let place = Place::new();
    place.add_admin();
    let server = place.serve();
    let admin = server.log_in("admin@example.com");
    for (n, text) in NASTY.iter().enumerate() {
        let fields = [("title", &*format!("t{n}")), ("description", *text)];
        assert_eq!(admin.post("/tasks", &fields).status, 201);
    }
    std::fs::write(place.path().join("tasks.csv"), admin.get("/tasks?format=csv").text).unwrap();
    let script = "\
import csv, json
with open('tasks.csv', encoding='utf-8', newline='') as file:
    rows = list(csv.DictReader(file, strict=True))
print(json.dumps([row['description'] for row in rows]))
with open('again.csv', 'w', encoding='utf-8', newline='') as file:
    writer = csv.DictWriter(file, ['id', 'description', 'title'], extrasaction='ignore')
    writer.writeheader()
    writer.writerows(rows)
";
    let output = Command::new("python3")
        .args(["-c", script])
        .current_dir(place.path())
        .output()
        .expect("python3 is installed");
    assert!(output.status.success(), "{}", text(&output.stderr));
    let read: Vec<String> = serde_json::from_slice(&output.stdout).unwrap();
    let mut expected = NASTY.map(str::to_owned);
    expected[1] = "'=1+1".to_owned();
    assert_eq!(read, expected);
    let said = "Imported tasks: 0 created, 0 updated, 8 unchanged.";
    assert_imported(&place, &["import", "tasks", "again.csv", "--mode", "upsert"], "", said);
}

#[test]
#[ignore = "needs script(1), for a terminal; .ci/run installs it"]
fn an_import_shows_its_progress_on_a_terminal() {
    let place = Place::new();
    place.add_admin();
    std::fs::write(place.path().join("tasks.csv"), tasks(20_000)).unwrap();
    let commands =
        format!("{0} import tasks tasks.csv && {0} export tasks > exported.csv", *BINARY);
    let output = Command::new("script")
        .args(["--quiet", "--return", "--echo", "never", "--command", &commands, "/dev/null"])
        .current_dir(place.path())
        .stdin(Stdio::null())
        .output()
        .expect("script(1) is installed");
    let said = text(&output.stdout);
    assert!(output.status.success(), "{said}");
    assert!(said.contains(" of 20000 rows"), "{said}");
    assert!(said.contains("\r\u{1b}[KImported tasks: 20000 created"), "{said}");
    assert!(said.contains(" rows\r\u{1b}[K"), "{said}");
    let exported = std::fs::read_to_string(place.path().join("exported.csv")).unwrap();
    assert_eq!(exported.lines().count(), 20_001);
}

/// Reads all of an export, and counts its lines.
fn read_all(client: &Client, server_url: &str, path: &str) -> (usize, Duration) {
    let started = Instant::now();
    let mut curl = Command::new("curl")
        .args(["--silent", "--fail", "--show-error", "--header"])
        .arg(format!("Authorization: Bearer {}", client.token.as_ref().unwrap()))
        .arg(format!("{server_url}/api/v1{path}"))
        .stdout(Stdio::piped())
        .spawn()
        .expect("curl is installed");
    let mut output = curl.stdout.take().unwrap();
    let (mut lines, mut buffer) = (0, vec![0; 1 << 20]);
    loop {
        let count = output.read(&mut buffer).unwrap();
        if count == 0 {
            break;
        }
        lines += memchr::memchr_iter(b'\n', &buffer[..count]).count();
    }
    assert!(curl.wait().unwrap().success());
    (lines, started.elapsed())
}

/// The memory that the server has now.
fn memory_kib(id: u32) -> usize {
    let status = std::fs::read_to_string(format!("/proc/{id}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

#[test]
#[ignore = "loads the machine for minutes, and needs curl; .ci/run installs it"]
fn load_of_a_million_rows_that_are_exported_and_of_imports_of_100_000() {
    let mut place = Place::new();
    place.set("WIDGETD_QUOTA_MIB", "100000");
    place.add_admin();
    let server = place.serve();
    let admin = server.log_in("admin@example.com");
    let started = memory_kib(server.id());

    // Another write waits for an import as long as that is in the writer.
    let table = tasks(100_000);
    let stop = AtomicBool::new(false);
    let (import, slowest) = std::thread::scope(|scope| {
        let other = scope.spawn(|| {
            let mut slowest = Duration::ZERO;
            for n in 0.. {
                if stop.load(Ordering::Relaxed) {
                    break;
                }
                let started = Instant::now();
                assert_eq!(admin.try_add_widget(&format!("other-{n}")).unwrap().status, 201);
                slowest = slowest.max(started.elapsed());
            }
            slowest
        });
        let started = Instant::now();
        let answer = admin.import("/tasks/import", &table).unwrap();
        assert_eq!((answer.status, &answer.body["created"]), (200, &100_000.into()));
        let import = started.elapsed();
        stop.store(true, Ordering::Relaxed);
        (import, other.join().unwrap())
    });
    let after_import = memory_kib(server.id());
    let import_peak = peak_memory_kib(&server);
    eprintln!(
        "an import of 100,000 tasks ({} bytes): {import:?}; the slowest other write {slowest:?}; \
         {started} KiB before, {after_import} after, {import_peak} at most",
        table.len(),
    );
    let upserted = Instant::now();
    let table = admin.import("/widgets/import", &widgets(100_000)).unwrap();
    assert_eq!(table.status, 200, "{}", table.text);
    let created = upserted.elapsed();
    let again = Instant::now();
    let table = admin.import("/widgets/import?mode=upsert", &widgets(100_000)).unwrap();
    assert_eq!(table.body["unchanged"], 100_000);
    eprintln!("100,000 widgets: created in {created:?}, unchanged in {:?}", again.elapsed());
    drop(server);

    let mut file = File::create(place.path().join("widgets.csv")).unwrap();
    file.write_all(widgets(1_000_000).as_bytes()).unwrap();
    let import = Instant::now();
    let output = place.run(&["import", "widgets", "widgets.csv", "--mode", "upsert"], "");
    assert!(output.status.success(), "{}", text(&output.stderr));
    eprintln!("1,000,000 widgets on the command line: {:?}", import.elapsed());

    let server = place.serve();
    let admin = server.log_in("admin@example.com");
    let mut peaks = Vec::new();
    for path in [
        "/tasks?format=csv",
        "/widgets?format=csv",
        "/widgets?format=csv&sort=-deadline",
        "/widgets?format=csv&overdue=false&sort=deadline",
        // A search needs memory for what it finds, in any format.
        "/widgets?format=csv&q=widget",
    ] {
        let (lines, took) = read_all(&admin, &server.url, path);
        peaks.push(peak_memory_kib(&server));
        let rate = f64::from(u32::try_from(lines).unwrap()) / took.as_secs_f64();
        eprintln!("{path}: {lines} lines in {took:?}, {rate:.0} rows/s; peaks {peaks:?} KiB");
        assert!(lines > 100_000, "{lines}");
    }
    assert!(peaks[3] < peaks[0] + 4 * 1_024, "memory grows with the rows: {peaks:?}");
}
