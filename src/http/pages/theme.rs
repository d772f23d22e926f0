//! The colours of the pages: as the system has them, light, or dark. A cookie keeps the choice.

use rocket::Request;
use rocket::http::{Header, SameSite};
use rocket::time::Duration;
use serde_json::{Value, json};

use crate::error::Error;
use crate::http::auth::{cookie_name, cookies, set_cookie};
use crate::http::wire::{Field, FieldContext};

/// What its cookie is for, in the cookie's name.
const PURPOSE: &str = "theme";

/// The colours of the bar: `--surface` of the style sheet.
pub const LIGHT: &str = "#ffffff";
const DARK: &str = "#171a22";

/// The light colour behind the pages: `--background` of the style sheet.
pub const BACKGROUND: &str = "#fbfbfc";

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

    /// What browsers give the frame around the page: each colour with when it holds.
    pub const fn frame_colours(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Self::System => {
                &[(LIGHT, "(prefers-color-scheme: light)"), (DARK, "(prefers-color-scheme: dark)")]
            }
            Self::Light => &[(LIGHT, "all")],
            Self::Dark => &[(DARK, "all")],
        }
    }

    fn from_name(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|theme| theme.name() == text)
    }

    /// The one that the browser keeps.
    pub fn of(request: &Request<'_>) -> Self {
        let Ok(name) = cookie_name(request, PURPOSE) else { return Self::default() };
        cookies(request, &name).next().and_then(Self::from_name).unwrap_or_default()
    }

    /// The header that keeps it in the browser.
    pub fn to_cookie(self, request: &Request<'_>) -> Result<Header<'static>, Error> {
        let cookie = (cookie_name(request, PURPOSE)?, self.name().to_owned());
        Ok(set_cookie(request, cookie, Duration::days(DAYS), SameSite::Lax))
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
