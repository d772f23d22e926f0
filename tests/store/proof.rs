//! What somebody proved who they are with is asked about once more by whatever they write.

use widgetd::domain::{
    Action, Credential, KeyScope, PasswordHash, Proof, RequestContext, Role, SessionId, Status,
    TaskChange, TaskFilter, TaskId, TaskStatus, TemplateBody, TemplateChange, TemplateFilter,
    UserId, Viewer, WidgetFilter,
};
use widgetd::error::{Error, TokenError};

use crate::{
    ALL, ANYHOW, NOW, Subject, account, block_on, cli_context, later, new_key, new_task,
    new_template, new_user, new_widget, owner_context, secret, template_name, to_role, to_status,
    username, widget_name,
};

/// An administrator who was let in, and somebody to do things to.
struct Scene {
    subject: Subject,
    boss: UserId,
    ann: UserId,
    anns: SessionId,
    task: TaskId,
}

impl Scene {
    async fn new() -> Self {
        let subject = Subject::new();
        let store = &subject.store;
        let (boss, other) = (subject.add_user("boss").await, subject.add_user("other").await);
        for administrator in [&boss, &other] {
            store
                .update_user(administrator.public_id, to_role(Role::Admin), &cli_context())
                .await
                .unwrap();
        }
        let ann = subject.add_user("ann").await.public_id;
        let anns = subject.log_in(ann).await;
        store.create_widget(new_widget("old", &boss), &cli_context()).await.unwrap();
        store.create_template(new_template("old", other.public_id), &cli_context()).await.unwrap();
        let task = new_task("old", &other);
        store.create_task(task.clone(), &cli_context()).await.unwrap();
        Self { task: task.id, boss: boss.public_id, ann, anns, subject }
    }

    fn cli_context(&self, credential: Credential, at_least: Role) -> RequestContext {
        RequestContext {
            proof: Some(Proof { credential, at_least }),
            ..owner_context(self.boss, "192.0.2.7")
        }
    }

    /// Tries everything that is done on somebody's behalf.
    async fn attempts(&self, context: &RequestContext) -> Vec<(&'static str, Result<(), Error>)> {
        let (store, ann) = (&self.subject.store, self.ann);
        let owner = store.get_user_by_name(&account("other@example.com")).await.unwrap();
        let key = new_key(ann, "new", 7);
        let (template, body) = (template_name("old"), Some(TemplateBody::parse("New.").unwrap()));
        let change = TemplateChange { name: None, body };
        let viewer = Viewer::Manager(self.boss);
        let done = TaskChange { status: Some(TaskStatus::Done), ..TaskChange::default() };
        vec![
            ("create_user", store.create_user(new_user("new"), None, context).await.map(drop)),
            ("set_username", store.set_username(ann, username("ann"), context).await.map(drop)),
            (
                "change_user",
                store.update_user(ann, to_status(Status::Disabled), context).await.map(drop),
            ),
            (
                "create_reset_code",
                store.create_reset_code(ann, secret(9), later(1_000), context).await.map(drop),
            ),
            (
                "set_password",
                store
                    .set_password(ann, PasswordHash::from_phc("new".into()), None, context)
                    .await
                    .map(drop),
            ),
            ("end_session", store.end_session(ann, self.anns, Action::EndSession, context).await),
            ("end_sessions", store.end_sessions(ann, context).await.map(drop)),
            ("create_key", store.create_key(key.clone(), context).await.map(drop)),
            ("revoke_key", store.revoke_key(ann, key.id, context).await),
            ("create_widget", store.create_widget(new_widget("new", &owner), context).await),
            (
                "upsert_widget",
                store.upsert_widget(new_widget("newer", &owner), ANYHOW, context).await.map(drop),
            ),
            ("delete_widget", store.delete_widget(&widget_name("old"), ANYHOW, context).await),
            (
                "create_template",
                store
                    .create_template(new_template("new", owner.public_id), context)
                    .await
                    .map(drop),
            ),
            (
                "update_template",
                store
                    .update_template(owner.public_id, &template, change, ANYHOW, context)
                    .await
                    .map(drop),
            ),
            (
                "delete_template",
                store.delete_template(owner.public_id, &template, ANYHOW, context).await,
            ),
            ("create_task", store.create_task(new_task("new", &owner), context).await.map(drop)),
            (
                "update_task",
                store.update_task(self.task, done, viewer, ANYHOW, context).await.map(drop),
            ),
            ("delete_task", store.delete_task(self.task, ANYHOW, context).await),
            ("delete_user", store.delete_user(ann, context).await),
        ]
    }

    /// Fails unless everything is refused as it should be, and nothing has changed.
    async fn assert_refused(
        &self,
        context: &RequestContext,
        is_expected: fn(&Error) -> bool,
        what: &str,
    ) {
        let store = &self.subject.store;
        let (attempts, noted) = self.subject.noting(self.attempts(context)).await;
        for (attempt, result) in attempts {
            assert!(result.as_ref().is_err_and(is_expected), "{attempt} after {what}: {result:?}");
        }
        assert!(noted.is_empty(), "{what}: {noted:?}");
        assert_eq!(store.list_widgets(WidgetFilter::default(), ALL, NOW).await.unwrap().total, 1);
        let other = store.get_user_by_name(&account("other@example.com")).await.unwrap().public_id;
        let templates =
            store.list_templates(other, TemplateFilter::default(), ALL).await.unwrap().items;
        assert_eq!((templates.len(), templates[0].body.as_str()), (1, "A text."));
        let tasks = store
            .list_tasks(TaskFilter::default(), Viewer::Manager(self.ann), NOW, ALL)
            .await
            .unwrap();
        let tasks: Vec<_> =
            tasks.items.iter().map(|task| (task.title.as_str(), task.status)).collect();
        assert_eq!(tasks, [("old", TaskStatus::Pending)], "{what}");
        assert!(self.subject.is_live(self.ann, self.anns).await);
    }
}

