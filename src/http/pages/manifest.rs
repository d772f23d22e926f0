//! What a browser needs to install the pages as an app (W3C Application Manifest).

use rocket::http::{ContentType, Header};
use rocket::{Responder, State, get};
use serde_json::json;

use super::assets;
use super::choices::{BACKGROUND, LIGHT};
use crate::http::wire::Services;

/// The manifest. It changes with a setting, so browsers ask again.
#[derive(Responder)]
pub struct Manifest(String, ContentType, Header<'static>);

/// A manifest has one colour each, which is the light one: the pages themselves say the dark one.
/// Its addresses are relative to its own.
#[get("/manifest.webmanifest")]
pub fn get_manifest(services: &State<Services>) -> Manifest {
    let icon = |name: &str, purpose: &str| {
        let src = format!("assets/{}/{name}", assets::VERSION);
        json!({ "src": src, "sizes": "any", "type": "image/svg+xml", "purpose": purpose })
    };
    let manifest = json!({
        "name": services.team_name.as_str(),
        "dir": "auto",
        "start_url": "./",
        "scope": "./",
        "display": "standalone",
        "theme_color": LIGHT,
        "background_color": BACKGROUND,
        "icons": [icon("icon.svg", "any"), icon("icon-maskable.svg", "maskable")],
    });
    let content_type = ContentType::new("application", "manifest+json");
    Manifest(manifest.to_string(), content_type, Header::new("Cache-Control", "no-cache"))
}
