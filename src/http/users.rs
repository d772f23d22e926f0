//! `/auth`: register, log in, see oneself, log out.

use rocket::http::{Header, Status};
use rocket::response::{self, Responder};
use rocket::serde::json::Json;
use rocket::{Request, Response, Route, State, get, post};
use rocket_okapi::r#gen::OpenApiGenerator;
use rocket_okapi::okapi::openapi3::{OpenApi, Responses};
use rocket_okapi::response::OpenApiResponderInner;
use rocket_okapi::{openapi, openapi_get_routes_spec};
use schemars::JsonSchema;
use serde::Serialize;

use super::Services;
use super::body::{Body, Input, Nothing};
use super::docs::Description;
use super::error::Problem;
use super::fields::Fields;
use super::guards::Account;
use super::pages::StatusView;
use crate::accounts::AccessToken;
use crate::domain::{Email, Login, NewPassword, Password, Role, Status as AccountStatus, Timestamp, User, Username};
use crate::error::Error;

/// The routes below `/auth`, and their part of the document.
pub fn routes() -> (Vec<Route>, OpenApi) {
    let (routes, mut spec) = openapi_get_routes_spec![register_user, log_in, get_user, log_out];
    Description::of(&mut spec)
        .operation(
            "register_user",
            &[
                (201, "Registered. The token works at once.", &["Cache-Control", "Pragma"]),
                (409, "The e-mail address or the username is already registered.", &[]),
            ],
        )
        .operation(
            "log_in",
            &[
                (200, "Logged in.", &["Cache-Control", "Pragma"]),
                (401, "The account is unknown or the password is wrong.", &[]),
                (403, "The password is right, and the account may not log in.", &[]),
            ],
        )
        .operation("get_user", &[(200, "The account that the token belongs to.", &[])])
        .operation("log_out", &[(200, "Logged out. The token is dead.", &[])]);
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
    #[schemars(with = "Option<String>", length(min = 3, max = 32), regex(pattern = "^[a-zA-Z0-9._-]+$"))]
    username: Option<Username>,
}

impl Register {
    fn example() -> serde_json::Value {
        serde_json::json!({ "email": "ann@example.com", "password": "correct horse battery staple" })
    }
}

#[rocket::async_trait]
impl Input for Register {
    async fn read(fields: &mut Fields, services: &Services) -> Result<Option<Self>, Error> {
        let email = fields.required("email", Email::parse);
        let username = fields.optional("username", Username::parse);
        let password = match fields.required("password", |text| services.accounts.check_length(text)) {
            Some(password) => {
                let names = email.iter().map(Email::as_str).chain(username.iter().flatten().map(Username::as_str));
                let names = names.map(str::to_owned).collect();
                let judgement = services.accounts.judge(password, names).await?;
                judgement.map_err(|why| fields.refuse("password", why)).ok()
            }
            None => None,
        };
        let (Some(email), Some(username), Some(password)) = (email, username, password) else { return Ok(None) };
        Ok(Some(Self { email, password, username }))
    }
}

/// What logging in takes: the password, and one of the account's names.
#[derive(JsonSchema)]
#[schemars(example = "LogIn::example")]
struct LogIn {
    /// The account's e-mail address.
    #[schemars(with = "Option<String>", length(max = 254))]
    #[allow(dead_code, reason = "documents the field; `login` holds what was given")]
    email: (),
    /// Instead of the e-mail address: the account's username.
    #[schemars(with = "Option<String>", length(min = 3, max = 32))]
    #[allow(dead_code, reason = "documents the field; `login` holds what was given")]
    username: (),
    #[schemars(with = "String", length(min = 1, max = 128))]
    password: Password,
    #[schemars(skip)]
    login: Login,
}

impl LogIn {
    fn example() -> serde_json::Value {
        Register::example()
    }
}

#[rocket::async_trait]
impl Input for LogIn {
    async fn read(fields: &mut Fields, _: &Services) -> Result<Option<Self>, Error> {
        let email = fields.optional("email", Email::parse);
        let username = fields.optional("username", Username::parse);
        let password = fields.required("password", Password::parse);
        let login = match (email, username) {
            (Some(Some(email)), Some(None)) => Login::Email(email),
            (Some(None), Some(Some(username))) => Login::Username(username),
            (Some(None), Some(None)) => {
                fields.refuse("email", "is required, unless there is a username");
                return Ok(None);
            }
            (Some(Some(_)), Some(Some(_))) => {
                fields.refuse("username", "must not be given together with an email");
                return Ok(None);
            }
            _ => return Ok(None),
        };
        Ok(password.map(|password| Self { email: (), username: (), password, login }))
    }
}

