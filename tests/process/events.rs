//! `/audit/events` over the network: listeners that read, that do not, that leave and come back.

use std::collections::BTreeMap;
use std::io::{BufRead, Read, Write};
use std::net::IpAddr;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rocket::tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use rocket::tokio::net::{TcpSocket, TcpStream};
use rocket::tokio::runtime::{Builder, Runtime};
use rocket::tokio::task::spawn;
use rocket::tokio::time::{sleep, timeout};
use serde_json::Value;

use crate::connections::swagger_script;
use crate::program::{Client, Place, Server, TEST_TIMEOUT, peak_memory_kib};

const ADMIN: &str = "admin@example.com";

const HERE: [u8; 4] = [127, 0, 0, 1];

fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

/// A client that reads the events one by one.
struct Listener {
    stream: BufReader<TcpStream>,
    /// What has arrived and is not taken yet.
    text: String,
}

#[derive(Debug, PartialEq)]
enum Sent {
    /// The id, the action, and the target.
    Event(u64, String, String),
    Ping,
}

impl Listener {
    /// Connects from an address of this machine: on Linux, all of 127.0.0.0/8 are.
    async fn open(url: &str, from: [u8; 4], token: &str, last: Option<u64>) -> Self {
        Self::try_open(url, from, token, last).await.expect("an answer")
    }

    /// `None` if the server closes the connection without an answer.
    async fn try_open(url: &str, from: [u8; 4], token: &str, last: Option<u64>) -> Option<Self> {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind((IpAddr::from(from), 0).into()).unwrap();
        let stream = socket.connect(url.trim_start_matches("http://").parse().unwrap());
        let mut stream = BufReader::new(stream.await.unwrap());
        let last = last.map(|id| format!("Last-Event-ID: {id}\r\n")).unwrap_or_default();
        let request = format!(
            "GET /api/v1/audit/events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n{last}\r\n"
        );
        stream.write_all(request.as_bytes()).await.ok()?;
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            stream.read_line(&mut head).await.ok().filter(|bytes| *bytes > 0)?;
        }
        assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
        assert!(head.contains("content-type: text/event-stream\r\n"), "{head}");
        Some(Self { stream, text: String::new() })
    }

    /// What is sent next; `None` at the end of the answer, or where the connection is reset.
    async fn next(&mut self) -> Option<Sent> {
        loop {
            if let Some(end) = self.text.find("\n\n") {
                let block: String = self.text.drain(..end + 2).collect();
                return Some(parse(block.trim_end()));
            }
            let chunk = timeout(TEST_TIMEOUT, self.chunk()).await.expect("something is sent")?;
            self.text.push_str(&chunk);
        }
    }

    /// The ids of the next events, without a look at the rest; `None` at the end.
    async fn ids(&mut self) -> Option<Vec<u64>> {
        let chunk = timeout(TEST_TIMEOUT, self.chunk()).await.expect("something is sent")?;
        self.text.push_str(&chunk);
        let end = self.text.rfind("\n\n").map_or(0, |end| end + 2);
        let events: String = self.text.drain(..end).collect();
        let ids = events.split("\n\n").filter_map(|event| event.strip_prefix("id: "));
        Some(ids.map(|id| id.split_once('\n').unwrap().0.parse().unwrap()).collect())
    }

    /// A chunk of the answer (RFC 9112 section 7.1).
    async fn chunk(&mut self) -> Option<String> {
        let mut size = String::new();
        self.stream.read_line(&mut size).await.ok()?;
        let size = usize::from_str_radix(size.trim_end(), 16).ok()?;
        let mut chunk = vec![0; size + 2];
        self.stream.read_exact(&mut chunk).await.ok()?;
        chunk.truncate(size);
        (size > 0).then(|| String::from_utf8(chunk).unwrap())
    }

    /// The next event, past the pings.
    async fn event(&mut self) -> Option<(u64, String, String)> {
        loop {
            match self.next().await? {
                Sent::Ping => {}
                Sent::Event(id, action, target) => return Some((id, action, target)),
            }
        }
    }

    /// The targets of the next events.
    async fn targets(&mut self, count: usize) -> Vec<String> {
        let mut targets = Vec::new();
        for _ in 0..count {
            targets.push(self.event().await.expect("an event").2);
        }
        targets
    }
}

