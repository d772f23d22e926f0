//! Connections that wait for their clients, and more of them than there is room for.

use std::io::{ErrorKind, Read, Write};
use std::net::{IpAddr, TcpStream};
use std::time::{Duration, Instant};

use crate::program::{Client, Place, Server, TEST_TIMEOUT, peak_memory_kib, text};

const GET: &str = "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n";

/// Connects from an address of this machine: on Linux, all of 127.0.0.0/8 are.
pub fn connect_from(url: &str, address: [u8; 4]) -> TcpStream {
    let runtime =
        rocket::tokio::runtime::Builder::new_current_thread().enable_io().build().unwrap();
    let target = url.trim_start_matches("http://").parse().unwrap();
    let connect = async {
        let socket = rocket::tokio::net::TcpSocket::new_v4().unwrap();
        socket.bind((IpAddr::from(address), 0).into()).unwrap();
        socket.connect(target).await.unwrap().into_std().unwrap()
    };
    let stream = runtime.block_on(connect);
    stream.set_nonblocking(false).unwrap();
    stream.set_read_timeout(Some(TEST_TIMEOUT)).unwrap();
    stream
}

/// What arrives until the server closes the connection. Fails if it does not.
fn rest(mut stream: TcpStream) -> String {
    let mut bytes = Vec::new();
    match stream.read_to_end(&mut bytes) {
        Ok(_) => {}
        Err(error) => assert_eq!(error.kind(), ErrorKind::ConnectionReset, "{error}"),
    }
    text(&bytes)
}

/// One answer with a short body.
fn answer(stream: &mut TcpStream) -> String {
    let mut bytes = [0; 4_096];
    let count = stream.read(&mut bytes).unwrap();
    text(&bytes[..count])
}

/// Sends bytes as they are, and reads until the server closes the connection.
fn exchange(server: &Server, request: &str) -> String {
    let mut stream = server.connect();
    stream.write_all(request.as_bytes()).unwrap();
    rest(stream)
}

#[test]
fn a_timeout_closes_each_connection_whose_client_sends_too_little() {
    let mut place = Place::new();
    place.set("WIDGETD_KEEP_ALIVE", "1");
    let server = place.serve();
    let post = "POST /api/v1/auth/login HTTP/1.1\r\nHost: x\r\nContent-Length: 200\r\n\
        Content-Type: application/x-www-form-urlencoded\r\n\r\n";

    // A slow client is served: the head takes two seconds.
    let mut slow = server.connect();
    for part in [&GET[..7], &GET[7..20], &GET[20..]] {
        slow.write_all(part.as_bytes()).unwrap();
        std::thread::sleep(Duration::from_secs(1));
    }
    assert!(answer(&mut slow).starts_with("HTTP/1.1 200 "));
    // And then the connection idles.
    assert_eq!(rest(slow), "");

    let nothing = server.connect();
    let mut half_head = server.connect();
    half_head.write_all(&GET.as_bytes()[..20]).unwrap();
    let mut dripping = server.connect();
    let mut drip = dripping.try_clone().unwrap();
    std::thread::spawn(move || {
        // Ends when the connection does.
        while drip.write_all(b"X").is_ok() {
            std::thread::sleep(Duration::from_millis(200));
        }
    });
    dripping.write_all(b"GET /healthz HTTP/1.1\r\nX-").unwrap();
    let bodies = ["", "email=ann%40e", "email=ann%40example.com&password="].map(|body| {
        let mut stream = server.connect();
        stream.write_all(format!("{post}{body}").as_bytes()).unwrap();
        stream
    });
    for stream in [nothing, half_head, dripping] {
        assert_eq!(rest(stream), "");
    }
    for stream in bodies {
        let answer = rest(stream);
        assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
        assert!(answer.contains("took too long to arrive"), "{answer}");
    }
}

