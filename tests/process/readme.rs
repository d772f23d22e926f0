//! The documentation: its commands run, and its tables and links are complete.

use std::collections::BTreeSet;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use figment::Figment;
use figment::value::Dict;
use tempfile::TempDir;
use widgetd::config::Config;

use crate::program::{BINARY, PASSWORD, Place, signal, text};

/// The pages whose commands are run, one after the other in the same terminal.
const PAGES: [&str; 2] = ["README.md", "docs/operations.md"];

/// What is typed where the program asks for a password.
const TYPED: &str = "a password nobody guesses\n";

/// The exit code of HTTPie for an answer of 400 to 499, with `--check-status`.
const CLIENT_ERROR: i32 = 4;

/// A fenced block of a page: the word behind the fence, and the lines.
pub struct Block {
    pub kind: String,
    pub lines: Vec<String>,
}

impl Block {
    pub fn contains(&self, text: &str) -> bool {
        self.lines.iter().any(|line| line.contains(text))
    }
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn read(page: &str) -> String {
    std::fs::read_to_string(root().join(page)).unwrap_or_else(|error| panic!("{page}: {error}"))
}

pub fn blocks(page: &str) -> Vec<Block> {
    let mut blocks: Vec<Block> = Vec::new();
    let mut inside = false;
    // Those in a list are indented.
    for line in read(page).lines().map(str::trim_start) {
        match (line.strip_prefix("```"), inside) {
            (Some(kind), false) => blocks.push(Block { kind: kind.to_owned(), lines: Vec::new() }),
            (None, true) => blocks.last_mut().unwrap().lines.push(line.to_owned()),
            _ => {}
        }
        if line.starts_with("```") {
            inside = !inside;
        }
    }
    blocks
}

/// A shell at a terminal of its own, as HTTPie and the password prompt expect one, in a folder where
/// `widgetd` is the program that is tested and HTTPie fails for every answer that is an error.
fn at_a_terminal(script: &str, folder: &Path) -> Command {
    let file = folder.join("commands.sh");
    std::fs::write(&file, format!("set -eo pipefail\n{script}\n")).unwrap();
    std::fs::write(folder.join("config.json"), r#"{"default_options": ["--check-status"]}"#)
        .unwrap();
    let program = folder.join("widgetd");
    if !program.exists() {
        std::os::unix::fs::symlink(&*BINARY, &program).unwrap();
    }
    let path = std::env::var("PATH").unwrap();
    let mut command = Command::new("script");
    command
        .args([
            "--quiet",
            "--return",
            "--echo",
            "never",
            "--command",
            &format!("bash {}", file.display()),
            "/dev/null",
        ])
        .current_dir(folder)
        .env("PATH", format!("{}:{path}", folder.display()))
        .env("HTTPIE_CONFIG_DIR", folder)
        .env("TERM", "dumb")
        .env("COLUMNS", "1000")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

fn run(script: &str, folder: &Path, typed: &str) -> (ExitStatus, String) {
    let mut child = at_a_terminal(script, folder).spawn().expect("script(1) is installed");
    let mut keyboard = child.stdin.take().unwrap();
    // What is typed before a program asks is what it reads when it does.
    let typist = std::thread::spawn({
        let typed = typed.to_owned();
        move || {
            for line in typed.split_inclusive('\n') {
                std::thread::sleep(Duration::from_millis(1500));
                let _ = keyboard.write_all(line.as_bytes());
            }
            keyboard
        }
    });
    let output = child.wait_with_output().unwrap();
    drop(typist.join());
    (output.status, without_colours(&text(&output.stdout)))
}

/// Without the escape sequences (ECMA-48) by which HTTPie colours what a terminal shows.
fn without_colours(said: &str) -> String {
    let mut parts = said.split("\u{1b}[");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |text, part| text + part.split_once('m').map_or(part, |(_, rest)| rest))
}

struct Service(Child);

impl Drop for Service {
    fn drop(&mut self) {
        signal(self.0.id(), "INT");
        let _ = self.0.wait();
    }
}

#[test]
#[ignore = "needs HTTPie, jq and sqlite3, and port 8000; .ci/run installs them"]
fn each_command_of_the_documentation_does_what_it_says() {
    let folder = TempDir::new().unwrap();
    // The variables of earlier blocks are those of the same terminal.
    let mut session = String::new();
    let mut service = None;
    let mut ran = 0;
    for page in PAGES {
        let blocks = blocks(page);
        for (n, block) in blocks.iter().enumerate().filter(|(_, block)| block.kind == "sh") {
            let lines: Vec<_> = block.lines.iter().map(|line| with_an_end(line)).collect();
            let script = lines.join("\n").replace("cargo run --release --", "widgetd");
            if script == "cargo run --release" {
                service = Some(start(folder.path()));
                continue;
            }
            if script == "cargo test" {
                // This is that run.
                continue;
            }
            let expected = blocks.get(n + 1).filter(|next| next.kind == "json");
            run_block(&script, expected, folder.path(), &mut session);
            ran += 1;
        }
    }
    assert!(service.is_some() && ran >= 15, "{ran}");
}

/// A command that reads a stream until somebody stops it is stopped, and has to have read an event.
fn with_an_end(line: &str) -> String {
    if !line.contains(" --stream ") {
        return line.to_owned();
    }
    format!("{{ timeout 3 {line} || [ $? = 124 ]; }} | grep '^event: widget.create'")
}

/// Runs the commands of a block. Each has to succeed, unless the answer that the page shows is an
/// error: then the last command has to fail with it.
fn run_block(script: &str, expected: Option<&Block>, folder: &Path, session: &mut String) {
    let asks = [("user add", 2), ("user passwd", 2), ("widgetd login", 1)];
    let times = asks.iter().find(|(command, _)| script.contains(command)).map_or(0, |(_, n)| *n);
    let typed = TYPED.repeat(times);
    let variables: Vec<&str> = script.lines().filter_map(assigned).collect();
    let shown: Vec<_> =
        variables.iter().map(|name| format!("\necho \"<{name}=${name}>\"")).collect();
    let (status, said) = run(&format!("{session}\n{script}{}", shown.concat()), folder, &typed);
    let is_error = expected.is_some_and(|block| block.contains(r#""status": "fail""#));
    let code = if is_error { CLIENT_ERROR } else { 0 };
    assert_eq!(status.code(), Some(code), "{script}\n{said}");
    for name in variables {
        let value = said
            .split_once(&format!("<{name}="))
            .and_then(|(_, rest)| rest.split_once('>'))
            .unwrap()
            .0;
        assert!(value.len() > 8, "{name}={value}");
        *session = format!("{session}{name}='{value}'\n");
    }
    if let Some(expected) = expected {
        assert_said(&said, &expected.lines);
    }
}

/// The variable that a line sets, if it sets one.
fn assigned(line: &str) -> Option<&str> {
    let (name, _) = line.split_once('=')?;
    name.bytes().all(|byte| byte.is_ascii_uppercase()).then_some(name)
}

/// What a page shows of an answer is in it, except for values that differ each time.
#[track_caller]
fn assert_said(said: &str, expected: &[String]) {
    for line in expected.iter().map(|line| line.trim()) {
        let changes = [
            "access_token",
            "created_at",
            "registered_on",
            "public_id",
            "remaining",
            "expires_in",
            "...",
        ];
        if !changes.iter().any(|word| line.contains(word)) {
            assert!(said.contains(line.trim_end_matches(',')), "{line}\n{said}");
        }
    }
}

fn start(folder: &Path) -> Service {
    let command = Command::new(&*BINARY).current_dir(folder).spawn().unwrap();
    let service = Service(command);
    let deadline = Instant::now() + Duration::from_mins(1);
    while ureq::get("http://127.0.0.1:8000/healthz").call().is_err() {
        assert!(Instant::now() < deadline, "the service does not start");
        std::thread::sleep(Duration::from_millis(200));
    }
    service
}

#[test]
#[ignore = "needs script(1), for a terminal; .ci/run installs it"]
fn an_interrupt_at_the_password_prompt_leaves_the_terminal_as_it_was() {
    let folder = TempDir::new().unwrap();
    let script =
        format!("stty echo\n{} user add ann@example.com || echo \"code $?\"\nstty -a", *BINARY);
    let (status, said) = run(&script, folder.path(), "\u{3}");
    assert!(status.success(), "{said}");
    assert!(said.contains("interrupted; nothing was changed"), "{said}");
    assert!(said.contains("code 1"), "{said}");
    assert!(said.contains(" echo ") && !said.contains("-echo "), "{said}");
    assert!(!folder.path().join("widgetd.db").exists());
}

#[test]
#[ignore = "needs openapi-spec-validator; .ci/run installs it"]
fn the_openapi_document_is_valid() {
    let place = Place::new();
    let server = place.serve();
    let file = place.path().join("openapi.json");
    std::fs::write(&file, server.client().get("/openapi.json").text).unwrap();
    let output = Command::new("openapi-spec-validator")
        .arg(&file)
        .output()
        .expect("openapi-spec-validator is installed");
    assert!(output.status.success(), "{}{}", text(&output.stdout), text(&output.stderr));
}

#[test]
#[ignore = "needs fail2ban; .ci/run installs it"]
fn the_documented_fail2ban_filter_matches_failed_logins() {
    let folder = TempDir::new().unwrap();
    let filter = blocks("docs/operations.md")
        .into_iter()
        .find(|block| block.contains("failregex"))
        .expect("a filter")
        .lines;
    let (filter_file, log) = (folder.path().join("widgetd.conf"), folder.path().join("log"));
    std::fs::write(&filter_file, filter.join("\n")).unwrap();

    let place = Place::new();
    let server = place.serve();
    place.add_admin();
    for (name, password) in [("admin", "wrong"), ("nobody", "wrong"), ("admin", PASSWORD)] {
        let email = format!("{name}@example.com");
        server.client().post("/auth/login", &[("email", &email), ("password", password)]);
    }
    let (_, said) = server.terminate();
    std::fs::write(&log, said.join("\n")).unwrap();
    let output = Command::new("fail2ban-regex")
        .arg(&log)
        .arg(&filter_file)
        .output()
        .expect("fail2ban-regex is installed");
    let said = text(&output.stdout);
    assert!(said.contains("Failregex: 2 total"), "{said}");
}

#[test]
fn each_setting_is_in_the_table_of_the_readme_and_in_rocket_toml() {
    let keys = |figment: Figment| -> BTreeSet<String> {
        figment.extract::<Dict>().unwrap().into_keys().collect()
    };
    let of_rocket = keys(Figment::from(rocket::Config::default()));
    let ours = keys(Config::defaults()).into_iter().filter(|key| !of_rocket.contains(key));
    let (readme, file) = (read("README.md"), read("Rocket.toml"));
    let rows: Vec<&str> = readme.lines().filter(|line| line.starts_with("| `")).collect();
    let mut count = 0;
    for key in ours.chain(["address", "port", "log_level"].map(str::to_owned)) {
        let cell = |row: &&str| row.split('|').nth(1).unwrap().contains(&format!("`{key}`"));
        assert!(rows.iter().any(cell), "README.md has no row for {key}");
        assert!(file.contains(&format!("\n# {key} = ")), "Rocket.toml has no line for {key}");
        count += 1;
    }
    assert!(count > 10, "{count}");
}

#[test]
fn each_dependency_is_in_the_table_of_the_architecture() {
    let manifest = read("Cargo.toml");
    let mut dependencies = BTreeSet::new();
    let mut inside = false;
    for line in manifest.lines() {
        if line.starts_with('[') {
            inside = line.ends_with("dependencies]");
        } else if let (true, Some((name, _))) = (inside, line.split_once(" = ")) {
            dependencies.insert(name.to_owned());
        }
    }
    let page = read("ARCHITECTURE.md");
    let (_, section) = page.split_once("\n## Dependencies\n").expect("a section");
    let section = section.split("\n## ").next().unwrap();
    // The first cell of a row names one crate or several: | `name`, `other` | why |
    let cells = section.lines().filter_map(|line| line.strip_prefix("| `")?.split('|').next());
    let explained: BTreeSet<String> = cells
        .flat_map(|cell| cell.split(','))
        .map(|name| name.trim_matches([' ', '`']).to_owned())
        .collect();
    assert!(dependencies.len() > 20, "{dependencies:?}");
    assert_eq!(dependencies, explained);
}

#[test]
fn each_link_in_the_documentation_leads_to_an_existing_file() {
    let mut pages: Vec<PathBuf> = ["", "docs", "docs/decisions"]
        .iter()
        .flat_map(|folder| std::fs::read_dir(root().join(folder)).unwrap())
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "md"))
        .collect();
    pages.sort();
    assert!(pages.len() > 8, "{pages:?}");
    let mut count = 0;
    for page in pages {
        let text = std::fs::read_to_string(&page).unwrap();
        for target in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let file = target.split('#').next().unwrap();
            if target.contains("://") || file.is_empty() {
                continue;
            }
            assert!(page.parent().unwrap().join(file).exists(), "{}: {target}", page.display());
            count += 1;
        }
    }
    assert!(count > 10, "{count}");
}
