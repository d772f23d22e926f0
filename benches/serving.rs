//! What does the service cost over a bare Rocket route, what does a flood of logins cost those who
//! read, and what does group commit gain?
//!
//! `cargo bench --bench serving` needs `wrk`. It starts the release binary and, for comparison, a
//! Rocket instance with nothing but one route that answers the same bytes; loads both in turn on
//! 127.0.0.1; and prints the median of each and the ratio. For the flood, with the limits off and
//! on, it prints the p99 of reads without and with it, and the memory that the service has meanwhile. `SECONDS` and `ROUNDS` in
//! the environment change how long each load lasts (5) and how often the two take turns (3).
//!
//! It measures, and judges nothing: the figures belong in a note, with the machine's name.

#![allow(clippy::expect_used, reason = "a bench that cannot go on says so and ends")]

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

const EMAIL: &str = "bench@example.org";
const PASSWORD: &str = "a bench is no place to sleep";

fn main() {
    // Cargo passes `--bench`; the bare server is this program once more.
    if let Some(body) = std::env::args().skip_while(|arg| arg != "--bare").nth(1) {
        serve_bare(body);
        return;
    }
    let folder = tempfile::tempdir().expect("a temporary folder");
    let widgetd = Server::start(widgetd(folder.path()));
    let token = prepare(folder.path(), &widgetd.url);
    let authorization = format!("Authorization: Bearer {token}");

    let path = "/api/v1/widgets/bench";
    let body = ureq::get(format!("{}{path}", widgetd.url))
        .header("Authorization", format!("Bearer {token}"))
        .call()
        .and_then(|mut response| response.body_mut().read_to_string())
        .expect("the widget");
    let bare = Server::start({
        let mut command = Command::new(std::env::current_exe().expect("this program"));
        command.args(["--bare", &body]);
        command
    });

    let (mut ours, mut theirs, mut alone, mut together) = (vec![], vec![], vec![], vec![]);
    for _ in 0..setting("ROUNDS", 3) {
        theirs.push(rate(&wrk(32, &[&format!("{}/", bare.url), "-H", &authorization])));
        ours.push(rate(&wrk(32, &[&format!("{}{path}", widgetd.url), "-H", &authorization])));
    }
    compare(
        "/s",
        "bare Rocket route, 32 connections",
        theirs,
        "authorised GET of a widget, 32 connections",
        ours,
    );

    let limited = tempfile::tempdir().expect("a temporary folder");
    for (how, folder, throttle) in
        [("let in", folder.path(), "false"), ("limited", limited.path(), "true")]
    {
        let mut command = self::widgetd(folder);
        command.env("WIDGETD_THROTTLE", throttle);
        let server = Server::start(command);
        let token = prepare(folder, &server.url);
        println!("A flood of logins that are {how}:");
        flood(folder, &server, path, &format!("Authorization: Bearer {token}"));
    }

    let script = folder.path().join("create.lua");
    for round in 0..setting("ROUNDS", 3) {
        for (connections, rates) in [(1, &mut alone), (64, &mut together)] {
            std::fs::write(&script, create_script(&token, &format!("r{round}c{connections}")))
                .expect("the script");
            let script = script.to_str().expect("a path in UTF-8");
            rates.push(rate(&wrk(
                connections,
                &[&format!("{}/api/v1/widgets", widgetd.url), "-s", script],
            )));
        }
    }
    compare(
        "/s",
        "durable creates, 1 connection",
        alone,
        "durable creates, 64 connections",
        together,
    );
}