#[test]
fn a_timeout_closes_a_connection_whose_client_does_not_read() {
    let place = Place::new();
    let server = place.serve();
    let path = swagger_script(&server);
    let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n");
    let mut stream = server.connect();
    stream.write_all(request.repeat(300).as_bytes()).unwrap();
    // The server closes it with requests unread, which resets it.
    let started = Instant::now();
    while stream.write_all(b"G").is_ok() {
        assert!(started.elapsed() < 2 * TEST_TIMEOUT, "the connection is still open");
        std::thread::sleep(Duration::from_millis(500));
    }
    assert_eq!(server.client().get("/openapi.json").status, 200);
}

#[test]
fn where_unread_answers_are_too_much_those_that_wait_longest_close() {
    let place = Place::new();
    let server = place.serve();
    let path = swagger_script(&server);
    let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    let ask = || {
        let mut stream = server.connect();
        stream.write_all(request.as_bytes()).unwrap();
        std::thread::sleep(Duration::from_millis(50));
        stream
    };
    // Each is more than a megabyte.
    let mut unread: Vec<_> = (0..40).map(|_| ask()).collect();
    let size = |stream| {
        let answer = rest(stream);
        let length = answer.lines().find_map(|line| line.strip_prefix("content-length: "));
        let length: usize = length.unwrap().parse().unwrap();
        assert!(length > 1_000_000, "{length}");
        (answer.split_once("\r\n\r\n").unwrap().1.len(), length)
    };
    let (arrived, length) = size(unread.pop().unwrap());
    assert_eq!(arrived, length);
    let (arrived, length) = size(unread.remove(0));
    assert!(arrived < length, "{arrived}");
}

