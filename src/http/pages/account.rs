//! The page of your own account, and its forms: names, password, theme, keyboard shortcuts.

use askama::Template;
use rocket::response::{self, Responder};
use rocket::{Request, State, get, post};

use super::choices::{Choice, Shortcuts, Theme};
use super::days::Moment;
use super::flash::{Flash, Said};
use super::forms::{Form, password_hint};
use super::frame::{Frame, Html};
use super::keys::KeyRow;
use super::people::role_in_words;
use super::reply::Reply;
use super::seen::FormFields;
use super::sessions::SessionRow;
use crate::domain::{
    DisplayName, Email, Named, PageRequest, Precondition, Size, UserChange, Username,
};
use crate::error::Error;
use crate::http::api::auth::ChangePassword;
use crate::http::auth::{AnyUser, SessionUser, SignedIn, root};
use crate::http::wire::{Body, PageForm, Problem, Services, input};

const NAMES: FormFields = FormFields(&["name", "username"]);
const PASSWORD: FormFields = FormFields(&["current_password", "new_password"]);

/// As many keys and as many sessions as a user may have.
const ALL: PageRequest = PageRequest::new(1, 100);

input! {
    /// Your names as the form has them.
    pub struct Names {
        name: Option<Option<DisplayName>>,
        username: Option<Option<Username>>,
    }
}

input! {
    /// The choice of a theme.
    pub struct ChooseTheme {
        theme: Theme,
    }
}

input! {
    /// Whether keys are shortcuts.
    pub struct ChooseShortcuts {
        shortcuts: Shortcuts,
    }
}

#[derive(Template)]
#[template(path = "account.html")]
struct AccountPage {
    frame: Frame,
    form: Form,
    email: String,
    role: &'static str,
    registered: Moment,
    used: Size,
    quota: Size,
    keys: Vec<KeyRow>,
    sessions: Vec<SessionRow>,
}

#[derive(Template)]
#[template(path = "account_password.html")]
struct PasswordPage {
    frame: Frame,
    form: Form,
    /// What tells the user from all others.
    label: String,
    password_hint: String,
}

/// The page, with the form of the names if that was rejected.
async fn account_page(
    user: &SignedIn,
    (frame, services): (Frame, &Services),
    rejected: Option<Form>,
) -> Result<AccountPage, Error> {
    let (store, now, zone) = (&*user.store, user.context.at, user.store.zone());
    let frame = frame.shown_to(user.authority, services).await?;
    let keys = store.list_keys(Some(user.id()), ALL).await?.items;
    let sessions = store.list_sessions(user.id(), ALL, now).await?.items;
    let own = store.get_user(user.id()).await?;
    let text = |name: Option<&str>| name.unwrap_or_default().to_owned();
    let filled = || {
        let name = text(own.names.name.as_ref().map(DisplayName::as_str));
        NAMES.filled(vec![name, text(own.names.username.as_ref().map(Username::as_str))])
    };
    Ok(AccountPage {
        frame,
        form: rejected.unwrap_or_else(filled),
        email: text(own.names.email.as_ref().map(Email::as_str)),
        role: role_in_words(own.role),
        registered: Moment::new(own.registered_on, now, zone),
        used: Size(own.used_bytes),
        quota: Size(services.quota.of(&own, now)),
        keys: keys.into_iter().rev().map(|key| KeyRow::of(key, now, zone)).collect(),
        sessions: SessionRow::all(sessions, user.session(), now, zone),
    })
}

#[get("/account")]
pub async fn show_account(
    user: AnyUser,
    frame: Frame,
    services: &State<Services>,
) -> Result<Html, Problem> {
    Html::of(&account_page(&user, (frame, services), None).await?)
}

async fn rename(user: &AnyUser, names: Names) -> Result<Said, Error> {
    let before = user.store.get_user(user.id()).await?;
    let username = names.username.flatten();
    if username.is_none() && before.names.username.is_some() {
        return Err(Error::invalid("username", "cannot be removed, only changed"));
    }
    let change = UserChange { username, name: names.name, ..UserChange::default() };
    let (condition, context) = (Precondition::default(), &user.context);
    let after = user.store.update_user(user.id(), change, condition, context).await?;
    Ok(if after.version == before.version { Said::Unchanged } else { Said::Changed })
}

#[post("/account", data = "<form>")]
pub async fn change_names(
    user: AnyUser,
    form: PageForm<Names>,
    frame: Frame,
    services: &State<Services>,
) -> Result<Reply, Problem> {
    let (renamed, typed) = form.and_then(async |names| rename(&user, names).await).await;
    let sent = NAMES.sent(renamed.map(|said| ("account".to_owned(), said)), typed)?;
    let page = |frame, form| account_page(&user, (frame, services), Some(form));
    sent.reply(frame, page).await
}

async fn password_page(
    user: &SignedIn,
    (frame, services): (Frame, &Services),
    form: Form,
) -> Result<PasswordPage, Error> {
    let label = user.store.get_user(user.id()).await?.names.label().to_owned();
    let frame = frame.shown_to(user.authority, services).await?;
    Ok(PasswordPage { frame, form, label, password_hint: password_hint(services) })
}

#[get("/account/password")]
pub async fn show_password_form(
    user: AnyUser,
    frame: Frame,
    services: &State<Services>,
) -> Result<Html, Problem> {
    Html::of(&password_page(&user, (frame, services), Form::default()).await?)
}

#[post("/account/password", data = "<form>")]
pub async fn change_own_password(
    user: SessionUser,
    form: PageForm<ChangePassword>,
    frame: Frame,
    services: &State<Services>,
) -> Result<Reply, Problem> {
    let (changed, typed) = form.and_then(async |input| input.change(&user, services).await).await;
    let done = changed.map(|()| ("account".to_owned(), Said::PasswordChanged));
    let sent = PASSWORD.sent(done, typed)?;
    let page = |frame, form| password_page(&user, (frame, services), form);
    sent.reply(frame, page).await
}

/// Back to the account, with the choice in a cookie.
pub struct Chosen<T>(T);

impl<'r, T: Choice> Responder<'r, 'static> for Chosen<T> {
    fn respond_to(self, request: &'r Request<'_>) -> response::Result<'static> {
        let cookie = match self.0.to_cookie(request) {
            Ok(cookie) => cookie,
            Err(error) => return Problem::from(error).respond_to(request),
        };
        // Where the choice is made, so that the reader stays there.
        let account = format!("{}account#choose-{}", root(request), T::PURPOSE);
        let mut response = Reply::Done(account, Flash::new(Said::Changed)).respond_to(request)?;
        response.adjoin_header(cookie);
        Ok(response)
    }
}

#[post("/account/theme", data = "<form>")]
pub fn choose_theme(_user: AnyUser, form: Body<ChooseTheme>) -> Chosen<Theme> {
    Chosen(form.0.theme)
}

#[post("/account/shortcuts", data = "<form>")]
pub fn choose_shortcuts(_user: AnyUser, form: Body<ChooseShortcuts>) -> Chosen<Shortcuts> {
    Chosen(form.0.shortcuts)
}
