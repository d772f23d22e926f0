//! What a browser that navigates sees instead of a problem's JSON: its form again, the login page,
//! or a page that says what is wrong.

use askama::Template;
use rocket::fairing::{Fairing, Info, Kind};
use rocket::http::{ContentType, Status};
use rocket::response::{self, Responder};
use rocket::{Request, Response, catch};

use super::forms::{
    Form, LogInPage, RegisterPage, ResetPage, SetupPage, may_register, password_hint,
};
use super::frame::{Frame, Html};
use crate::domain::Role;
use crate::error::{Error, FieldErrors};
use crate::http::auth::{
    Destination, clear_session_cookie, find_caller, is_cross_site, login_address, root,
    session_cookie,
};
use crate::http::wire::{
    IS_NOT_KNOWN, Problem, Services, SubmittedForm, WHOLE_BODY, add_common_headers,
    has_empty_segments, is_read, remember_or, remembered, see_other, wants_page,
};

/// The fields that are shown again as they were typed. Passwords are not.
const SHOWN_AGAIN: [&str; 5] = ["name", "email", "username", "login", "code"];

/// The fairing that turns a problem into a page. The headers of the problem stay.
pub struct ProblemPages;

#[rocket::async_trait]
impl Fairing for ProblemPages {
    fn info(&self) -> Info {
        Info { name: "pages of problems", kind: Kind::Response }
    }

    async fn on_response<'r>(&self, request: &'r Request<'_>, response: &mut Response<'r>) {
        if response.content_type() == Some(ContentType::JSON)
            && wants_page(request)
            && let Some(problem) = remembered(request)
            && problem.status() == response.status()
        {
            let answer = Answer::to(request, problem);
            let frame = match answer {
                Answer::Page(_) => frame_of(request).await,
                Answer::Json | Answer::Redirect(_) => Frame::of(request),
            };
            replace(request, problem, response, (answer, frame));
        }
    }
}

/// The frame with the menu of the user, as far as there is one.
async fn frame_of(request: &Request<'_>) -> Frame {
    let plain = || Frame::of(request);
    let (Ok(Some(caller)), Ok(services)) = (find_caller(request).await, Services::of(request))
    else {
        return plain();
    };
    plain().shown_to(caller.authority, services).await.unwrap_or_else(|_| plain())
}

/// The answer to a request that failed outside its handler.
pub struct Caught(Problem);

impl<'r> Responder<'r, 'static> for Caught {
    fn respond_to(self, request: &'r Request<'_>) -> response::Result<'static> {
        let mut response = self.0.to_response(request);
        // Fairings do not see a request that Rocket cannot parse.
        if wants_page(request) {
            let answer = (Answer::to(request, &self.0), Frame::of(request));
            replace(request, &self.0, &mut response, answer);
        }
        add_common_headers(request, &mut response);
        Ok(response)
    }
}

/// Answers with the remembered problem, or with that of the status.
#[catch(default)]
pub fn catch(status: Status, request: &Request<'_>) -> Caught {
    let problem = remember_or(request, || Problem::of_status(status)).cloned();
    Caught(problem.unwrap_or_else(|| Problem::of_status(status)))
}

fn replace(
    request: &Request<'_>,
    problem: &Problem,
    response: &mut Response<'_>,
    (answer, frame): (Answer, Frame),
) {
    let page = match answer {
        Answer::Json => return,
        Answer::Redirect(redirect) => Ok(redirect),
        Answer::Page(target) => render(request, target, problem, frame).map(Html::into_response),
    };
    match page {
        Ok(page) => {
            response.remove_header("Content-Type");
            response.merge(page);
        }
        // Without a page, the JSON stays.
        Err(error) => log::error!("{error}"),
    }
}

#[derive(Template)]
#[template(path = "problem.html")]
struct ProblemPage {
    frame: Frame,
    status: u16,
    title: &'static str,
    message: String,
}

/// The form that is sent to an address.
#[derive(Clone, Copy)]
enum FormTarget {
    SetUp,
    Register,
    LogIn,
    LogOut,
    Reset,
}