/// Reads a widget without and with 64 connections that log in as fast as they are answered: once
/// with about 3000 reads a second, once with as many as there can be.
fn flood(folder: &Path, widgetd: &Server, path: &str, authorization: &str) {
    let pause = folder.join("pause.lua");
    std::fs::write(&pause, "function delay() return math.random(5, 15) end").expect("the script");
    let login = folder.join("login.lua");
    std::fs::write(&login, login_script()).expect("the script");

    let (pause, login) =
        (pause.to_str().expect("a path in UTF-8"), login.to_str().expect("a path in UTF-8"));
    let (read, door) =
        (format!("{}{path}", widgetd.url), format!("{}/api/v1/auth/login", widgetd.url));
    let paced = ["-H", authorization, "-s", pause, &read];
    for (how, arguments) in [("paced", &paced[..]), ("full", &["-H", authorization, &read])] {
        let (mut quiet, mut flooded, mut logins, mut memory) = (vec![], vec![], vec![], 0);
        for _ in 0..setting("ROUNDS", 3) {
            quiet.push(p99(&wrk(32, arguments)));
            // The flood starts before the reads and outlasts them.
            let flood = wrk_command(64, setting("SECONDS", 5) + 3)
                .args(["--timeout", "60", "-s", login, &door])
                .stdout(Stdio::piped())
                .spawn()
                .expect("wrk is installed");
            std::thread::sleep(Duration::from_secs(1));
            flooded.push(p99(&wrk(32, arguments)));
            memory = memory.max(widgetd.resident_kib());
            let output = flood.wait_with_output().expect("the flood ends");
            logins.push(rate(&String::from_utf8_lossy(&output.stdout)));
        }
        compare(
            "ms",
            &format!("p99 of {how} reads, 32 connections"),
            quiet,
            "the same while 64 connections log in",
            flooded,
        );
        line("answers to logins meanwhile", "/s", 0, &mut logins);
        println!("{:45} {:10} MB\n", "resident memory meanwhile", memory / 1024);
    }
}

/// A command that serves, and where. Stopped when dropped.
struct Server {
    child: Child,
    url: String,
}

impl Server {
    /// Starts a command that prints the address it listens at.
    fn start(mut command: Command) -> Self {
        let mut child = command.stderr(Stdio::piped()).spawn().expect("the server starts");
        let mut lines = BufReader::new(child.stderr.take().expect("its messages")).lines();
        let url = lines
            .by_ref()
            .map(|line| line.expect("a line"))
            .find_map(|line| {
                line.split_whitespace().find(|word| word.starts_with("http://")).map(str::to_owned)
            })
            .expect("an address");
        std::thread::spawn(move || lines.for_each(drop));
        Self { child, url }
    }