/// A fresh token (RFC 6750 section 4), which no cache may keep (RFC 6749 section 5.1).
#[derive(Serialize, JsonSchema)]
struct TokenView {
    /// `success`
    status: &'static str,
    message: &'static str,
    /// A JSON Web Token, to be sent as `Authorization: Bearer ...`.
    access_token: String,
    /// `bearer`
    token_type: &'static str,
    /// The token's life in seconds.
    expires_in: u32,
    #[serde(skip)]
    http_status: Status,
}

impl TokenView {
    fn new(http_status: Status, message: &'static str, token: AccessToken) -> Self {
        Self {
            status: "success",
            message,
            access_token: token.text,
            token_type: "bearer",
            expires_in: token.expires_in,
            http_status,
        }
    }
}

impl<'r> Responder<'r, 'static> for TokenView {
    fn respond_to(self, request: &'r Request<'_>) -> response::Result<'static> {
        let status = self.http_status;
        Response::build_from(Json(self).respond_to(request)?)
            .status(status)
            .header(Header::new("Cache-Control", "no-store"))
            .header(Header::new("Pragma", "no-cache"))
            .ok()
    }
}

impl OpenApiResponderInner for TokenView {
    fn responses(generator: &mut OpenApiGenerator) -> rocket_okapi::Result<Responses> {
        <Json<Self> as OpenApiResponderInner>::responses(generator)
    }
}

/// An account as its owner sees it.
#[derive(Serialize, JsonSchema)]
struct UserView {
    email: String,
    /// A UUID.
    public_id: String,
    username: Option<String>,
    /// `employee`, `manager` or `admin`
    role: &'static str,
    /// Whether the role is that of an administrator.
    admin: bool,
    /// Whether the account may log in.
    active: bool,
    /// `12/31/26 11:59:59 PM UTC`
    registered_on: String,
    registered_on_iso8601: String,
    /// `00:59:46`
    token_expires_in: String,
}

impl UserView {
    fn new(user: &User, token_expires_at: Timestamp, now: Timestamp) -> Self {
        Self {
            email: user.email.as_str().to_owned(),
            public_id: user.public_id.to_string(),
            username: user.username.as_ref().map(|username| username.as_str().to_owned()),
            role: user.role.as_str(),
            admin: user.role.is_admin(),
            active: user.status == AccountStatus::Active,
            registered_on: user.registered_on.to_clock_text(),
            registered_on_iso8601: user.registered_on.to_iso_8601(),
            token_expires_in: token_expires_at.remaining_on_clock(now),
        }
    }
}

/// # Register
///
/// Makes an account and logs it in. Everybody may; the account is an employee's.
#[openapi(tag = "Accounts")]
#[post("/auth/register", data = "<body>")]
async fn register_user(body: Body<Register>, services: &State<Services>) -> Result<TokenView, Problem> {
    let Body(Register { email, password, username }) = body;
    let user = services.accounts.register(email, username, password, Role::Employee).await?;
    Ok(TokenView::new(Status::Created, "successfully registered", services.sessions.start(&user)?))
}

/// # Log in
///
/// Takes `email` or `username`, and `password`. A wrong password and an unknown account are not
/// told apart, neither in the answer nor in the time it takes.
#[openapi(tag = "Accounts")]
#[post("/auth/login", data = "<body>")]
async fn log_in(body: Body<LogIn>, services: &State<Services>) -> Result<TokenView, Problem> {
    let user = services.accounts.log_in(&body.0.login, body.0.password).await?;
    Ok(TokenView::new(Status::Ok, "successfully logged in", services.sessions.start(&user)?))
}

/// # See your account
///
/// What the service knows about the account that the token belongs to, at this moment.
#[openapi(tag = "Accounts")]
#[get("/auth/user")]
async fn get_user(account: Account, services: &State<Services>) -> Result<Json<UserView>, Problem> {
    let user = services.store.get_user(account.0.authority.user).await?;
    Ok(Json(UserView::new(&user, account.0.token.expires_at, services.clock.now())))
}

/// # Log out
///
/// Ends this token. When the answer arrives it is dead, and stays so.
#[openapi(tag = "Accounts")]
#[post("/auth/logout", data = "<_body>")]
async fn log_out(
    account: Account,
    _body: Body<Nothing>,
    services: &State<Services>,
) -> Result<Json<StatusView>, Problem> {
    services.sessions.end(account.0).await?;
    Ok(Json(StatusView::success("successfully logged out")))
}
