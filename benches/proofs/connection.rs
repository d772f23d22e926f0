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
#[derive(Debug)]
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

    /// Reads one answer; one to HEAD has no body.
    pub fn read_answer(&mut self, is_head: bool) -> Result<Answer> {
        let head = self.read_head()?;
        let status = head.get(9..12).and_then(|status| status.parse().ok());
        let status = status.ok_or_else(|| Error::other(format!("no status: {head}")))?;
        let header = |name: &str| {
            head.lines().find_map(|line| {
                let (key, value) = line.split_once(':')?;
                key.eq_ignore_ascii_case(name).then(|| value.trim())
            })
        };
        let mut body = Vec::new();
        if header("transfer-encoding") == Some("chunked") {
            self.read_chunks(&mut body)?;
        } else if !is_head && let Some(length) = header("content-length") {
            let length = length.parse().map_err(Error::other)?;
            body.resize(length, 0);
            self.stream.read_exact(&mut body)?;
        }
        Ok(Answer { status, head, body })
    }

    /// Reads the status line and the headers.
    pub fn read_head(&mut self) -> Result<String> {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            if self.stream.read_line(&mut head)? == 0 {
                let is_cut = !head.is_empty();
                let kind = if is_cut { ErrorKind::UnexpectedEof } else { ErrorKind::NotConnected };
                return Err(kind.into());
            }
        }
        Ok(head)
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
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }
}

/// The bytes of a request below `/api/v1` with form fields; without any, it has no body. With no
/// token, it is nobody's.
pub fn request(method: &str, path: &str, token: &str, fields: &[(&str, &str)]) -> Vec<u8> {
    let mut text = format!("{method} /api/v1{path} HTTP/1.1\r\nHost: 127.0.0.1\r\n");
    if !token.is_empty() {
        text.extend(["Authorization: Bearer ", token, "\r\n"]);
    }
    let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
    if !fields.is_empty() {
        text += "Content-Type: application/x-www-form-urlencoded\r\n";
    }
    if method != "GET" {
        text.extend(["Content-Length: ", &body.len().to_string(), "\r\n"]);
    }
    text += "\r\n";
    text += &body;
    text.into_bytes()
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