    /// What it has in memory now; 0 where there is no `/proc` to tell.
    fn resident_kib(&self) -> u64 {
        std::fs::read_to_string(format!("/proc/{}/status", self.child.id()))
            .ok()
            .and_then(|status| {
                status.lines().find_map(|line| {
                    line.strip_prefix("VmRSS:")?.split_whitespace().next()?.parse().ok()
                })
            })
            .unwrap_or_default()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn widgetd(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_widgetd"));
    // One user creates more widgets than the default quota allows.
    command.current_dir(folder).env("WIDGETD_PORT", "0").env("WIDGETD_QUOTA_MIB", "1000000");
    command
}

/// Makes an administrator and a widget, and logs in.
fn prepare(folder: &Path, url: &str) -> String {
    let mut child = widgetd(folder)
        .args(["user", "add", EMAIL, "--admin", "--password-stdin"])
        .stdin(Stdio::piped())
        .spawn()
        .expect("widgetd user add");
    child
        .stdin
        .take()
        .expect("stdin")
        .write_all(PASSWORD.as_bytes())
        .expect("the password is read");
    // Where they are there already, both stay as they are.
    let _ = child.wait().expect("it ends");

    let answer: serde_json::Value = ureq::post(format!("{url}/api/v1/auth/login"))
        .send_json(serde_json::json!({ "email": EMAIL, "password": PASSWORD }))
        .and_then(|mut response| response.body_mut().read_json())
        .expect("a login");
    let token = answer["access_token"].as_str().expect("a token").to_owned();
    ureq::put(format!("{url}/api/v1/widgets/bench"))
        .header("Authorization", format!("Bearer {token}"))
        .send_form([("info_url", "https://example.org"), ("deadline", "2099-12-31")])
        .expect("a widget");
    token
}

/// A Rocket instance configured as the service's is, with one route and no work.
fn serve_bare(body: String) {
    let config = widgetd::config::Config::load(&widgetd::config::Overrides {
        port: Some(0),
        ..Default::default()
    })
    .expect("the settings");
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(config.workers)
        .enable_all()
        .build()
        .expect("a runtime");
    let figment = config.figment.merge(("log_level", "off"));
    let rocket = rocket::custom(figment).manage(body).mount("/", rocket::routes![bare]).attach(
        rocket::fairing::AdHoc::on_liftoff("address", |rocket| {
            let url = format!("http://127.0.0.1:{}", rocket.config().port);
            Box::pin(async move { eprintln!("{url}") })
        }),
    );
    runtime.block_on(rocket.launch()).expect("it serves");
}

#[rocket::get("/")]
fn bare(body: &rocket::State<String>) -> rocket::response::content::RawJson<&str> {
    rocket::response::content::RawJson(body)
}

fn create_script(token: &str, prefix: &str) -> String {
    format!(
        r#"
local threads = 0
function setup(thread) thread:set("id", threads); threads = threads + 1 end
local n = 0
wrk.method = "POST"
wrk.headers["Content-Type"] = "application/x-www-form-urlencoded"
wrk.headers["Authorization"] = "Bearer {token}"
function request()
  n = n + 1
  return wrk.format(nil, nil, nil, "name={prefix}-" .. id .. "-" .. n .. "&info_url=https%3A%2F%2Fexample.org&deadline=2099-12-31")
end
"#
    )
}

fn login_script() -> String {
    format!(
        r#"
wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"
wrk.body = [[{{"email":"{EMAIL}","password":"{PASSWORD}"}}]]
"#
    )
}

/// What `wrk` reports. Fails where an answer was not 2xx.
fn wrk(connections: u32, arguments: &[&str]) -> String {
    let output = wrk_command(connections, setting("SECONDS", 5))
        .args(arguments)
        .output()
        .expect("wrk is installed");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(!text.contains("Non-2xx"), "{text}");
    std::thread::sleep(Duration::from_millis(300));
    text
}

fn wrk_command(connections: u32, seconds: u32) -> Command {
    let mut command = Command::new("wrk");
    let threads = connections.min(2).to_string();
    command.args([
        "--latency",
        "-t",
        &threads,
        "-c",
        &connections.to_string(),
        "-d",
        &seconds.to_string(),
    ]);
    command
}

/// Requests per second, as `wrk` counts them.
fn rate(report: &str) -> f64 {
    let rate = report.lines().find_map(|line| line.strip_prefix("Requests/sec:")).expect("a rate");
    rate.trim().parse().expect("a number")
}

/// The 99th percentile of the latency, in milliseconds.
fn p99(report: &str) -> f64 {
    let text =
        report.lines().find_map(|line| line.trim().strip_prefix("99%")).expect("a latency").trim();
    let (number, unit) = text.split_at(text.find(char::is_alphabetic).expect("a unit"));
    let number: f64 = number.parse().expect("a number");
    match unit {
        "us" => number / 1e3,
        "ms" => number,
        "s" => number * 1e3,
        _ => panic!("a latency of {text}"),
    }
}

fn setting(name: &str, default: u32) -> u32 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

fn compare(unit: &str, a: &str, mut figures_a: Vec<f64>, b: &str, mut figures_b: Vec<f64>) {
    let decimals = if unit == "ms" { 2 } else { 0 };
    let mut ratios: Vec<f64> = figures_a.iter().zip(&figures_b).map(|(a, b)| b / a).collect();
    for (what, figures) in [(a, &mut figures_a), (b, &mut figures_b)] {
        line(what, unit, decimals, figures);
    }
    line("second to first", "", 2, &mut ratios);
    println!();
}

fn line(what: &str, unit: &str, decimals: usize, figures: &mut [f64]) {
    figures.sort_by(f64::total_cmp);
    println!(
        "{what:45} {:10.decimals$} {unit:2}   (min {:.decimals$}, max {:.decimals$})",
        figures[figures.len() / 2],
        figures[0],
        figures[figures.len() - 1]
    );
}
