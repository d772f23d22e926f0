//! The forms that somebody comes in through, which work without scripts, and the pages that tell a
//! browser what went wrong.

use askama::Template;
use rocket::http::Status;
use rocket::request::{FromRequest, Outcome};
use rocket::{Request, Response, State, get};

use super::super::Services;
use super::super::browser::{forget_session, is_foreign, session_cookie};
use super::super::client::{MaySetUp, may_set_up};
use super::super::entrance::see_other;
use super::super::error::Problem;
use super::super::fields::{Fields, WHOLE_BODY};
use super::frame::{Frame, Html, Shown};
use super::{Notice, Page, Visitor, login_address, root};
use crate::domain::RegistrationPolicy;
use crate::error::{Error, FieldErrors};

/// What was typed into a form and may be shown once more: no passwords.
#[derive(Default)]
struct Typed(Vec<(String, String)>);

/// The fields that are shown as they were typed when a form was refused.
const SHOWN_AGAIN: [&str; 4] = ["email", "username", "login", "code"];

/// Remembers what was typed, for the page that may have to say what is wrong with it.
pub fn keep_typed(request: &Request<'_>, fields: &Fields) {
    // What a page of another site says is not shown as if it were ours.
    if is_foreign(request) {
        return;
    }
    request.local_cache(|| {
        let typed = SHOWN_AGAIN
            .iter()
            .filter_map(|name| fields.text(name).map(|text| ((*name).to_owned(), text)));
        Typed(typed.map(|(name, text)| (name, text.to_owned())).collect())
    });
}

/// A guard: what a form shows, which at first is nothing; then what was typed before, and what was wrong with it.
#[derive(Default)]
pub struct Form {
    typed: Vec<(String, String)>,
    errors: FieldErrors,
    /// The fields that it has, where any may be at fault.
    fields: &'static [&'static str],
    /// What is wrong with all of it.
    message: Option<String>,
    /// Where somebody wanted to go before they had to log in.
    wanted: Option<Page>,
    /// Whether whoever sees it may make the first administrator.
    may_set_up: bool,
}

impl Form {
    /// A form that was refused.
    fn refused(
        request: &Request<'_>,
        target: Option<Target>,
        message: &str,
        errors: &FieldErrors,
    ) -> Self {
        let typed = request.local_cache(Typed::default).0.clone();
        let fields = target.map_or(&[][..], Target::fields);
        // Where fields are at fault, they tell of it themselves, but for those that the form does not have.
        let unseen = errors.iter().filter(|(name, _)| !fields.contains(name));
        // What a field is called that we do not know, somebody else may have made up.
        let called = |name| match name {
            WHOLE_BODY => "The form",
            "code" => "The link",
            _ => "A field",
        };
        let unseen: Vec<String> =
            unseen.map(|(name, why)| format!("{} {why}", called(name))).collect();
        let message = match (errors.is_empty(), unseen.is_empty()) {
            (true, _) => Some(message.to_owned()),
            (false, true) => None,
            (false, false) => Some(unseen.join("; ")),
        };
        Self {
            typed,
            errors: errors.clone(),
            fields,
            message,
            wanted: Page::wanted(request),
            may_set_up: false,
        }
    }

    /// What was typed into a field.
    fn value(&self, name: &str) -> &str {
        self.typed.iter().find(|(field, _)| field == name).map_or("", |(_, text)| text)
    }

    /// What is wrong with a field.
    fn error(&self, name: &str) -> Option<&str> {
        self.errors.iter().find(|(field, _)| *field == name).map(|(_, why)| why)
    }

    /// The query of the page, which the form takes along.
    fn query(&self) -> String {
        match &self.wanted {
            Some(Page::Wanted(next)) => {
                let next: String = url::form_urlencoded::byte_serialize(next.as_bytes()).collect();
                format!("?next={next}")
            }
            _ => String::new(),
        }
    }

