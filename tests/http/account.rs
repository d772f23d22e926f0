//! `/auth/user`: one's own account.

use rocket::http::{ContentType, Method, Status};
use serde_json::{Value, json};
use widgetd::domain::Role;

use crate::support::{Actor, Answer, PASSWORD, TestApp, form, user_count};

#[rocket::async_test]
async fn patch_of_the_username_answers_the_user_and_login_takes_it() {
    let app = TestApp::new().await;
    let ann = app.user("ann").await;
    let answer = ann.patch("/auth/user", &[("username", "Ann.O")]).await;
    assert_eq!(answer.assert(Status::Ok).body, ann.get("/auth/user").await.body);
    assert_eq!(answer.body["username"], "Ann.O");
    let log_in = async |name: &str| {
        app.anon().post("/auth/login", &[("username", name), ("password", PASSWORD)]).await
    };
    log_in("ANN.O").await.assert(Status::Ok);

    ann.patch("/auth/user", &[("username", "ann-o")]).await.assert(Status::Ok);
    log_in("ann-o").await.assert(Status::Ok);
    log_in("Ann.O").await.assert(Status::Unauthorized);
}

#[rocket::async_test]
async fn patch_to_a_taken_username_is_409_and_to_another_letter_case_is_not() {
    let app = TestApp::new().await;
    let (ann, bob) = (app.user("ann").await, app.user("bob").await);
    ann.patch("/auth/user", &[("username", "ann")]).await.assert(Status::Ok);
    let taken = bob.patch("/auth/user", &[("username", "ANN")]).await;
    taken.assert_message(Status::Conflict, "ANN is already registered");
    assert_eq!(bob.get("/auth/user").await.body["username"], Value::Null);
    ann.patch("/auth/user", &[("username", "ANN")]).await.assert(Status::Ok);
}

#[rocket::async_test]
async fn an_invalid_username_is_400_and_other_fields_are_unknown() {
    let app = TestApp::new().await;
    let ann = app.user("ann").await;
    for username in ["", "ab", "a b c", "ann@example.com", &"x".repeat(33)] {
        ann.patch("/auth/user", &[("username", username)]).await.assert_invalid(&["username"]);
    }
    // A field that users cannot change themselves is unknown here.
    ann.patch("/auth/user", &[("username", "ann"), ("role", "admin")])
        .await
        .assert_invalid(&["role"]);
    assert_eq!(ann.get("/auth/user").await.body["username"], Value::Null);
}

async fn delete(actor: &Actor<'_>, password: &str) -> Answer {
    actor
        .send(
            Method::Delete,
            "/auth/user",
            Some(ContentType::Form),
            form(&[("password", password)]),
        )
        .await
}

#[rocket::async_test]
async fn delete_needs_the_password_ends_sessions_and_keys_and_frees_the_names() {
    let app = TestApp::new().await;
    let ann = app.user("ann").await;
    ann.patch("/auth/user", &[("username", "ann")]).await.assert(Status::Ok);
    let (other, key) = (ann.again().await, ann.key("script", "write").await);
    let wrong = delete(&ann, "wrong").await;
    assert_eq!(
        wrong.assert_invalid(&["password"]).error_of("password"),
        "is not the account's password"
    );
    delete(&ann, "").await.assert_invalid(&["password"]);
    ann.get("/auth/user").await.assert(Status::Ok);

    delete(&ann, PASSWORD).await.assert(Status::NoContent);
    for actor in [&ann, &other] {
        actor
            .get("/auth/user")
            .await
            .assert_message(Status::Unauthorized, "Token blacklisted. Please log in again.");
    }
    key.get("/auth/user")
        .await
        .assert_message(Status::Unauthorized, "Unknown API key. It may have been revoked.");
    ann.log_in(PASSWORD).await.assert(Status::Unauthorized);
    assert_eq!(user_count(&app).await, 0);

    let again = [("email", "ann@example.com"), ("username", "ann"), ("password", PASSWORD)];
    app.anon().post("/auth/register", &again).await.assert(Status::Created);
    ann.get("/auth/user").await.assert(Status::Unauthorized);
}

#[rocket::async_test]
async fn a_deleted_owner_is_shown_as_former() {
    let app = TestApp::new().await;
    let (admin, root) = (app.admin().await, app.user("root").await);
    app.set_role(&root, Role::Admin).await;
    admin.add_widget("one").await.assert(Status::Created);
    assert_eq!(admin.get("/widgets/one").await.body["owner"].get("former"), None);
    let id = admin.public_id().await.to_string();
    delete(&admin, PASSWORD).await.assert(Status::NoContent);

    let owner = json!({ "email": "admin@example.com", "public_id": id, "former": true });
    assert_eq!(root.get("/widgets/one").await.body["owner"], owner);
    assert_eq!(root.get("/widgets").await.body["items"][0]["owner"], owner);
}
