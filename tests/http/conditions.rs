//! Tags and conditions: whether what a client has is still so, and changing only what it has seen.

use std::collections::BTreeSet;
use std::time::Duration;

use rocket::futures::future::join_all;
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
async fn what_a_client_has_already_is_not_sent_again() {
    let app = TestApp::new().await;
    let admin = app.admin().await;
    admin.add_widget("one").await.assert(Status::Created);
    let id = admin.public_id().await;
    let account = format!("/users/{id}");
    admin.key("k", "read").await;
    for path in [
        "/widgets/one",
        "/widgets",
        "/users",
        &account,
        "/auth/user",
        "/auth/sessions",
        "/auth/keys",
        "/audit",
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
    // A tag is no way in.
    let etag = tag(&admin, "/widgets/one").await;
    app.anon()
        .send_if(Get, "/widgets/one", ("If-None-Match", &etag), &[])
        .await
        .assert(Status::Unauthorized);
}

#[rocket::async_test]
async fn a_tag_is_another_one_after_each_change_that_a_client_sees_and_no_other() {
    let app = TestApp::new().await;
    let (admin, other) = (app.admin().await, app.user("other").await);
    app.set_role(&other, Role::Admin).await;
    admin.add_widget("one").await.assert(Status::Created);
    other.add_widget("two").await.assert(Status::Created);
    let mut tags = BTreeSet::new();
    let mut is_news = async |path: &str| tags.insert(tag(&other, path).await);
    assert!(
        is_news("/widgets/one").await && is_news("/widgets/two").await && is_news("/widgets").await
    );
    app.advance(Duration::from_secs(1));
    assert!(!is_news("/widgets/one").await && !is_news("/widgets").await);
    // What is the same already is no change.
    admin.put("/widgets/one", &widget("one")[1..]).await.assert(Status::Ok);
    assert!(!is_news("/widgets/one").await && !is_news("/widgets").await);
    admin.put("/widgets/one", &[URL_BEFORE, widget("one")[2]]).await.assert(Status::Ok);
    assert!(
        is_news("/widgets/one").await
            && !is_news("/widgets/two").await
            && is_news("/widgets").await
    );
    admin.patch("/widgets/one", URL).await.assert(Status::Ok);
    assert!(is_news("/widgets/one").await && is_news("/widgets").await);
    // The owner is one no more.
    app.store
        .delete_user(
            app.find(&admin.email).await.public_id,
            Precondition::default(),
            &app.cli_context(),
        )
        .await
        .unwrap();
    assert!(
        is_news("/widgets/one").await
            && !is_news("/widgets/two").await
            && is_news("/widgets").await
    );
    // The day is over.
    app.advance(Duration::from_hours(24 * 60));
    let other = other.again().await;
    assert!(
        tags.insert(tag(&other, "/widgets/two").await)
            && tags.insert(tag(&other, "/widgets").await)
    );
    // Another page is another list.
    assert!(tags.insert(tag(&other, "/widgets?per_page=5").await));
}

#[rocket::async_test]
async fn only_what_was_seen_is_changed() {
    let app = TestApp::new().await;
    let admin = app.admin().await;
    admin.add_widget("one").await.assert(Status::Created);
    let old = tag(&admin, "/widgets/one").await;
    let put = &[URL_BEFORE, widget("one")[2]][..];
    admin.send_if(Put, "/widgets/one", ("If-Match", &old), put).await.assert(Status::Ok);
    let message = "It has changed meanwhile, or is not in the state that was asked for. Please read it again.";
    let new = tag(&admin, "/widgets/one").await;
    for (method, fields) in [(Put, put), (Patch, URL), (Delete, &[])] {
        for stale in [old.as_str(), "\"nonsense\"", &format!("W/{new}")] {
            let answer = admin.send_if(method, "/widgets/one", ("If-Match", stale), fields).await;
            answer.assert_message(Status::PreconditionFailed, message);
        }
        let answer = admin.send_if(method, "/widgets/one", ("If-Match", "not a tag"), fields).await;
        answer.assert_invalid(&["If-Match"]);
    }
    assert_eq!(tag(&admin, "/widgets/one").await, new);
    admin
        .send_if(Patch, "/widgets/one", ("If-Match", &format!("{old}, {new}")), URL)
        .await
        .assert(Status::Ok);
    admin.send_if(Delete, "/widgets/one", ("If-Match", "*"), &[]).await.assert(Status::NoContent);
    admin
        .send_if(Put, "/widgets/one", ("If-Match", "*"), put)
        .await
        .assert(Status::PreconditionFailed);
}

#[rocket::async_test]
async fn a_put_may_make_and_not_change() {
    let app = TestApp::new().await;
    let admin = app.admin().await;
    let put = &widget("one")[1..];
    let answers =
        join_all((0..64).map(|_| admin.send_if(Put, "/widgets/one", ("If-None-Match", "*"), put)))
            .await;
    let count = |status| answers.iter().filter(|answer| answer.status == status).count();
    assert_eq!((count(Status::Created), count(Status::PreconditionFailed)), (1, 63));
}

#[rocket::async_test]
async fn of_64_changes_of_what_was_seen_one_is_made() {
    let app = TestApp::new().await;
    let admin = app.admin().await;
    admin.add_widget("one").await.assert(Status::Created);
    let seen = tag(&admin, "/widgets/one").await;
    let answers =
        join_all((0..64).map(|_| admin.send_if(Patch, "/widgets/one", ("If-Match", &seen), URL)))
            .await;
    let count = |status| answers.iter().filter(|answer| answer.status == status).count();
    assert_eq!((count(Status::Ok), count(Status::PreconditionFailed)), (1, 63));
}
