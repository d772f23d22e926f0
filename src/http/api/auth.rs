//! `/auth`: create the first administrator, register, log in, log out, change or reset a password.

use rocket::{State, post};
use rocket_okapi::openapi;
use schemars::JsonSchema;
use schemars::r#gen::SchemaGenerator;
use schemars::schema::Schema;
use serde_json::{Value, json};

use super::user_fields::{NewEmail, PasswordField};
use crate::accounts::{SetupCode, UserDetails, read_reset_code};
use crate::domain::{
    Action, DisplayName, Email, LoginName, Password, RegistrationPolicy, Secret, Status, UserNames,
    Username, administrator_exists,
};
use crate::error::Error;
use crate::http::auth::{
    Anonymous, CrossSiteSignIn, MaySetUp, Notice, SessionUser, SignIn, SignInResponse, SignInView,
    cross_site, setup_is_local,
};
use crate::http::wire::{
    Body, Done, Draft, Empty, Field, FieldContext, Fields, Given, Input, InputField, Operations,
    Problem, RATE_LIMITED, Services, StatusView, describe_field, field, input, object_schema,
    operations,
};

/// The description of the 429 of whatever checks a password or a code.
pub const NOT_CHECKED: &str = "Too many attempts; this one was not checked.";

const REGISTERED: &str = "successfully registered";
const SET_UP: &str = "successfully set up; you are the administrator";
const LOGGED_IN: &str = "successfully logged in";
const LOGGED_OUT: &str = "successfully logged out";
const CHANGED: &str = "successfully changed the password; every other session has ended";
const RESET: &str = "successfully set the new password; please log in";

pub fn routes() -> Operations {
    let registered = "Registered. The token works at once; there is none if the account must wait \
        for approval.";
    let elsewhere = "The request is not from this machine, and the settings do not allow others.";
    let closed = "Registration is closed, or the request is cross-site.";
    let taken = "The e-mail address or the username is already registered.";
    let exists = "An administrator exists, or a name is already registered.";
    let unknown = "The account is unknown or the password is wrong.";
    let stopped = "The account is pending or disabled, or the request is cross-site.";
    let disabled = Status::Disabled.obstacle_to_login().unwrap_or_default();
    operations![register_user, set_up, log_in, log_out, change_password, reset_password]
        .described("register_user", 201, registered)
        .example("register_user", 201, SignInView::with_token(REGISTERED))
        .also("register_user", closed, Error::registration_closed())
        .also("register_user", taken, Error::is_registered("ann@example.com"))
        .also("register_user", NOT_CHECKED, RATE_LIMITED)
        .example("set_up", 201, SignInView::with_token(SET_UP))
        .also("set_up", elsewhere, setup_is_local())
        .also("set_up", exists, administrator_exists())
        .also("set_up", NOT_CHECKED, RATE_LIMITED)
        .example("log_in", 200, SignInView::with_token(LOGGED_IN))
        .also("log_in", unknown, Error::WrongCredentials("email"))
        .also("log_in", stopped, Error::Forbidden(disabled.to_owned()))
        .also("log_in", NOT_CHECKED, RATE_LIMITED)
        .example("log_out", 200, SignInView::without_token(LOGGED_OUT))
        .example("change_password", 200, StatusView::success(CHANGED))
        .also("change_password", NOT_CHECKED, RATE_LIMITED)
        .example("reset_password", 200, SignInView::without_token(RESET))
        .also("reset_password", "The request is cross-site.", cross_site())
        .also("reset_password", NOT_CHECKED, RATE_LIMITED)
}

field!(Password, { "type": "string", "minLength": 1, "maxLength": 128 });
field!(SetupCode, {
    "type": "string",
    "description": "The code that the service prints when it starts. Letter case, hyphens and \
        spaces do not count.",
});

/// A reset code.
struct ResetCode(Secret);

impl Field for ResetCode {
    fn parse(text: &str, _: &FieldContext) -> Result<Self, String> {
        read_reset_code(text).map(Self)
    }

    fn schema() -> Value {
        json!({
            "type": "string",
            "description": "The code that an administrator gave you. Letter case, hyphens and \
                spaces do not count.",
        })
    }
}

input! {
    /// A registration.
    struct Register {
        /// Required, unless the setting `require_email` is false and there is a username.
        email: NewEmail,
        username: Option<Option<Username>>,
        name: Option<Option<DisplayName>>,
        password: PasswordField,
    }
    example { "email": "ann@example.com", "password": "correct horse battery staple" }
}

