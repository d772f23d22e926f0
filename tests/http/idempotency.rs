//! `Idempotency-Key`: a create is done once, and a repeated one gets the first answer.

use std::time::Duration;

use rocket::futures::future::join_all;
use rocket::http::{Method, Status};
use serde_json::Value;
use widgetd::domain::Role;
use widgetd::store::Retention;

use crate::cross_site::{FROM_HERE, Scene, routes_that_write, said};
use crate::support::{Actor, Answer, FORM, PASSWORD, TestApp, form, is_for_people};

const DAY: Duration = Duration::from_hours(24);
const REPLAYED: &str = "Idempotent-Replayed";
const WIDGET: [(&str, &str); 3] =
    [("name", "one"), ("info_url", "https://example.com"), ("deadline", "2026-11-21")];

async fn post(actor: &Actor<'_>, path: &str, key: &str, fields: &[(&str, &str)]) -> Answer {
    let headers = [("Content-Type", FORM), ("Idempotency-Key", key)];
    actor.send_with(Method::Post, path, &headers, form(fields)).await
}

/// Asserts that an answer repeats the first one.
fn assert_replayed(first: &Answer, second: &Answer) {
    assert_eq!((second.status, &second.text), (first.status, &first.text));
    assert_eq!((first.header(REPLAYED), second.header(REPLAYED)), (None, Some("true")));
    for name in ["Location", "ETag", "Content-Type"] {
        assert_eq!(second.header(name), first.header(name), "{name}");
    }
}

/// Whether an operation documents the header.
fn takes_a_key(document: &Value, path: &str) -> bool {
    let path = path.strip_prefix("/api/v1").unwrap();
    let parameters = document["paths"][path]["post"]["parameters"].as_array();
    { parameters.into_iter().flatten() }.any(|parameter| parameter["name"] == "Idempotency-Key")
}

/// The pages' modules send a key with the forms that say so.
#[rocket::async_test]
async fn idempotency_key_of_a_form_for_a_new_record_makes_it_once() {
    let scene = Scene::new(&[]).await;
    let mut done_once = 0;
    for route in routes_that_write(&scene.app).filter(|route| is_for_people(route)) {
        let form = match route.name.as_deref().unwrap() {
            "add_widget" => "/new/widget",
            "add_task" => "/new/task",
            "add_task_of_line" => "/new/task?line=a",
            "add_template" => "/new/template",
            _ => continue,
        };
        let app = scene.app.copy(&[]).await;
        let visitor = said(&scene.browser(&app), FROM_HERE[0]);
        let page = visitor.open(form).await;
        assert!(page.elements().iter().any(|e| e.get("data-once").is_some()), "{}", page.text);
        let visitor = visitor.saying("Idempotency-Key", "a key");
        let effect = scene.effect(route);
        let first = effect.send(&visitor, FORM).await;
        let after = app.dump();
        let second = effect.send(&visitor, FORM).await;
        assert_eq!(first.assert(Status::SeeOther).header("Location"), second.header("Location"));
        assert!(app.dump() == after, "{} was done twice", effect.path);
        done_once += 1;
    }
    assert_eq!(done_once, 4);
}

#[rocket::async_test]
async fn idempotency_key_makes_each_documented_create_once_and_is_refused_elsewhere() {
    let scene = Scene::new(&[]).await;
    let (mut done_once, mut refused) = (0, 0);
    let is_post = |route: &&rocket::Route| route.method == Method::Post && !is_for_people(route);
    for route in routes_that_write(&scene.app).filter(is_post) {
        let app = scene.app.copy(&[]).await;
        let visitor = said(&scene.browser(&app).script(), FROM_HERE[0]);
        let visitor = visitor.saying("Idempotency-Key", "a key");
        let effect = scene.effect(route);
        let first = effect.send(&visitor, FORM).await;
        if takes_a_key(app.document(), route.uri.path()) {
            let after = app.dump();
            app.advance(Duration::from_mins(59));
            assert_replayed(&first, &effect.send(&visitor, FORM).await);
            assert!(app.dump() == after, "{} was done twice", effect.path);
            done_once += 1;
        } else if first.status == Status::BadRequest {
            first.assert_invalid(&["Idempotency-Key"]);
            refused += 1;
        } else {
            // Nobody is signed in yet, so whose key would it be?
            assert!(effect.path.contains("/auth/"), "{}", effect.path);
        }
    }
    assert!(done_once >= 4 && refused >= 4, "{done_once} {refused}");
}

