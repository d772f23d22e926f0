//! What pages load: style sheets, scripts and pictures, out of the binary.
//!
//! The version of all of them together stands in the address of each, so that a browser need never ask
//! again, and modules find each other by the names that they have in `static`.

use std::io::Cursor;

use rocket::http::uri::Segments;
use rocket::http::uri::fmt::Path;
use rocket::http::{Header, Status};
use rocket::response::{self, Responder, Response};
use rocket::{Request, Route, get, routes};

use super::error::Problem;

include!(concat!(env!("OUT_DIR"), "/assets.rs"));

/// For a year, which is as good as for ever (RFC 9111, RFC 8246).
const FOR_EVER: &str = "public, max-age=31536000, immutable";

/// A file that is part of the binary.
struct Asset {
    /// Its path below `static`.
    name: &'static str,
    content_type: &'static str,
    plain: &'static [u8],
    /// The same, compressed (RFC 1952).
    compressed: &'static [u8],
}

/// The routes of this file. Not documented: they are part of the pages.
pub fn routes() -> Vec<Route> {
    routes![get_asset]
}

/// An asset as an answer.
struct AssetView {
    asset: &'static Asset,
    is_of_this_version: bool,
}

/// A page from before an upgrade may ask for what it has not loaded yet; it gets what there is now.
#[get("/assets/<version>/<name..>")]
fn get_asset(version: &str, name: Segments<'_, Path>) -> Result<AssetView, Problem> {
    let name = name.filter(|segment| !segment.is_empty());
    let asset = ASSETS.iter().find(|asset| name.clone().eq(asset.name.split('/')));
    let asset = asset.ok_or_else(|| Problem::of_status(Status::NotFound))?;
    Ok(AssetView { asset, is_of_this_version: version == VERSION })
}

impl<'r> Responder<'r, 'static> for AssetView {
    fn respond_to(self, request: &'r Request<'_>) -> response::Result<'static> {
        let Self { asset, is_of_this_version } = self;
        let mut response = Response::build();
        response.header(Header::new("Content-Type", asset.content_type));
        response.header(Header::new("Vary", "Accept-Encoding"));
        response.header(Header::new(
            "Cache-Control",
            if is_of_this_version { FOR_EVER } else { "no-cache" },
        ));
        let body = if takes_gzip(request) {
            response.header(Header::new("Content-Encoding", "gzip"));
            asset.compressed
        } else {
            asset.plain
        };
        response.sized_body(body.len(), Cursor::new(body)).ok()
    }
}

/// Whether `Accept-Encoding` names gzip, and not to forbid it (RFC 9110 section 12.5.3).
fn takes_gzip(request: &Request<'_>) -> bool {
    request.headers().get("Accept-Encoding").flat_map(|header| header.split(',')).any(|coding| {
        let (name, weight) = coding.split_once(';').unwrap_or((coding, ""));
        name.trim().eq_ignore_ascii_case("gzip")
            && !matches!(weight.trim(), "q=0" | "q=0.0" | "q=0.00" | "q=0.000")
    })
}
