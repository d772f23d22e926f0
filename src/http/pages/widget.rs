//! The page of a widget, and the forms that create, change and delete one.

use askama::Template;
use rocket::{State, get, post};

use super::ask::{AskPage, DeleteForm};
use super::days::{Due, Moment, date_in_form};
use super::edit::Edit;
use super::flash::Said;
use super::forms::Form;
use super::frame::{Frame, Html};
use super::history::HistoryLine;
use super::parts::{Face, record_address, widget_due};
use super::reply::Reply;
use super::seen::{FormFields, Merge, Seen};
use crate::domain::{
    Action, InfoUrl, PageRequest, Precondition, Version, Widget, WidgetChange, WidgetName, Zone,
};
use crate::error::Error;
use crate::http::api::deadline::Day;
use crate::http::api::widgets::CreateWidget;
use crate::http::auth::{Admin, AnyUser};
use crate::http::wire::{Body, InPath, PageForm, Problem, Services, input};

/// The fields of the form, in its order.
const FIELDS: FormFields = FormFields(&["name", "info_url", "deadline"]);

input! {
    /// A widget as its form has it.
    pub struct WidgetForm {
        name: WidgetName,
        info_url: InfoUrl,
        deadline: Day,
        /// What the form showed at first.
        seen: Option<Seen>,
    }
}

#[derive(Template)]
#[template(path = "widget.html")]
struct WidgetPage<'a> {
    frame: Frame,
    address: String,
    name: &'a str,
    info_url: &'a str,
    due: Due,
    has_passed: bool,
    owner: Face,
    created: Moment,
    /// Unless the audit has no change of it.
    changed: Option<Moment>,
    history: Vec<HistoryLine>,
}

#[derive(Template)]
#[template(path = "widget_form.html")]
struct WidgetFormPage {
    frame: Frame,
    form: Form,
    /// Of the widget that is changed; empty for a new one.
    address: String,
}

/// The address of a widget's page, relative to the root.
fn address(name: &WidgetName) -> String {
    record_address("widgets", name.as_str())
}

#[get("/widgets/<name>")]
pub async fn show_widget(
    user: AnyUser,
    name: InPath<WidgetName>,
    frame: Frame,
    services: &State<Services>,
) -> Result<Html, Problem> {
    let (store, reader, now) = (&*user.store, user.authority, user.context.at);
    let widget = store.get_widget(&name.0?).await?;
    let request = PageRequest::new(1, 50);
    let history = store.list_widget_history(reader.user, &widget.name, request).await?;
    let frame = frame.shown_to(reader, services).await?;
    let zone = store.zone();
    let last = history.items.first().filter(|entry| entry.action != Action::CreateWidget.as_str());
    Html::of(&WidgetPage {
        frame,
        address: address(&widget.name),
        name: widget.name.as_str(),
        info_url: widget.info_url.as_str(),
        due: widget_due(&widget, now, zone),
        has_passed: widget.deadline.has_passed(now),
        owner: Face::of(&widget.owner),
        created: Moment::new(widget.created_at, now, zone),
        changed: last.map(|entry| Moment::new(entry.at, now, zone)),
        history: HistoryLine::list(history.items, now, store).await?,
    })
}

/// The texts of a widget in its form.
fn texts_of(widget: &Widget, zone: &Zone) -> Vec<String> {
    let Widget { name, info_url, deadline, .. } = widget;
    vec![name.as_str().to_owned(), info_url.as_str().to_owned(), date_in_form(*deadline, zone)]
}

/// A page with a form, as it is at first or after an error. `address` is that of the widget.
async fn form_page(
    admin: &Admin,
    (frame, services): (Frame, &Services),
    form: Form,
    address: String,
) -> Result<WidgetFormPage, Error> {
    let frame = frame.shown_to(admin.authority, services).await?;
    let form = form.with_days(admin.context.at, admin.store.zone());
    Ok(WidgetFormPage { frame, form, address })
}

