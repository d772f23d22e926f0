//! README.md and the OpenAPI document, tried with the tools that they name.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::program::{BINARY, PASSWORD, Place, signal, text};

/// What is typed where the program asks for a password.
const TYPED: &str = "a password nobody guesses\n";

/// A fenced block of README.md: the word behind the fence, and the lines.
struct Block {
    kind: String,
    lines: Vec<String>,
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn blocks() -> Vec<Block> {
    let mut blocks: Vec<Block> = Vec::new();
    let mut inside = false;
    // Those in a list are indented.
    for line in
        std::fs::read_to_string(root().join("README.md")).unwrap().lines().map(str::trim_start)
    {
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

/// A shell at a terminal of its own, as HTTPie and the password prompt expect one.
fn at_a_terminal(script: &str, folder: &Path) -> Command {
    let file = folder.join("commands.sh");
    std::fs::write(&file, format!("set -e\n{script}\n")).unwrap();
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
        .current_dir(root())
        .env("WIDGETD_DATABASE", folder.join("widgetd.db"))
        .env("TERM", "dumb")
        .env("COLUMNS", "1000")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

fn run(script: &str, folder: &Path, typed: &str) -> String {
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
    let said = without_colours(&text(&output.stdout));
    assert!(output.status.success(), "{script}\n{said}");
    said
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
#[ignore = "needs HTTPie and jq, and port 8000; .ci/run installs them"]
fn each_command_of_the_readme_does_what_it_says() {
    let folder = TempDir::new().unwrap();
    let mut session = String::new();
    let mut service = None;
    let blocks = blocks();
    let mut ran = 0;
    for (n, block) in blocks.iter().enumerate().filter(|(_, block)| block.kind == "sh") {
        let script = block.lines.join("\n");
        if script == "cargo run --release" {
            service = Some(start(folder.path()));
            continue;
        }
        if script == "cargo test" {
            // This very run.
            continue;
        }
        let asks = script.contains("user add") || script.contains("user passwd");
        let typed = if asks { TYPED.repeat(2) } else { String::new() };
        let variables: Vec<&str> = block.lines.iter().filter_map(|line| assigned(line)).collect();
        let shown: Vec<_> =
            variables.iter().map(|name| format!("echo \"<{name}=${name}>\"")).collect();
        // The variables of earlier blocks are those of the same terminal.
        let said =
            run(&format!("{session}\n{script}\n{}", shown.join("\n")), folder.path(), &typed);
        for name in variables {
            let value = said
                .split_once(&format!("<{name}="))
                .and_then(|(_, rest)| rest.split_once('>'))
                .unwrap()
                .0;
            assert!(value.len() > 30, "{name}={value}");
            session = format!("{session}{name}='{value}'\n");
        }
        if let Some(expected) = blocks.get(n + 1).filter(|next| next.kind == "json") {
            assert_said(&said, &expected.lines);
        }
        ran += 1;
    }
    assert!(service.is_some() && ran >= 7, "{ran}");
}

/// The variable that a line sets, if it sets one.
fn assigned(line: &str) -> Option<&str> {
    let (name, _) = line.split_once('=')?;
    name.bytes().all(|byte| byte.is_ascii_uppercase()).then_some(name)
}

/// What the README shows of an answer is in it, but for what is another one each time.
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
    let command = Command::new("cargo")
        .args(["run", "--release", "--quiet"])
        .current_dir(root())
        .env("WIDGETD_DATABASE", folder.join("widgetd.db"))
        .spawn()
        .unwrap();
    let service = Service(command);
    // A release build may have to be made first.
    let deadline = Instant::now() + Duration::from_mins(25);
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
    let said = run(&script, folder.path(), "\u{3}");
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
fn the_filter_for_fail2ban_finds_who_failed() {
    let folder = TempDir::new().unwrap();
    let filter = blocks().into_iter().find(|block| block.kind == "ini").expect("a filter").lines;
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
