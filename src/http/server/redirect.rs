//! Answers plain HTTP with the same address over https.

use std::convert::Infallible;
use std::future::ready;

use hyper::body::Incoming;
use hyper::header::{HOST, LOCATION};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use url::Url;

use super::socket::{MAX_HEAD_BYTES, Socket};
use crate::domain::PublicUrl;

pub struct Redirect {
    public_url: Option<PublicUrl>,
    /// Where the service listens.
    port: u16,
}

impl Redirect {
    pub fn new(public_url: Option<PublicUrl>, port: u16) -> Self {
        Self { public_url, port }
    }

    /// Answers one request. The connection waits for its client all the time.
    pub async fn serve(&self, socket: Socket) {
        let service = service_fn(|request| ready(Ok::<_, Infallible>(self.answer(&request))));
        let mut http = http1::Builder::new();
        http.max_buf_size(MAX_HEAD_BYTES).header_read_timeout(None).keep_alive(false);
        // An error is the client's.
        let _ = http.serve_connection(TokioIo::new(socket), service).await;
    }

    fn answer(&self, request: &Request<Incoming>) -> Response<String> {
        let location = self.location(request);
        let mut answer = Response::new(String::new());
        match location.and_then(|location| location.parse().ok()) {
            // The client keeps the method and the body.
            Some(location) => {
                *answer.status_mut() = StatusCode::PERMANENT_REDIRECT;
                answer.headers_mut().insert(LOCATION, location);
            }
            None => *answer.status_mut() = StatusCode::BAD_REQUEST,
        }
        answer
    }

    fn location(&self, request: &Request<Incoming>) -> Option<String> {
        let path = request.uri().path_and_query()?.as_str();
        let origin = match &self.public_url {
            Some(url) => url.origin().to_owned(),
            None => self.origin_of(request.headers().get(HOST)?.to_str().ok()?)?,
        };
        path.starts_with('/').then(|| format!("{origin}{path}"))
    }

    /// The name of a `Host`, with the port of the service.
    fn origin_of(&self, host: &str) -> Option<String> {
        let mut url = Url::parse(&format!("https://{host}/")).ok()?;
        url.set_port(Some(self.port)).ok()?;
        let is_host = url.path() == "/" && url.username().is_empty() && url.password().is_none();
        is_host.then(|| url.origin().ascii_serialization())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_origin_has_the_name_of_the_host_and_the_port_of_the_service() {
        let origin = |port, host| Redirect::new(None, port).origin_of(host);
        for (port, host, expected) in [
            (443, "example.org", Some("https://example.org")),
            (443, "example.org:80", Some("https://example.org")),
            (8443, "example.org:8080", Some("https://example.org:8443")),
            (8443, "[::1]:80", Some("https://[::1]:8443")),
            (443, "", None),
            (443, "a@example.org", None),
            (443, "example.org/path", None),
            (443, "exa mple.org", None),
        ] {
            assert_eq!(origin(port, host).as_deref(), expected, "{host}");
        }
    }
}
