//! Pages whose scripts ask the API for the records.

use askama::Template;
use rocket::{State, get};

use super::frame::{Frame, Html};
use super::visitor::{Navigation, Visitor};
use crate::error::{Error, TokenError};
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
    HomePage "home.html"
    WidgetsPage "widgets.html"
    TasksPage "tasks.html"
    TemplatesPage "templates.html"
    PeoplePage "people.html"
}

#[get("/")]
pub async fn show_home(
    _navigation: Navigation,
    visitor: Visitor,
    frame: Frame,
    services: &State<Services>,
) -> Result<Html, Problem> {
    let caller = visitor.0.ok_or(Error::Token(TokenError::Missing))?;
    Html::of(&HomePage { frame: frame.shown_to(caller.authority, services).await? })
}

#[get("/widgets")]
pub async fn show_widgets(
    user: AnyUser,
    frame: Frame,
    services: &State<Services>,
) -> Result<Html, Problem> {
    Html::of(&WidgetsPage { frame: frame.shown_to(user.authority, services).await? })
}

#[get("/tasks")]
pub async fn show_tasks(
    user: AnyUser,
    frame: Frame,
    services: &State<Services>,
) -> Result<Html, Problem> {
    Html::of(&TasksPage { frame: frame.shown_to(user.authority, services).await? })
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
