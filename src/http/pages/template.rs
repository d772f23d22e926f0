//! The page of a template, and the forms that create, change and delete one.

use askama::Template;
use rocket::{State, get, post};

use super::ask::{AskPage, DeleteForm};
use super::days::Moment;
use super::edit::Edit;
use super::flash::Said;
use super::forms::Form;
use super::frame::{Frame, Html};
use super::history::HistoryLine;
use super::parts::record_address;
use super::reply::Reply;
use super::seen::{FormFields, Merge, Seen};
use crate::domain::{
    PageRequest, Precondition, Template as TemplateRecord, TemplateBody, TemplateChange,
    TemplateName, Version,
};
use crate::error::Error;
use crate::http::api::templates::CreateTemplate;
use crate::http::auth::AnyUser;
use crate::http::wire::{Body, InPath, PageForm, Problem, Services, input, max_body_of};

/// The fields of the form, in its order.
const FIELDS: FormFields = FormFields(&["name", "body"]);

input! {
    /// A template as its form has it.
    pub struct TemplateForm {
        name: TemplateName,
        body: TemplateBody,
        /// What the form showed at first.
        seen: Option<Seen>,
    }
    max_body = max_body_of(TemplateBody::MAX_BYTES);
}

#[derive(Template)]
#[template(path = "template.html")]
struct TemplatePage<'a> {
    frame: Frame,
    address: String,
    name: &'a str,
    body: &'a str,
    created: Moment,
    updated: Moment,
    history: Vec<HistoryLine>,
}

#[derive(Template)]
#[template(path = "template_form.html")]
struct TemplateFormPage {
    frame: Frame,
    form: Form,
    /// Of the template that is changed; empty for a new one.
    address: String,
}

/// The address of a template's page, relative to the root.
fn address(name: &TemplateName) -> String {
    record_address("templates", name.as_str())
}

#[get("/templates/<name>")]
pub async fn show_template(
    user: AnyUser,
    name: InPath<TemplateName>,
    frame: Frame,
    services: &State<Services>,
) -> Result<Html, Problem> {
    let (store, now) = (&*user.store, user.context.at);
    let template = store.get_template(user.id(), &name.0?).await?;
    let request = PageRequest::new(1, 50);
    let history = store.list_template_history(user.id(), &template.name, request).await?;
    Html::of(&TemplatePage {
        frame: frame.shown_to(user.authority, services).await?,
        address: address(&template.name),
        name: template.name.as_str(),
        body: template.body.as_str(),
        created: Moment::new(template.created_at, now, store.zone()),
        updated: Moment::new(template.updated_at, now, store.zone()),
        history: HistoryLine::list(history.items, now, store).await?,
    })
}

/// The texts of a template in its form.
fn texts_of(template: &TemplateRecord) -> Vec<String> {
    vec![template.name.as_str().to_owned(), template.body.as_str().to_owned()]
}

/// A page with a form, as it is at first or after an error. `address` is that of the template.
async fn form_page(
    user: &AnyUser,
    (frame, services): (Frame, &Services),
    form: Form,
    address: String,
) -> Result<TemplateFormPage, Error> {
    let frame = frame.shown_to(user.authority, services).await?;
    Ok(TemplateFormPage { frame, form, address })
}

/// Not below `/templates`: a template may be called `new`.
#[get("/new/template")]
pub async fn show_new_template(
    user: AnyUser,
    frame: Frame,
    services: &State<Services>,
) -> Result<Html, Problem> {
    let form = FIELDS.filled(vec![String::new(); FIELDS.0.len()]);
    Html::of(&form_page(&user, (frame, services), form, String::new()).await?)
}

#[post("/templates", data = "<form>")]
pub async fn add_template(
    user: AnyUser,
    form: PageForm<CreateTemplate>,
    frame: Frame,
    services: &State<Services>,
) -> Result<Reply, Problem> {
    let (created, typed) = form
        .and_then(async |input| {
            user.store.create_template(input.into_new(user.id()), &user.context).await
        })
        .await;
    let done = created.map(|template| (address(&template.name), Said::Added));
    let sent = FIELDS.sent(done, typed)?;
    let page = |frame, form| form_page(&user, (frame, services), form, String::new());
    sent.reply(frame, page).await
}

#[get("/templates/<name>/edit")]
pub async fn show_template_form(
    user: AnyUser,
    name: InPath<TemplateName>,
    frame: Frame,
    services: &State<Services>,
) -> Result<Html, Problem> {
    let template = user.store.get_template(user.id(), &name.0?).await?;
    let form = FIELDS.filled(texts_of(&template));
    Html::of(&form_page(&user, (frame, services), form, address(&template.name)).await?)
}

/// A form that changes a template.
struct EditTemplate<'a> {
    user: &'a AnyUser,
    name: &'a TemplateName,
    form: TemplateForm,
}

impl Edit for EditTemplate<'_> {
    fn seen(&self) -> Option<&Seen> {
        self.form.seen.as_ref()
    }

    fn address(&self) -> String {
        address(self.name)
    }

    async fn read(&self) -> Result<(Vec<String>, Version), Error> {
        let template = self.user.store.get_template(self.user.id(), self.name).await?;
        Ok((texts_of(&template), template.version))
    }

    async fn write(&self, merge: &Merge, seen: Precondition) -> Result<String, Error> {
        let (owner, TemplateForm { name, body, seen: _ }) = (self.user.id(), &self.form);
        let is_changed = |n: usize| merge.changed[n];
        let change = TemplateChange {
            name: is_changed(0).then(|| name.clone()),
            body: is_changed(1).then(|| body.clone()),
        };
        let (store, context) = (&self.user.store, &self.user.context);
        Ok(address(&store.update_template(owner, self.name, change, seen, context).await?.name))
    }
}

#[post("/templates/<name>", data = "<form>")]
pub async fn edit_template(
    user: AnyUser,
    name: InPath<TemplateName>,
    form: PageForm<TemplateForm>,
    frame: Frame,
    services: &State<Services>,
) -> Result<Reply, Problem> {
    let (name, PageForm { input, typed }) = (name.0?, form);
    let edit = input.map(|form| EditTemplate { user: &user, name: &name, form });
    let sent = FIELDS.edited(edit, typed).await?;
    let page = |frame, form| form_page(&user, (frame, services), form, address(&name));
    sent.reply(frame, page).await
}

#[get("/templates/<name>/delete")]
pub async fn ask_to_delete_template(
    user: AnyUser,
    name: InPath<TemplateName>,
    frame: Frame,
    services: &State<Services>,
) -> Result<Html, Problem> {
    let template = user.store.get_template(user.id(), &name.0?).await?;
    let TemplateRecord { name, version, .. } = template;
    let (frame, address) = (frame.shown_to(user.authority, services).await?, address(&name));
    let title = "Delete the template?";
    Html::of(&AskPage::to_delete(frame, title, name.as_str(), (address, version)))
}

/// Only what was seen is deleted.
#[post("/templates/<name>/delete", data = "<form>")]
pub async fn delete_template_of_page(
    user: AnyUser,
    name: InPath<TemplateName>,
    form: Body<DeleteForm>,
    frame: Frame,
) -> Result<Reply, Problem> {
    let seen = form.0.precondition();
    user.store.delete_template(user.id(), &name.0?, seen, &user.context).await?;
    Ok(Reply::done(&frame, "templates", Said::Deleted))
}
