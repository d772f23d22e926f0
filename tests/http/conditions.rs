//! `ETag`, `If-None-Match` and `If-Match`. The rule for every write is in `rules`.

use std::collections::BTreeSet;
use std::time::Duration;

use rocket::http::Method::{Delete, Get, Patch, Put};
use rocket::http::Status;
use widgetd::domain::{Precondition, Role};

use crate::support::{Actor, TestApp, widget};

const URL: &[(&str, &str)] = &[("info_url", "https://example.com/more")];

const URL_BEFORE: (&str, &str) = ("info_url", "https://example.com/before");

async fn tag(actor: &Actor<'_>, path: &str) -> String {
    actor.get(path).await.assert(Status::Ok).etag()
}

#[rocket::async_test]
async fn if_none_match_of_the_etag_is_304_without_a_body() {
    let app = TestApp::new().await;
    let admin = app.admin().await;
    admin.add_widget("one").await.assert(Status::Created);
    let id = admin.public_id().await;
    let account = format!("/users/{id}");
    admin.key("k", "read").await;
    admin.post("/templates", &[("name", "one"), ("body", "text")]).await.assert(Status::Created);
    let task = admin.post("/tasks", &[("title", "one")]).await;
    let task = format!("/tasks/{}", task.body["id"].as_str().unwrap());
    let task_history = format!("{task}/history");
    for path in [
        &task_history,
        "/widgets/one/history",
        "/widgets/one",
        "/widgets",
        "/users",
        &account,
        "/auth/user",
        "/auth/sessions",
        "/auth/keys",
        "/audit",
        "/templates/one",
        "/templates/one/history",
        "/templates?q=one",
        &task,
        "/tasks?per_page=5",
    ] {
        let etag = tag(&admin, path).await;
        for seen in
            [etag.clone(), format!("W/{etag}"), format!("\"other\", {etag}"), "*".to_owned()]
        {
            let answer = admin.send_if(Get, path, ("If-None-Match", &seen), &[]).await;
            answer.assert(Status::NotModified);
            assert_eq!((answer.text.as_str(), answer.etag()), ("", etag.clone()), "{path}");
        }
        for unseen in ["\"other\"", "nonsense", ""] {
            admin.send_if(Get, path, ("If-None-Match", unseen), &[]).await.assert(Status::Ok);
        }
    }
    // An ETag does not replace a token.
    let etag = tag(&admin, "/widgets/one").await;
    app.anon()
        .send_if(Get, "/widgets/one", ("If-None-Match", &etag), &[])
        .await
        .assert(Status::Unauthorized);
}

#[rocket::async_test]
async fn etag_changes_with_each_visible_change_and_with_no_other() {
    let app = TestApp::new().await;
    let (admin, other) = (app.admin().await, app.user("other").await);
    app.set_role(&other, Role::Admin).await;
    admin.add_widget("one").await.assert(Status::Created);
    other.add_widget("two").await.assert(Status::Created);
    let mut tags = BTreeSet::new();
    let mut is_new = async |path: &str| tags.insert(tag(&other, path).await);
    assert!(
        is_new("/widgets/one").await && is_new("/widgets/two").await && is_new("/widgets").await
    );
    app.advance(Duration::from_secs(1));
    assert!(!is_new("/widgets/one").await && !is_new("/widgets").await);
    // A PUT of the same values keeps the ETag.
    admin.put("/widgets/one", &widget("one")[1..]).await.assert(Status::Ok);
    assert!(!is_new("/widgets/one").await && !is_new("/widgets").await);
    admin.put("/widgets/one", &[URL_BEFORE, widget("one")[2]]).await.assert(Status::Ok);
    assert!(
        is_new("/widgets/one").await && !is_new("/widgets/two").await && is_new("/widgets").await
    );
    admin.patch("/widgets/one", URL).await.assert(Status::Ok);
    assert!(is_new("/widgets/one").await && is_new("/widgets").await);
    // The owner is shown as former.
    app.store
        .delete_user(
            app.find(&admin.email).await.public_id,
            Precondition::default(),
            &app.cli_context(),
        )
        .await
        .unwrap();
    assert!(
        is_new("/widgets/one").await && !is_new("/widgets/two").await && is_new("/widgets").await
    );
    // The deadline has passed.
    app.advance(Duration::from_hours(24 * 60));
    let other = other.again().await;
    assert!(
        tags.insert(tag(&other, "/widgets/two").await)
            && tags.insert(tag(&other, "/widgets").await)
    );
    // Each page of a list has its own ETag.
    assert!(tags.insert(tag(&other, "/widgets?per_page=5").await));
}

#[rocket::async_test]
async fn if_match_takes_a_list_or_a_star_and_if_none_match_creates_only() {
    let app = TestApp::new().await;
    let admin = app.admin().await;
    let put = &widget("one")[1..];
    for expected in [Status::Created, Status::PreconditionFailed] {
        let answer = admin.send_if(Put, "/widgets/one", ("If-None-Match", "*"), put).await;
        answer.assert(expected);
    }
    let tag = tag(&admin, "/widgets/one").await;
    let list = format!("\"old\", {tag}");
    admin.send_if(Patch, "/widgets/one", ("If-Match", &list), URL).await.assert(Status::Ok);
    admin.send_if(Delete, "/widgets/one", ("If-Match", "*"), &[]).await.assert(Status::NoContent);
    let answer = admin.send_if(Put, "/widgets/one", ("If-Match", "*"), put).await;
    answer.assert(Status::PreconditionFailed);
}
