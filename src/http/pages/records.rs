//! Pages whose scripts ask the API for the records.

use askama::Template;
use rocket::{State, get};

use super::frame::{Frame, Html};
use crate::http::auth::{Admin, AnyUser};
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
    WidgetsPage "widgets.html"
    TemplatesPage "templates.html"
    PeoplePage "people.html"
}

#[get("/widgets")]
pub async fn show_widgets(
    user: AnyUser,
    frame: Frame,
    services: &State<Services>,
) -> Result<Html, Problem> {
    Html::of(&WidgetsPage { frame: frame.shown_to(user.authority, services).await? })
}

#[get("/templates")]
pub async fn show_templates(
    user: AnyUser,
    frame: Frame,
    services: &State<Services>,
) -> Result<Html, Problem> {
    Html::of(&TemplatesPage { frame: frame.shown_to(user.authority, services).await? })
}

#[get("/people")]
pub async fn show_people(
    admin: Admin,
    frame: Frame,
    services: &State<Services>,
) -> Result<Html, Problem> {
    Html::of(&PeoplePage { frame: frame.shown_to(admin.authority, services).await? })
}
