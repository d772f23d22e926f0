//! The forms that work without scripts: log in, register, reset a password, create the first
//! administrator.

use askama::Template;
use rocket::http::Status;
use rocket::request::{FromRequest, Outcome};
use rocket::{Request, State, get};

use super::days::passed_in_words;
use super::frame::{Frame, Html, PageOrRedirect};
use super::visitor::Visitor;
use crate::domain::{RegistrationPolicy, Timestamp, Zone};
use crate::error::FieldErrors;
use crate::http::auth::{Destination, MaySetUp, Notice, check_may_set_up, next_query};
use crate::http::wire::{Problem, Services};

/// A guard: what a form shows. At first it is empty; after an error it has what was typed before,
/// and the errors.
#[derive(Default)]
pub struct Form {
    pub typed: Vec<(String, String)>,
    pub errors: FieldErrors,
    /// The form's fields in their order.
    pub fields: &'static [&'static str],
    /// An error of the whole form.
    pub message: Option<String>,
    /// What others have written into fields meanwhile.
    pub theirs: Vec<(&'static str, String)>,
    /// The page that the browser asked for before it had to log in.
    pub requested: Option<Destination>,
    /// Whether the client may create the first administrator.
    pub may_set_up: bool,
}

impl Form {
    /// What was typed into a field.
    pub fn value(&self, name: &str) -> &str {
        self.typed.iter().find(|(field, _)| field == name).map_or("", |(_, text)| text)
    }

    /// A field's error, as a sentence.
    pub fn error(&self, name: &str) -> Option<String> {
        self.errors.iter().find(|(field, _)| *field == name).map(|(_, why)| sentence(why))
    }

    /// What somebody else has written into a field meanwhile.
    pub fn theirs(&self, name: &str) -> Option<&str> {
        self.theirs.iter().find(|(field, _)| *field == name).map(|(_, text)| text.as_str())
    }

    /// Says in words which day has passed, if the deadline has.
    #[must_use]
    pub fn with_days(mut self, now: Timestamp, zone: &Zone) -> Self {
        if self.error("deadline").is_some()
            && let Some(why) = passed_in_words(self.value("deadline"), now, zone)
        {
            self.errors.replace("deadline", why);
        }
        self
    }

    /// The page's query, which the form passes on.
    fn query(&self) -> String {
        match &self.requested {
            Some(Destination::Requested(next)) => next_query(next),
            _ => String::new(),
        }
    }

    /// The attribute that focuses the first field at fault.
    pub fn focus(&self, name: &str) -> &'static str {
        let first = self.fields.iter().find(|field| self.error(field).is_some());
        if first == Some(&name) { " autofocus" } else { "" }
    }
}

/// `This is required.` of `is required`, what the API says beside the name of a field. What begins with
/// another word may quote what was typed, and keeps it as it is.
fn sentence(why: &str) -> String {
    let begins = match why.split(' ').next() {
        Some("is" | "must" | "has" | "cannot") => format!("This {why}"),
        Some("the" | "there") => format!("T{}", &why[1..]),
        _ => why.to_owned(),
    };
    if begins.ends_with(['.', '?', '!']) { begins } else { begins + "." }
}

#[rocket::async_trait]
impl<'r> FromRequest<'r> for Form {
    type Error = ();

    async fn from_request(request: &'r Request<'_>) -> Outcome<Self, ()> {
        let may_set_up = check_may_set_up(request).is_ok();
        let requested = Destination::requested(request);
        Outcome::Success(Self { requested, may_set_up, ..Self::default() })
    }
}

#[derive(Template)]
#[template(path = "login.html")]
pub struct LogInPage {
    pub frame: Frame,
    pub form: Form,
    pub notice: Option<&'static str>,
    pub may_register: bool,
    pub lacks_administrator: bool,
}

#[derive(Template)]
#[template(path = "register.html")]
pub struct RegisterPage {
    pub frame: Frame,
    pub form: Form,
    pub registration: RegistrationPolicy,
    pub require_email: bool,
    pub password_hint: String,
}

#[derive(Template)]
#[template(path = "reset.html")]
pub struct ResetPage {
    pub frame: Frame,
    pub form: Form,
    pub password_hint: String,
}

