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

#[rocket::async_test]
async fn a_name_is_shown_with_every_record_until_null_removes_it() {
    let app = TestApp::new().await;
    let admin = app.admin().await;
    admin.add_widget("one").await.assert(Status::Created);
    let shown = async || admin.get("/widgets/one").await;
    let mut etag = shown().await.etag();
    for name in [json!("Zoë O’Hara"), json!("愛"), Value::Null] {
        let change = json!({ "name": name }).to_string();
        let changed =
            admin.send(Method::Patch, "/auth/user", Some(ContentType::JSON), change).await;
        assert_eq!(changed.assert(Status::Ok).body["name"], name);
        assert_eq!(admin.get("/auth/user").await.body["name"], name);
        // A copy from before says who it was then.
        let stale = admin.send_if(Method::Get, "/widgets/one", ("If-None-Match", &etag), &[]).await;
        assert_eq!(stale.assert(Status::Ok).body["owner"]["name"], name);
        etag = shown().await.etag();
    }
    for name in [" ", "a\nb", "a\u{202e}b", &"ä".repeat(101)] {
        admin.patch("/auth/user", &[("name", name)]).await.assert_invalid(&["name"]);
    }
    // An empty form input is no field.
    admin.patch("/auth/user", &[("name", "")]).await.assert_invalid(&["username"]);
}

#[rocket::async_test]
async fn registration_takes_a_name_and_administrators_change_it() {
    let app = TestApp::new().await;
    let fields = [("email", "zoe@example.com"), ("name", "Zoë"), ("password", PASSWORD)];
    let zoe = app.anon().post("/auth/register", &fields).await;
    let zoe = app.anon().bearing(zoe.assert(Status::Created).token());
    assert_eq!(zoe.get("/auth/user").await.body["name"], "Zoë");
    let resembling =
        [("email", "x@example.com"), ("name", "Bartholomew"), ("password", "bartholomew")];
    app.anon().post("/auth/register", &resembling).await.assert_invalid(&["password"]);

    let (admin, id) = (app.admin().await, app.find("zoe@example.com").await.public_id);
    let changed = admin.patch(&format!("/users/{id}"), &[("name", "Zoe")]).await;
    assert_eq!(changed.assert(Status::Ok).body["name"], "Zoe");
    assert_eq!(admin.get("/users?q=zoe").await.body["items"][0]["name"], "Zoe");
}

const WITHOUT_EMAIL: &[(&str, &str)] = &[("require_email", "false")];

#[rocket::async_test]
async fn without_require_email_a_username_is_enough() {
    let app = TestApp::with(WITHOUT_EMAIL).await;
    let register = async |fields: &[(&str, &str)]| {
        app.anon().post("/auth/register", &[fields, &[("password", PASSWORD)]].concat()).await
    };
    let ann = register(&[("username", "Ann")]).await;
    let ann = app.anon().bearing(ann.assert(Status::Created).token());
    let user = ann.get("/auth/user").await;
    assert_eq!((&user.body["email"], &user.body["username"]), (&Value::Null, &json!("Ann")));
    register(&[("username", "ann")])
        .await
        .assert_message(Status::Conflict, "ann is already registered");
    register(&[("username", "bob"), ("email", "")]).await.assert(Status::Created);
    register(&[("username", "cid"), ("email", "cid@example.com")]).await.assert(Status::Created);
    let neither = register(&[]).await;
    assert_eq!(
        neither.assert_invalid(&["email"]).error_of("email"),
        "is required, unless there is a username"
    );

    for (name, message) in [
        ("ann", "username or password does not match"),
        ("x@example.com", "email or password does not match"),
    ] {
        let wrong = app.anon().post("/auth/login", &[("login", name), ("password", "wrong")]).await;
        wrong.assert_message(Status::Unauthorized, message);
    }
    // A task shows its assignee by the username.
    let (boss, to) =
        (app.user_of("boss", Role::Manager).await, [("title", "t"), ("assignee", "ann")]);
    let task = boss.post("/tasks", &to).await;
    let assignee = &task.assert(Status::Created).body["assignee"];
    assert_eq!((&assignee["email"], &assignee["username"]), (&Value::Null, &json!("Ann")));
}

#[rocket::async_test]
async fn with_require_email_every_new_account_needs_one() {
    let app = TestApp::new().await;
    for fields in [vec![("username", "ann")], vec![("username", "ann"), ("email", "")], vec![]] {
        let fields = [fields, vec![("password", PASSWORD)]].concat();
        let refused = app.anon().post("/auth/register", &fields).await;
        assert_eq!(refused.assert_invalid(&["email"]).error_of("email"), "is required");
    }
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

    let owner = json!({
        "email": "admin@example.com", "username": null, "name": null, "public_id": id, "former": true,
    });
    assert_eq!(root.get("/widgets/one").await.body["owner"], owner);
    assert_eq!(root.get("/widgets").await.body["items"][0]["owner"], owner);
}
