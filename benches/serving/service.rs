//! A build of widgetd, its folder with data, and what it serves from there.

use std::ffi::OsStr;
use std::fmt::Write as _;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use tempfile::TempDir;
use time::OffsetDateTime;

use crate::feed::feed;

const EMAIL: &str = "bench@example.org";
/// An account has 100 sessions at most. So those of this one, which logs in again and again, do not
/// end the session that the other loads use.
pub const LOGIN_EMAIL: &str = "login@example.org";
pub const PASSWORD: &str = "a bench is no place to sleep";

/// How many widgets and how many tasks there are.
const RECORDS: u32 = 1_000;
/// The widget that is read.
pub const WIDGET: &str = "/api/v1/widgets/bench";

/// A build, and the folder that it keeps its files in.
pub struct Program {
    pub label: &'static str,
    path: PathBuf,
    folder: TempDir,
}

impl Program {
    pub fn new(label: &'static str, path: &OsStr) -> Self {
        // It is started in another folder.
        let path = std::fs::canonicalize(path)
            .unwrap_or_else(|why| panic!("{label}, {}: {why}", Path::new(path).display()));
        Self { label, path, folder: tempfile::tempdir().expect("a temporary folder") }
    }

    pub fn version(&self) -> String {
        let output = self.command(&["--version"]).output().expect("its version");
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.path);
        command
            .args(arguments)
            .current_dir(self.folder.path())
            // One user creates more than the default quota allows.
            .env("WIDGETD_QUOTA_MIB", "8000")
            .env("WIDGETD_THROTTLE", "false")
            // The token of the first row is used until the last one.
            .env("WIDGETD_ACCESS_TOKEN_SECONDS", "86400");
        command
    }

    /// Runs a command to its end, and returns how long it took.
    pub fn run(&self, arguments: &[&str], input: &str) -> Duration {
        let start = Instant::now();
        let output = feed(&mut self.command(arguments), input).expect("the program runs");
        let messages = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{} {arguments:?}: {messages}", self.label);
        start.elapsed()
    }

    /// Adds the accounts, the widgets and the tasks.
    pub fn fill(&self) {
        self.run(&["user", "add", EMAIL, "--admin", "--password-stdin"], PASSWORD);
        self.run(&["user", "add", LOGIN_EMAIL, "--password-stdin"], PASSWORD);
        let mut widgets = "name,info_url,deadline\n".to_owned();
        let mut tasks = "title,description,deadline,assignee\n".to_owned();
        let today = OffsetDateTime::now_utc().date();
        for n in 0..RECORDS {
            let name = if n == RECORDS / 2 { "bench".to_owned() } else { format!("bench-{n}") };
            // Pages show what is due soon. With dates that move along, that is as much next year.
            let deadline = today + time::Duration::days((1 + n % 365).into());
            writeln!(widgets, "{name},https://example.org/{n},{deadline}").expect("a row");
            writeln!(tasks, "Task {n},What to do,{deadline},{EMAIL}").expect("a row");
        }
        self.run(&["import", "widgets", "-"], &widgets);
        self.run(&["import", "tasks", "-"], &tasks);
    }

    /// Starts to serve, and returns how long it took from there to the first answer.
    pub fn start(&self) -> (Server, Duration) {
        let messages = self.folder.path().join("messages");
        Server::start(self.command(&["serve"]), "/healthz", &messages)
    }

    /// Serves, with somebody logged in.
    pub fn serve(&self) -> Target {
        let (server, _) = self.start();
        let url = &server.url;
        let agent = ureq::Agent::config_builder().max_redirects(0).build().new_agent();
        let form = [("login", EMAIL), ("password", PASSWORD)];
        let login = format!("{url}/api/v1/auth/login");
        let answer: serde_json::Value = agent
            .post(&login)
            .send_form(form)
            .and_then(|mut answer| answer.body_mut().read_json())
            .expect("a login");
        let token = answer["access_token"].as_str().expect("a token");
        let answer = agent
            .post(&login)
            .header("Accept", "text/html")
            .header("Origin", url)
            .header("Sec-Fetch-Site", "same-origin")
            .send_form(form)
            .expect("a login of a browser");
        let cookie = answer.headers().get("Set-Cookie").expect("a session");
        let cookie = cookie.to_str().expect("a text").split(';').next().expect("a cookie");
        Target { token: format!("Bearer {token}"), cookie: cookie.to_owned(), server }
    }
}

