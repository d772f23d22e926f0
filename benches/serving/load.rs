//! Loads, and what `wrk` reports of them.

use std::io::Write;
use std::process::{Command, Stdio};
use std::time::Duration;

use tempfile::NamedTempFile;

use crate::seconds;
use crate::service::{LOGIN_EMAIL, PASSWORD, Server, Target, WIDGET};

/// Requests that are sent again and again.
pub struct Load {
    pub name: &'static str,
    pub connections: u32,
    pub path: &'static str,
    pub by: By,
    /// A script of `wrk`, given what the names of new records begin with. Without one: GET.
    pub script: Option<fn(&str) -> String>,
}

/// Who sends the requests.
#[derive(Clone, Copy)]
pub enum By {
    Token,
    /// A browser, which gets HTML.
    Cookie,
    Nobody,
}

/// What came of a load.
pub struct Report {
    pub per_second: f64,
    /// The 99th percentile of the latency, in milliseconds.
    pub p99: f64,
    /// Processor time of the service for each request, in microseconds.
    pub micros: Option<f64>,
}

impl Load {
    /// Loads a service for as long as the settings say. The names of new records begin with `prefix`.
    pub fn run(&self, target: &Target, prefix: &str) -> Report {
        self.check(target);
        let report = self.start(target, prefix, seconds()).wait();
        self.check(target);
        std::thread::sleep(Duration::from_millis(300));
        report
    }

    /// Starts a load that goes on while others run.
    pub fn start<'a>(&self, target: &'a Target, prefix: &str, seconds: u32) -> Running<'a> {
        let mut command = Command::new("wrk");
        command
            .args(["--latency", "--timeout", "60", "--threads"])
            .arg(self.connections.min(2).to_string())
            .args(["--connections", &self.connections.to_string()])
            .args(["--duration", &seconds.to_string()]);
        for (name, value) in self.headers(target) {
            command.args(["--header", &format!("{name}: {value}")]);
        }
        let script = self.script.map(|script| {
            let mut file = NamedTempFile::new().expect("a temporary file");
            file.write_all(script(prefix).as_bytes()).expect("the script");
            command.arg("--script").arg(file.path());
            file
        });
        command.arg(format!("{}{}", target.server.url, self.path));
        let before = target.server.processor_time();
        let wrk = command.stdout(Stdio::piped()).spawn().expect("wrk is installed");
        Running { name: self.name, server: &target.server, before, wrk, _script: script }
    }

    fn headers<'a>(&self, target: &'a Target) -> Vec<(&'static str, &'a str)> {
        match self.by {
            By::Token => vec![("Authorization", &target.token)],
            By::Cookie => vec![("Cookie", &target.cookie), ("Accept", "text/html")],
            By::Nobody => Vec::new(),
        }
    }

    /// Sees that the path is answered with 200: `wrk` counts a redirect as well, such as the one to
    /// the form for logging in.
    fn check(&self, target: &Target) {
        if self.script.is_none() {
            let agent = ureq::Agent::config_builder().max_redirects(0).build().new_agent();
            let mut request = agent.get(format!("{}{}", target.server.url, self.path));
            for (name, value) in self.headers(target) {
                request = request.header(name, value);
            }
            let answer = request.call().unwrap_or_else(|why| panic!("{}: {why}", self.name));
            assert_eq!(answer.status(), 200, "{}: {}", self.name, self.path);
        }
    }
}

/// A load that goes on.
pub struct Running<'a> {
    name: &'static str,
    server: &'a Server,
    before: Option<Duration>,
    wrk: std::process::Child,
    _script: Option<NamedTempFile>,
}

impl Running<'_> {
    /// Waits for its end. Fails where a request failed.
    pub fn wait(self) -> Report {
        let output = self.wrk.wait_with_output().expect("wrk ends");
        let after = self.server.processor_time();
        let text = String::from_utf8_lossy(&output.stdout);
        let has_failed = !output.status.success()
            || text.contains("Non-2xx")
            || text.contains("Socket errors")
            || text.contains(" 0 requests in");
        assert!(!has_failed, "{}: requests failed\n{text}", self.name);
        let requests: f64 = find(&text, |line| line.split_once(" requests in").map(|(n, _)| n))
            .parse()
            .expect("a number");
        let micros = |(after, before): (Duration, Duration)| {
            after.saturating_sub(before).as_secs_f64() * 1e6 / requests
        };
        Report {
            per_second: find(&text, |line| line.strip_prefix("Requests/sec:"))
                .parse()
                .expect("a number"),
            p99: milliseconds(find(&text, |line| line.strip_prefix("99%"))),
            micros: after.zip(self.before).map(micros),
        }
    }
}

fn find<'a>(report: &'a str, part: impl Fn(&'a str) -> Option<&'a str>) -> &'a str {
    report.lines().find_map(|line| part(line.trim())).expect("a report of wrk").trim()
}

fn milliseconds(text: &str) -> f64 {
    let (number, unit) = text.split_at(text.find(char::is_alphabetic).expect("a unit"));
    let number: f64 = number.parse().expect("a number");
    match unit {
        "us" => number / 1e3,
        "ms" => number,
        "s" => number * 1e3,
        "m" => number * 60e3,
        _ => panic!("a latency of {text}"),
    }
}

/// Waits 10 ms on average before each request.
pub fn pauses(_: &str) -> String {
    "function delay() return math.random(5, 15) end".to_owned()
}

pub fn logins(_: &str) -> String {
    format!(
        r#"
wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"
wrk.body = [[{{"email":"{LOGIN_EMAIL}","password":"{PASSWORD}"}}]]
"#
    )
}

/// Lua: numbers the threads, and makes the request that creates the `n`th widget of one.
fn creates_of(prefix: &str) -> String {
    format!(
        r#"
local threads = 0
function setup(thread) thread:set("id", threads); threads = threads + 1 end
local function create(n)
  wrk.headers["Content-Type"] = "application/x-www-form-urlencoded"
  return wrk.format("POST", "/api/v1/widgets", nil, "name={prefix}-" .. id .. "-" .. n .. "&info_url=https%3A%2F%2Fexample.org&deadline=2099-12-31")
end
local n = 0
"#
    )
}

pub fn creates(prefix: &str) -> String {
    let create = creates_of(prefix);
    format!("{create}function request() n = n + 1; return create(n) end")
}

/// Of 100 requests, 90 read a widget, 9 read a page of the list, and one creates.
pub fn mixed(prefix: &str) -> String {
    let create = creates_of(prefix);
    format!(
        r#"{create}
local get, list
function init() get = wrk.format("GET", "{WIDGET}"); list = wrk.format("GET", "/api/v1/widgets") end
function request()
  n = n + 1
  if n % 100 == 0 then return create(n) end
  if n % 100 % 11 == 0 then return list end
  return get
end
"#
    )
}
