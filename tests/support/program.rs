//! The program as a child process in a temporary folder, without settings of this environment.

use std::io::{BufRead, BufReader};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::LazyLock;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

use crate::feed::feed;

pub const PASSWORD: &str = "correct horse battery staple";

/// The program under test: the absolute path in `TEST_BINARY`, or the one built with the tests.
pub static BINARY: LazyLock<String> = LazyLock::new(|| {
    std::env::var("TEST_BINARY").unwrap_or_else(|_| env!("CARGO_BIN_EXE_widgetd").to_owned())
});

/// How long anything may take before a test fails. No test measures time with this.
pub const TEST_TIMEOUT: Duration = Duration::from_mins(1);

/// A folder to run the program in.
pub struct Place {
    pub folder: TempDir,
    environment: Vec<(String, String)>,
}

impl Place {
    pub fn new() -> Self {
        let cheap = [("WIDGETD_ARGON2_MEMORY_KIB", "64"), ("WIDGETD_ARGON2_PASSES", "1")];
        Self::with(&cheap)
    }

    pub fn with(environment: &[(&str, &str)]) -> Self {
        let environment =
            environment.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        Self { folder: TempDir::new().unwrap(), environment }
    }

    /// Sets a variable for the next runs.
    pub fn set(&mut self, name: &str, value: &str) {
        self.environment.push((name.to_owned(), value.to_owned()));
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    pub fn database(&self) -> PathBuf {
        self.path().join("widgetd.db")
    }

    /// The names of the files in the folder, sorted.
    pub fn files(&self) -> Vec<String> {
        let files = std::fs::read_dir(self.path()).unwrap();
        let mut names: Vec<_> =
            files.map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&*BINARY);
        for (name, _) in std::env::vars()
            .filter(|(name, _)| name.starts_with("WIDGETD_") || name.starts_with("ROCKET_"))
        {
            command.env_remove(name);
        }
        command
            .args(arguments)
            .current_dir(self.path())
            .env("WIDGETD_TIME_ZONE", "UTC")
            .envs(self.environment.iter().map(|(k, v)| (k, v)));
        command
    }

    /// Runs a command to its end.
    pub fn run(&self, arguments: &[&str], stdin: &str) -> Output {
        feed(&mut self.command(arguments), stdin).unwrap()
    }

    pub fn add_admin(&self) {
        self.add_user(&["admin@example.com", "--admin"]);
    }

    /// Adds a user with [`PASSWORD`]: the e-mail address, and options.
    #[track_caller]
    pub fn add_user(&self, arguments: &[&str]) {
        let output = self.try_add_user(arguments, PASSWORD);
        assert!(output.status.success(), "{}", text(&output.stderr));
    }

    pub fn try_add_user(&self, arguments: &[&str], password: &str) -> Output {
        self.run(&[&["user", "add"], arguments, &["--password-stdin"]].concat(), password)
    }

    /// Starts the server on a free port, and waits until it is ready.
    pub fn serve(&self) -> Server {
        self.serve_with(&["serve", "--port", "0"])
    }

    pub fn serve_with(&self, arguments: &[&str]) -> Server {
        Self::start(self.command(arguments))
    }

    /// The same as [`Self::serve`], with the limit of open descriptors.
    pub fn serve_with_descriptors(&self, limit: u32) -> Server {
        let serve = self.command(&["serve", "--port", "0"]);
        let mut shell = Command::new("sh");
        shell
            .args(["-c", &format!("ulimit -n {limit}; exec \"$0\" \"$@\"")])
            .arg(serve.get_program())
            .args(serve.get_args())
            .current_dir(self.path());
        for (name, value) in serve.get_envs() {
            match value {
                Some(value) => shell.env(name, value),
                None => shell.env_remove(name),
            };
        }
        Self::start(shell)
    }

    pub fn start(command: Command) -> Server {
        let server = Self::try_start(command);
        server.unwrap_or_else(|said| panic!("not ready: {said:?}"))
    }

