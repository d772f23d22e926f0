//! Authority: each write confirms the session or key of its context, and the role of the user, in
//! its own transaction.

use std::time::Duration;

use widgetd::domain::{
    Action, Actor, Credential, ImportMode, InfoUrl, KeyId, KeyScope, NewApiKey, RequestContext,
    Role, SessionId, Status, TaskChange, TaskId, TaskStatus, TemplateBody, TemplateChange, UserId,
    WidgetChange, WidgetFilter,
};
use widgetd::error::{Error, TokenError};

use crate::tables::{import, task_row, widget_row};
use crate::{
    ALL, ANY_STATE, CLI, NOW, Subject, hash, later, new_key, new_session, new_task, new_template,
    new_user, new_widget, owner_context, reset_code, secret, template_name, to_role, to_status,
    to_username, username, widget_name,
};

/// What a write requires of the user who makes it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Requires {
    Admin,
    Manager,
    /// A task that the user sees.
    Sight,
    /// Nothing: the record is the user's own.
    Nothing,
}

/// A method, what it requires, and its result.
pub type Attempt = (&'static str, Requires, Result<(), Error>);

/// An administrator with records of each kind, and a user to administer.
pub struct Scene {
    pub subject: Subject,
    pub boss: UserId,
    pub boss_key: KeyId,
    pub boss_session: SessionId,
    pub ann: UserId,
    pub ann_session: SessionId,
    pub task: TaskId,
}

impl Scene {
    pub async fn new() -> Self {
        let subject = Subject::new();
        let store = &subject.store;
        subject.add_admin("other").await;
        let (boss, ann) = (subject.add_admin("boss").await, subject.add_user("ann").await);
        let (task, key) = (new_task("old", &boss), new_key(boss.public_id, "old", 1));
        store.create_widget(new_widget("old", &boss), CLI).await.unwrap();
        store.create_template(new_template("old", boss.public_id), CLI).await.unwrap();
        store.create_task(task.clone(), CLI).await.unwrap();
        store.create_key(key.clone(), CLI).await.unwrap();
        Self {
            boss: boss.public_id,
            boss_key: key.id,
            boss_session: subject.log_in(boss.public_id).await,
            ann: ann.public_id,
            ann_session: subject.log_in(ann.public_id).await,
            task: task.id,
            subject,
        }
    }

    pub fn context(&self, credential: Credential) -> RequestContext {
        RequestContext { credential: Some(credential), ..owner_context(self.boss, "192.0.2.7") }
    }

    /// Every write that users make.
    pub async fn attempts(&self, context: &RequestContext) -> Vec<Attempt> {
        let mut attempts = self.attempts_on_users(context).await;
        attempts.extend(self.attempts_on_records(context).await);
        attempts.extend(self.attempts_on_own_account(context).await);
        attempts
    }

    async fn attempts_on_users(&self, context: &RequestContext) -> Vec<Attempt> {
        use Requires::Admin;
        let (store, ann) = (&self.subject.store, self.ann);
        let update =
            async |change| store.update_user(ann, change, ANY_STATE, context).await.map(drop);
        let code = store.create_reset_code(ann, reset_code(secret(9), later(1_000)), context).await;
        vec![
            (
                "create_user",
                Admin,
                store.create_user(new_user("new"), None, context).await.map(drop),
            ),
            ("update_user: username", Admin, update(to_username(username("ann.o"))).await),
            ("update_user: role", Admin, update(to_role(Role::Admin)).await),
            ("update_user: status", Admin, update(to_status(Status::Disabled)).await),
            ("create_reset_code", Admin, code.map(drop)),
            ("end_sessions", Admin, store.end_sessions(ann, context).await.map(drop)),
            ("delete_user", Admin, store.delete_user(ann, ANY_STATE, context).await),
        ]
    }

    async fn attempts_on_records(&self, context: &RequestContext) -> Vec<Attempt> {
        use Requires::{Admin, Manager, Sight};
        let store = &self.subject.store;
        let owner = store.get_user_by_name(&crate::account("other@example.com")).await.unwrap();
        let (old, url) = (widget_name("old"), InfoUrl::parse("https://example.org").ok());
        let create = store.create_widget(new_widget("new", &owner), context).await;
        let upsert = store.upsert_widget(new_widget("newer", &owner), ANY_STATE, context).await;
        let change = WidgetChange { info_url: url, ..WidgetChange::default() };
        let update = store.update_widget(&old, change, ANY_STATE, context).await;
        let delete = store.delete_widget(&old, ANY_STATE, context).await;
        let done = TaskChange { status: Some(TaskStatus::Done), ..TaskChange::default() };
        let create_task = store.create_task(new_task("new", &owner), context).await;
        let update_task = store.update_task(self.task, done, ANY_STATE, context).await;
        let delete_task = store.delete_task(self.task, ANY_STATE, context).await;
        let widgets = import(ImportMode::Create, vec![widget_row("imported", &owner)]);
        let import_widgets = store.import_widgets(widgets, context).await;
        let tasks = import(ImportMode::Create, vec![task_row("imported", &owner)]);
        let import_tasks = store.import_tasks(tasks, context).await;
        vec![
            ("create_widget", Admin, create.map(drop)),
            ("upsert_widget", Admin, upsert.map(drop)),
            ("update_widget", Admin, update.map(drop)),
            ("delete_widget", Admin, delete),
            ("create_task", Manager, create_task.map(drop)),
            ("update_task", Sight, update_task.map(drop)),
            ("delete_task", Manager, delete_task),
            ("import_widgets", Admin, import_widgets.map(drop)),
            ("import_tasks", Manager, import_tasks.map(drop)),
        ]
    }

    async fn attempts_on_own_account(&self, context: &RequestContext) -> Vec<Attempt> {
        use Requires::Nothing;
        let (store, boss) = (&self.subject.store, self.boss);
        let own = match context.credential {
            Some(Credential::Session { id, .. }) => Some(id),
            _ => None,
        };
        let name = to_username(username("chief"));
        let update = store.update_user(boss, name, ANY_STATE, context).await;
        let epoch = store.get_user(boss).await.map_or(0, |user| user.token_epoch);
        let start = store.start_session(new_session(boss), epoch, context).await;
        let end = Action::EndSession;
        let end = store.end_session(boss, self.boss_session, end, context).await;
        let (old, body) = (template_name("old"), TemplateBody::parse("New.").ok());
        let template = store.create_template(new_template("new", boss), context).await;
        let change = TemplateChange { name: None, body };
        let changed = store.update_template(boss, &old, change, ANY_STATE, context).await;
        let deleted = store.delete_template(boss, &old, ANY_STATE, context).await;
        let key = store.create_key(new_key(boss, "new", 7), context).await;
        let revoke = store.revoke_key(boss, self.boss_key, context).await;
        let password = store.set_password(boss, hash("new"), own, context).await;
        vec![
            ("update_user: own username", Nothing, update.map(drop)),
            ("start_session", Nothing, start),
            ("end_session", Nothing, end),
            ("create_template", Nothing, template.map(drop)),
            ("update_template", Nothing, changed.map(drop)),
            ("delete_template", Nothing, deleted),
            ("create_key", Nothing, key.map(drop)),
            ("revoke_key", Nothing, revoke),
            ("set_password", Nothing, password.map(drop)),
            ("end_sessions: own", Nothing, store.end_sessions(boss, context).await.map(drop)),
        ]
    }

    /// Asserts that the records of the scene are unchanged.
    async fn assert_unchanged(&self, what: &str) {
        let store = &self.subject.store;
        let widgets = store.list_widgets(None, WidgetFilter::default(), ALL, NOW).await.unwrap();
        assert_eq!(widgets.total, 1, "{what}");
        assert_eq!(widgets.items[0].info_url.as_str(), "https://example.com", "{what}");
        let ann = store.get_user(self.ann).await.unwrap();
        assert_eq!(
            (ann.role, ann.status, ann.names.username),
            (Role::Employee, Status::Active, None)
        );
        assert!(self.subject.is_live(self.ann, self.ann_session).await, "{what}");
    }
}

/// Asserts the result of each attempt, and lists all wrong ones.
#[track_caller]
fn assert_all(
    attempts: Vec<Attempt>,
    what: &str,
    is_right: impl Fn(Requires, &Result<(), Error>) -> bool,
) {
    let mut wrong = attempts;
    wrong.retain(|(_, requires, result)| !is_right(*requires, result));
    assert!(wrong.is_empty(), "{what}: {wrong:#?}");
}

fn is_revoked(error: &Error) -> bool {
    matches!(error, Error::Token(TokenError::Revoked))
}

pub async fn a_session(scene: &Scene) -> Credential {
    Credential::Session { id: scene.subject.log_in(scene.boss).await, expires_at: later(1_000) }
}

async fn a_key(scene: &Scene) -> Credential {
    let new = NewApiKey { scope: KeyScope::Write, ..new_key(scene.boss, "script", 3) };
    let key = scene.subject.create_key(new, CLI).await.unwrap();
    Credential::Key { id: key.id, scope: KeyScope::Write, expires_at: None }
}

/// Ends a session or API key of the boss in one of several ways.
async fn end(scene: &Scene, credential: Credential, how: &str) {
    let (store, boss, context) = (&scene.subject.store, scene.boss, CLI);
    let disabled = to_status(Status::Disabled);
    match (how, credential) {
        ("ended", Credential::Session { id, .. }) => {
            store.end_session(boss, id, Action::LogOut, context).await.unwrap();
        }
        ("all ended", _) => drop(store.end_sessions(boss, context).await.unwrap()),
        ("new password", _) => {
            drop(store.set_password(boss, hash("new"), None, context).await.unwrap());
        }
        ("revoked", Credential::Key { id, .. }) => {
            store.revoke_key(boss, id, context).await.unwrap();
        }
        ("disabled", _) => {
            drop(store.update_user(boss, disabled, ANY_STATE, context).await.unwrap());
        }
        ("deleted", _) => store.delete_user(boss, ANY_STATE, context).await.unwrap(),
        _ => unreachable!("{how}"),
    }
}

#[tokio::test]
async fn authority_ends_with_the_session_or_api_key_for_every_write() {
    let of_sessions = ["ended", "all ended", "new password", "disabled", "deleted"];
    let of_keys = ["revoked", "disabled", "deleted"];
    let ways = of_sessions.map(|how| (how, false)).into_iter();
    for (how, is_key) in ways.chain(of_keys.map(|how| (how, true))) {
        let scene = Scene::new().await;
        let credential = if is_key { a_key(&scene).await } else { a_session(&scene).await };
        end(&scene, credential, how).await;
        let context = scene.context(credential);
        let attempts = scene.subject.audited(&[], scene.attempts(&context)).await;
        assert_all(attempts, how, |_, result| result.as_ref().is_err_and(is_revoked));
        scene.assert_unchanged(how).await;
    }
}

#[tokio::test]
async fn authority_ends_when_the_session_or_api_key_expires_whenever_the_request_began() {
    // A session is over at its `exp`, a key after its last moment.
    for (is_key, last, why) in
        [(false, 999, TokenError::Expired), (true, 1_000, TokenError::ExpiredKey)]
    {
        let scene = Scene::new().await;
        let credential = if is_key {
            let (expires_at, scope) = (Some(later(1_000)), KeyScope::Write);
            let new = NewApiKey { scope, expires_at, ..new_key(scene.boss, "script", 3) };
            let key = scene.subject.create_key(new, CLI).await.unwrap();
            Credential::Key { id: key.id, scope, expires_at }
        } else {
            a_session(&scene).await
        };
        let context = scene.context(credential);
        let store = &scene.subject.store;
        let rename = to_username(username("in.time"));
        scene.subject.clock.advance(Duration::from_millis(last));
        store.update_user(scene.boss, rename, ANY_STATE, &context).await.unwrap();
        scene.subject.clock.advance(Duration::from_millis(1));
        let attempts = scene.subject.audited(&[], scene.attempts(&context)).await;
        assert_all(
            attempts,
            "expired",
            |_, result| matches!(result, Err(Error::Token(token)) if *token == why),
        );
        scene.assert_unchanged("expired").await;
    }
}

#[tokio::test]
async fn authority_is_refused_to_anonymous_writes_and_to_sessions_of_other_users() {
    let scene = Scene::new().await;
    let foreign = Credential::Session { id: scene.ann_session, expires_at: later(1_000) };
    let context = scene.context(foreign);
    let attempts = scene.attempts(&context).await;
    assert_all(attempts, "foreign", |_, result| result.as_ref().is_err_and(is_revoked));
    for credential in [None, Some(foreign)] {
        let anonymous = RequestContext { actor: Actor::Anonymous, credential, ..CLI.clone() };
        assert_all(scene.attempts(&anonymous).await, "anonymous", |_, result| {
            matches!(result, Err(Error::Token(TokenError::Missing)))
        });
    }
    scene.assert_unchanged("another's session").await;
}

#[tokio::test]
async fn authority_of_a_write_is_the_current_role_of_the_user() {
    for role in [Role::Admin, Role::Manager, Role::Employee] {
        for is_key in [false, true] {
            let scene = Scene::new().await;
            let credential = if is_key { a_key(&scene).await } else { a_session(&scene).await };
            let store = &scene.subject.store;
            store.update_user(scene.boss, to_role(role), ANY_STATE, CLI).await.unwrap();
            let attempts = scene.attempts(&scene.context(credential)).await;
            assert_all(attempts, role.as_str(), |requires, result| match (requires, role) {
                (Requires::Admin, Role::Manager | Role::Employee) => {
                    matches!(result, Err(Error::RoleRequired(Role::Admin)))
                }
                (Requires::Manager, Role::Employee) => {
                    matches!(result, Err(Error::RoleRequired(Role::Manager)))
                }
                (Requires::Sight, Role::Employee) => matches!(result, Err(Error::NotFound(_))),
                _ => result.is_ok(),
            });
            if role != Role::Admin {
                scene.assert_unchanged(role.as_str()).await;
            }
        }
    }
}

#[tokio::test]
async fn authority_without_a_session_covers_the_own_account_alone() {
    let scene = Scene::new().await;
    let context = owner_context(scene.boss, "192.0.2.7");
    assert_all(scene.attempts(&context).await, "no session", |requires, result| {
        result.is_ok() == (requires == Requires::Nothing)
    });
    scene.assert_unchanged("no session").await;
}

#[tokio::test]
async fn authority_over_other_users_is_forbidden_or_requires_administrators() {
    fn is_forbidden(error: &Error) -> bool {
        matches!(error, Error::Forbidden(_))
    }
    fn is_role_required(error: &Error) -> bool {
        matches!(error, Error::RoleRequired(Role::Admin))
    }
    let scene = Scene::new().await;
    let (store, boss) = (&scene.subject.store, scene.boss);
    let context = scene.subject.context_of(scene.ann).await;
    let (old, admin) = (template_name("old"), new_user("first"));
    let session = new_session(admin.public_id);
    let first = store.create_first_administrator(admin, session, &context).await;
    let own = [
        ("start_session", store.start_session(new_session(boss), 0, &context).await),
        ("set_password", store.set_password(boss, hash("x"), None, &context).await.map(drop)),
        ("create_key", store.create_key(new_key(boss, "x", 8), &context).await.map(drop)),
        ("revoke_key", store.revoke_key(boss, scene.boss_key, &context).await),
        (
            "create_template",
            store.create_template(new_template("x", boss), &context).await.map(drop),
        ),
        (
            "update_template",
            store
                .update_template(boss, &old, TemplateChange::default(), ANY_STATE, &context)
                .await
                .map(drop),
        ),
        ("delete_template", store.delete_template(boss, &old, ANY_STATE, &context).await),
        ("create_first_administrator", first.map(drop)),
        (
            "end_session",
            store.end_session(boss, scene.boss_session, Action::EndSession, &context).await,
        ),
    ];
    let wrong: Vec<_> =
        own.iter().filter(|(_, result)| !result.as_ref().is_err_and(is_forbidden)).collect();
    assert!(wrong.is_empty(), "{wrong:?}");
    let rename = to_username(username("ann.o"));
    for (attempt, result) in [
        (
            "update_user",
            store.update_user(boss, rename.clone(), ANY_STATE, &context).await.map(drop),
        ),
        (
            "update_user: own role",
            store.update_user(scene.ann, to_role(Role::Admin), ANY_STATE, &context).await.map(drop),
        ),
        ("end_sessions", store.end_sessions(boss, &context).await.map(drop)),
        ("delete_user", store.delete_user(boss, ANY_STATE, &context).await),
    ] {
        assert!(result.as_ref().is_err_and(is_role_required), "{attempt}: {result:?}");
    }
    store.update_user(scene.ann, rename, ANY_STATE, &context).await.unwrap();
    store.delete_user(scene.ann, ANY_STATE, &context).await.unwrap();
}
