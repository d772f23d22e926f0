//! `/users`: all accounts, for administrators.

use rocket::http::{ContentType, Method, Status};
use serde_json::{Value, json};
use widgetd::domain::{Role, Status as AccountStatus};

use crate::support::{Actor, PASSWORD, TestApp, form};

const LAST: &str = "The last administrator can be neither demoted, disabled nor deleted.";

async fn path_of(app: &TestApp, actor: &Actor<'_>) -> String {
    format!("/users/{}", app.find(&actor.email).await.public_id)
}

#[rocket::async_test]
async fn get_answers_the_user_with_its_status_or_404() {
    let app = TestApp::new().await;
    let (admin, ann) = (app.admin().await, app.user("ann").await);
    let id = ann.public_id().await.to_string();
    let expected = json!({
        "email": "ann@example.com",
        "public_id": id,
        "username": null,
        "name": null,
        "role": "employee",
        "admin": false,
        "active": true,
        "registered_on": "11/21/26 12:00:00 PM UTC",
        "registered_on_iso8601": "2026-11-21T12:00:00+00:00",
        "used_bytes": 0,
        "quota_bytes": 4_194_304,
        "status": "active",
    });
    assert_eq!(admin.get(&format!("/users/{id}")).await.body, expected);
    assert_eq!(admin.get("/users?q=ann").await.body["items"], json!([expected]));
    for path in ["/users/00000000-0000-4000-8000-000000000000", "/users/ann@example.com"] {
        admin.get(path).await.assert_message(Status::NotFound, "There is no such account.");
    }
}

#[rocket::async_test]
async fn list_filters_search_sort_and_pagination_follow_the_query() {
    let app = TestApp::new().await;
    let admin = app.admin().await;
    for name in ["ann", "bob", "cid", "dee", "eve", "fay"] {
        let actor = app.user(name).await;
        actor
            .patch("/auth/user", &[("username", &format!("{name}-Smith"))])
            .await
            .assert(Status::Ok);
        match name {
            "bob" => app.set_role(&actor, Role::Manager).await,
            "cid" => app.set_status(&actor, AccountStatus::Disabled).await,
            _ => {}
        }
    }
    let names = async |query: &str| -> Vec<String> {
        let list = admin.get(&format!("/users{query}")).await;
        list.each("email").iter().map(|email| email.split('@').next().unwrap().to_owned()).collect()
    };
    assert_eq!(names("").await, ["admin", "ann", "bob", "cid", "dee", "eve", "fay"]);
    assert_eq!(names("?per_page=5&page=2").await, ["eve", "fay"]);
    assert_eq!(names("?role=manager").await, ["bob"]);
    assert_eq!(names("?status=disabled").await, ["cid"]);
    assert_eq!(names("?status=active&role=employee&q=SMI").await, ["ann", "dee", "eve", "fay"]);
    assert_eq!(names("?sort=-registered_on&per_page=5").await, ["fay", "eve", "dee", "cid", "bob"]);
    assert_eq!(names("?q=EVE@").await, ["eve"]);
    // SQL syntax has no meaning in a search.
    assert!(names("?q=%25").await.is_empty());
    assert!(names("?q='%20OR%20'1'%3D'1").await.is_empty());

    let page = admin.get("/users?per_page=5&q=smith&status=active").await;
    assert_eq!(page.header("Total-Count"), Some("5"));
    assert_eq!(page.body["links"]["last"], "/api/v1/users?q=smith&status=active&page=1&per_page=5");
    assert!(
        page.header("Link")
            .unwrap()
            .contains("</api/v1/users?q=smith&status=active&page=1&per_page=5>")
    );
}

#[rocket::async_test]
async fn an_invalid_filter_is_400_and_names_what_is_allowed() {
    let app = TestApp::new().await;
    let admin = app.admin().await;
    let answer = admin.get("/users?status=gone&role=root&sort=x&color=red").await;
    answer.assert_invalid(&["status", "role", "sort", "color"]);
    assert_eq!(answer.error_of("status"), "'gone' must be one of pending, active, disabled");
    assert_eq!(answer.error_of("role"), "'root' must be one of employee, manager, admin");
    assert_eq!(
        answer.error_of("color"),
        "is not known here; known are page, per_page, status, role, q, sort, format"
    );
}

