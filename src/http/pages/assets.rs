//! The pages' style sheets, scripts and images, embedded in the binary.
//!
//! The path of each contains the version of them all. So browsers never ask again, and modules find
//! each other by their names in `static`.

use std::io::Cursor;

use rocket::http::uri::Segments;
use rocket::http::uri::fmt::Path;
use rocket::http::{Header, Status};
use rocket::response::{self, Responder, Response};
use rocket::{Request, get};

use crate::http::wire::Problem;

include!(concat!(env!("OUT_DIR"), "/assets.rs"));

/// A year, the longest that caches respect (RFC 9111, RFC 8246).
const IMMUTABLE: &str = "public, max-age=31536000, immutable";

/// An embedded file.
struct Asset {
    /// Its path below `static`.
    name: &'static str,
    content_type: &'static str,
    plain: &'static [u8],
    /// gzip (RFC 1952).
    compressed: &'static [u8],
}

/// An asset as an answer.
pub struct AssetView {
    asset: &'static Asset,
    is_current: bool,
}

/// Where browsers look for the icon of what has no page, such as an answer of the API.
#[get("/favicon.ico")]
pub fn get_favicon() -> Result<AssetView, Problem> {
    find("icon.svg".split('/'), false)
}

/// A page from before an upgrade gets the present file, without the long life.
#[get("/assets/<version>/<name..>")]
pub fn get_asset(version: &str, name: Segments<'_, Path>) -> Result<AssetView, Problem> {
    find(name.filter(|segment| !segment.is_empty()), version == VERSION)
}

fn find<'a>(
    name: impl Iterator<Item = &'a str> + Clone,
    is_current: bool,
) -> Result<AssetView, Problem> {
    let asset = ASSETS.iter().find(|asset| name.clone().eq(asset.name.split('/')));
    let asset = asset.ok_or_else(|| Problem::of_status(Status::NotFound))?;
    Ok(AssetView { asset, is_current })
}

impl<'r> Responder<'r, 'static> for AssetView {
    fn respond_to(self, request: &'r Request<'_>) -> response::Result<'static> {
        let Self { asset, is_current } = self;
        let mut response = Response::build();
        response.header(Header::new("Content-Type", asset.content_type));
        response.header(Header::new("Vary", "Accept-Encoding"));
        response
            .header(Header::new("Cache-Control", if is_current { IMMUTABLE } else { "no-cache" }));
        let body = if takes_gzip(request) {
            response.header(Header::new("Content-Encoding", "gzip"));
            asset.compressed
        } else {
            asset.plain
        };
        response.sized_body(body.len(), Cursor::new(body)).ok()
    }
}

/// Whether `Accept-Encoding` allows gzip (RFC 9110 section 12.5.3).
fn takes_gzip(request: &Request<'_>) -> bool {
    request.headers().get("Accept-Encoding").flat_map(|header| header.split(',')).any(|coding| {
        let (name, weight) = coding.split_once(';').unwrap_or((coding, ""));
        name.trim().eq_ignore_ascii_case("gzip")
            && !matches!(weight.trim(), "q=0" | "q=0.0" | "q=0.00" | "q=0.000")
    })
}