#[derive(Template)]
#[template(path = "setup.html")]
pub struct SetupPage {
    pub frame: Frame,
    pub form: Form,
    /// Whether the link works.
    pub is_good: bool,
    pub require_email: bool,
    pub password_hint: String,
}

/// What a good password is.
pub fn password_hint(services: &Services) -> String {
    let min_length = services.accounts.password_policy().min_length;
    format!(
        "At least {min_length} characters, and hard to guess. A few words are better than symbols."
    )
}

pub fn may_register(services: &Services) -> bool {
    services.accounts.registration() != RegistrationPolicy::Closed
}

fn notice_text(notice: Notice) -> &'static str {
    match notice {
        Notice::LoggedOut => "You are signed out.",
        Notice::Registered => "Your account is ready. Please sign in.",
        Notice::Waiting => {
            "Thank you, you are registered. An administrator has to approve your account; then you \
             can sign in."
        }
        Notice::Reset => "Your new password is set. Please sign in with it.",
        Notice::Deleted => "Your account is deleted.",
        Notice::Ended => "Your session has ended. Please sign in again.",
    }
}

#[get("/login?<notice>")]
pub async fn show_login(
    visitor: Visitor,
    frame: Frame,
    form: Form,
    notice: Option<&str>,
    services: &State<Services>,
) -> Result<PageOrRedirect, Problem> {
    if visitor.0.is_some() {
        let next = form.requested.unwrap_or(Destination::Home).address();
        return Ok(PageOrRedirect::redirect(&frame, &next));
    }
    let notice = Notice::ALL.into_iter().find(|known| Some(known.name()) == notice);
    let notice = notice.map(notice_text);
    // Only those who can create one are told.
    let lacks_administrator = form.may_set_up && !services.store.has_administrator().await?;
    let may_register = may_register(services);
    let page = LogInPage { frame, form, notice, may_register, lacks_administrator };
    Ok(PageOrRedirect::Page(Html::of(&page)?))
}

#[get("/register")]
pub fn show_registration(
    visitor: Visitor,
    frame: Frame,
    form: Form,
    services: &State<Services>,
) -> Result<PageOrRedirect, Problem> {
    if visitor.0.is_some() {
        return Ok(PageOrRedirect::redirect(&frame, ""));
    }
    let (registration, hint) = (services.accounts.registration(), password_hint(services));
    let require_email = services.require_email;
    let page = RegisterPage { frame, form, registration, require_email, password_hint: hint };
    Ok(PageOrRedirect::Page(Html::of(&page)?))
}

#[get("/reset")]
pub fn show_reset(frame: Frame, form: Form, services: &State<Services>) -> Result<Html, Problem> {
    Html::of(&ResetPage { frame, form, password_hint: password_hint(services) })
}

/// The page behind the link that the service prints when it starts.
#[get("/setup/<code>")]
pub async fn show_setup(
    _local: MaySetUp,
    code: &str,
    frame: Frame,
    form: Form,
    services: &State<Services>,
) -> Result<Html, Problem> {
    let is_good = services.accounts.is_good_setup_code(code).await?;
    let form = Form { typed: vec![("code".to_owned(), code.to_owned())], ..form };
    let status = if is_good { Status::Ok } else { Status::NotFound };
    let (require_email, password_hint) = (services.require_email, password_hint(services));
    let page = SetupPage { frame, form, is_good, require_email, password_hint };
    Ok(Html::with(status, &page)?)
}

#[cfg(test)]
mod tests {
    use super::sentence;

    #[test]
    fn an_error_beside_its_field_is_a_sentence_and_keeps_what_was_typed() {
        for (why, expected) in [
            ("is required", "This is required."),
            ("must have at least 8 characters", "This must have at least 8 characters."),
            ("there is no account ann", "There is no account ann."),
            ("the account ann is disabled, not active", "The account ann is disabled, not active."),
            ("eve is not a valid email", "eve is not a valid email."),
            ("is too easy to guess. Add a word.", "This is too easy to guess. Add a word."),
            ("thé", "thé."),
        ] {
            assert_eq!(sentence(why), expected);
        }
    }
}