#[rocket::async_test]
async fn patch_approves_disables_enables_and_changes_the_role_at_once() {
    let app = TestApp::with(&[("registration", "approval")]).await;
    let admin = app.user_of("admin", Role::Admin).await;
    let ann = [("email", "ann@example.com"), ("password", PASSWORD)];
    app.anon().post("/auth/register", &ann).await.assert(Status::Created);
    let ann = Actor { email: "ann@example.com".to_owned(), ..app.anon() };
    let path = path_of(&app, &ann).await;
    assert_eq!(admin.get("/users?status=pending").await.body["total_items"], 1);

    let approved = admin.patch(&path, &[("status", "active")]).await;
    assert_eq!(approved.assert(Status::Ok).body["status"], "active");
    let ann = ann.again().await;
    let changed = admin.patch(&path, &[("role", "admin")]).await;
    assert_eq!((&changed.body["role"], &changed.body["admin"]), (&json!("admin"), &json!(true)));
    ann.get("/users").await.assert(Status::Ok);
    admin.patch(&path, &[("role", "employee"), ("status", "disabled")]).await.assert(Status::Ok);
    let message = "Token blacklisted. Please log in again.";
    ann.get("/auth/user").await.assert_message(Status::Unauthorized, message);
    ann.log_in(PASSWORD).await.assert_message(Status::Forbidden, "Your account is disabled");
    admin.patch(&path, &[("status", "active")]).await.assert(Status::Ok);
    ann.log_in(PASSWORD).await.assert(Status::Ok);
    // The session from before the status changed stays ended.
    ann.get("/auth/user").await.assert(Status::Unauthorized);
}

#[rocket::async_test]
async fn patch_validation_names_every_field_at_fault() {
    let app = TestApp::new().await;
    let admin = app.admin().await;
    let path = path_of(&app, &app.user("ann").await).await;
    admin.patch(&path, &[]).await.assert_invalid(&["status"]);
    let answer = admin
        .patch(&path, &[("status", "pending"), ("role", "root"), ("email", "x@example.com")])
        .await;
    answer.assert_invalid(&["status", "role", "email"]);
    assert_eq!(answer.error_of("status"), "'pending' must be one of active, disabled");
}

#[rocket::async_test]
async fn the_last_administrator_is_409_to_demote_disable_or_delete() {
    let app = TestApp::new().await;
    let (admin, bob) = (app.admin().await, app.user("bob").await);
    app.set_role(&bob, Role::Admin).await;
    app.set_status(&bob, AccountStatus::Disabled).await;
    let path = path_of(&app, &admin).await;
    for fields in [
        &[("role", "manager")][..],
        &[("status", "disabled")],
        &[("role", "employee"), ("status", "disabled")],
        &[("role", "employee"), ("status", "active")],
    ] {
        admin.patch(&path, fields).await.assert_message(Status::Conflict, LAST);
    }
    admin.delete(&path).await.assert_message(Status::Conflict, LAST);
    let password = Some(("password", PASSWORD));
    let own = admin.send(
        Method::Delete,
        "/auth/user",
        Some(ContentType::Form),
        form(password.as_slice()),
    );
    own.await.assert_message(Status::Conflict, LAST);
    assert_eq!(admin.get("/auth/user").await.body["role"], "admin");
    // A disabled administrator did not count.
    admin.patch(&path_of(&app, &bob).await, &[("status", "active")]).await.assert(Status::Ok);
    admin.delete(&path).await.assert(Status::NoContent);
    bob.again().await.get("/users").await.assert(Status::Ok);
}

#[rocket::async_test]
async fn reset_code_is_201_with_no_store_and_its_expiry() {
    let app = TestApp::new().await;
    let (admin, ann) = (app.admin().await, app.user("ann").await);
    let made = admin.post(&format!("{}/reset-code", path_of(&app, &ann).await), &[]).await;
    made.assert(Status::Created);
    assert_eq!(made.header("Cache-Control"), Some("no-store"));
    let code = made.body["code"].as_str().unwrap();
    let expected = json!({
        "code": code,
        "email": "ann@example.com",
        "expires_at": "11/21/26 01:00:00 PM UTC",
        "expires_at_iso8601": "2026-11-21T13:00:00+00:00",
    });
    assert_eq!(made.body, expected);
    assert_eq!(code.len(), 19);
    // Creating a code ends no session.
    ann.get("/auth/user").await.assert(Status::Ok);
}

