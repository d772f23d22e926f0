//! `/auth`: make the first administrator, register, log in, log out, change or reset a password.

use rocket::http::Status;
use rocket::serde::json::Json;
use rocket::{Route, State, post};
use rocket_okapi::okapi::openapi3::OpenApi;
use rocket_okapi::{openapi, openapi_get_routes_spec};
use schemars::JsonSchema;
use serde_json::json;

use super::Services;
use super::answers::StatusView;
use super::body::{Body, Input, Nothing};
use super::client::{Client, MaySetUp};
use super::docs::{Answer, Description};
use super::entrance::{Entered, Entrance, FROM_ELSEWHERE, OpenEntrance, TO_A_PAGE};
use super::error::Problem;
use super::fields::Fields;
use super::guards::SessionUser;
use super::pages::Notice;
use crate::accounts::{SetupCode, UserDetails, read_reset_code};
use crate::domain::{
    Action, Email, LoginName, NewPassword, Password, RegistrationPolicy, RequestContext, Secret,
    Username,
};
use crate::error::Error;

/// How the document tells that too many attempts were made.
pub const TOO_MANY: Answer = (429, "Too many attempts were made; this one was not looked at.", &[]);

/// The routes of this file, and their part of the document.
pub fn routes() -> (Vec<Route>, OpenApi) {
    let (routes, mut spec) = openapi_get_routes_spec![
        register_user,
        set_up,
        log_in,
        log_out,
        change_password,
        reset_password
    ];
    Description::of(&mut spec)
        .operation(
            "register_user",
            &[
                (
                    201,
                    "Registered. The token works at once; there is none where the account waits for approval.",
                    &["Cache-Control", "Pragma"],
                ),
                (403, "Registration is closed.", &[]),
                (409, "The e-mail address or the username is already registered.", &[]),
                TO_A_PAGE,
                TOO_MANY,
            ],
        )
        .operation(
            "set_up",
            &[
                (201, "The administrator is made. The token works at once.", &["Cache-Control", "Pragma"]),
                (403, "The request is not from the machine itself, and the settings do not allow others.", &[]),
                (409, "There is an administrator, or the e-mail address or the username is already registered.", &[]),
                TO_A_PAGE,
                TOO_MANY,
            ],
        )
        .operation(
            "log_in",
            &[
                (200, "Logged in.", &["Cache-Control", "Pragma"]),
                (401, "The account is unknown or the password is wrong.", &[]),
                (403, "The password is right, and the account may not log in.", &[]),
                TO_A_PAGE,
                TOO_MANY,
            ],
        )
        .operation("log_out", &[(200, "Logged out. The token is dead.", &["Cache-Control", "Pragma"]), TO_A_PAGE])
        .operation("change_password", &[(200, "The password is changed.", &[]), TOO_MANY])
        .operation(
            "reset_password",
            &[(200, "The new password is set.", &["Cache-Control", "Pragma"]), TO_A_PAGE, FROM_ELSEWHERE, TOO_MANY],
        );
    (routes, spec)
}

/// What registering takes.
#[derive(JsonSchema)]
#[schemars(example = "Register::example")]
struct Register {
    /// An e-mail address as browsers accept it. Letter case does not make another account.
    #[schemars(with = "String", length(max = 254))]
    email: Email,
    /// 8 to 128 characters (the least is a setting) that are hard to guess.
    #[schemars(with = "String", length(min = 1, max = 128))]
    password: NewPassword,
    /// 3 to 32 of `a-z A-Z 0-9 . - _`, to log in with instead of the e-mail address.
    #[schemars(
        with = "Option<String>",
        length(min = 3, max = 32),
        regex(pattern = "^[a-zA-Z0-9._-]+$")
    )]
    username: Option<Username>,
}

impl Register {
    fn example() -> serde_json::Value {
        json!({ "email": "ann@example.com", "password": "correct horse battery staple" })
    }
}

#[rocket::async_trait]
impl Input for Register {
    async fn read(
        fields: &mut Fields,
        services: &Services,
        context: &RequestContext,
    ) -> Result<Option<Self>, Error> {
        services.accounts.check_registration()?;
        let email = fields.required("email", Email::parse);
        let username = fields.optional("username", Username::parse);
        let password = match fields
            .required("password", |text| services.accounts.check_length(text))
        {
            Some(password) => {
                let names = email
                    .iter()
                    .map(Email::as_str)
                    .chain(username.iter().flatten().map(Username::as_str));
                let names = names.map(str::to_owned).collect();
                let judgement =
                    services.accounts.check_registration_password(password, names, context).await?;
                judgement.map_err(|why| fields.refuse("password", why)).ok()
            }
            None => None,
        };
        let (Some(email), Some(username), Some(password)) = (email, username, password) else {
            return Ok(None);
        };
        Ok(Some(Self { email, password, username }))
    }
}

