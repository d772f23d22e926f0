//! `/users`: all accounts, for administrators.

use rocket::futures::future::join_all;
use rocket::http::{Method, Status};
use serde_json::{Value, json};
use widgetd::domain::{PageRequest, Role, Status as AccountStatus, UserFilter};

use crate::support::{Actor, Answer, PASSWORD, TestApp};

const LAST: &str = "The last administrator can be neither demoted, disabled nor deleted.";

async fn path_of(app: &TestApp, actor: &Actor<'_>) -> String {
    format!("/users/{}", app.find(&actor.email).await.public_id)
}

#[rocket::async_test]
async fn an_account_is_shown_with_its_status() {
    let app = TestApp::new().await;
    let (admin, ann) = (app.admin().await, app.user("ann").await);
    let id = ann.public_id().await.to_string();
    let expected = json!({
        "email": "ann@example.com",
        "public_id": id,
        "username": null,
        "role": "employee",
        "admin": false,
        "active": true,
        "registered_on": "11/21/26 12:00:00 PM UTC",
        "registered_on_iso8601": "2026-11-21T12:00:00+00:00",
        "status": "active",
    });
    assert_eq!(admin.get(&format!("/users/{id}")).await.body, expected);
    assert_eq!(admin.get("/users?q=ann").await.body["items"], json!([expected]));
    for path in ["/users/00000000-0000-4000-8000-000000000000", "/users/ann@example.com"] {
        admin.get(path).await.assert_message(Status::NotFound, "There is no such account.");
    }
}

#[rocket::async_test]
async fn accounts_are_listed_by_page_status_role_and_name() {
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
        let items = list.assert(Status::Ok).body["items"].as_array().unwrap().clone();
        items
            .iter()
            .map(|user| user["email"].as_str().unwrap().split('@').next().unwrap().to_owned())
            .collect()
    };
    assert_eq!(names("").await, ["admin", "ann", "bob", "cid", "dee", "eve", "fay"]);
    assert_eq!(names("?per_page=5&page=2").await, ["eve", "fay"]);
    assert_eq!(names("?role=manager").await, ["bob"]);
    assert_eq!(names("?status=disabled").await, ["cid"]);
    assert_eq!(names("?status=active&role=employee&q=SMI").await, ["ann", "dee", "eve", "fay"]);
    assert_eq!(names("?sort=-registered_on&per_page=5").await, ["fay", "eve", "dee", "cid", "bob"]);
    assert_eq!(names("?q=EVE@").await, ["eve"]);
    // What has a meaning in SQL has none here.
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
async fn a_filter_that_cannot_be_is_named_with_what_is_allowed() {
    let app = TestApp::new().await;
    let admin = app.admin().await;
    let answer = admin.get("/users?status=gone&role=root&sort=x&color=red").await;
    answer.assert_invalid(&["status", "role", "sort", "color"]);
    assert_eq!(answer.error_of("status"), "'gone' must be one of pending, active, disabled");
    assert_eq!(answer.error_of("role"), "'root' must be one of employee, manager, admin");
    assert_eq!(
        answer.error_of("color"),
        "is not known here; known are page, per_page, status, role, q, sort"
    );
}

#[rocket::async_test]
async fn an_administrator_approves_disables_enables_and_gives_roles() {
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
    ann.get("/auth/user").await.assert(Status::Unauthorized);
    ann.log_in(PASSWORD).await.assert_message(Status::Forbidden, "Your account is disabled");
    admin.patch(&path, &[("status", "active")]).await.assert(Status::Ok);
    ann.log_in(PASSWORD).await.assert(Status::Ok);
    // The session from before stays ended.
    ann.get("/auth/user").await.assert(Status::Unauthorized);
}

#[rocket::async_test]
async fn a_change_that_cannot_be_is_named() {
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
async fn the_last_administrator_stays_whatever_is_tried() {
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
    assert_eq!(admin.get("/auth/user").await.body["role"], "admin");
    // An administrator who is shut out is none.
    admin.patch(&path_of(&app, &bob).await, &[("status", "active")]).await.assert(Status::Ok);
    admin.delete(&path).await.assert(Status::NoContent);
    bob.again().await.get("/users").await.assert(Status::Ok);
}

async fn at_once(
    requests: impl IntoIterator<Item = (Actor<'_>, Method, String, &'static str)>,
) -> Vec<Answer> {
    let send = async |(actor, method, path, body): (Actor<'_>, Method, String, &'static str)| {
        let form = (!body.is_empty()).then_some(rocket::http::ContentType::Form);
        actor.send(method, &path, form, body).await
    };
    join_all(requests.into_iter().map(send)).await
}

#[rocket::async_test]
async fn of_two_last_administrators_who_demote_each_other_at_once_one_remains() {
    for (method, body) in
        [(Method::Patch, "role=employee"), (Method::Patch, "status=disabled"), (Method::Delete, "")]
    {
        let app = TestApp::new().await;
        let (ann, bob) =
            (app.user_of("ann", Role::Admin).await, app.user_of("bob", Role::Admin).await);
        let (anns, bobs) = (path_of(&app, &ann).await, path_of(&app, &bob).await);
        let requests = (0..32).flat_map(|_| {
            [(ann.clone(), method, bobs.clone(), body), (bob.clone(), method, anns.clone(), body)]
        });
        let answers = at_once(requests).await;
        assert!(answers.iter().any(|answer| answer.status.class().is_success()));
        let filter = UserFilter {
            role: Some(Role::Admin),
            status: Some(AccountStatus::Active),
            ..UserFilter::default()
        };
        assert_eq!(
            app.store.list_users(filter, PageRequest::DEFAULT).await.unwrap().total,
            1,
            "{method} {body}"
        );
    }
}

#[rocket::async_test]
async fn of_64_approvals_at_once_all_agree_and_one_is_told() {
    let app = TestApp::new().await;
    let (admin, ann) = (app.admin().await, app.user("ann").await);
    app.set_status(&ann, AccountStatus::Pending).await;
    let path = path_of(&app, &ann).await;
    let answers =
        at_once((0..64).map(|_| (admin.clone(), Method::Patch, path.clone(), "status=active")))
            .await;
    assert!(
        answers
            .iter()
            .all(|answer| answer.status == Status::Ok && answer.body["status"] == "active")
    );
    assert_eq!(admin.get("/audit?action=account.approve").await.body["total_items"], 1);
}

#[rocket::async_test]
async fn an_account_is_deleted_and_gone() {
    let app = TestApp::new().await;
    let (admin, ann) = (app.admin().await, app.user("ann").await);
    let path = path_of(&app, &ann).await;
    admin.delete(&path).await.assert(Status::NoContent);
    admin.delete(&path).await.assert(Status::NotFound);
    admin.get(&path).await.assert(Status::NotFound);
    ann.get("/auth/user").await.assert(Status::Unauthorized);
    assert_eq!(admin.get("/users").await.body["total_items"], 1);
}

#[rocket::async_test]
async fn a_reset_code_is_shown_once_and_for_nobody_to_keep() {
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
    // It is a way in, and not yet a change: the sessions live.
    ann.get("/auth/user").await.assert(Status::Ok);
}

#[rocket::async_test]
async fn an_administrator_logs_somebody_out_everywhere() {
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