input! {
    /// The first administrator.
    struct SetUp {
        code: SetupCode,
        /// Required, unless the setting `require_email` is false and there is a username.
        email: NewEmail,
        username: Option<Option<Username>>,
        name: Option<Option<DisplayName>>,
        password: PasswordField,
    }
    example {
        "code": "abcd-efgh-ijkl-mnop",
        "email": "ann@example.com",
        "password": "correct horse battery staple",
    }
}

input! {
    /// A change of your password.
    pub struct ChangePassword {
        current_password: Password,
        new_password: PasswordField,
    }
    example {
        "current_password": "correct horse battery staple",
        "new_password": "another phrase nobody guesses",
    }
}

input! {
    /// A new password, with a reset code.
    struct ResetPassword {
        code: ResetCode,
        new_password: PasswordField,
    }
    example { "code": "abcd-efgh-ijkl-mnop", "new_password": "another phrase nobody guesses" }
}

impl ChangePassword {
    /// Every other session of the user ends.
    pub async fn change(self, user: &SessionUser, services: &Services) -> Result<(), Error> {
        let Self { current_password, new_password: PasswordField(new) } = self;
        if new == current_password {
            return Err(Error::invalid("new_password", "is the present one"));
        }
        let (accounts, session) = (&services.accounts, user.session);
        accounts.change_password(user.id(), current_password, new, session, &user.context).await
    }
}

/// A login: the password, and exactly one of the account's names.
struct LogIn {
    name: LoginName,
    password: Password,
}

/// The fields that name the account, and what each is called in errors.
const NAMES: [(&str, &str); 3] = [("email", "an email"), ("username", "a username"), ("login", "")];

impl Input for LogIn {
    fn read(fields: &mut Fields, context: &FieldContext) -> Option<Self> {
        let mut names = Vec::new();
        for (field, called) in NAMES {
            let parse = |text: &str| match (field, text) {
                (_, "") => Err("is required".to_owned()),
                ("email", text) => Email::parse(text).map(LoginName::Email),
                ("username", text) => Username::parse(text).map(LoginName::Username),
                (_, text) => LoginName::parse(text),
            };
            match fields.read(field, parse) {
                Some(Given::Value(name)) => names.push(Some((field, called, name))),
                Some(Given::Absent | Given::Null) => {}
                // At fault already.
                None => names.push(None),
            }
        }
        let password = <Password as InputField>::read(fields, "password", context);
        let mut names = names.into_iter();
        match (names.next(), names.next()) {
            (Some(name), None) => {
                let (_, _, name) = name?;
                Some(Self { name, password: password? })
            }
            (Some(Some((_, called, _))), Some(Some((field, ..)))) => {
                fields.add_error(field, format!("must not be given together with {called}"));
                None
            }
            (Some(_), Some(_)) => None,
            (None, _) => {
                let sent = NAMES.into_iter().map(|(field, _)| field).find(|name| fields.has(name));
                match sent {
                    Some(field) => fields.add_error(field, "is required"),
                    None => fields.add_error("email", "is required, unless there is a username"),
                }
                None
            }
        }
    }
}

impl JsonSchema for LogIn {
    fn schema_name() -> String {
        "LogIn".to_owned()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let username = "Instead of the e-mail address: the account's username.";
        let login = "Instead of both: either of them, for a form with one input.";
        let text = || json!({ "type": "string", "maxLength": 254, "nullable": true });
        let fields = vec![
            ("email", false, describe_field(text(), "The account's e-mail address.")),
            ("username", false, describe_field(text(), username)),
            ("login", false, describe_field(text(), login)),
            ("password", true, <Password as Field>::schema()),
        ];
        let example = json!({
            "email": "ann@example.com",
            "password": "correct horse battery staple",
        });
        object_schema(
            "A login: the password, and one of the account's names.",
            fields,
            Some(example),
        )
    }
}