/// What making the first administrator takes.
#[derive(JsonSchema)]
#[schemars(example = "SetUp::example")]
struct SetUp {
    /// What the service has printed when it started. Letter case, hyphens and blanks do not count.
    #[schemars(with = "String")]
    code: SetupCode,
    /// As for registering.
    #[schemars(with = "String", length(max = 254))]
    email: Email,
    /// As for registering.
    #[schemars(with = "String", length(min = 1, max = 128))]
    password: Password,
    /// As for registering.
    #[schemars(
        with = "Option<String>",
        length(min = 3, max = 32),
        regex(pattern = "^[a-zA-Z0-9._-]+$")
    )]
    username: Option<Username>,
}

impl SetUp {
    fn example() -> serde_json::Value {
        json!({
            "code": "abcd-efgh-ijkl-mnop",
            "email": "ann@example.com",
            "password": "correct horse battery staple",
        })
    }
}

#[rocket::async_trait]
impl Input for SetUp {
    async fn read(
        fields: &mut Fields,
        services: &Services,
        _: &RequestContext,
    ) -> Result<Option<Self>, Error> {
        let code = fields.required("code", SetupCode::parse);
        let email = fields.required("email", Email::parse);
        let password = fields.required("password", |text| services.accounts.check_length(text));
        let username = fields.optional("username", Username::parse);
        let (Some(code), Some(email), Some(password), Some(username)) =
            (code, email, password, username)
        else {
            return Ok(None);
        };
        Ok(Some(Self { code, email, password, username }))
    }
}

/// What logging in takes: the password, and one of the account's names.
#[derive(JsonSchema)]
#[schemars(example = "LogIn::example")]
struct LogIn {
    /// The account's e-mail address.
    #[schemars(with = "Option<String>", length(max = 254))]
    #[allow(dead_code, reason = "documents the field; `login` holds it as well")]
    email: (),
    /// Instead of the e-mail address: the account's username.
    #[schemars(with = "Option<String>", length(min = 3, max = 32))]
    #[allow(dead_code, reason = "documents the field; `login` holds it as well")]
    username: (),
    /// Instead of both: either of them, for a form that has one input for both.
    #[schemars(with = "Option<String>", length(max = 254))]
    login: LoginName,
    #[schemars(with = "String", length(min = 1, max = 128))]
    password: Password,
}

impl LogIn {
    fn example() -> serde_json::Value {
        Register::example()
    }
}

#[rocket::async_trait]
impl Input for LogIn {
    async fn read(
        fields: &mut Fields,
        _: &Services,
        _: &RequestContext,
    ) -> Result<Option<Self>, Error> {
        let email = fields.optional("email", |text| Email::parse(text).map(LoginName::Email));
        let username =
            fields.optional("username", |text| Username::parse(text).map(LoginName::Username));
        let either = fields.optional("login", LoginName::parse);
        let password = fields.required("password", Password::parse);
        let (Some(email), Some(username), Some(either)) = (email, username, either) else {
            return Ok(None);
        };
        let names = [
            ("email", "an email", email),
            ("username", "a username", username),
            ("login", "", either),
        ];
        let mut given =
            names.into_iter().filter_map(|(name, called, login)| Some((name, called, login?)));
        match (given.next(), given.next()) {
            (Some((.., login)), None) => {
                Ok(password.map(|password| Self { email: (), username: (), login, password }))
            }
            (Some((_, called, _)), Some((name, ..))) => {
                fields.refuse(name, format!("must not be given together with {called}"));
                Ok(None)
            }
            (None, _) if fields.has("login") => {
                fields.refuse("login", "is required");
                Ok(None)
            }
            (None, _) => {
                fields.refuse("email", "is required, unless there is a username");
                Ok(None)
            }
        }
    }
}

/// What changing a password takes.
#[derive(JsonSchema)]
#[schemars(example = "ChangePassword::example")]
struct ChangePassword {
    /// The present one.
    #[schemars(with = "String", length(min = 1, max = 128))]
    current_password: Password,
    /// As for registering.
    #[schemars(with = "String", length(min = 1, max = 128))]
    new_password: Password,
}

impl ChangePassword {
    fn example() -> serde_json::Value {
        json!({ "current_password": "correct horse battery staple", "new_password": "another phrase nobody guesses" })
    }
}

#[rocket::async_trait]
impl Input for ChangePassword {
    async fn read(
        fields: &mut Fields,
        services: &Services,
        _: &RequestContext,
    ) -> Result<Option<Self>, Error> {
        let current = fields.required("current_password", Password::parse);
        let new = fields.required("new_password", |text| services.accounts.check_length(text));
        if new.is_some() && new == current {
            fields.refuse("new_password", "is the present one");
            return Ok(None);
        }
        Ok(current
            .zip(new)
            .map(|(current_password, new_password)| Self { current_password, new_password }))
    }
}

/// What resetting a password takes.
#[derive(JsonSchema)]
#[schemars(example = "ResetPassword::example")]
struct ResetPassword {
    /// What an administrator has given you. Letter case, hyphens and blanks do not count.
    #[schemars(with = "String")]
    code: Secret,
    /// As for registering.
    #[schemars(with = "String", length(min = 1, max = 128))]
    new_password: Password,
}

impl ResetPassword {
    fn example() -> serde_json::Value {
        json!({ "code": "abcd-efgh-ijkl-mnop", "new_password": "another phrase nobody guesses" })
    }
}