    /// The attribute that puts the cursor into the first field at fault.
    fn focus(&self, name: &str) -> &'static str {
        let first = self.fields.iter().find(|field| self.error(field).is_some());
        if first == Some(&name) { " autofocus" } else { "" }
    }
}

#[rocket::async_trait]
impl<'r> FromRequest<'r> for Form {
    type Error = ();

    async fn from_request(request: &'r Request<'_>) -> Outcome<Self, ()> {
        let may_set_up = may_set_up(request).is_ok();
        Outcome::Success(Self { wanted: Page::wanted(request), may_set_up, ..Self::default() })
    }
}

#[derive(Template)]
#[template(path = "login.html")]
struct LogInPage {
    frame: Frame,
    form: Form,
    notice: Option<&'static str>,
    may_register: bool,
    lacks_administrator: bool,
}

#[derive(Template)]
#[template(path = "register.html")]
struct RegisterPage {
    frame: Frame,
    form: Form,
    registration: RegistrationPolicy,
    password_hint: String,
}

#[derive(Template)]
#[template(path = "reset.html")]
struct ResetPage {
    frame: Frame,
    form: Form,
    password_hint: String,
}

#[derive(Template)]
#[template(path = "setup.html")]
struct SetupPage {
    frame: Frame,
    form: Form,
    /// Whether the link works, and not another one does or none at all.
    is_good: bool,
    password_hint: String,
}

#[derive(Template)]
#[template(path = "problem.html")]
struct ProblemPage {
    frame: Frame,
    status: u16,
    title: &'static str,
    message: String,
}

/// What is told of new passwords before one is typed.
pub fn password_hint(services: &Services) -> String {
    let least = services.accounts.min_password_length();
    format!("At least {least} characters, and hard to guess. A few words are better than symbols.")
}

fn may_register(services: &Services) -> bool {
    services.accounts.registration() != RegistrationPolicy::Closed
}

/// To log in. Who is logged in already is sent on.
#[get("/login?<notice>")]
pub async fn show_login(
    visitor: Visitor,
    frame: Frame,
    form: Form,
    notice: Option<&str>,
    services: &State<Services>,
) -> Result<Shown, Problem> {
    if visitor.0.is_some() {
        return Ok(Shown::elsewhere(&frame, &form.wanted.unwrap_or(Page::Home).address()));
    }
    let notice =
        Notice::ALL.into_iter().find(|known| Some(known.name()) == notice).map(Notice::text);
    // Nobody else need know.
    let lacks_administrator = form.may_set_up && !services.store.has_administrator().await?;
    let may_register = may_register(services);
    Ok(Shown::Here(Html::of(&LogInPage {
        frame,
        form,
        notice,
        may_register,
        lacks_administrator,
    })?))
}

/// To register.
#[get("/register")]
pub async fn show_registration(
    visitor: Visitor,
    frame: Frame,
    form: Form,
    services: &State<Services>,
) -> Result<Shown, Problem> {
    if visitor.0.is_some() {
        return Ok(Shown::elsewhere(&frame, ""));
    }
    let (registration, password_hint) = (services.accounts.registration(), password_hint(services));
    Ok(Shown::Here(Html::of(&RegisterPage { frame, form, registration, password_hint })?))
}

/// To set a new password, with a code.
#[get("/reset")]
pub async fn show_reset(
    frame: Frame,
    form: Form,
    services: &State<Services>,
) -> Result<Html, Problem> {
    Html::of(&ResetPage { frame, form, password_hint: password_hint(services) })
}

/// To make the first administrator, with the link that was printed at the start.
#[get("/setup/<code>")]
pub async fn show_setup(
    _here: MaySetUp,
    code: &str,
    frame: Frame,
    form: Form,
    services: &State<Services>,
) -> Result<Html, Problem> {
    let is_good = services.accounts.is_good_setup_code(code).await?;
    let form = Form { typed: vec![("code".to_owned(), code.to_owned())], ..form };
    let status = if is_good { Status::Ok } else { Status::NotFound };
    Ok(Html::with(
        status,
        &SetupPage { frame, form, is_good, password_hint: password_hint(services) },
    )?)
}

