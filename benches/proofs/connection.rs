//! A connection that sends bytes as they are and reads whole answers: for many requests, and for
//! those that no library would send.

use std::io::{BufRead, BufReader, Error, ErrorKind, Read, Result, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream};

use socket2::{Domain, Socket, Type};

use crate::program::TEST_TIMEOUT;

pub struct Connection {
    stream: BufReader<TcpStream>,
}

/// An answer to one request.
pub struct Answer {
    pub status: u16,
    /// The status line and the headers.
    pub head: String,
    pub body: Vec<u8>,
}

impl Connection {
    /// Connects to a service by its URL.
    pub fn open(url: &str) -> Result<Self> {
        Self::open_from(url, Ipv4Addr::LOCALHOST)
    }

    /// Connects from an address of this machine: on Linux, all of 127.0.0.0/8 are.
    pub fn open_from(url: &str, from: Ipv4Addr) -> Result<Self> {
        let to: SocketAddr = url.trim_start_matches("http://").parse().map_err(Error::other)?;
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
        socket.bind(&SocketAddr::new(IpAddr::V4(from), 0).into())?;
        socket.connect(&to.into())?;
        let stream = TcpStream::from(socket);
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(TEST_TIMEOUT))?;
        Ok(Self { stream: BufReader::new(stream) })
    }

    /// Sends a request and reads its answer.
    pub fn exchange(&mut self, request: &[u8]) -> Result<Answer> {
        self.send(request)?;
        self.read_answer(request.starts_with(b"HEAD "))
    }

    pub fn send(&mut self, bytes: &[u8]) -> Result<()> {
        self.stream.get_mut().write_all(bytes)
    }

    /// Waits until an answer has begun.
    pub fn wait_for_answer(&mut self) -> Result<()> {
        if self.stream.fill_buf()?.is_empty() {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        Ok(())
    }

    /// Reads one answer; one to HEAD has no body. If it ends in its middle, the error is
    /// [`ErrorKind::InvalidData`].
    pub fn read_answer(&mut self, is_head: bool) -> Result<Answer> {
        let mut head = String::new();
        let answer = self.read(&mut head, is_head);
        answer.map_err(|error| {
            let cut = format!("cut after {head:?}: {error}");
            if head.is_empty() { error } else { Error::new(ErrorKind::InvalidData, cut) }
        })
    }

    fn read(&mut self, received: &mut String, is_head: bool) -> Result<Answer> {
        self.receive_head(received)?;
        let head = received;
        let status = head.get(9..12).and_then(|status| status.parse().ok());
        let status = status.ok_or_else(|| Error::other(format!("no status: {head}")))?;
        let mut answer = Answer { status, head: head.clone(), body: Vec::new() };
        if is_head {
            return Ok(answer);
        }
        if answer.header("transfer-encoding") == Some("chunked") {
            self.read_chunks(&mut answer.body)?;
        } else if let Some(length) = answer.header("content-length") {
            let length = length.parse().map_err(Error::other)?;
            answer.body.resize(length, 0);
            self.stream.read_exact(&mut answer.body)?;
        }
        Ok(answer)
    }

    /// Reads the status line and the headers.
    pub fn read_head(&mut self) -> Result<String> {
        let mut head = String::new();
        self.receive_head(&mut head)?;
        Ok(head)
    }

    fn receive_head(&mut self, head: &mut String) -> Result<()> {
        while !head.ends_with("\r\n\r\n") {
            if self.stream.read_line(head)? == 0 {
                return Err(ErrorKind::UnexpectedEof.into());
            }
        }
        Ok(())
    }

    fn read_chunks(&mut self, body: &mut Vec<u8>) -> Result<()> {
        loop {
            let mut size = String::new();
            self.stream.read_line(&mut size)?;
            let size = u64::from_str_radix(size.trim(), 16).map_err(Error::other)?;
            (&mut self.stream).take(size).read_to_end(body)?;
            let mut end = [0; 2];
            self.stream.read_exact(&mut end)?;
            if size == 0 {
                return Ok(());
            }
        }
    }
}

impl Answer {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (key, value) = line.split_once(':')?;
            key.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// Of a login.
    pub fn access_token(&self) -> String {
        self.json()["access_token"].as_str().expect("a token").to_owned()
    }

    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }
}

/// The bytes of a request below `/api/v1` with form fields; without any, it has no body. With no
/// token, it is nobody's.
pub fn request(method: &str, path: &str, token: &str, fields: &[(&str, &str)]) -> Vec<u8> {
    let form = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
    let content_type = if fields.is_empty() { "" } else { "application/x-www-form-urlencoded" };
    request_with_body(method, path, token, content_type, &form)
}

/// The same with any body. Without a token, nobody asks.
pub fn request_with_body(
    method: &str,
    path: &str,
    token: &str,
    content_type: &str,
    body: &str,
) -> Vec<u8> {
    let header = |name: &str, prefix: &str, value: &str| {
        if value.is_empty() { String::new() } else { format!("{name}: {prefix}{value}\r\n") }
    };
    let length = if method == "GET" { String::new() } else { body.len().to_string() };
    let headers = [
        header("Authorization", "Bearer ", token),
        header("Content-Type", "", content_type),
        header("Content-Length", "", &length),
    ]
    .concat();
    let text = format!("{method} /api/v1{path} HTTP/1.1\r\nHost: 127.0.0.1\r\n{headers}\r\n{body}");
    text.into_bytes()
}

/// The same request with one more header.
pub fn with_header(mut request: Vec<u8>, name: &str, value: &str) -> Vec<u8> {
    let line_end = request.windows(2).position(|two| two == b"\r\n").expect("a request line");
    request.splice(line_end..line_end, format!("\r\n{name}: {value}").into_bytes());
    request
}

/// Signs in as a browser does, and returns the cookie.
pub fn sign_in(url: &str, email: &str, password: &str) -> String {
    let from_page = format!(
        "HTTP/1.1\r\nAccept: text/html\r\nOrigin: {url}\r\nSec-Fetch-Site: same-origin\r\n"
    );
    let plain = request("POST", "/auth/login", "", &[("login", email), ("password", password)]);
    let plain = String::from_utf8(plain).expect("a text");
    let signed_in = plain.replacen("HTTP/1.1\r\n", &from_page, 1);
    let mut connection = Connection::open(url).expect("a connection");
    let answer = connection.exchange(signed_in.as_bytes()).expect("an answer");
    let mut lines = answer.head.lines();
    let set = lines.find_map(|line| line.strip_prefix("set-cookie: ")).expect("a cookie");
    set.split(';').next().expect("a cookie").to_owned()
}