impl FormTarget {
    fn of(request: &Request<'_>) -> Option<Self> {
        match segments(request).as_slice() {
            ["api", "v1", "auth", "setup"] => Some(Self::SetUp),
            ["api", "v1", "auth", "register"] => Some(Self::Register),
            ["api", "v1", "auth", "login"] => Some(Self::LogIn),
            ["api", "v1", "auth", "logout"] => Some(Self::LogOut),
            ["api", "v1", "auth", "reset"] => Some(Self::Reset),
            _ => None,
        }
    }

    /// The form's fields, in their order.
    fn fields(self) -> &'static [&'static str] {
        match self {
            // The setup code is hidden, so there is no place beside it for an error.
            Self::SetUp | Self::Register => &["name", "email", "username", "password"],
            Self::LogIn => &["login", "password"],
            Self::Reset => &["code", "new_password"],
            Self::LogOut => &[],
        }
    }
}

fn segments<'r>(request: &'r Request<'_>) -> Vec<&'r str> {
    request.uri().path().segments().filter(|segment| !segment.is_empty()).collect()
}

/// What a browser that navigates gets in place of a problem's JSON.
enum Answer {
    /// Below the API, except for the forms' own routes.
    Json,
    Redirect(Response<'static>),
    /// A page, or the page of a form.
    Page(Option<FormTarget>),
}

impl Answer {
    fn to(request: &Request<'_>, problem: &Problem) -> Self {
        let target = FormTarget::of(request);
        let segments = segments(request);
        let is_api = segments.first() == Some(&"api");
        if has_empty_segments(request) && (!is_api || segments == ["api", "v1", "ui"]) {
            return Self::Redirect(to_path(request, &segments));
        }
        let to_page = |page| Self::Redirect(see_other(format!("{}{page}", root(request))));
        match (target, problem.status().code) {
            (None, _) if is_api => Self::Json,
            // A reload of the address that a form was sent to.
            (Some(_), 405) => to_page("login"),
            (None, 405) if segments.first() == Some(&"account") && is_read(request) => {
                to_page("account")
            }
            // `selected/tasks`
            (None, 405) if is_read(request) && matches!(*segments, ["selected", _]) => {
                to_page(segments[1])
            }
            // The same for the form of a page: `tasks/<id>/status`.
            (None, 405) if segments.len() > 2 && is_read(request) => {
                Self::Redirect(see_other("../".to_owned() + segments[1]))
            }
            (None | Some(FormTarget::LogOut), 401) => Self::Redirect(to_login(request, target)),
            _ => Self::Page(target),
        }
    }
}

fn to_login(request: &Request<'_>, target: Option<FormTarget>) -> Response<'static> {
    // A form of another site comes without the cookie, and must not clear it.
    let has_session = session_cookie(request).is_ok_and(|cookie| cookie.is_some());
    let mut response = see_other(login_address(request, has_session && target.is_none()));
    if has_session && let Ok(cookie) = clear_session_cookie(request) {
        response.adjoin_header(cookie);
    }
    response
}

/// The redirect to a page whose path was spelt in another way.
fn to_path(request: &Request<'_>, segments: &[&str]) -> Response<'static> {
    let query = request.uri().query().map(|query| format!("?{query}")).unwrap_or_default();
    let path = segments.join("/");
    see_other(format!("{}{path}{query}", root(request)))
}

fn render(
    request: &Request<'_>,
    target: Option<FormTarget>,
    problem: &Problem,
    frame: Frame,
) -> Result<Html, Error> {
    let services = Services::of(request)?;
    let (status, message) = (problem.status(), problem.message(request));
    let form = rejected_form(request, target, &message, problem.errors());
    let password_hint = password_hint(services);
    match target {
        Some(FormTarget::SetUp) if status != Status::Forbidden => {
            let require_email = services.require_email;
            let is_good = true;
            Html::with(status, &SetupPage { frame, form, is_good, require_email, password_hint })
        }
        Some(FormTarget::LogIn) => {
            let (may_register, lacks_administrator) = (may_register(services), false);
            let page = LogInPage { frame, form, notice: None, may_register, lacks_administrator };
            Html::with(status, &page)
        }
        Some(FormTarget::Register) => {
            let registration = services.accounts.registration();
            let require_email = services.require_email;
            Html::with(
                status,
                &RegisterPage { frame, form, registration, require_email, password_hint },
            )
        }
        Some(FormTarget::Reset) => Html::with(status, &ResetPage { frame, form, password_hint }),
        Some(FormTarget::LogOut | FormTarget::SetUp) | None => {
            let errors = problem.errors();
            let message = match is_read(request) {
                _ if errors.is_empty() => message.into_owned(),
                true => wrong_filters(errors),
                false if errors.names("task") || errors.names("person") => {
                    "Nothing is selected.".to_owned()
                }
                false => wrong_fields(errors),
            };
            let title = title(status, &message);
            Html::with(status, &ProblemPage { frame, status: status.code, title, message })
        }
    }
}

/// What is wrong with the address of a page. Another site may have made it up, so it shows no values,
/// and only names that could be ours.
fn wrong_filters(errors: &FieldErrors) -> String {
    let is_name = |name: &str| {
        name.len() <= 32 && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_')
    };
    let shown = errors.iter().filter(|(name, _)| is_name(name));
    let sentences = shown.map(|(name, why)| {
        if why.starts_with(IS_NOT_KNOWN) {
            format!("“{name}” is not a filter of this page.")
        } else {
            format!("The filter “{name}” has a value that this page does not know.")
        }
    });
    let sentences: Vec<_> = sentences.collect();
    if sentences.is_empty() {
        return "The address has a filter that this page does not have.".to_owned();
    }
    sentences.join(" ")
}

/// What is wrong with the fields of a form that is not shown again.
fn wrong_fields(errors: &FieldErrors) -> String {
    let sentences: Vec<_> = errors.iter().map(|(name, why)| format!("{name} {why}.")).collect();
    sentences.join(" ")
}

/// A form with what was typed into it, and its errors.
fn rejected_form(
    request: &Request<'_>,
    target: Option<FormTarget>,
    message: &str,
    errors: &FieldErrors,
) -> Form {
    let fields = target.map_or(&[][..], FormTarget::fields);
    // Fields show their own errors; the form shows those of fields that it does not have. An
    // unknown name is not shown: another site may have made it up.
    let label = |name| match name {
        WHOLE_BODY => "The form",
        "code" => "The link",
        _ => "A field",
    };
    let unseen = errors.iter().filter(|(name, _)| !fields.contains(name));
    let unseen: Vec<_> = unseen.map(|(name, why)| format!("{} {why}", label(name))).collect();
    let message = match (errors.is_empty(), unseen.is_empty()) {
        (true, _) => Some(message.to_owned()),
        (false, true) => None,
        (false, false) => Some(unseen.join("; ")),
    };
    let requested = Destination::requested(request);
    let (typed, errors) = (typed(request), errors.clone());
    Form { typed, errors, fields, message, requested, ..Form::default() }
}

/// What was typed. The text of a page of another site is not shown as if it were ours.
fn typed(request: &Request<'_>) -> Vec<(String, String)> {
    if is_cross_site(request) {
        return Vec::new();
    }
    let submitted = &request.local_cache(SubmittedForm::default).0;
    let is_shown = |(name, _): &&(String, String)| SHOWN_AGAIN.contains(&name.as_str());
    submitted.iter().filter(is_shown).cloned().collect()
}

fn title(status: Status, message: &str) -> &'static str {
    let is_role = |role: Role| Error::RoleRequired(role).to_string() == message;
    match status.code {
        403 if is_role(Role::Admin) => "Administrators only",
        403 if is_role(Role::Manager) => "Managers only",
        403 => "Not allowed",
        404 => "Not found",
        412 => "Changed meanwhile",
        429 => "Too many requests",
        503 => "Busy",
        500..=599 => "Something broke",
        _ => "That did not work",
    }
}