/// Which of the forms is sent to an address.
#[derive(Clone, Copy)]
enum Target {
    SetUp,
    Register,
    LogIn,
    LogOut,
    Reset,
}

impl Target {
    fn of(request: &Request<'_>) -> Option<Self> {
        let path: Vec<&str> =
            request.uri().path().segments().filter(|segment| !segment.is_empty()).collect();
        match path.as_slice() {
            ["api", "v1", "auth", "setup"] => Some(Self::SetUp),
            ["api", "v1", "auth", "register"] => Some(Self::Register),
            ["api", "v1", "auth", "login"] => Some(Self::LogIn),
            ["api", "v1", "auth", "logout"] => Some(Self::LogOut),
            ["api", "v1", "auth", "reset"] => Some(Self::Reset),
            _ => None,
        }
    }

    /// The fields of its form, in their order.
    fn fields(self) -> &'static [&'static str] {
        match self {
            // That of the link is hidden, and so has no place beside it to say what is wrong.
            Self::SetUp | Self::Register => &["email", "username", "password"],
            Self::LogIn => &["login", "password"],
            Self::Reset => &["code", "new_password"],
            Self::LogOut => &[],
        }
    }
}

/// What a browser that navigates is answered instead of a problem: the form once more, the way to log in, or
/// a page that says what is wrong. `None` below the API, where there is no form.
pub fn answer(
    request: &Request<'_>,
    status: Status,
    message: &str,
    errors: &FieldErrors,
) -> Option<Response<'static>> {
    let target = Target::of(request);
    let is_api = request.uri().path().segments().find(|segment| !segment.is_empty()) == Some("api");
    match (target, status.code) {
        (None, _) if is_api => None,
        // Somebody reloads what a form was sent to, or logs out who is not logged in any more.
        (Some(_), 405) => Some(see_other(format!("{}login", root(request)))),
        (None | Some(Target::LogOut), 401) => {
            let mut response = see_other(login_address(request));
            // A form of another site comes without the cookie, and must not make the browser forget it.
            let has_session = session_cookie(request).is_ok_and(|cookie| cookie.is_some());
            if has_session && let Ok(cookie) = forget_session(request) {
                response.adjoin_header(cookie);
            }
            Some(response)
        }
        _ => {
            let page = render(request, target, status, message, errors);
            // The problem itself is still told, as JSON.
            page.inspect_err(|error| log::error!("{error}")).ok().map(Html::into_response)
        }
    }
}

fn render(
    request: &Request<'_>,
    target: Option<Target>,
    status: Status,
    message: &str,
    errors: &FieldErrors,
) -> Result<Html, Error> {
    let frame = Frame::of(request);
    let services = Services::of(request)?;
    let form = Form::refused(request, target, message, errors);
    let password_hint = password_hint(services);
    match target {
        Some(Target::SetUp) if status != Status::Forbidden => {
            Html::with(status, &SetupPage { frame, form, is_good: true, password_hint })
        }
        Some(Target::LogIn) => {
            let may_register = may_register(services);
            let page =
                LogInPage { frame, form, notice: None, may_register, lacks_administrator: false };
            Html::with(status, &page)
        }
        Some(Target::Register) => {
            let registration = services.accounts.registration();
            Html::with(status, &RegisterPage { frame, form, registration, password_hint })
        }
        Some(Target::Reset) => Html::with(status, &ResetPage { frame, form, password_hint }),
        Some(Target::LogOut | Target::SetUp) | None => {
            let page = ProblemPage {
                frame,
                status: status.code,
                title: title(status),
                message: message.to_owned(),
            };
            Html::with(status, &page)
        }
    }
}

fn title(status: Status) -> &'static str {
    match status.code {
        403 => "Not for you",
        404 => "Nothing here",
        429 => "Too fast",
        503 => "Busy",
        500..=599 => "Something broke",
        _ => "That did not work",
    }
}