/// # Register
///
/// Creates an account with the role `employee`, and logs it in. If the service asks for approval,
/// the account waits and there is no token; if registration is closed, only administrators create
/// accounts.
#[openapi(tag = "Accounts")]
#[post("/auth/register", data = "<draft>")]
async fn register_user(
    sign_in: CrossSiteSignIn,
    client: Anonymous,
    mut draft: Draft<Register>,
    services: &State<Services>,
) -> Result<SignInResponse<201>, Problem> {
    let (Anonymous(context), CrossSiteSignIn(sign_in)) = (client, sign_in);
    let accounts = &services.accounts;
    accounts.check_registration()?;
    let mut password = None;
    if let Some(PasswordField(candidate)) = draft.parse("password") {
        let (email, username) = (draft.parse("email"), draft.parse("username"));
        let names = UserNames { email, username, name: draft.parse("name") };
        match accounts.check_registration_password(candidate, names, &context).await? {
            Ok(good) => password = Some(good),
            Err(why) => draft.add_error("password", why),
        }
    }
    let Register { email: NewEmail(email), username, name, password: PasswordField(_judged) } =
        draft.finish()?;
    let password = password.ok_or_else(|| Error::invalid("password", "is required"))?;
    let names = UserNames { email, username: username.flatten(), name: name.flatten() };
    let user = UserDetails { names, password };
    let start = (&services.sessions, sign_in.session_kind());
    let start = sign_in.may_start_session().then_some(start);
    let token = accounts.register(user, start, &context).await?;
    Ok(match (token, accounts.registration()) {
        (Some(token), _) => sign_in.started(REGISTERED, token),
        (None, RegistrationPolicy::Open) => sign_in.at_login(REGISTERED, Notice::Registered),
        (None, RegistrationPolicy::Approval | RegistrationPolicy::Closed) => {
            let message = "successfully registered; your account is waiting for approval";
            sign_in.at_login(message, Notice::Waiting)
        }
    })
}

/// # Create the first administrator
///
/// While there is none, the service prints a code when it starts, as part of a link. The code works
/// once, and only from this machine unless the setting `remote_setup` is true. It logs you in.
#[openapi(tag = "Accounts")]
#[post("/auth/setup", data = "<body>")]
async fn set_up(
    _local: MaySetUp,
    sign_in: SignIn,
    client: Anonymous,
    body: Body<SetUp>,
    services: &State<Services>,
) -> Result<SignInResponse<201>, Problem> {
    let SetUp { code, email: NewEmail(email), username, name, password: PasswordField(password) } =
        body.0;
    let names = UserNames { email, username: username.flatten(), name: name.flatten() };
    let user = UserDetails { names, password };
    let start = (&services.sessions, sign_in.session_kind());
    let token = services.accounts.set_up(&code, user, start, &client.0).await?;
    Ok(sign_in.started(SET_UP, token))
}

/// # Log in
///
/// Takes `email` or `username`, and `password`. The answer to a wrong password is the same as that
/// to an unknown account, also in the time that it takes.
#[openapi(tag = "Accounts")]
#[post("/auth/login", data = "<body>")]
async fn log_in(
    sign_in: SignIn,
    client: Anonymous,
    body: Body<LogIn>,
    services: &State<Services>,
) -> Result<SignInResponse<200>, Problem> {
    let (LogIn { name, password }, context) = (body.0, client.0);
    let user = services.accounts.log_in(name, password, &context).await?;
    let token = services.sessions.start(&user, sign_in.session_kind(), &context).await?;
    Ok(sign_in.started(LOGGED_IN, token))
}

/// # Log out
///
/// Ends this session. Its token is dead when the answer arrives.
#[openapi(tag = "Accounts")]
#[post("/auth/logout", data = "<_body>")]
async fn log_out(
    user: SessionUser,
    sign_in: SignIn,
    _body: Body<Empty>,
) -> Result<SignInResponse<200>, Problem> {
    let (id, session) = (user.id(), user.session);
    user.store.end_session(id, session, Action::LogOut, &user.context).await?;
    Ok(sign_in.ended(LOGGED_OUT))
}

/// # Change your password
///
/// Ends every other session of the account, and a reset code. API keys stay.
#[openapi(tag = "Accounts")]
#[post("/auth/password", data = "<body>")]
async fn change_password(
    user: SessionUser,
    body: Body<ChangePassword>,
    services: &State<Services>,
) -> Result<Done, Problem> {
    body.0.change(&user, services).await?;
    Ok(Done(CHANGED))
}

/// # Reset a password
///
/// With a code that an administrator creates. It works once, within an hour, and ends every session
/// of the account. Log in with the new password then.
#[openapi(tag = "Accounts")]
#[post("/auth/reset", data = "<body>")]
async fn reset_password(
    sign_in: SignIn,
    client: Anonymous,
    body: Body<ResetPassword>,
    services: &State<Services>,
) -> Result<SignInResponse<200>, Problem> {
    let ResetPassword { code: ResetCode(code), new_password: PasswordField(new) } = body.0;
    services.accounts.reset_password(&code, new, &client.0).await?;
    Ok(sign_in.at_login(RESET, Notice::Reset))
}
