//! Pages whose scripts ask the API for the records.

use askama::Template;
use rocket::{State, get};

use super::frame::{Frame, Html};
use crate::http::auth::Admin;
use crate::http::wire::{Problem, Services};

/// Declares pages that are only a template in a frame.
macro_rules! pages {
    ($($name:ident $file:literal)+) => {
        $(
            #[derive(Template)]
            #[template(path = $file)]
            struct $name {
                frame: Frame,
            }
        )+
    };
}

pages! {
    PeoplePage "people.html"
}

#[get("/people")]
pub async fn show_people(
    admin: Admin,
    frame: Frame,
    services: &State<Services>,
) -> Result<Html, Problem> {
    Html::of(&PeoplePage { frame: frame.shown_to(admin.authority, services).await? })
}
