//! Who may do what: one table. A mounted route without a row in it fails.

use rocket::http::{ContentType, Method, Status};

use crate::support::{Actor, TestApp, form};

/// A route, a request to it, and what it answers to nobody, to an employee and to an administrator.
struct Row {
    method: Method,
    route: &'static str,
    path: &'static str,
    fields: &'static [(&'static str, &'static str)],
    expected: [u16; 3],
}

const WIDGET: &[(&str, &str)] = &[("info_url", "https://example.com"), ("deadline", "2026-12-31")];
const NEW_WIDGET: &[(&str, &str)] = &[("name", "new"), ("info_url", "https://example.com"), ("deadline", "2026-12-31")];
const STRANGER: &[(&str, &str)] = &[("email", "stranger@example.com"), ("password", "correct horse battery staple")];
const EMPLOYEE: &[(&str, &str)] = &[("email", "employee@example.com"), ("password", "correct horse battery staple")];

const fn row(
    method: Method,
    route: &'static str,
    path: &'static str,
    fields: &'static [(&'static str, &'static str)],
    expected: [u16; 3],
) -> Row {
    Row { method, route, path, fields, expected }
}

const TABLE: &[Row] = &[
    //                                                                         nobody employee admin
    row(Method::Get, "/", "/../../", &[], [200, 200, 200]),
    row(Method::Get, "/healthz", "/../../healthz", &[], [200, 200, 200]),
    row(Method::Get, "/api/v1/ui", "/ui", &[], [200, 200, 200]),
    row(Method::Get, "/api/v1/ui/<file>", "/ui/start.js", &[], [200, 200, 200]),
    row(Method::Get, "/api/v1/swagger.json", "/swagger.json", &[], [200, 200, 200]),
    row(Method::Get, "/api/v1/openapi.json", "/openapi.json", &[], [200, 200, 200]),
    row(Method::Post, "/api/v1/auth/register", "/auth/register", STRANGER, [201, 201, 201]),
    row(Method::Post, "/api/v1/auth/login", "/auth/login", EMPLOYEE, [200, 200, 200]),
    row(Method::Get, "/api/v1/auth/user", "/auth/user", &[], [401, 200, 200]),
    row(Method::Post, "/api/v1/auth/logout", "/auth/logout", &[], [401, 200, 200]),
    row(Method::Get, "/api/v1/widgets", "/widgets", &[], [401, 200, 200]),
    row(Method::Post, "/api/v1/widgets", "/widgets", NEW_WIDGET, [401, 403, 201]),
    row(Method::Get, "/api/v1/widgets/<name>", "/widgets/old", &[], [401, 200, 200]),
    row(Method::Put, "/api/v1/widgets/<name>", "/widgets/old", WIDGET, [401, 403, 200]),
    row(Method::Delete, "/api/v1/widgets/<name>", "/widgets/old", &[], [401, 403, 204]),
];

async fn send(actor: &Actor<'_>, row: &Row) -> Status {
    // The routes at the root are no part of the API.
    if let Some(path) = row.path.strip_prefix("/../../") {
        return actor.app.client.req(row.method, format!("/{path}")).dispatch().await.status();
    }
    let content_type = (!row.fields.is_empty()).then_some(ContentType::Form);
    actor.send(row.method, row.path, content_type, form(row.fields)).await.status
}

#[rocket::async_test]
async fn each_route_answers_each_actor_as_the_table_says() {
    for row in TABLE {
        for (n, expected) in row.expected.into_iter().enumerate() {
            // A fresh service for each cell: what one request changes, the next one does not see.
            let app = TestApp::new().await;
            let admin = app.admin().await;
            admin.add_widget("old").await.assert(Status::Created);
            let employee = app.user("employee").await;
            let actor = [app.anon(), employee, admin][n].clone();
            let status = send(&actor, row).await;
            assert_eq!(status.code, expected, "{} {} as {}", row.method, row.route, ["nobody", "employee", "admin"][n]);
        }
    }
}

#[rocket::async_test]
async fn each_mounted_route_has_a_row() {
    let app = TestApp::new().await;
    for route in app.client.rocket().routes() {
        if route.name.as_deref() == Some("fallback") {
            continue;
        }
        let found = TABLE.iter().any(|row| row.method == route.method && row.route == route.uri.path());
        assert!(found, "{} {} has no row", route.method, route.uri);
    }
}

#[rocket::async_test]
async fn who_may_not_write_is_told_so_before_the_body_is_looked_at() {
    let app = TestApp::new().await;
    let employee = app.user("ann").await;
    for (method, path) in [(Method::Post, "/widgets"), (Method::Put, "/widgets/Not%20a%20name")] {
        app.anon().send(method, path, Some(ContentType::JSON), "{").await.assert(Status::Unauthorized);
        employee.send(method, path, Some(ContentType::JSON), "{").await.assert(Status::Forbidden);
    }
}