    /// The service once it is ready, or all that it has said if it ends before.
    pub fn try_start(mut command: Command) -> Result<Server, Vec<String>> {
        let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
        let (sender, lines) = channel();
        let stderr = BufReader::new(child.stderr.take().unwrap());
        std::thread::spawn(move || {
            stderr.lines().map_while(Result::ok).try_for_each(|line| sender.send(line))
        });
        let mut server = Server { child, url: String::new(), lines, said: Vec::new() };
        while !server.said.iter().any(|line| line.contains("Ctrl-C")) {
            match server.lines.recv_timeout(TEST_TIMEOUT) {
                Ok(line) => server.said.push(line),
                Err(RecvTimeoutError::Disconnected) => {
                    return Err(std::mem::take(&mut server.said));
                }
                Err(RecvTimeoutError::Timeout) => panic!("not ready: {:?}", server.said),
            }
        }
        let address = |line: &String| line.strip_prefix("  Address    ").map(str::to_owned);
        server.url = server.said.iter().find_map(address).expect("an address");
        Ok(server)
    }
}

/// The program while it serves. Killed when dropped.
pub struct Server {
    child: Child,
    pub url: String,
    lines: Receiver<String>,
    /// The lines of stderr so far.
    pub said: Vec<String>,
}

impl Server {
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Waits for a line of stderr that contains this.
    pub fn wait_for_line(&mut self, text: &str) -> bool {
        while let Ok(line) = self.lines.recv_timeout(TEST_TIMEOUT) {
            let is_found = line.contains(text);
            self.said.push(line);
            if is_found {
                return true;
            }
        }
        false
    }

    pub fn has_ended(&mut self) -> bool {
        self.child.try_wait().unwrap().is_some()
    }

    /// `kill -9`
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Stops it with SIGTERM. Returns its exit code and all of stderr.
    pub fn terminate(self) -> (Option<i32>, Vec<String>) {
        signal(self.id(), "TERM");
        self.wait()
    }

    /// Waits until it has stopped. Returns its exit code and all of stderr.
    pub fn wait(mut self) -> (Option<i32>, Vec<String>) {
        let deadline = Instant::now() + TEST_TIMEOUT;
        while !self.has_ended() {
            assert!(Instant::now() < deadline, "it does not stop");
            std::thread::sleep(Duration::from_millis(10));
        }
        let status = self.child.wait().unwrap();
        let mut said = std::mem::take(&mut self.said);
        said.extend(self.lines.iter());
        (status.code(), said)
    }

