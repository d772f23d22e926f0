//! Clients that send half of a request and nothing more, a byte now and then, or never read.

use std::io::{ErrorKind, Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use socket2::{Domain, Socket, Type};

use crate::Run;
use crate::latency::{Compared, Reader};
use crate::load::{Load, ready, run_while_idle, stops};
use crate::program::{Place, Server, TEST_TIMEOUT, peak_memory_kib};

const MAX_MEMORY_KIB: usize = 192 * 1_024;
/// How long after the load all must be as before.
const RECOVERY: Duration = Duration::from_secs(15);
/// A client whose connection was closed waits that long before it opens the next.
const REOPENS_AFTER: Duration = Duration::from_secs(1);

pub fn prove(run: &Run) -> String {
    let mut said = Vec::new();
    for descriptors in [20_000, 1_024] {
        said.push(with_descriptors(run, descriptors));
    }
    said.join("\n")
}

fn with_descriptors(run: &Run, limit: u32) -> String {
    let place = Place::new();
    let server = place.serve_with_descriptors(limit);
    place.add_admin();
    let token = server.log_in("admin@example.com").token.expect("a token");
    let settings = json!({
        "url": server.url,
        "requests": requests(&server),
        "count": run.times(10_000, 1_500),
    });
    let time = Duration::from_secs(run.times(20, 3) as u64);
    let mut compared = Compared::new(run, Reader::new(&server.url, &token), run.times(5, 2));
    let (mut slowest, mut reopened) = (Duration::ZERO, 0);
    while compared.next(time / 2) {
        let before = descriptors(&server);
        let load = Load::start("slow clients", &settings);
        compared.under_load(time);
        reopened += load.stop()["reopened"].as_u64().expect("a count");
        slowest = slowest.max(recover(run, &server, before));
    }
    let memory = peak_memory_kib(&server) / 1_024;
    let count = &settings["count"];
    let done = format!(
        "{limit} descriptors, {count} clients, {reopened} came again; {compared}; \
         at most {memory} MB; as before after {} ms",
        slowest.as_millis()
    );
    assert!(peak_memory_kib(&server) < MAX_MEMORY_KIB, "{done}");
    assert!(compared.holds(), "{done}");
    done
}

/// Waits until the service has no more descriptors than before the load, and returns how long.
fn recover(run: &Run, server: &Server, before: usize) -> Duration {
    let most = if run.judges_time() { RECOVERY } else { TEST_TIMEOUT };
    let started = Instant::now();
    while descriptors(server) > before {
        let found = descriptors(server);
        assert!(started.elapsed() < most, "{before} descriptors before, {found} after");
        std::thread::sleep(Duration::from_millis(100));
    }
    started.elapsed()
}

fn descriptors(server: &Server) -> usize {
    std::fs::read_dir(format!("/proc/{}/fd", server.id())).expect("its descriptors").count()
}

/// What each kind of client sends.
fn requests(server: &Server) -> Vec<String> {
    let get = "GET /healthz HTTP/1.1\r\nHost: x\r\n";
    let half_body = "POST /api/v1/auth/login HTTP/1.1\r\nHost: x\r\nContent-Length: 200\r\n\
        Content-Type: application/x-www-form-urlencoded\r\n\r\nemail=ann%40e";
    let page = server.client().get("/ui").text;
    let script = page.split(['"', '\'']).find(|text| text.ends_with("swagger-ui-bundle.js"));
    let script = script.expect("a script").trim_start_matches("../");
    let unread = format!("GET /{script} HTTP/1.1\r\nHost: x\r\n\r\n").repeat(20);
    vec![String::new(), get[..20].to_owned(), half_body.to_owned(), format!("{get}X-"), unread]
}

const DRIPS: usize = 3;
const NEVER_READS: usize = 4;

/// A client of the load.
struct Client<'a> {
    kind: usize,
    from: SocketAddr,
    request: &'a [u8],
    stream: Option<TcpStream>,
    unsent: &'a [u8],
    closed: Instant,
}

/// Keeps connections of all kinds open, from 100 addresses.
pub fn generate(settings: &Value) -> Value {
    run_while_idle();
    let to: SocketAddr =
        settings["url"].as_str().unwrap().trim_start_matches("http://").parse().unwrap();
    let requests: Vec<String> = serde_json::from_value(settings["requests"].clone()).unwrap();
    let mut clients: Vec<_> = (0..settings["count"].as_u64().unwrap())
        .map(|n| {
            let address = Ipv4Addr::new(127, 0, 1, u8::try_from(n % 100).unwrap() + 1);
            let kind = usize::try_from(n).unwrap() % requests.len();
            let request = requests[kind].as_bytes();
            let from = SocketAddr::new(IpAddr::V4(address), 0);
            Client { kind, from, request, stream: None, unsent: request, closed: Instant::now() }
        })
        .collect();
    for client in &mut clients {
        client.open(to);
    }
    ready();
    let mut reopened = 0;
    while !stops() {
        for client in &mut clients {
            reopened += usize::from(client.go_on(to));
        }
        std::thread::sleep(Duration::from_millis(200));
    }
    json!({ "reopened": reopened })
}

impl Client<'_> {
    fn open(&mut self, to: SocketAddr) {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        socket.set_nonblocking(true).unwrap();
        socket.bind(&self.from.into()).unwrap();
        // It goes on in the background.
        let _ = socket.connect(&to.into());
        (self.stream, self.unsent) = (Some(socket.into()), self.request);
    }

    /// Sends what it can. Returns whether it has opened a connection once more.
    fn go_on(&mut self, to: SocketAddr) -> bool {
        let Some(stream) = &mut self.stream else {
            let is_due = self.closed.elapsed() > REOPENS_AFTER;
            if is_due {
                self.open(to);
            }
            return is_due;
        };
        if self.unsent.is_empty() && self.kind == DRIPS {
            self.unsent = b"X";
        }
        let mut is_closed = match stream.write(self.unsent) {
            Ok(count) => {
                self.unsent = &self.unsent[count..];
                false
            }
            Err(error) => !matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::NotConnected),
        };
        is_closed |= match self.kind {
            // It cannot tell.
            NEVER_READS => false,
            _ => match stream.read(&mut [0; 512]) {
                Ok(count) => count == 0,
                Err(error) => {
                    !matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::NotConnected)
                }
            },
        };
        if is_closed {
            (self.stream, self.closed) = (None, Instant::now());
        }
        false
    }
}