fn is_revoked(error: &Error) -> bool {
    matches!(error, Error::Token(TokenError::Revoked))
}

fn is_forbidden(error: &Error) -> bool {
    matches!(error, Error::Forbidden(message) if message == "You are not an administrator")
}

async fn a_session(scene: &Scene) -> Credential {
    Credential::Session { id: scene.subject.log_in(scene.boss).await, expires_at: later(1_000) }
}

async fn a_key(scene: &Scene) -> Credential {
    let key = new_key(scene.boss, "script", 3);
    scene.subject.store.create_key(key.clone(), &cli_context()).await.unwrap();
    Credential::Key { id: key.id, scope: KeyScope::Write, expires_at: None }
}

#[test]
fn nothing_is_written_for_a_session_that_has_ended_since_it_was_let_in() {
    block_on(async {
        for what in ["end_session", "end_sessions", "set_password", "disabled", "deleted"] {
            let scene = Scene::new().await;
            let credential = a_session(&scene).await;
            let Credential::Session { id, .. } = credential else { unreachable!() };
            let (store, boss) = (&scene.subject.store, scene.boss);
            match what {
                "end_session" => {
                    store.end_session(boss, id, Action::LogOut, &cli_context()).await.unwrap()
                }
                "end_sessions" => drop(store.end_sessions(boss, &cli_context()).await.unwrap()),
                "set_password" => {
                    let hash = PasswordHash::from_phc("new".into());
                    drop(store.set_password(boss, hash, None, &cli_context()).await.unwrap());
                }
                "disabled" => drop(
                    store
                        .update_user(boss, to_status(Status::Disabled), &cli_context())
                        .await
                        .unwrap(),
                ),
                _ => store.delete_user(boss, &cli_context()).await.unwrap(),
            }
            scene
                .assert_refused(&scene.cli_context(credential, Role::Admin), is_revoked, what)
                .await;
            scene
                .assert_refused(&scene.cli_context(credential, Role::Employee), is_revoked, what)
                .await;
        }
    });
}

#[test]
fn nothing_is_written_for_a_key_that_has_died_since_it_was_let_in() {
    block_on(async {
        for what in ["revoked", "disabled", "deleted"] {
            let scene = Scene::new().await;
            let credential = a_key(&scene).await;
            let Credential::Key { id, .. } = credential else { unreachable!() };
            let (store, boss) = (&scene.subject.store, scene.boss);
            match what {
                "revoked" => store.revoke_key(boss, id, &cli_context()).await.unwrap(),
                "disabled" => drop(
                    store
                        .update_user(boss, to_status(Status::Disabled), &cli_context())
                        .await
                        .unwrap(),
                ),
                _ => store.delete_user(boss, &cli_context()).await.unwrap(),
            }
            scene
                .assert_refused(&scene.cli_context(credential, Role::Admin), is_revoked, what)
                .await;
        }
    });
}

#[test]
fn nothing_that_takes_an_administrator_is_written_for_who_is_none_any_more() {
    block_on(async {
        let scene = Scene::new().await;
        let credentials = [a_session(&scene).await, a_key(&scene).await];
        scene
            .subject
            .store
            .update_user(scene.boss, to_role(Role::Manager), &cli_context())
            .await
            .unwrap();
        for credential in credentials {
            scene
                .assert_refused(
                    &scene.cli_context(credential, Role::Admin),
                    is_forbidden,
                    "demotion",
                )
                .await;
        }
    });
}

#[test]
fn nothing_that_takes_a_manager_is_written_for_who_is_none_any_more() {
    fn is_forbidden(error: &Error) -> bool {
        matches!(error, Error::Forbidden(message) if message == "You are not a manager")
    }
    block_on(async {
        let scene = Scene::new().await;
        let credentials = [a_session(&scene).await, a_key(&scene).await];
        scene
            .subject
            .store
            .update_user(scene.boss, to_role(Role::Employee), &cli_context())
            .await
            .unwrap();
        for credential in credentials {
            scene
                .assert_refused(
                    &scene.cli_context(credential, Role::Manager),
                    is_forbidden,
                    "demotion",
                )
                .await;
        }
    });
}

#[test]
fn what_takes_a_manager_is_written_for_a_manager() {
    block_on(async {
        let scene = Scene::new().await;
        let credential = a_session(&scene).await;
        scene
            .subject
            .store
            .update_user(scene.boss, to_role(Role::Manager), &cli_context())
            .await
            .unwrap();
        let context = scene.cli_context(credential, Role::Manager);
        for (attempt, result) in scene.attempts(&context).await {
            assert!(result.is_ok() || attempt == "end_session", "{attempt}: {result:?}");
        }
    });
}

#[test]
fn nothing_is_written_for_somebody_with_the_proof_of_somebody_else() {
    block_on(async {
        let scene = Scene::new().await;
        let credential = Credential::Session { id: scene.anns, expires_at: later(1_000) };
        scene
            .assert_refused(
                &scene.cli_context(credential, Role::Admin),
                is_revoked,
                "a session of another account",
            )
            .await;
    });
}

#[test]
fn everything_is_written_while_the_proof_is_good() {
    block_on(async {
        for with_key in [false, true] {
            let scene = Scene::new().await;
            let credential = if with_key { a_key(&scene).await } else { a_session(&scene).await };
            for (attempt, result) in
                scene.attempts(&scene.cli_context(credential, Role::Admin)).await
            {
                // Setting the password has ended this one already.
                assert!(result.is_ok() || attempt == "end_session", "{attempt}: {result:?}");
            }
        }
    });
}
