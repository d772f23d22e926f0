//! Guards of pages that also people without a session see.

use rocket::Request;
use rocket::http::Status;
use rocket::request::{FromRequest, Outcome};
use rocket_okapi::OpenApiFromRequest;

use crate::accounts::Caller;
use crate::http::auth::find_caller;
use crate::http::wire::{Problem, remember, wants_page};

/// A browser that navigates. Other clients fall through to the greeting.
pub struct Navigation;

#[rocket::async_trait]
impl<'r> FromRequest<'r> for Navigation {
    type Error = ();

    async fn from_request(request: &'r Request<'_>) -> Outcome<Self, ()> {
        if wants_page(request) {
            Outcome::Success(Self)
        } else {
            Outcome::Forward(Status::NotFound)
        }
    }
}

/// Anybody: the caller, if there is one.
#[derive(OpenApiFromRequest)]
pub struct Visitor(pub Option<Caller>);

#[rocket::async_trait]
impl<'r> FromRequest<'r> for Visitor {
    type Error = ();

    async fn from_request(request: &'r Request<'_>) -> Outcome<Self, ()> {
        match find_caller(request).await {
            Ok(caller) => Outcome::Success(Self(caller)),
            // Not forwarded: the greeting stands behind the first page.
            Err(error) => Outcome::Error((remember(request, Problem::from(error)), ())),
        }
    }
}
