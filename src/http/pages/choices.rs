//! What a browser keeps for its user in cookies: the colours of the pages, and whether keys are
//! shortcuts.

use rocket::Request;
use rocket::http::{Header, SameSite};
use rocket::time::Duration;

use crate::domain::Named;
use crate::error::Error;
use crate::http::auth::{cookie_name, cookies, set_cookie};

/// How long a browser keeps a choice, in days.
const DAYS: i64 = 400;

/// A choice by its name in a form and in its cookie.
pub trait Choice: Named + Default {
    /// What the cookie is for, in the cookie's name.
    const PURPOSE: &'static str;

    fn label(self) -> &'static str;

    /// The one that the browser keeps.
    fn of(request: &Request<'_>) -> Self {
        let Ok(name) = cookie_name(request, Self::PURPOSE) else { return Self::default() };
        let kept = cookies(request, &name).next();
        kept.and_then(|text| Self::parse_name(text).ok()).unwrap_or_default()
    }

    /// The header that keeps it in the browser.
    fn to_cookie(self, request: &Request<'_>) -> Result<Header<'static>, Error> {
        let cookie = (cookie_name(request, Self::PURPOSE)?, self.name().to_owned());
        Ok(set_cookie(request, cookie, Duration::days(DAYS), SameSite::Lax))
    }
}

/// The colours: as the system has them, light, or dark.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Theme {
    #[default]
    System,
    Light,
    Dark,
}

/// The colours of the bar: `--surface` of the style sheet.
pub const LIGHT: &str = "#ffffff";
const DARK: &str = "#171a22";

/// The light colour behind the pages: `--background` of the style sheet.
pub const BACKGROUND: &str = "#fbfbfc";

impl Theme {
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
}

impl Named for Theme {
    const ALL: &'static [Self] = &[Self::System, Self::Light, Self::Dark];

    fn name(self) -> &'static str {
        match self {
            Self::System => "system",
            Self::Light => "light",
            Self::Dark => "dark",
        }
    }
}

impl Choice for Theme {
    const PURPOSE: &'static str = "theme";

    fn label(self) -> &'static str {
        match self {
            Self::System => "System",
            Self::Light => "Light",
            Self::Dark => "Dark",
        }
    }
}

/// Whether a key alone does something (WCAG 2.2, 2.1.4).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Shortcuts {
    #[default]
    On,
    Off,
}

impl Named for Shortcuts {
    const ALL: &'static [Self] = &[Self::On, Self::Off];

    fn name(self) -> &'static str {
        match self {
            Self::On => "on",
            Self::Off => "off",
        }
    }
}

impl Choice for Shortcuts {
    const PURPOSE: &'static str = "shortcuts";

    fn label(self) -> &'static str {
        match self {
            Self::On => "On",
            Self::Off => "Off",
        }
    }
}