fn parse(block: &str) -> Sent {
    if block == ":" {
        return Sent::Ping;
    }
    let fields: BTreeMap<_, _> =
        block.lines().map(|line| line.split_once(": ").expect(block)).collect();
    let data: Value = serde_json::from_str(fields["data"]).unwrap();
    assert_eq!(
        (&data["id"].to_string(), &data["action"]),
        (&fields["id"].to_owned(), &fields["event"].into())
    );
    let target = data["target"].as_str().unwrap_or_default().to_owned();
    Sent::Event(fields["id"].parse().unwrap(), fields["event"].to_owned(), target)
}

/// A server with an administrator who is logged in.
fn scene() -> (Place, Server, Client) {
    let place = Place::new();
    let server = place.serve();
    place.add_admin();
    let admin = server.log_in(ADMIN);
    (place, server, admin)
}

#[track_caller]
fn add_widget(client: &Client, name: &str) {
    assert_eq!(client.try_add_widget(name).unwrap().status, 201);
}

#[test]
fn event_stream_has_each_change_as_it_happens_also_by_a_command() {
    let (place, server, admin) = scene();
    let token = admin.token.clone().unwrap();
    runtime().block_on(async {
        let mut listener = Listener::open(&server.url, HERE, &token, None).await;
        assert_eq!(listener.next().await, Some(Sent::Ping));
        for name in ["one", "two"] {
            add_widget(&admin, name);
            assert_eq!(listener.targets(1).await, [name]);
        }
        place.add_user(&["ann@example.com"]);
        let (id, action, target) = listener.event().await.unwrap();
        assert_eq!((&*action, &*target), ("account.register", "ann@example.com"));
        // One that left and comes back.
        drop(listener);
        add_widget(&admin, "three");
        let mut again = Listener::open(&server.url, HERE, &token, Some(id)).await;
        assert_eq!(again.targets(1).await, ["three"]);
        add_widget(&admin, "four");
        assert_eq!(again.targets(1).await, ["four"]);
    });
}

#[test]
#[ignore = "needs HTTPie; .ci/run installs it"]
fn event_stream_is_shown_by_httpie_as_it_comes() {
    let (_place, server, admin) = scene();
    let mut httpie = Command::new("http")
        .args(["--ignore-stdin", "--stream", "-A", "bearer", "-a", admin.token.as_ref().unwrap()])
        .arg(format!("{}/api/v1/audit/events", server.url))
        .stdout(Stdio::piped())
        .spawn()
        .expect("HTTPie is installed");
    let mut lines = std::io::BufReader::new(httpie.stdout.take().unwrap()).lines();
    let mut next = || lines.next().unwrap().unwrap();
    assert_eq!([next(), next()], [":", ""]);
    for name in ["one", "two"] {
        add_widget(&admin, name);
        assert!(next().starts_with("id: "));
        assert_eq!(next(), "event: widget.create");
        let data: Value = serde_json::from_str(&next()["data: ".len()..]).unwrap();
        assert_eq!((&data["target"], next().as_str()), (&name.into(), ""));
    }
    httpie.kill().unwrap();
    httpie.wait().unwrap();
}

