//! What does it cost to render a page for a browser? From the request to the last byte, over loopback.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::feed::feed;
use crate::setting;

const PASSWORD: &str = "a bench is no place to sleep";

const PATHS: [&str; 7] = [
    "/",
    "/tasks",
    "/tasks?mine=true&open=true",
    "/tasks?per_page=100",
    "/board",
    "/widgets",
    "/api/v1/tasks?per_page=25",
];

/// Serves a database, and reads the pages as this user, a manager.
pub fn all(database: &Path, email: &str) {
    command(database, &["user", "role", email, "manager"], "");
    command(database, &["user", "passwd", email, "--password-stdin"], PASSWORD);
    let (server, url) = serve(database);
    let agent = ureq::Agent::config_builder().max_redirects(0).build().new_agent();
    let login = agent
        .post(format!("{url}/api/v1/auth/login"))
        .header("Accept", "text/html")
        .header("Origin", &url)
        .header("Sec-Fetch-Site", "same-origin")
        .send_form([("login", email), ("password", PASSWORD)])
        .expect("a login");
    let cookie = login.headers().get("Set-Cookie").expect("a session").to_str().expect("a text");
    let cookie = cookie.split(';').next().expect("a cookie");
    for path in PATHS {
        let accept = if path.contains("/api/") { "application/json" } else { "text/html" };
        let mut times = Vec::new();
        let mut size = 0;
        for _ in 0..setting("ROUNDS", 3) * 10 {
            let request = agent.get(format!("{url}{path}")).header("Accept", accept);
            let start = Instant::now();
            let mut answer = request.header("Cookie", cookie).call().expect("a page");
            size = answer.body_mut().read_to_string().expect("a text").len();
            times.push(start.elapsed());
            assert_eq!(answer.status(), 200, "{path}");
        }
        times.sort();
        let millis = |time: Duration| time.as_secs_f64() * 1e3;
        let (least, median) = (millis(times[0]), millis(times[times.len() / 2]));
        println!("  {path:30} least {least:6.2} ms, median {median:6.2} ms, {size:7} bytes");
    }
    drop(server);
}

fn widgetd(database: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_widgetd"));
    command.env("WIDGETD_DATABASE", database).env("WIDGETD_PORT", "0");
    command.current_dir(database.parent().expect("a folder"));
    command
}

fn command(database: &Path, arguments: &[&str], input: &str) {
    let output = feed(widgetd(database).args(arguments), input).expect("widgetd");
    assert!(output.status.success(), "{arguments:?}");
}

/// Killed when dropped.
struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn serve(database: &Path) -> (Server, String) {
    let mut child = widgetd(database).stderr(Stdio::piped()).spawn().expect("the server starts");
    let mut lines = BufReader::new(child.stderr.take().expect("its messages")).lines();
    let url = lines.by_ref().find_map(|line| {
        let line = line.expect("a line");
        line.split_whitespace().find(|word| word.starts_with("http://")).map(str::to_owned)
    });
    std::thread::spawn(move || lines.for_each(drop));
    (Server(child), url.expect("an address"))
}
