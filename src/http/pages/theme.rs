//! The colours of the pages: as the system has them, light, or dark. A cookie keeps the choice.

use rocket::Request;
use rocket::http::{Cookie, Header, SameSite};
use rocket::time::Duration;
use serde_json::{Value, json};

use crate::error::Error;
use crate::http::wire::{Field, FieldContext, Services, is_https};

/// How long a browser keeps the choice, in days.
const DAYS: i64 = 400;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Theme {
    #[default]
    System,
    Light,
    Dark,
}

impl Theme {
    pub const ALL: [Self; 3] = [Self::System, Self::Light, Self::Dark];

    /// Its name in a form, in the cookie and in the style sheet.
    pub const fn name(self) -> &'static str {
        match self {
            Self::System => "system",
            Self::Light => "light",
            Self::Dark => "dark",
        }
    }

    pub const fn label(self) -> &'static str {
        match self {
            Self::System => "System",
            Self::Light => "Light",
            Self::Dark => "Dark",
        }
    }

    fn from_name(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|theme| theme.name() == text)
    }

    /// The one that the browser keeps.
    pub fn of(request: &Request<'_>) -> Self {
        let Ok(name) = cookie_name(request) else { return Self::default() };
        let pairs = request.headers().get("Cookie").flat_map(|header| header.split(';'));
        let mut values = pairs.filter_map(|pair| pair.trim_matches(' ').split_once('='));
        let found = values.find(|(given, _)| *given == name);
        found.and_then(|(_, text)| Self::from_name(text)).unwrap_or_default()
    }

    /// The header that keeps it in the browser.
    pub fn to_cookie(self, request: &Request<'_>) -> Result<Header<'static>, Error> {
        let cookie = Cookie::build((cookie_name(request)?, self.name()))
            .path("/")
            .max_age(Duration::days(DAYS))
            .same_site(SameSite::Lax)
            .http_only(true)
            .secure(is_https(request));
        Ok(Header::new("Set-Cookie", cookie.build().to_string()))
    }
}

impl Field for Theme {
    fn parse(text: &str, _: &FieldContext) -> Result<Self, String> {
        let wrong = || format!("'{text}' must be one of system, light, dark");
        Self::from_name(text).ok_or_else(wrong)
    }

    fn schema() -> Value {
        json!({ "type": "string", "enum": Self::ALL.map(Self::name) })
    }
}

/// The name contains the installation, because cookies do not know ports.
fn cookie_name(request: &Request<'_>) -> Result<String, Error> {
    Ok(format!("{}-theme", Services::of(request)?.cookie))
}