#[test]
fn event_stream_ends_with_the_session_the_key_the_role_and_the_service() {
    let (place, server, admin) = scene();
    place.add_user(&["other@example.com", "--admin"]);
    let other = server.log_in("other@example.com");
    let made = other.post("/auth/keys", &[("name", "feed"), ("scope", "read")]).body;
    let [key, key_id] = ["key", "id"].map(|field| made[field].as_str().unwrap().to_owned());
    let (second, third) = (server.log_in(ADMIN), server.log_in(ADMIN));
    runtime().block_on(async {
        let open = async |token: &str| Listener::open(&server.url, HERE, token, None).await;
        let mut of_session = open(second.token.as_ref().unwrap()).await;
        let mut of_key = open(&key).await;
        let mut of_other = open(other.token.as_ref().unwrap()).await;
        let mut of_third = open(third.token.as_ref().unwrap()).await;
        add_widget(&admin, "one");
        for listener in [&mut of_session, &mut of_key, &mut of_other, &mut of_third] {
            assert_eq!(listener.targets(1).await, ["one"]);
        }
        assert_eq!(second.post("/auth/logout", &[]).status, 200);
        assert_eq!(of_session.event().await, None);
        assert_eq!(other.send("DELETE", &format!("/auth/keys/{key_id}"), &[]).status, 204);
        // Without an event that it may see, or with that of the logout.
        while of_key.event().await.is_some() {}
        // By a command, which is another process.
        let demoted = place.run(&["user", "role", "other@example.com", "manager"], "");
        assert!(demoted.status.success());
        while let Some((_, action, _)) = of_other.event().await {
            assert_ne!(action, "account.role");
        }
        // A stream that waits keeps nobody from stopping.
        let (code, said) = server.terminate();
        assert_eq!(code, Some(0), "{said:?}");
        while of_third.event().await.is_some() {}
    });
}

#[test]
#[ignore = "waits for 15 seconds; .ci/run runs it"]
fn event_stream_pings_a_quiet_connection_which_stays_open() {
    let mut place = Place::new();
    // Not the time between two requests.
    place.set("WIDGETD_KEEP_ALIVE", "1");
    let server = place.serve();
    place.add_admin();
    let admin = server.log_in(ADMIN);
    runtime().block_on(async {
        let token = admin.token.as_ref().unwrap();
        let mut listener = Listener::open(&server.url, HERE, token, None).await;
        let mut sent = Vec::new();
        while sent.len() < 4 {
            sent.push(listener.next().await.expect("it is open"));
            if sent.len() == 3 {
                add_widget(&admin, "one");
            }
        }
        assert_eq!(sent[..3], [Sent::Ping, Sent::Ping, Sent::Ping]);
        assert!(matches!(&sent[3], Sent::Event(_, _, target) if target == "one"), "{sent:?}");
    });
}

#[test]
#[ignore = "waits for 30 seconds; .ci/run runs it"]
fn event_stream_whose_client_does_not_read_is_closed_and_others_go_on() {
    const COUNT: usize = 1_500;
    let (_place, server, admin) = scene();
    let task = admin.post("/tasks", &[("title", "one")]).body;
    let path = format!("/tasks/{}", task["id"].as_str().unwrap());
    // Large events, and more of them than the kernel takes.
    let texts = ["\u{1}", "\u{2}"].map(|c| c.repeat(255));
    runtime().block_on(async {
        let token = admin.token.as_ref().unwrap();
        let mut reads = Listener::open(&server.url, HERE, token, None).await;
        let mut silent = Listener::open(&server.url, HERE, token, None).await;
        for n in 0..COUNT {
            let change = [("description", &*texts[n % 2])];
            assert_eq!(admin.send("PATCH", &path, &change).status, 200);
        }
        for _ in 0..COUNT {
            assert_eq!(reads.event().await.unwrap().1, "task.update");
        }
        // What it sends is not read any more when it is closed, which resets it.
        let started = Instant::now();
        while silent.stream.write_all(b"G").await.is_ok() {
            assert!(started.elapsed() < TEST_TIMEOUT, "it is still open");
            sleep(Duration::from_millis(500)).await;
        }
        add_widget(&admin, "one");
        assert_eq!(reads.targets(1).await, ["one"]);
    });
}

/// How many accounts listen, each with 16 streams, and the changes that they hear of.
const LISTENING: usize = 63;
const CHANGES: usize = 10_000;

/// Reads the ids of all changes after `last`. Connects again now and then, and where the stream ends,
/// because this machine is not a thousand: how often is the second result.
async fn listen(url: &str, n: usize, token: &str, mut last: u64) -> (Vec<u64>, usize) {
    let from = [127, 0, 1, u8::try_from(n % 100).unwrap() + 1];
    let (mut seen, mut ends) = (Vec::new(), 0);
    while seen.len() < CHANGES {
        let Some(mut listener) = Listener::try_open(url, from, token, Some(last)).await else {
            ends += 1;
            continue;
        };
        // Each leaves at other events, a few times in all.
        let until = CHANGES.min(seen.len() + 2_000 + (n * 7) % 1_000);
        while seen.len() < until {
            let Some(ids) = listener.ids().await else {
                ends += 1;
                break;
            };
            seen.extend(ids);
        }
        last = seen.last().copied().unwrap_or(last);
    }
    (seen, ends)
}