#[rocket::async_test]
async fn delete_of_the_sessions_of_a_user_ends_them_all() {
    let app = TestApp::new().await;
    let (admin, ann) = (app.admin().await, app.user("ann").await);
    let other = ann.again().await;
    admin
        .delete(&format!("{}/sessions", path_of(&app, &ann).await))
        .await
        .assert(Status::NoContent);
    for actor in [&ann, &other] {
        actor.get("/auth/user").await.assert(Status::Unauthorized);
    }
    admin.get("/auth/user").await.assert(Status::Ok);
    assert_ne!(ann.again().await.get("/auth/user").await.body, Value::Null);
}

#[rocket::async_test]
async fn create_answers_201_with_the_user_who_logs_in_with_the_password() {
    let app = TestApp::new().await;
    let admin = app.admin().await;
    let fields = [
        ("email", "eve@example.com"),
        ("username", "eve"),
        ("name", "Eve"),
        ("role", "manager"),
        ("password", PASSWORD),
    ];
    let made = admin.post("/users", &fields).await;
    let id = app.find("eve").await.public_id;
    let link = format!("/api/v1/users/{id}");
    assert_eq!(made.assert(Status::Created).header("Location"), Some(&*link));
    let read = admin.get(&format!("/users/{id}")).await;
    assert_eq!(made.etag(), read.etag());
    let mut expected = read.body.clone();
    expected["reset_code"] = Value::Null;
    assert_eq!(made.body, expected);
    assert_eq!((&read.body["role"], &read.body["name"]), (&json!("manager"), &json!("Eve")));
    let login = [("username", "eve"), ("password", PASSWORD)];
    app.anon().post("/auth/login", &login).await.assert(Status::Ok);

    admin
        .post("/users", &fields)
        .await
        .assert_message(Status::Conflict, "eve@example.com is already registered");
    let weak =
        [("email", "x@example.com"), ("username", "tinker.tailor"), ("password", "tinker.tailor")];
    admin.post("/users", &weak).await.assert_invalid(&["password"]);
    let wrong = [("email", "first last"), ("role", "boss"), ("password", "short")];
    admin.post("/users", &wrong).await.assert_invalid(&["email", "role", "password"]);
    assert_eq!(admin.get("/users").await.body["total_items"], 2);
}

#[rocket::async_test]
async fn create_without_a_password_answers_a_reset_code_that_sets_one() {
    let app = TestApp::new().await;
    let admin = app.admin().await;
    let made = admin.post("/users", &[("email", "eve@example.com")]).await;
    let code = &made.assert(Status::Created).body["reset_code"];
    assert_eq!(code["expires_at_iso8601"], "2026-11-21T13:00:00+00:00");
    assert_eq!(made.header("Cache-Control"), Some("no-store"));
    let reset = [("code", code["code"].as_str().unwrap()), ("new_password", PASSWORD)];
    app.anon().post("/auth/reset", &reset).await.assert(Status::Ok);
    let login = [("email", "eve@example.com"), ("password", PASSWORD)];
    let eve = app.anon().post("/auth/login", &login).await;
    let eve = app.anon().bearing(eve.assert(Status::Ok).token());
    assert_eq!(eve.get("/auth/user").await.body["role"], "employee");
}

#[rocket::async_test]
async fn people_lists_names_alone_for_managers() {
    let app = TestApp::new().await;
    let boss = app.user_of("boss", Role::Manager).await;
    boss.patch("/auth/user", &[("name", "The Boss")]).await.assert(Status::Ok);
    app.user("ann").await;
    let people = boss.get("/people").await;
    assert_eq!(people.assert(Status::Ok).each("email"), ["ann@example.com", "boss@example.com"]);
    let expected = json!({
        "email": "boss@example.com",
        "username": null,
        "name": "The Boss",
        "public_id": boss.public_id().await.to_string(),
    });
    assert_eq!(boss.get("/people?q=oss").await.body["items"], json!([expected]));
    boss.get("/people?sort=name").await.assert_invalid(&["sort"]);
}