/// What is loaded, and how it knows who asks.
pub struct Target {
    pub server: Server,
    /// The value of `Authorization`.
    pub token: String,
    /// The value of `Cookie`.
    pub cookie: String,
}

impl Target {
    /// Starts a route that sends the same bytes as this service does for a widget.
    pub fn bare(&self) -> Self {
        let body = ureq::get(format!("{}{WIDGET}", self.server.url))
            .header("Authorization", &self.token)
            .call()
            .and_then(|mut answer| answer.body_mut().read_to_string())
            .expect("the widget");
        let folder = tempfile::tempdir().expect("a temporary folder");
        let mut command = Command::new(std::env::current_exe().expect("this program"));
        command.args(["--bare", &body]).current_dir(folder.path());
        let (server, _) = Server::start(command, "/", &folder.path().join("messages"));
        Self { server, token: self.token.clone(), cookie: String::new() }
    }
}

/// A process that serves, and where. Stopped when dropped.
pub struct Server {
    child: Child,
    pub url: String,
}

impl Server {
    /// Starts a command, asks for a path until it is answered, and returns how long that took. What
    /// it prints goes to the file `messages`.
    fn start(mut command: Command, path: &str, messages: &Path) -> (Self, Duration) {
        let any = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = any.local_addr().expect("its address");
        drop(any);
        let output = std::fs::File::create(messages).expect("a file");
        command
            .env("WIDGETD_PORT", address.port().to_string())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(output);
        let start = Instant::now();
        let child = command.spawn().expect("the server starts");
        let mut server = Self { child, url: format!("http://{address}") };
        while !answers(address, path) {
            let has_ended = server.child.try_wait().expect("whether it ended").is_some();
            if has_ended || start.elapsed() > Duration::from_mins(1) {
                let messages = std::fs::read_to_string(messages).unwrap_or_default();
                panic!("{command:?} does not serve: {messages}");
            }
        }
        (server, start.elapsed())
    }

    /// The processor time that it has taken, user and system, threads that ended included; `None`
    /// without `/proc`.
    pub fn processor_time(&self) -> Option<Duration> {
        static TICKS_A_SECOND: LazyLock<f64> = LazyLock::new(|| {
            let output = Command::new("getconf").arg("CLK_TCK").output().expect("getconf");
            String::from_utf8_lossy(&output.stdout).trim().parse().expect("a number")
        });
        let stat = self.read_proc("stat")?;
        // The name of the program, in parentheses, may contain blanks.
        let fields: Vec<&str> = stat.rsplit_once(") ")?.1.split(' ').collect();
        let ticks = |n: usize| fields.get(n)?.parse::<f64>().ok();
        Some(Duration::from_secs_f64((ticks(11)? + ticks(12)?) / *TICKS_A_SECOND))
    }

    /// A line of `smaps_rollup`, such as `Rss` or `Anonymous`, in KiB.
    pub fn memory(&self, name: &str) -> Option<f64> {
        let sums = self.read_proc("smaps_rollup")?;
        let line = sums.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
        line.split_whitespace().next()?.parse().ok()
    }

    fn read_proc(&self, file: &str) -> Option<String> {
        std::fs::read_to_string(format!("/proc/{}/{file}", self.child.id())).ok()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // What is killed leaves a log that the next start has to read.
        if matches!(self.child.try_wait(), Ok(None)) {
            let _ = Command::new("kill").arg(self.child.id().to_string()).status();
        }
        let start = Instant::now();
        while matches!(self.child.try_wait(), Ok(None)) && start.elapsed().as_secs() < 10 {
            std::thread::sleep(Duration::from_millis(10));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Whether a request for the path is answered with 200.
fn answers(address: SocketAddr, path: &str) -> bool {
    let ask = || {
        let mut stream = TcpStream::connect(address)?;
        write!(stream, "GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n")?;
        let mut status = [0; 12];
        stream.read_exact(&mut status).map(|()| status)
    };
    ask().is_ok_and(|status: [u8; 12]| status == *b"HTTP/1.1 200")
}