    /// A connection to send bytes over as they are.
    pub fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.url.trim_start_matches("http://")).unwrap();
        stream.set_read_timeout(Some(TEST_TIMEOUT)).unwrap();
        stream
    }

    pub fn client(&self) -> Client {
        Client::of(&self.url)
    }

    pub fn log_in(&self, email: &str) -> Client {
        let answer = self.client().attempt(email, PASSWORD);
        assert_eq!(answer.status, 200, "{}", answer.text);
        Client {
            token: Some(answer.body["access_token"].as_str().unwrap().to_owned()),
            ..self.client()
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The most memory that the server has had.
pub fn peak_memory_kib(server: &Server) -> usize {
    let status = std::fs::read_to_string(format!("/proc/{}/status", server.id())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

pub fn signal(process: u32, name: &str) {
    let status =
        Command::new("kill").args([&format!("-{name}"), &process.to_string()]).status().unwrap();
    assert!(status.success());
}

fn agent() -> ureq::Agent {
    ureq::Agent::config_builder()
        .http_status_as_error(false)
        .timeout_global(Some(TEST_TIMEOUT))
        .build()
        .into()
}

/// An HTTP client for paths below `/api/v1`.
#[derive(Clone)]
pub struct Client {
    url: String,
    pub token: Option<String>,
    headers: Vec<(String, String)>,
    agent: ureq::Agent,
}

pub struct Answer {
    pub status: u16,
    pub headers: ureq::http::HeaderMap,
    pub text: String,
    pub body: Value,
}

impl Client {
    pub fn of(url: &str) -> Self {
        Self { url: url.to_owned(), token: None, headers: Vec::new(), agent: agent() }
    }

    pub fn bearing(&self, token: &str) -> Self {
        Self { token: Some(token.to_owned()), ..self.clone() }
    }

    /// The same client, with one more header on every request.
    pub fn with(&self, name: &str, value: &str) -> Self {
        let mut client = self.clone();
        client.headers.push((name.to_owned(), value.to_owned()));
        client
    }

    pub fn get(&self, path: &str) -> Answer {
        self.try_get(path).unwrap()
    }

    /// GET of a path that is not below the API.
    pub fn at_root(&self, path: &str) -> Answer {
        read(self.dressed(self.agent.get(format!("{}{path}", self.url))).call()).unwrap()
    }

    pub fn try_get(&self, path: &str) -> Result<Answer, ureq::Error> {
        read(self.dressed(self.agent.get(format!("{}/api/v1{path}", self.url))).call())
    }

    pub fn post(&self, path: &str, fields: &[(&str, &str)]) -> Answer {
        self.try_post(path, fields).unwrap()
    }

    /// Fails only if the connection does.
    pub fn try_post(&self, path: &str, fields: &[(&str, &str)]) -> Result<Answer, ureq::Error> {
        read(
            self.dressed(self.agent.post(format!("{}/api/v1{path}", self.url)))
                .send_form(fields.iter().copied()),
        )
    }

    /// Sends a table.
    pub fn import(&self, path: &str, table: &str) -> Result<Answer, ureq::Error> {
        let url = format!("{}/api/v1{path}", self.url);
        read(self.dressed(self.agent.post(url)).header("Content-Type", "text/csv").send(table))
    }

    /// PATCH with fields, or DELETE without.
    pub fn send(&self, method: &str, path: &str, fields: &[(&str, &str)]) -> Answer {
        let url = format!("{}/api/v1{path}", self.url);
        let answer = match method {
            "PATCH" => self.dressed(self.agent.patch(url)).send_form(fields.iter().copied()),
            "DELETE" => self.dressed(self.agent.delete(url)).call(),
            _ => panic!("{method}"),
        };
        read(answer).unwrap()
    }

    fn dressed<B>(&self, request: ureq::RequestBuilder<B>) -> ureq::RequestBuilder<B> {
        let token = self.token.iter().map(|token| ("Authorization", format!("Bearer {token}")));
        let others = self.headers.iter().map(|(name, value)| (name.as_str(), value.clone()));
        token.chain(others).fold(request, |request, (name, value)| request.header(name, value))
    }

    /// An attempt to log in.
    pub fn attempt(&self, email: &str, password: &str) -> Answer {
        self.post("/auth/login", &[("email", email), ("password", password)])
    }

    pub fn try_add_widget(&self, name: &str) -> Result<Answer, ureq::Error> {
        let fields =
            [("name", name), ("info_url", "https://example.com"), ("deadline", "2099-12-31")];
        self.try_post("/widgets", &fields)
    }
}

fn read(
    response: Result<ureq::http::Response<ureq::Body>, ureq::Error>,
) -> Result<Answer, ureq::Error> {
    let mut response = response?;
    let text = response.body_mut().read_to_string()?;
    let body = serde_json::from_str(&text).unwrap_or_default();
    Ok(Answer {
        status: response.status().as_u16(),
        headers: response.headers().clone(),
        text,
        body,
    })
}

/// Waits until something is so. If it takes too long, the test fails with what `else_says` says.
#[track_caller]
pub fn wait_until(mut is_so: impl FnMut() -> bool, else_says: impl Fn() -> String) {
    let deadline = Instant::now() + TEST_TIMEOUT;
    while !is_so() {
        assert!(Instant::now() < deadline, "{}", else_says());
        std::thread::sleep(Duration::from_millis(50));
    }
}

pub fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
