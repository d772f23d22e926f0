//! HTTP over real connections: malformed, slow and truncated requests.

use std::io::{Read, Write};
use std::net::Shutdown;

use crate::program::{PASSWORD, Place, Server};

/// Sends bytes as they are, and reads the answer until the connection is closed.
fn exchange(server: &Server, request: &[u8]) -> String {
    let mut stream = server.connect();
    stream.write_all(request).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    String::from_utf8_lossy(&answer).into_owned()
}

fn request(method: &str, path: &str, headers: &str, body: &[u8]) -> Vec<u8> {
    let head = format!(
        "{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {}\r\n{headers}\r\n",
        body.len()
    );
    [head.as_bytes(), body].concat()
}

#[test]
fn an_unwanted_body_of_megabytes_still_gets_its_answer() {
    let server = Place::new().serve();
    // More than the buffers of a connection hold: unread, it resets the connection.
    let large = vec![b'x'; 8 * 1024 * 1024];
    for (method, path, headers, status) in [
        ("POST", "/api/v1/auth/register", "Content-Type: application/json\r\n", 413),
        ("POST", "/api/v1/auth/login", "Content-Type: application/x-www-form-urlencoded\r\n", 413),
        ("POST", "/api/v1/auth/login", "Content-Type: text/plain\r\n", 415),
        ("POST", "/api/v1/auth/login", "", 415),
        ("POST", "/api/v1/auth/logout", "Content-Type: application/json\r\n", 401),
        ("POST", "/api/v1/widgets", "Content-Type: application/json\r\n", 401),
        ("PUT", "/api/v1/widgets/one", "Content-Type: application/json\r\n", 401),
        ("DELETE", "/api/v1/widgets/one", "", 401),
        ("GET", "/api/v1/widgets", "", 400),
        ("PATCH", "/api/v1/widgets", "", 405),
        ("POST", "/nope", "", 404),
    ] {
        let answer = exchange(&server, &request(method, path, headers, &large));
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {status} ")),
            "{method} {path}: {answer:.200}"
        );
        assert!(answer.contains("\"status\":\"fail\""), "{method} {path}: {answer:.200}");
    }
}

#[test]
fn authority_is_confirmed_again_after_a_slow_body() {
    let place = Place::new();
    let server = place.serve();
    place.add_admin();
    let held = |path: &str, body: &[u8]| {
        // A session for each request, whose guard lets it in.
        let admin = server.log_in("admin@example.com");
        let headers = format!(
            "Content-Type: application/x-www-form-urlencoded\r\nAuthorization: Bearer {}\r\n",
            admin.token.as_ref().unwrap()
        );
        let whole = request("POST", path, &headers, body);
        let mut stream = server.connect();
        let (first, rest) = whole.split_at(whole.len() - 3);
        stream.write_all(first).unwrap();
        (stream, rest.to_vec())
    };
    let key = held("/api/v1/auth/keys", b"name=kept&scope=write");
    let widget =
        held("/api/v1/widgets", b"name=one&info_url=https%3A%2F%2Fexample.com&deadline=2099-12-31");
    // Time for the guards. Where they take longer, this test proves nothing, and does not fail.
    std::thread::sleep(std::time::Duration::from_millis(300));
    assert!(
        place
            .run(&["user", "sessions", "admin@example.com", "--end", "--yes"], "")
            .status
            .success()
    );
    for (mut stream, rest) in [key, widget] {
        stream.write_all(&rest).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 401 "), "{answer}");
        assert!(answer.contains("Token blacklisted"), "{answer}");
    }
    let admin = server.log_in("admin@example.com");
    assert_eq!(admin.get("/widgets").body["total_items"], 0);
    assert_eq!(admin.get("/auth/keys").body["total_items"], 0);
}

#[test]
fn malformed_requests_are_400_and_do_not_stop_the_service() {
    let server = Place::new().serve();
    let answer = exchange(&server, &request("BREW", "/api/v1/widgets", "", b""));
    assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
    assert!(answer.contains("{\"status\":\"fail\",\"message\":"), "{answer}");
    let mut long = b"GET /".to_vec();
    long.resize(200_000, b'a');
    for noise in [&b"\0\x01\x02\r\n\r\n"[..], b"GET\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", &long] {
        let mut stream = server.connect();
        // The service may close the connection before it has read everything.
        let _ = stream.write_all(noise);
        let _ = stream.shutdown(Shutdown::Write);
        let _ = stream.read_to_end(&mut Vec::new());
    }
    assert_eq!(server.client().get("/openapi.json").status, 200);
}

/// A condition would not count, and a create that is sent again would be done twice.
#[test]
fn a_header_that_is_not_utf_8_is_not_left_out() {
    let place = Place::new();
    place.add_admin();
    let server = place.serve();
    let admin = server.log_in("admin@example.com");
    assert_eq!(admin.try_add_widget("one").unwrap().status, 201);
    let token = admin.token.unwrap();
    let send = |method: &str, headers: &[u8]| {
        let head = format!(
            "{method} /api/v1/widgets/one HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\
             Authorization: Bearer {token}\r\n"
        );
        exchange(&server, &[head.as_bytes(), headers, b"\r\n\r\n"].concat())
    };
    // A second token, and a precondition.
    let answer = send("GET", b"Authorization: Bearer \xff");
    assert!(answer.contains("Invalid token"), "{answer}");
    let answer = send("DELETE", b"If-Match: \xff");
    assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
    // Others may call themselves what they want.
    let answer = send("GET", b"User-Agent: \xff");
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
}

#[test]
fn an_access_token_expires_after_the_configured_seconds() {
    let place =
        Place::with(&[("WIDGETD_ACCESS_TOKEN_SECONDS", "2"), ("WIDGETD_ARGON2_MEMORY_KIB", "64")]);
    let server = place.serve();
    let answer = server
        .client()
        .post("/auth/register", &[("email", "ann@example.com"), ("password", PASSWORD)]);
    assert_eq!(answer.body["expires_in"], 2);
    let ann = server.client().bearing(answer.body["access_token"].as_str().unwrap());
    std::thread::sleep(std::time::Duration::from_secs(2));
    let answer = ann.get("/auth/user");
    assert_eq!(
        (answer.status, &answer.body["message"]),
        (401, &"Access token expired. Please log in again.".into())
    );
}

#[test]
fn a_body_that_ends_before_its_length_is_refused_and_changes_nothing() {
    let place = Place::new();
    let server = place.serve();
    place.add_admin();
    let admin = server.log_in("admin@example.com");
    let token = admin.token.as_ref().unwrap();
    let headers = |body: &str| {
        format!(
            "PATCH /api/v1/auth/user HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\
             Authorization: Bearer {token}\r\n\
             Content-Type: application/x-www-form-urlencoded\r\n{body}"
        )
    };
    // Within the first bytes that Rocket peeks at, and after them; with a length, and in chunks.
    for request in [
        headers("Content-Length: 18\r\n\r\nusername=bobb"),
        headers("Content-Length: 40\r\n\r\nusername=bobb-the-builder"),
        headers("Transfer-Encoding: chunked\r\n\r\nd\r\nusername=bobb\r\n"),
        headers("Content-Length: 18\r\n\r\n"),
    ] {
        let mut stream = server.connect();
        stream.write_all(request.as_bytes()).unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        let answer = String::from_utf8_lossy(&answer);
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 400 "), "{request}: {answer}");
        let user = admin.get("/auth/user").body;
        assert_eq!(user["username"], serde_json::Value::Null, "{request}");
    }
}
