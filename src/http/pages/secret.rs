//! The page that shows a secret, once: a reset link, an API key. It is the answer to the form, never a
//! redirect, so that the secret stands in no address, cookie or log.

use askama::Template;
use rocket::Request;
use rocket::request::{FromRequest, Outcome};

use super::days::Moment;
use super::frame::Frame;
use crate::accounts::ResetCode;
use crate::domain::{Timestamp, Zone};
use crate::http::auth::site_address;

#[derive(Template)]
#[template(path = "secret.html")]
pub struct SecretPage {
    pub frame: Frame,
    pub title: String,
    /// Whose or which it is.
    pub name: String,
    pub secret: String,
    /// What to do with it.
    pub hint: &'static str,
    /// Until when it works.
    pub until: Option<Moment>,
    /// The page behind, relative to the root.
    pub back: String,
}

/// A guard: the address of the service's root as the browser knows it, with a slash at its end.
pub struct Site(String);

#[rocket::async_trait]
impl<'r> FromRequest<'r> for Site {
    type Error = ();

    async fn from_request(request: &'r Request<'_>) -> Outcome<Self, ()> {
        Outcome::Success(Self(site_address(request)))
    }
}

impl Site {
    /// The link with which somebody chooses a password. Browsers send no fragment to anybody.
    pub fn reset_link(&self, code: &ResetCode) -> String {
        format!("{}reset#code={}", self.0, code.code.reveal())
    }

    /// The address to which a calendar subscribes.
    pub fn calendar(&self, key: &str) -> String {
        format!("{}api/v1/calendar.ics?key={key}", self.0)
    }
}

impl SecretPage {
    /// The page of a new reset link.
    pub fn reset(
        frame: Frame,
        (name, back): (String, String),
        (site, code): (&Site, &ResetCode),
        (now, zone): (Timestamp, &Zone),
    ) -> Self {
        Self {
            frame,
            title: "A link to choose a password".to_owned(),
            name,
            secret: site.reset_link(code),
            hint: "Give it to nobody else. It works once, and an older link does not work any more.",
            until: Some(Moment::new(code.expires_at, now, zone)),
            back,
        }
    }
}
