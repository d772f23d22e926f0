//! The form that creates an account for somebody else, for administrators.

use askama::Template;
use rocket::{State, get, post};

use super::flash::Said;
use super::forms::{Form, password_hint};
use super::frame::{Frame, Html};
use super::parts::record_address;
use super::person::ROLES;
use super::reply::Reply;
use super::secret::{SecretPage, Site};
use super::seen::FormFields;
use crate::accounts::ResetCode;
use crate::domain::{DisplayName, Role, User, UserNames, Username};
use crate::error::Error;
use crate::http::api::user_fields::{NewEmail, PasswordField};
use crate::http::auth::{Admin, SessionAdmin, SignedIn};
use crate::http::wire::{PageForm, Problem, Services, input};

/// The fields of the form, in its order.
const FIELDS: FormFields = FormFields(&["name", "email", "username", "role", "password"]);

input! {
    /// A new account.
    pub struct NewPerson {
        email: NewEmail,
        username: Option<Option<Username>>,
        name: Option<Option<DisplayName>>,
        role: Role,
        /// Without it, the answer has a reset code.
        password: Option<Option<PasswordField>>,
    }
}

#[derive(Template)]
#[template(path = "person_new.html")]
struct NewPersonPage {
    frame: Frame,
    form: Form,
    require_email: bool,
    password_hint: String,
}

async fn form_page(
    admin: &SignedIn,
    (frame, services): (Frame, &Services),
    form: Form,
) -> Result<NewPersonPage, Error> {
    Ok(NewPersonPage {
        frame: frame.shown_to(admin.authority, services).await?,
        form,
        require_email: services.require_email,
        password_hint: password_hint(services),
    })
}

#[get("/people/new")]
pub async fn show_new_person(
    admin: Admin,
    frame: Frame,
    services: &State<Services>,
) -> Result<Html, Problem> {
    let form = FIELDS.filled(["", "", "", Role::Employee.as_str(), ""].map(str::to_owned).into());
    Html::of(&form_page(&admin, (frame, services), form).await?)
}

impl NewPerson {
    async fn create(
        self,
        admin: &SignedIn,
        services: &Services,
    ) -> Result<(User, Option<ResetCode>), Error> {
        let Self { email: NewEmail(email), username, name, role, password } = self;
        let names = UserNames { email, username: username.flatten(), name: name.flatten() };
        let password = password.flatten().map(|PasswordField(password)| password);
        services.accounts.add_with_code(names, role, password, &admin.context).await
    }
}

/// Without a password, the answer shows a reset link, once.
#[post("/people", data = "<form>")]
pub async fn add_person(
    admin: SessionAdmin,
    form: PageForm<NewPerson>,
    site: Site,
    frame: Frame,
    services: &State<Services>,
) -> Result<Reply, Problem> {
    let (created, typed) = form.and_then(async |input| input.create(&admin, services).await).await;
    match created {
        Ok((user, code)) => created_reply(&admin, (frame, services), &user, code, &site).await,
        Err(error) => {
            let page = |frame, form| form_page(&admin, (frame, services), form);
            FIELDS.rejected(typed, error)?.reply(frame, page).await
        }
    }
}

async fn created_reply(
    admin: &SignedIn,
    (frame, services): (Frame, &Services),
    user: &User,
    code: Option<ResetCode>,
    site: &Site,
) -> Result<Reply, Problem> {
    let page = record_address("people", &user.public_id.to_string());
    let Some(code) = code else {
        return Ok(Reply::done(&frame, &page, Said::Added));
    };
    let frame = frame.shown_to(admin.authority, services).await?;
    let about = (user.names.label().to_owned(), page);
    let when = (admin.context.at, admin.store.zone());
    Ok(Reply::Page(Html::of(&SecretPage::reset(frame, about, (site, &code), when))?))
}