/// Not below `/widgets`: a widget may be called `new`.
#[get("/new/widget")]
pub async fn show_new_widget(
    admin: Admin,
    frame: Frame,
    services: &State<Services>,
) -> Result<Html, Problem> {
    let form = FIELDS.filled(vec![String::new(); FIELDS.0.len()]);
    Html::of(&form_page(&admin, (frame, services), form, String::new()).await?)
}

#[post("/widgets", data = "<form>")]
pub async fn add_widget(
    admin: Admin,
    form: PageForm<CreateWidget>,
    frame: Frame,
    services: &State<Services>,
) -> Result<Reply, Problem> {
    let (created, typed) = form
        .and_then(async |input| {
            admin.store.create_widget(input.into_new(admin.id()), &admin.context).await
        })
        .await;
    let done = created.map(|widget| (address(&widget.name), Said::Added));
    let sent = FIELDS.sent(done, typed)?;
    let page = |frame, form| form_page(&admin, (frame, services), form, String::new());
    sent.reply(frame, page).await
}

#[get("/widgets/<name>/edit")]
pub async fn show_widget_form(
    admin: Admin,
    name: InPath<WidgetName>,
    frame: Frame,
    services: &State<Services>,
) -> Result<Html, Problem> {
    let widget = admin.store.get_widget(&name.0?).await?;
    let form = FIELDS.filled(texts_of(&widget, admin.store.zone()));
    Html::of(&form_page(&admin, (frame, services), form, address(&widget.name)).await?)
}

/// A form that changes a widget.
struct EditWidget<'a> {
    admin: &'a Admin,
    name: &'a WidgetName,
    form: WidgetForm,
}

impl Edit for EditWidget<'_> {
    fn seen(&self) -> Option<&Seen> {
        self.form.seen.as_ref()
    }

    fn address(&self) -> String {
        address(self.name)
    }

    async fn read(&self) -> Result<(Vec<String>, Version), Error> {
        let widget = self.admin.store.get_widget(self.name).await?;
        Ok((texts_of(&widget, self.admin.store.zone()), widget.version))
    }

    async fn write(&self, merge: &Merge, seen: Precondition) -> Result<String, Error> {
        let WidgetForm { name, info_url, deadline: Day(deadline), seen: _ } = &self.form;
        let is_changed = |n: usize| merge.changed[n];
        let change = WidgetChange {
            name: is_changed(0).then(|| name.clone()),
            info_url: is_changed(1).then(|| info_url.clone()),
            deadline: is_changed(2).then_some(*deadline),
        };
        let (store, context) = (&self.admin.store, &self.admin.context);
        Ok(address(&store.update_widget(self.name, change, seen, context).await?.name))
    }
}

#[post("/widgets/<name>", data = "<form>")]
pub async fn edit_widget(
    admin: Admin,
    name: InPath<WidgetName>,
    form: PageForm<WidgetForm>,
    frame: Frame,
    services: &State<Services>,
) -> Result<Reply, Problem> {
    let (name, PageForm { input, typed }) = (name.0?, form);
    let edit = input.map(|form| EditWidget { admin: &admin, name: &name, form });
    let sent = FIELDS.edited(edit, typed).await?;
    let page = |frame, form| form_page(&admin, (frame, services), form, address(&name));
    sent.reply(frame, page).await
}

#[get("/widgets/<name>/delete")]
pub async fn ask_to_delete_widget(
    admin: Admin,
    name: InPath<WidgetName>,
    frame: Frame,
    services: &State<Services>,
) -> Result<Html, Problem> {
    let Widget { name, version, .. } = admin.store.get_widget(&name.0?).await?;
    let (frame, address) = (frame.shown_to(admin.authority, services).await?, address(&name));
    let title = "Delete the widget?";
    Html::of(&AskPage::to_delete(frame, title, name.as_str(), (address, version)))
}

/// Only what was seen is deleted.
#[post("/widgets/<name>/delete", data = "<form>")]
pub async fn delete_widget_of_page(
    admin: Admin,
    name: InPath<WidgetName>,
    form: Body<DeleteForm>,
    frame: Frame,
) -> Result<Reply, Problem> {
    admin.store.delete_widget(&name.0?, form.0.precondition(), &admin.context).await?;
    Ok(Reply::done(&frame, "widgets", Said::Deleted))
}
