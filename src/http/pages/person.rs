//! The page of an account, for administrators, and the forms that change, disable and delete one.

use askama::Template;
use rocket::{State, get, post};

use super::address::query_with;
use super::ask::{AskPage, DeleteForm};
use super::edit::Edit;
use super::flash::{Flash, Said};
use super::forms::Form;
use super::frame::{Frame, Html};
use super::parts::{TaskRow, record_address};
use super::people::PersonRow;
use super::reply::{Back, Reply};
use super::secret::{SecretPage, Site};
use super::seen::{FormFields, Merge, Seen};
use super::sentence::Sentence;
use crate::domain::{
    AssigneeFilter, AuditFilter, DisplayName, Email, PageRequest, Precondition, Role, Size, Sort,
    Status, TaskFilter, TaskSort, User, UserChange, UserId, UserRef, Username, Version,
};
use crate::error::Error;
use crate::http::api::users::NewStatus;
use crate::http::auth::{Admin, SessionAdmin, SignedIn};
use crate::http::wire::{Body, Empty, InPath, PageForm, Problem, Services, input};

/// The fields of the form, in its order.
const FIELDS: FormFields = FormFields(&["name", "role"]);

/// How many tasks and events the page shows.
const SOME: PageRequest = PageRequest::new(1, 10);

pub const ROLES: &[(&str, &str)] = &[
    ("employee", "Employee: works on what is their own"),
    ("manager", "Manager: hands out tasks as well"),
    ("admin", "Administrator: may change everything"),
];

input! {
    /// Another status of an account.
    pub struct ChangeStatus {
        status: NewStatus,
    }
}

input! {
    /// An account as its form has it.
    pub struct PersonForm {
        name: Option<Option<DisplayName>>,
        role: Role,
        /// What the form showed at first.
        seen: Option<Seen>,
    }
}

#[derive(Template)]
#[template(path = "person.html")]
struct PersonPage {
    frame: Frame,
    person: PersonRow,
    email: String,
    username: String,
    used: Size,
    quota: Size,
    tasks: Vec<TaskRow>,
    events: Vec<Sentence>,
    /// The query of the audit for all events.
    audit: String,
}

#[derive(Template)]
#[template(path = "person_form.html")]
struct PersonFormPage {
    frame: Frame,
    form: Form,
    address: String,
    label: String,
    is_own: bool,
}

#[get("/people/<id>")]
pub async fn show_person(
    admin: Admin,
    id: InPath<UserId>,
    frame: Frame,
    services: &State<Services>,
) -> Result<Html, Problem> {
    let user = admin.store.get_user(id.0?).await?;
    let frame = frame.shown_to(admin.authority, services).await?;
    Html::of(&person_page(&admin, user, (frame, services)).await?)
}

async fn person_page(
    admin: &SignedIn,
    user: User,
    (frame, services): (Frame, &Services),
) -> Result<PersonPage, Error> {
    let (store, reader, now) = (&*admin.store, admin.authority, admin.context.at);
    let open = TaskFilter {
        assignee: Some(AssigneeFilter::User(UserRef::Id(user.public_id))),
        open: Some(true),
        sort: Some(Sort { key: TaskSort::Deadline, descending: false }),
        ..TaskFilter::default()
    };
    let tasks = store.list_tasks(reader, open, SOME, now).await?.items;
    let about = AuditFilter { user: Some(UserRef::Id(user.public_id)), ..AuditFilter::default() };
    let events = store.list_audit(Some(reader.user), about, SOME).await?.items;
    let zone = store.zone();
    let text = |name: Option<&str>| name.unwrap_or_default().to_owned();
    Ok(PersonPage {
        person: PersonRow::of(&user, reader.user, now, zone),
        email: text(user.names.email.as_ref().map(Email::as_str)),
        username: text(user.names.username.as_ref().map(Username::as_str)),
        used: Size(user.used_bytes),
        quota: Size(services.quota.of(&user, now)),
        tasks: tasks.iter().map(|task| TaskRow::of(task, now, zone)).collect(),
        events: Sentence::list(events, now, store).await?,
        audit: query_with("account", user.names.label()),
        frame,
    })
}

/// The texts of an account in its form.
fn texts_of(user: &User) -> Vec<String> {
    let name = user.names.name.as_ref().map_or("", DisplayName::as_str);
    vec![name.to_owned(), user.role.as_str().to_owned()]
}

async fn form_page(
    admin: &Admin,
    (frame, services): (Frame, &Services),
    form: Form,
    id: UserId,
) -> Result<PersonFormPage, Error> {
    let user = admin.store.get_user(id).await?;
    Ok(PersonFormPage {
        frame: frame.shown_to(admin.authority, services).await?,
        form,
        address: address(id),
        label: user.names.label().to_owned(),
        is_own: id == admin.id(),
    })
}

#[get("/people/<id>/edit")]
pub async fn show_person_form(
    admin: Admin,
    id: InPath<UserId>,
    frame: Frame,
    services: &State<Services>,
) -> Result<Html, Problem> {
    let user = admin.store.get_user(id.0?).await?;
    let form = FIELDS.filled(texts_of(&user));
    Html::of(&form_page(&admin, (frame, services), form, user.public_id).await?)
}

