//! The forms of an account, for administrators.

use rocket::post;

use super::flash::{Flash, Said};
use super::frame::Frame;
use super::parts::record_address;
use super::reply::{Back, Reply};
use crate::domain::{Precondition, UserChange, UserId};
use crate::http::api::users::NewStatus;
use crate::http::auth::Admin;
use crate::http::wire::{Body, InPath, Problem, input};

input! {
    /// Another status of an account.
    pub struct ChangeStatus {
        status: NewStatus,
    }
}

#[post("/people/<id>/status", data = "<form>")]
pub async fn change_status(
    admin: Admin,
    id: InPath<UserId>,
    form: Body<ChangeStatus>,
    back: Back,
    frame: Frame,
) -> Result<Reply, Problem> {
    let change = UserChange { status: Some(form.0.status.0), ..UserChange::default() };
    let user =
        admin.store.update_user(id.0?, change, Precondition::default(), &admin.context).await?;
    let flash =
        Flash::new(Said::Changed).about(record_address("people", &user.public_id.to_string()));
    Ok(Reply::Done(back.or(format!("{}people", frame.root)), flash))
}
