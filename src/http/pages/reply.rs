//! Where a form leads: 303 to the next page with a message there, or the form again.

use rocket::Request;
use rocket::request::{FromRequest, Outcome};
use rocket::response::{self, Responder};

use super::flash::{Flash, Said};
use super::frame::{Frame, Html};
use crate::http::auth::{Destination, Notice, clear_session_cookie, is_own, root};
use crate::http::wire::{Problem, see_other};

/// A guard: the address of the page that has sent a form, if it is one of ours.
pub struct Back(Option<String>);

impl Back {
    /// That page, or else another one.
    pub fn or(self, other: String) -> String {
        self.0.unwrap_or(other)
    }

    /// That page, unless it is the form of a new record.
    pub fn unless_form(self) -> Option<String> {
        self.0.filter(|path| !path.contains("/new/"))
    }
}

#[rocket::async_trait]
impl<'r> FromRequest<'r> for Back {
    type Error = ();

    async fn from_request(request: &'r Request<'_>) -> Outcome<Self, ()> {
        let referer = request.headers().get_one("Referer");
        Outcome::Success(Self(referer.and_then(|address| own_path(request, address))))
    }
}

/// The path and the query of an address of ours.
fn own_path(request: &Request<'_>, address: &str) -> Option<String> {
    let host = address.find("://")? + 3;
    let path = host + address[host..].find('/')?;
    // A browser takes `//host` and `/\host` for the address of another host.
    let is_path = !address[path + 1..].starts_with(['/', '\\'])
        && address.bytes().all(|byte| byte.is_ascii_graphic());
    (is_path && is_own(request, &address[..path])).then(|| address[path..].to_owned())
}

/// The answer to a form: the next page, or the form again.
pub enum Reply {
    /// 303 to this address, with a message there.
    Done(String, Flash),
    /// 303 to the login page, which says why; the session has ended.
    SignedOut(Notice),
    Page(Html),
}

impl Reply {
    /// The page at an address relative to the root, with what was done.
    pub fn done(frame: &Frame, address: &str, said: Said) -> Self {
        Self::Done(format!("{}{address}", frame.root), Flash::new(said))
    }
}

impl<'r> Responder<'r, 'static> for Reply {
    fn respond_to(self, request: &'r Request<'_>) -> response::Result<'static> {
        match self {
            Self::Page(page) => page.respond_to(request),
            Self::SignedOut(notice) => {
                let next = Destination::LogIn(notice).address();
                let mut response = see_other(format!("{}{next}", root(request)));
                match clear_session_cookie(request) {
                    Ok(cookie) => response.adjoin_header(cookie),
                    Err(error) => return Problem::from(error).respond_to(request),
                }
                Ok(response)
            }
            Self::Done(address, flash) => {
                let mut response = see_other(address);
                match flash.to_header(request) {
                    Ok(cookie) => response.adjoin_header(cookie),
                    Err(error) => return Problem::from(error).respond_to(request),
                }
                Ok(response)
            }
        }
    }
}