#[test]
fn an_address_has_256_connections_and_other_addresses_have_their_own() {
    let place = Place::new();
    let server = place.serve();
    let held: Vec<_> = (0..256).map(|_| server.connect()).collect();
    let refused = exchange(&server, GET);
    assert!(refused.is_empty() || refused.starts_with("HTTP/1.1 503 "), "{refused}");
    let mut other = connect_from(&server.url, [127, 0, 0, 2]);
    other.write_all(GET.as_bytes()).unwrap();
    assert!(answer(&mut other).starts_with("HTTP/1.1 200 "));
    drop(held);
    // The server notices soon that they are closed.
    while !exchange(&server, &GET.replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n"))
        .starts_with("HTTP/1.1 200 ")
    {
        std::thread::sleep(Duration::from_millis(50));
    }
    let (_, said) = server.terminate();
    let lines = said.iter().filter(|line| line.contains("127.0.0.1 has too many connections"));
    assert_eq!(lines.count(), 1, "{said:?}");
}

#[test]
fn a_trusted_proxy_has_more_connections_than_other_addresses() {
    let mut place = Place::new();
    place.set("WIDGETD_TRUSTED_PROXIES", "[\"127.0.0.1\"]");
    let server = place.serve();
    let mut held: Vec<_> = (0..300).map(|_| server.connect()).collect();
    for stream in &mut held {
        stream.write_all(GET.as_bytes()).unwrap();
        assert!(answer(stream).starts_with("HTTP/1.1 200 "));
    }
}

#[test]
fn where_connections_run_out_those_that_wait_longest_close() {
    let mut place = Place::new();
    place.set("WIDGETD_MAX_CONNECTIONS", "16");
    let server = place.serve();
    let mut waiting: Vec<_> = (0..16).map(|_| server.connect()).collect();
    for _ in 0..4 {
        assert_eq!(server.client().get("/openapi.json").status, 200);
    }
    let newest = waiting.split_off(12);
    // Each client above took the place of the one that had waited longest.
    assert_eq!(rest(waiting.remove(0)), "");
    for mut stream in newest {
        stream.write_all(GET.as_bytes()).unwrap();
        assert!(answer(&mut stream).starts_with("HTTP/1.1 200 "));
    }
}

#[test]
fn where_descriptors_run_out_a_new_client_is_served() {
    let place = Place::new();
    let server = place.serve_with_descriptors(128);
    let held: Vec<_> = (0..200_u8).map(|n| connect_from(&server.url, [127, 0, 1, n])).collect();
    for _ in 0..10 {
        assert_eq!(server.client().get("/openapi.json").status, 200);
    }
    drop(held);
    assert_eq!(server.client().get("/openapi.json").status, 200);
}

#[test]
fn framing_that_a_proxy_may_read_otherwise_is_400_and_closes_the_connection() {
    let place = Place::new();
    let server = place.serve();
    for (head, why) in [
        ("GET /healthz HTTP/1.1\r\n", "lack Host"),
        ("GET /healthz HTTP/1.1\r\nHost: x\r\nHost: x\r\n", "have more than one Host"),
        (
            "POST /api/v1/auth/login HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n",
            "have both Content-Length and Transfer-Encoding",
        ),
        (
            "GET /healthz HTTP/1.1\r\nHost: x\r\nTRANSFER-ENCODING: chunked\r\ncontent-length: 0\r\n",
            "have both Content-Length and Transfer-Encoding",
        ),
    ] {
        let answer = exchange(&server, &format!("{head}\r\n0\r\n\r\n{GET}"));
        assert!(answer.starts_with("HTTP/1.1 400 "), "{head}: {answer}");
        assert!(answer.contains(&format!("{{\"headers\":\"{why}\"}}")), "{head}: {answer}");
        assert_eq!(answer.matches("HTTP/1.1 ").count(), 1, "{head}: {answer}");
    }
    // What is not ambiguous is served.
    let close = "Connection: close\r\n\r\n";
    for request in [
        format!("GET /healthz HTTP/1.1\r\nHost: x\r\n{close}"),
        "GET /healthz HTTP/1.0\r\n\r\n".to_owned(),
        format!("HEAD /healthz HTTP/1.1\r\nHost: x\r\n{close}"),
    ] {
        let answer = exchange(&server, &request);
        assert!(answer.contains(" 200 OK\r\n"), "{request}: {answer}");
    }
    let chunked = format!(
        "POST /api/v1/auth/login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n\
         Transfer-Encoding: chunked\r\n{close}2\r\n{{}}\r\n0\r\n\r\n"
    );
    assert!(exchange(&server, &chunked).contains("\"password\":\"is required\""));
}

#[test]
fn a_head_over_16_kib_is_refused() {
    let place = Place::new();
    let server = place.serve();
    let head = |bytes: usize| {
        format!(
            "GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\nX: {}\r\n\r\n",
            "x".repeat(bytes)
        )
    };
    assert!(exchange(&server, &head(15_000)).starts_with("HTTP/1.1 200 "));
    let refused = exchange(&server, &head(20_000));
    assert!(refused.is_empty() || refused.starts_with("HTTP/1.1 431 "), "{refused}");
}

#[test]
fn pipelined_requests_are_answered_in_their_order() {
    let place = Place::new();
    let server = place.serve();
    let mut stream = server.connect();
    let paths = ["/healthz", "/nope", "/healthz"];
    let requests = paths.map(|path| format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n")).concat();
    let last = "GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    stream.write_all(format!("{requests}{last}").as_bytes()).unwrap();
    let all = rest(stream);
    let statuses: Vec<_> = all.split("HTTP/1.1 ").skip(1).map(|answer| &answer[..3]).collect();
    assert_eq!(statuses, ["200", "404", "200", "200"], "{all} {:?}", server.terminate());
}

/// What a client of a flood sends, and then nothing, or a byte now and then, or it never reads.
fn flood_request(server: &Server, kind: usize) -> String {
    let body = "POST /api/v1/auth/login HTTP/1.1\r\nHost: x\r\nContent-Length: 200\r\n\
        Content-Type: application/x-www-form-urlencoded\r\n\r\nemail=ann%40e";
    match kind {
        0 => String::new(),
        1 => GET[..20].to_owned(),
        2 => body.to_owned(),
        3 => "GET /healthz HTTP/1.1\r\nX-".to_owned(),
        _ => format!("GET {} HTTP/1.1\r\nHost: x\r\n\r\n", swagger_script(server)).repeat(20),
    }
}

pub fn swagger_script(server: &Server) -> String {
    swagger_script_of(&server.client().get("/ui").text)
}

pub fn swagger_script_of(page: &str) -> String {
    let script = page.split(['"', '\'']).find(|text| text.ends_with("swagger-ui-bundle.js"));
    format!("/{}", script.unwrap().trim_start_matches("../"))
}

/// Keeps `count` connections of five kinds open for `time`, from 100 addresses.
fn flood(url: &str, requests: &[String], count: usize, time: Duration) {
    let open = |n: usize| {
        let address = [127, 0, 1, u8::try_from(n % 100).unwrap() + 1];
        let mut stream = connect_from(url, address);
        stream.set_nonblocking(true).unwrap();
        let _ = stream.write(requests[n % 5].as_bytes());
        stream
    };
    // This thread stands for other machines.
    #[cfg(target_os = "linux")]
    rustix::process::nice(19).unwrap();
    let started = Instant::now();
    let mut streams: Vec<_> = (0..count).map(open).collect();
    let mut reopened = 0;
    while started.elapsed() < time {
        for (n, stream) in streams.iter_mut().enumerate() {
            let is_closed = match n % 5 {
                // Never reads, so it cannot tell.
                4 => false,
                3 => stream.write(b"X").is_err_and(|error| error.kind() != ErrorKind::WouldBlock),
                _ => match stream.read(&mut [0; 512]) {
                    Ok(count) => count == 0,
                    Err(error) => error.kind() != ErrorKind::WouldBlock,
                },
            };
            if is_closed {
                *stream = open(n);
                reopened += 1;
            }
        }
        std::thread::sleep(Duration::from_millis(200));
    }
    eprintln!("{count} connections, {reopened} opened once more");
}

/// The number of a client's reads by key, sent one after the other until `stop`, and their 50th, 99th
/// and 99.9th percentile.
fn latency(client: &Client, mut stop: impl FnMut(usize) -> bool) -> (usize, [Duration; 3]) {
    let mut times = Vec::new();
    while !stop(times.len()) {
        let started = Instant::now();
        // Where connections run out, one that waits may be closed: a client tries once more.
        let read = || client.try_get("/auth/user");
        assert_eq!(read().or_else(|_| read()).unwrap().status, 200);
        times.push(started.elapsed());
        std::thread::sleep(Duration::from_millis(1));
    }
    times.sort();
    let at = |share: usize| times[times.len() * share / 1_000];
    (times.len(), [at(500), at(990), at(999)])
}

fn descriptors(server: &Server) -> usize {
    std::fs::read_dir(format!("/proc/{}/fd", server.id())).unwrap().count()
}

#[test]
#[ignore = "opens 10,000 connections twice, for two minutes"]
fn load_of_10_000_connections() {
    for limit in [20_000, 1_024] {
        let place = Place::new();
        let server = place.serve_with_descriptors(limit);
        place.add_admin();
        let admin = server.log_in("admin@example.com");
        let (_, idle) = latency(&admin, |count| count == 2_000);
        let idle_descriptors = descriptors(&server);
        let requests: Vec<_> = (0..5).map(|kind| flood_request(&server, kind)).collect();
        let server_url = server.url.clone();
        let (count, flooded) = std::thread::scope(|scope| {
            let flooding =
                scope.spawn(|| flood(&server_url, &requests, 10_000, Duration::from_secs(30)));
            latency(&admin, |_| flooding.is_finished())
        });
        let memory = peak_memory_kib(&server);
        eprintln!(
            "limit {limit}: idle {idle:?}; flooded {flooded:?}, {count} requests; {memory} KiB"
        );
        assert!(memory < 192 * 1_024, "{memory} KiB");
        // Those that never read have closed by now on this side, and so have all others.
        let started = Instant::now();
        while descriptors(&server) > idle_descriptors + 2 {
            assert!(started.elapsed() < TEST_TIMEOUT, "{} descriptors", descriptors(&server));
            std::thread::sleep(Duration::from_millis(200));
        }
        assert_eq!(admin.get("/auth/user").status, 200);
    }
}