#[test]
#[ignore = "opens 1,008 streams, for a minute or two"]
fn load_of_1_000_listeners_and_10_000_changes() {
    let (place, server, admin) = scene();
    let mut tokens = Vec::new();
    for n in 0..LISTENING {
        let email = format!("listener{n}@example.com");
        place.add_user(&[&email, "--admin"]);
        tokens.push(server.log_in(&email).token.unwrap());
    }
    let idle = peak_memory_kib(&server);
    let last = admin.get("/audit").body["items"][0]["id"].as_u64().unwrap();
    let (url, started, before) = (server.url.clone(), Instant::now(), processor_seconds(&server));
    let listening = std::thread::spawn({
        let (url, tokens) = (url.clone(), tokens.clone());
        move || {
            runtime().block_on(async {
                let all = (0..16 * LISTENING).map(|n| {
                    let (url, token) = (url.clone(), tokens[n / 16].clone());
                    spawn(async move { listen(&url, n, &token, last).await })
                });
                let mut seen = Vec::new();
                for listener in all.collect::<Vec<_>>() {
                    seen.push(listener.await.unwrap());
                }
                seen
            })
        }
    });
    while connections_of(&server) < 16 * LISTENING {
        std::thread::sleep(Duration::from_millis(50));
    }
    let waiting = peak_memory_kib(&server);
    read_slowly(&server);
    std::thread::scope(|scope| {
        for part in 0..8 {
            let admin = &admin;
            scope.spawn(move || {
                for n in 0..CHANGES / 8 {
                    add_widget(admin, &format!("w{part}-{n}"));
                }
            });
        }
    });
    let written = started.elapsed();
    let seen = listening.join().unwrap();
    let heard = started.elapsed();
    let expected: Vec<u64> = (last + 1..).take(CHANGES).collect();
    for (n, (ids, _)) in seen.iter().enumerate() {
        assert!(ids[..CHANGES] == expected, "listener {n}");
    }
    let ends: usize = seen.iter().map(|(_, ends)| ends).sum();
    let (memory, processor) = (peak_memory_kib(&server), processor_seconds(&server) - before);
    eprintln!(
        "{} listeners; {CHANGES} changes written in {written:?}, heard by all in {heard:?}, \
         with {processor:.1} s of processor time; {ends} streams were closed; memory {idle} KiB before, {waiting} KiB while they wait, {memory} KiB at most",
        seen.len()
    );
    assert!(memory < 192 * 1_024, "{memory} KiB");
}

/// The processor time that the server has had.
fn processor_seconds(server: &Server) -> f64 {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", server.id())).unwrap();
    // The 14th and 15th field, in hundredths of a second; the name before them may have blanks.
    let fields: Vec<&str> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
    let ticks = |n: usize| fields[n].parse::<f64>().unwrap();
    (ticks(11) + ticks(12)) / 100.0
}

/// Reads a large answer after another one has begun. Streams that wait leave it the memory for that.
fn read_slowly(server: &Server) {
    let request = format!("GET {} HTTP/1.1\r\nHost: x\r\n", swagger_script(server));
    let mut streams = [server.connect(), server.connect()];
    for stream in &mut streams {
        stream.write_all(format!("{request}Connection: close\r\n\r\n").as_bytes()).unwrap();
        std::thread::sleep(Duration::from_millis(500));
    }
    for mut stream in streams {
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        assert!(answer.len() > 1_000_000, "{}", answer.len());
    }
}

/// The sockets of the server.
fn connections_of(server: &Server) -> usize {
    let descriptors = std::fs::read_dir(format!("/proc/{}/fd", server.id())).unwrap();
    let is_socket = |entry: std::io::Result<std::fs::DirEntry>| {
        let target = std::fs::read_link(entry.unwrap().path());
        target.is_ok_and(|target| target.to_string_lossy().starts_with("socket:"))
    };
    descriptors.map(is_socket).filter(|is_socket| *is_socket).count()
}