#[rocket::async_trait]
impl Input for ResetPassword {
    async fn read(
        fields: &mut Fields,
        services: &Services,
        _: &RequestContext,
    ) -> Result<Option<Self>, Error> {
        let code = fields.required("code", read_reset_code);
        let new = fields.required("new_password", |text| services.accounts.check_length(text));
        Ok(code.zip(new).map(|(code, new_password)| Self { code, new_password }))
    }
}

/// # Register
///
/// Makes an account, an employee's, and logs it in. Where the service asks for approval the account
/// waits, and there is no token; where registration is closed, only administrators make accounts.
#[openapi(tag = "Accounts")]
#[post("/auth/register", data = "<body>")]
async fn register_user(
    entrance: OpenEntrance,
    client: Client,
    body: Body<Register>,
    services: &State<Services>,
) -> Result<Entered, Problem> {
    let Body(Register { email, password, username }) = body;
    let new = UserDetails { email, username, password };
    let OpenEntrance(entrance) = entrance;
    let sessions = entrance.has_place().then_some(&services.sessions);
    let token = services.accounts.register(new, sessions, &client.unproven()).await?;
    let registered = "successfully registered";
    Ok(match (token, services.accounts.registration()) {
        (Some(token), _) => entrance.came_in(Status::Created, registered, token),
        (None, RegistrationPolicy::Open) => {
            entrance.goes_on(Status::Created, registered, Notice::Registered)
        }
        (None, RegistrationPolicy::Approval | RegistrationPolicy::Closed) => {
            let message = "successfully registered; your account is waiting for approval";
            entrance.goes_on(Status::Created, message, Notice::Waiting)
        }
    })
}

/// # Make the first administrator
///
/// While there is none, the service prints a code when it starts, as part of a link. It works once, and from
/// the machine itself alone, unless the setting `remote_setup` is true. The administrator is logged in.
#[openapi(tag = "Accounts")]
#[post("/auth/setup", data = "<body>")]
async fn set_up(
    _here: MaySetUp,
    entrance: Entrance,
    client: Client,
    body: Body<SetUp>,
    services: &State<Services>,
) -> Result<Entered, Problem> {
    let Body(SetUp { code, email, password, username }) = body;
    let new = UserDetails { email, username, password };
    let token =
        services.accounts.set_up(&code, new, &services.sessions, &client.unproven()).await?;
    let message = "successfully set up; you are the administrator";
    Ok(entrance.came_in(Status::Created, message, token))
}

/// # Log in
///
/// Takes `email` or `username`, and `password`. A wrong password and an unknown account are not
/// told apart, neither in the answer nor in the time it takes.
#[openapi(tag = "Accounts")]
#[post("/auth/login", data = "<body>")]
async fn log_in(
    entrance: Entrance,
    client: Client,
    body: Body<LogIn>,
    services: &State<Services>,
) -> Result<Entered, Problem> {
    let context = client.unproven();
    let user = services.accounts.log_in(body.0.login, body.0.password, &context).await?;
    let token = services.sessions.start(&user, &context).await?;
    Ok(entrance.came_in(Status::Ok, "successfully logged in", token))
}

/// # Log out
///
/// Ends this session. When the answer arrives its token is dead, and stays so.
#[openapi(tag = "Accounts")]
#[post("/auth/logout", data = "<_body>")]
async fn log_out(
    account: SessionUser,
    entrance: Entrance,
    client: Client,
    _body: Body<Nothing>,
    services: &State<Services>,
) -> Result<Entered, Problem> {
    let context = client.on_behalf_of(&account.caller);
    services.store.end_session(account.id(), account.session, Action::LogOut, &context).await?;
    Ok(entrance.left("successfully logged out"))
}

/// # Change your password
///
/// Ends every other session of the account, and a reset code. API keys stay.
#[openapi(tag = "Accounts")]
#[post("/auth/password", data = "<body>")]
async fn change_password(
    account: SessionUser,
    client: Client,
    body: Body<ChangePassword>,
    services: &State<Services>,
) -> Result<Json<StatusView>, Problem> {
    let Body(ChangePassword { current_password, new_password }) = body;
    let context = client.on_behalf_of(&account.caller);
    services
        .accounts
        .change_password(account.id(), current_password, new_password, account.session, &context)
        .await?;
    Ok(Json(StatusView::success(
        "successfully changed the password; every other session has ended",
    )))
}

/// # Set a new password with a reset code
///
/// An administrator makes the code. It works once, within an hour, and ends every session of the
/// account. Log in with the new password then.
#[openapi(tag = "Accounts")]
#[post("/auth/reset", data = "<body>")]
async fn reset_password(
    entrance: Entrance,
    client: Client,
    body: Body<ResetPassword>,
    services: &State<Services>,
) -> Result<Entered, Problem> {
    let Body(ResetPassword { code, new_password }) = body;
    services.accounts.reset_password(&code, new_password, &client.unproven()).await?;
    let message = "successfully set the new password; please log in";
    Ok(entrance.goes_on(Status::Ok, message, Notice::Reset))
}
