//! `dry_run=true`: a write answers as if it was done, and changes nothing.

use std::collections::BTreeSet;

use rocket::http::Status;
use serde_json::Value;

use crate::cross_site::{Effect, FROM_HERE, Scene, routes_that_write, said, session_starts};
use crate::support::{Answer, FORM, PASSWORD, TestApp, Visitor, is_for_people};

/// The names of the fields of an answer.
fn fields(answer: &Answer) -> BTreeSet<&str> {
    answer.body.as_object().into_iter().flatten().map(|(name, _)| name.as_str()).collect()
}

/// Sends a request as a dry run, and then in earnest.
async fn assert_dry_run(mut effect: Effect, visitor: &Visitor<'_>) {
    let (app, path) = (visitor.app, effect.path.clone());
    let before = app.dump();
    effect.path = format!("{path}?dry_run=true");
    let dry = effect.send(visitor, FORM).await;
    assert!(app.dump() == before, "{path} has changed something");
    assert_eq!(dry.header("Dry-Run"), Some("true"), "{path}: {}", dry.text);
    assert_eq!(dry.set_cookie(), None, "{path}");

    effect.path = format!("{path}?dry_run=false");
    let done = effect.send(visitor, FORM).await;
    assert!(app.dump() != before, "{path} has changed nothing");
    assert_eq!((dry.status, done.header("Dry-Run")), (done.status, None), "{path}");
    if done.status == Status::NoContent {
        return;
    }
    assert_eq!(dry.body["dry_run"], true, "{path}: {}", dry.text);
    assert_eq!(dry.body["message"], done.body["message"]);
    let mut expected = fields(&done);
    expected.insert("dry_run");
    // No session starts, so there is neither a token nor a next page.
    for field in ["access_token", "token_type", "expires_in", "next"] {
        expected.remove(field);
    }
    assert_eq!(fields(&dry), expected, "{path}");
}

#[rocket::async_test]
async fn dry_run_answers_as_every_write_and_changes_nothing() {
    let scene = Scene::new(&[]).await;
    for route in routes_that_write(&scene.app).filter(|route| !is_for_people(route)) {
        let app = scene.app.copy(&[]).await;
        let visitor = said(&scene.browser(&app).script(), FROM_HERE[0]);
        assert_dry_run(scene.effect(route), &visitor).await;
    }
    for (app, effect) in session_starts().await {
        let script = app.visitor().script();
        assert_dry_run(effect, &said(&script, FROM_HERE[0])).await;
    }
}

#[rocket::async_test]
async fn dry_run_of_a_login_or_registration_gives_no_token() {
    let app = TestApp::new().await;
    app.user("ann").await;
    let ann = [("email", "ann@example.com"), ("password", PASSWORD)];
    let bob = [("email", "bob@example.com"), ("password", PASSWORD)];
    for (path, fields) in [("login", ann), ("register", bob)] {
        let answer = app.anon().post(&format!("/auth/{path}?dry_run=true"), &fields).await;
        assert!(answer.status.class().is_success(), "{}", answer.text);
        assert_eq!(
            (&answer.body["dry_run"], answer.body.get("access_token")),
            (&Value::Bool(true), None)
        );
    }
    // A wrong password is recorded nevertheless.
    let before = app.dump();
    let wrong = [ann[0], ("password", "wrong")];
    app.anon().post("/auth/login?dry_run=true", &wrong).await.assert(Status::Unauthorized);
    assert!(app.dump() != before);
}

#[rocket::async_test]
async fn dry_run_has_the_errors_of_the_write() {
    let app = TestApp::new().await;
    let (admin, ann) = (app.admin().await, app.user("ann").await);
    admin.add_widget("one").await.assert(Status::Created);
    let widget = [("name", "one"), ("info_url", "https://example.com"), ("deadline", "2026-12-31")];
    let again = admin.post("/widgets?dry_run=true", &widget).await;
    again.assert(Status::Conflict);
    ann.post("/widgets?dry_run=true", &widget).await.assert(Status::Forbidden);
    let bad = [("name", "A b"), ("deadline", "2020-01-01")];
    let bad = admin.post("/widgets?dry_run=true", &bad).await;
    bad.assert_invalid(&["name", "info_url", "deadline"]);
    let tag = ("If-Match", "\"0000000000000000\"");
    let stale = admin.send_if(rocket::http::Method::Delete, "/widgets/one?dry_run=true", tag, &[]);
    stale.await.assert(Status::PreconditionFailed);
    for (query, why) in [
        ("dry_run=1", "'1' must be one of true, false"),
        ("dry_run", "'' must be one of true, false"),
        ("dry_run=true&dry_run=true", "is given more than once"),
    ] {
        let refused = admin.post(&format!("/widgets?{query}"), &widget).await;
        assert_eq!(refused.assert_invalid(&["dry_run"]).error_of("dry_run"), why);
    }
}