/// A form that changes an account.
struct EditPerson<'a> {
    admin: &'a Admin,
    id: UserId,
    form: PersonForm,
}

impl Edit for EditPerson<'_> {
    fn seen(&self) -> Option<&Seen> {
        self.form.seen.as_ref()
    }

    fn address(&self) -> String {
        address(self.id)
    }

    async fn read(&self) -> Result<(Vec<String>, Version), Error> {
        let user = self.admin.store.get_user(self.id).await?;
        Ok((texts_of(&user), user.version))
    }

    async fn write(&self, merge: &Merge, seen: Precondition) -> Result<String, Error> {
        let PersonForm { name, role, seen: _ } = &self.form;
        let change = UserChange {
            name: name.clone().filter(|_| merge.changed[0]),
            role: Some(*role).filter(|_| merge.changed[1]),
            ..UserChange::default()
        };
        self.admin.store.update_user(self.id, change, seen, &self.admin.context).await?;
        // Who gives their own role away may not see the page any more.
        let is_gone = merge.changed[1] && self.id == self.admin.id();
        Ok(if is_gone { String::new() } else { self.address() })
    }
}

#[post("/people/<id>", data = "<form>")]
pub async fn edit_person(
    admin: Admin,
    id: InPath<UserId>,
    form: PageForm<PersonForm>,
    frame: Frame,
    services: &State<Services>,
) -> Result<Reply, Problem> {
    let (id, PageForm { input, typed }) = (id.0?, form);
    let edit = input.map(|form| EditPerson { admin: &admin, id, form });
    let sent = FIELDS.edited(edit, typed).await?;
    sent.reply(frame, |frame, form| form_page(&admin, (frame, services), form, id)).await
}

fn address(id: UserId) -> String {
    record_address("people", &id.to_string())
}

#[post("/people/<id>/status", data = "<form>")]
pub async fn change_status(
    admin: Admin,
    id: InPath<UserId>,
    form: Body<ChangeStatus>,
    back: Back,
    frame: Frame,
) -> Result<Reply, Problem> {
    let (id, status) = (id.0?, form.0.status.0);
    let before = admin.store.get_user(id).await?.status;
    let change = UserChange { status: Some(status), ..UserChange::default() };
    admin.store.update_user(id, change, Precondition::default(), &admin.context).await?;
    let said = match (before, status) {
        _ if before == status => Said::Unchanged,
        (Status::Pending, Status::Active) => Said::Approved,
        (_, Status::Active) => Said::Enabled,
        _ => Said::Disabled,
    };
    let flash = Flash::new(said).about(address(id));
    Ok(Reply::Done(back.or(format!("{}people", frame.root)), flash))
}

/// The answer shows the code, once.
#[post("/people/<id>/reset-code", data = "<_form>")]
pub async fn show_reset_link(
    admin: SessionAdmin,
    id: InPath<UserId>,
    _form: Body<Empty>,
    site: Site,
    frame: Frame,
    services: &State<Services>,
) -> Result<Html, Problem> {
    let (user, code) = services.accounts.create_reset_code(id.0?, &admin.context).await?;
    let frame = frame.shown_to(admin.authority, services).await?;
    let about = (user.names.label().to_owned(), address(user.public_id));
    let when = (admin.context.at, admin.store.zone());
    Html::of(&SecretPage::reset(frame, about, (&site, &code), when))
}

#[post("/people/<id>/sign-out", data = "<_form>")]
pub async fn sign_out_person(
    admin: SessionAdmin,
    id: InPath<UserId>,
    _form: Body<Empty>,
    back: Back,
    frame: Frame,
) -> Result<Reply, Problem> {
    let id = id.0?;
    admin.store.end_sessions(id, &admin.context).await?;
    let flash = Flash::new(Said::SignedOut).about(address(id));
    Ok(Reply::Done(back.or(format!("{}{}", frame.root, address(id))), flash))
}

#[get("/people/<id>/delete")]
pub async fn ask_to_delete_person(
    admin: Admin,
    id: InPath<UserId>,
    frame: Frame,
    services: &State<Services>,
) -> Result<Html, Problem> {
    let user = admin.store.get_user(id.0?).await?;
    let frame = frame.shown_to(admin.authority, services).await?;
    Html::of(&AskPage {
        frame,
        title: "Delete the account?",
        name: user.names.label(),
        consequence: "Sessions, API keys and templates go with it. Widgets and tasks stay, and name \
                      it as a former account. This cannot be undone.",
        label: "Delete",
        action: format!("{}/delete", address(user.public_id)),
        seen: Some(user.version),
        back: address(user.public_id),
        may_end_session: true,
    })
}

/// Only what was seen is deleted.
#[post("/people/<id>/delete", data = "<form>")]
pub async fn delete_person(
    admin: Admin,
    id: InPath<UserId>,
    form: Body<DeleteForm>,
    frame: Frame,
) -> Result<Reply, Problem> {
    let seen = form.0.precondition();
    admin.store.delete_user(id.0?, seen, &admin.context).await?;
    Ok(Reply::done(&frame, "people", Said::Deleted))
}
