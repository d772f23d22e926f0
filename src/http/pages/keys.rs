//! The API keys of your own account: the form that creates one, and the question before one is revoked.

use askama::Template;
use rocket::{State, get, post};

use super::ask::AskPage;
use super::days::Moment;
use super::flash::Said;
use super::forms::Form;
use super::frame::{Frame, Html};
use super::reply::Reply;
use super::secret::{SecretPage, Site};
use super::seen::FormFields;
use crate::domain::{ApiKey, KeyId, KeyScope, PageRequest, Secret, Timestamp, Zone};
use crate::error::Error;
use crate::http::api::api_keys::CreateKey;
use crate::http::auth::{AnyUser, SessionUser, SignedIn};
use crate::http::wire::{Body, Empty, InPath, PageForm, Problem, Services};

/// The fields of the form, in its order.
const FIELDS: FormFields = FormFields(&["name", "scope", "expires"]);

pub const SCOPES: &[(&str, &str)] = &[
    ("read", "Only read what you may read"),
    ("write", "Read and write what you may"),
    ("calendar", "Show deadlines in a calendar"),
];

/// A key in the list of the account.
pub struct KeyRow {
    pub id: String,
    pub name: String,
    /// What it may do.
    pub may: &'static str,
    pub is_expired: bool,
    pub created: Moment,
    pub used: Option<Moment>,
    pub expires: Option<Moment>,
}

impl KeyRow {
    pub fn of(key: ApiKey, now: Timestamp, zone: &Zone) -> Self {
        let may = match key.scope {
            KeyScope::Read => "only reads",
            KeyScope::Write => "reads and writes",
            KeyScope::Calendar => "calendar",
        };
        Self {
            id: key.id.to_string(),
            name: key.name.into_string(),
            may,
            is_expired: key.expires_at.is_some_and(|end| now > end),
            created: Moment::new(key.created_at, now, zone),
            used: key.last_used_at.map(|at| Moment::new(at, now, zone)),
            expires: key.expires_at.map(|at| Moment::new(at, now, zone)),
        }
    }
}

#[derive(Template)]
#[template(path = "key_new.html")]
struct NewKeyPage {
    frame: Frame,
    form: Form,
}

#[get("/account/keys/new")]
pub async fn show_new_key(
    user: AnyUser,
    frame: Frame,
    services: &State<Services>,
) -> Result<Html, Problem> {
    let frame = frame.shown_to(user.authority, services).await?;
    let form = FIELDS.filled(["", "read", ""].map(str::to_owned).into());
    Html::of(&NewKeyPage { frame, form })
}

/// The answer shows the key, once.
#[post("/account/keys", data = "<form>")]
pub async fn add_key(
    user: SessionUser,
    form: PageForm<CreateKey>,
    site: Site,
    frame: Frame,
    services: &State<Services>,
) -> Result<Reply, Problem> {
    let (created, typed) = form.and_then(async |input| input.create(&user).await).await;
    let frame = frame.shown_to(user.authority, services).await?;
    match created {
        Ok(created) => Ok(Reply::Page(Html::of(&key_page(&user, frame, &site, created))?)),
        Err(error) => {
            let page = async |frame, form| Ok(NewKeyPage { frame, form });
            FIELDS.rejected(typed, error)?.reply(frame, page).await
        }
    }
}

fn key_page(
    user: &SignedIn,
    frame: Frame,
    site: &Site,
    (secret, key): (Secret, ApiKey),
) -> SecretPage {
    let is_calendar = key.scope == KeyScope::Calendar;
    let until = key.expires_at.map(|at| Moment::new(at, user.context.at, user.store.zone()));
    SecretPage {
        frame,
        title: "Your new API key".to_owned(),
        name: key.name.into_string(),
        secret: if is_calendar {
            site.calendar(secret.reveal())
        } else {
            secret.reveal().to_owned()
        },
        hint: if is_calendar {
            "Subscribe to this address in your calendar. Keep it like a password."
        } else {
            "A script sends it as “Authorization: Bearer …”. Keep it like a password."
        },
        until,
        back: "account".to_owned(),
    }
}

#[get("/account/keys/<id>/revoke")]
pub async fn ask_to_revoke_key(
    user: AnyUser,
    id: InPath<KeyId>,
    frame: Frame,
    services: &State<Services>,
) -> Result<Html, Problem> {
    let id = id.0?;
    let keys = user.store.list_keys(Some(user.id()), PageRequest::new(1, 100)).await?;
    let key = keys.items.into_iter().find(|key| key.id == id);
    let key = key.ok_or_else(|| Error::no_such("key"))?;
    Html::of(&AskPage {
        frame: frame.shown_to(user.authority, services).await?,
        title: "Revoke the key?",
        name: key.name.as_str(),
        consequence: "Scripts and calendars that use it are shut out at once. This cannot be undone.",
        label: "Revoke",
        action: format!("account/keys/{id}/revoke"),
        seen: None,
        back: "account".to_owned(),
        may_end_session: false,
    })
}

#[post("/account/keys/<id>/revoke", data = "<_form>")]
pub async fn revoke_own_key(
    user: AnyUser,
    id: InPath<KeyId>,
    _form: Body<Empty>,
    frame: Frame,
) -> Result<Reply, Problem> {
    user.store.revoke_key(user.id(), id.0?, &user.context).await?;
    Ok(Reply::done(&frame, "account", Said::Revoked))
}