#[rocket::async_test]
async fn idempotency_key_of_another_request_is_422_and_of_another_user_is_another() {
    let app = TestApp::new().await;
    let (ann, bob) = (app.user("ann").await, app.user("bob").await);
    let fields = [("name", "one"), ("body", "text")];
    let first = post(&ann, "/templates", "k", &fields).await;
    first.assert(Status::Created);
    let other = post(&ann, "/templates", "k", &[("name", "two"), ("body", "text")]).await;
    let why = "This Idempotency-Key was used for another request. Please use a new one.";
    other.assert_message(Status::UnprocessableEntity, why);
    post(&ann, "/templates?dry_run=true", "k", &fields).await.assert(Status::UnprocessableEntity);
    let bobs = post(&bob, "/templates", "k", &fields).await;
    assert_eq!(bobs.assert(Status::Created).header(REPLAYED), None);
    assert_replayed(&first, &post(&ann, "/templates", "k", &fields).await);
    post(&ann, "/templates", "l", &fields).await.assert(Status::Conflict);
    assert_eq!(ann.get("/templates").await.body["total_items"], 1);
    for key in ["", "\u{e4}", &"x".repeat(256)] {
        post(&ann, "/templates", key, &fields).await.assert_invalid(&["Idempotency-Key"]);
    }
}

#[rocket::async_test]
async fn idempotency_replays_the_answer_of_then_until_a_day_has_passed() {
    let app = TestApp::new().await;
    let admin = app.admin().await;
    let first = post(&admin, "/widgets", "k", &WIDGET).await;
    first.assert(Status::Created);
    let change = [("name", "renamed")];
    admin.patch("/widgets/one", &change).await.assert(Status::Ok);
    // The deadline has passed, and the record has changed.
    app.advance(Duration::from_millis(24 * 3_600_000 - 1));
    let admin = admin.again().await;
    assert_replayed(&first, &post(&admin, "/widgets", "k", &WIDGET).await);

    app.advance(Duration::from_millis(1));
    let later = [WIDGET[0], WIDGET[1], ("deadline", "2026-12-31")];
    let again = post(&admin, "/widgets", "k", &later).await;
    assert_eq!(again.assert(Status::Created).header(REPLAYED), None);
    let used = admin.get("/auth/user").await.body["used_bytes"].as_u64().unwrap();
    app.advance(DAY);
    let now = app.clock.now();
    let retention = Retention { now, networks_since: now, audit_since: now };
    app.store.purge(retention).await.unwrap();
    let left = admin.again().await.get("/auth/user").await.body["used_bytes"].as_u64().unwrap();
    // What was stored of the request counts like a record.
    assert!(left + 512 < used, "{used} {left}");
    assert!(!app.dump().iter().any(|row| row.starts_with("idempotency_key: ")));
}

#[rocket::async_test]
async fn idempotency_stores_no_errors_and_asks_for_authority_again() {
    let app = TestApp::new().await;
    let admin = app.admin().await;
    app.user_of("root", Role::Admin).await;
    post(&admin, "/widgets", "k", &WIDGET[..2]).await.assert_invalid(&["deadline"]);
    let dry = post(&admin, "/widgets?dry_run=true", "k", &WIDGET).await;
    assert_eq!(dry.assert(Status::Created).header(REPLAYED), None);
    let first = post(&admin, "/widgets", "k", &WIDGET).await;
    assert_eq!(first.assert(Status::Created).header(REPLAYED), None);
    let nobody = [("email", "eve@example.com")];
    let no_password = post(&admin, "/users", "l", &nobody).await;
    no_password.assert_invalid(&["password"]);
    let user = [nobody[0], ("password", PASSWORD)];
    let made = post(&admin, "/users", "l", &user).await;
    assert_replayed(made.assert(Status::Created), &post(&admin, "/users", "l", &user).await);
    app.set_role(&admin, Role::Employee).await;
    post(&admin, "/widgets", "k", &WIDGET).await.assert(Status::Forbidden);
}

#[rocket::async_test]
async fn idempotency_of_64_equal_requests_at_once_makes_one_record() {
    let app = TestApp::new().await;
    let boss = app.user_of("boss", Role::Manager).await;
    let fields = [("title", "one")];
    let answers = join_all((0..64).map(|_| post(&boss, "/tasks", "k", &fields))).await;
    assert!(answers.iter().all(|answer| answer.text == answers[0].text));
    let replayed = answers.iter().filter(|answer| answer.header(REPLAYED).is_some()).count();
    assert_eq!((replayed, answers[0].status), (63, Status::Created));
    assert_eq!(boss.get("/tasks").await.body["total_items"], 1);
}
