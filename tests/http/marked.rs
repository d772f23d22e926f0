//! What a caller may not see is in no answer: every field of others' records has a mark, and every GET
//! of the OpenAPI document is asked with every filter.

use rocket::http::{Method, Status};
use widgetd::domain::Role;

use crate::support::{Actor, PASSWORD, TestApp, percent_encode};

/// What searches look for: each mark begins with it, and no answer may echo more of one.
const PREFIX: &str = "mark";

/// The fields of a task of somebody else.
const TASK: [&str; 2] = ["marktitle", "markdescription"];
/// The names of somebody whom no shared record shows.
const PERSON: [&str; 3] = ["markperson", "markusername", "markemail"];
const TEMPLATE_NAME: [&str; 1] = ["marktemplate"];
/// The audit has the names of keys.
const KEY: [&str; 1] = ["markkey"];
/// Nobody but the owner sees these.
const PRIVATE: [&str; 2] = ["markbody", "markclient"];

/// Others' records, and what a route may name: the values for each parameter.
struct Scene {
    app: TestApp,
    values: Vec<(&'static str, String)>,
}

impl Scene {
    async fn new() -> Self {
        let app = TestApp::new().await;
        let root = app.user_of("root", Role::Admin).await;
        let boss = app.user_of("boss", Role::Manager).await;
        app.user("ann").await;
        let bob = app.user("markemail").await;
        let names = [("name", "markperson"), ("username", "markusername")];
        bob.patch("/auth/user", &names).await.assert(Status::Ok);
        // All of a template, before and after a change, and of one that is deleted.
        for name in ["marktemplate", "marktemplate-gone"] {
            let template = [("name", name), ("body", "markbody before")];
            bob.post("/templates", &template).await.assert(Status::Created);
            let path = format!("/templates/{name}");
            bob.patch(&path, &[("body", "markbody after")]).await.assert(Status::Ok);
        }
        bob.delete("/templates/marktemplate-gone").await.assert(Status::NoContent);
        let key = [("name", "markkey"), ("scope", "calendar")];
        bob.post("/auth/keys", &key).await.assert(Status::Created);
        let login = format!("email={}&password={}", bob.email, percent_encode(PASSWORD));
        let headers =
            [("User-Agent", "markclient"), ("Content-Type", "application/x-www-form-urlencoded")];
        app.anon().send_with(Method::Post, "/auth/login", &headers, login).await.assert(Status::Ok);
        let task = [("title", "marktitle"), ("description", "markdescription")];
        let mut tasks = Vec::new();
        for assignee in [&*bob.email, "none", "ann@example.com"] {
            let fields =
                [&task[..], &[("assignee", assignee), ("deadline", "2026-12-31")]].concat();
            let task = boss.post("/tasks", &fields).await;
            tasks.push(task.assert(Status::Created).body["id"].as_str().unwrap().to_owned());
        }
        // Somebody's until a moment ago: neither its past nor its present is theirs.
        let taken = format!("/tasks/{}", tasks[2]);
        boss.patch(&taken, &[("assignee", &*bob.email)]).await.assert(Status::Ok);
        root.add_widget("shared").await.assert(Status::Created);
        let id = bob.public_id().await.to_string();
        let mut values = vec![("q", PREFIX.to_owned()), ("name", "shared".to_owned())];
        values.extend(["marktemplate", "marktemplate-gone"].map(|name| ("name", name.to_owned())));
        values.extend(tasks.into_iter().map(|id| ("id", id)));
        for parameter in ["public_id", "user", "owner", "assignee", "target"] {
            values.push((parameter, id.clone()));
            values.push((parameter, bob.email.clone()));
        }
        values.extend(["marktemplate", "shared"].map(|name| ("target", name.to_owned())));
        for (parameter, value) in [
            ("assignee", "none"),
            ("mine", "false"),
            ("mine", "true"),
            ("status", "pending"),
            ("after", "0"),
            ("format", "csv"),
        ] {
            values.push((parameter, value.to_owned()));
        }
        Self { app, values }
    }

    fn values(&self, parameter: &str) -> impl Iterator<Item = &str> {
        let is_for = move |(name, _): &&(&str, String)| *name == parameter;
        self.values.iter().filter(is_for).map(|(_, value)| value.as_str())
    }

    /// Each documented GET, with each of the values in its path, alone and with each filter.
    fn paths(&self) -> Vec<String> {
        let mut paths = Vec::new();
        for (template, operations) in self.app.document()["paths"].as_object().unwrap() {
            let Some(operation) = operations.get("get") else { continue };
            if template == "/" || template.starts_with("/healthz") {
                continue;
            }
            let mut filled = vec![template.clone()];
            let mut queries = vec![String::new()];
            for parameter in operation["parameters"].as_array().into_iter().flatten() {
                let name = parameter["name"].as_str().unwrap();
                let values: Vec<_> = self.values(name).map(percent_encode).collect();
                match parameter["in"].as_str().unwrap() {
                    "path" => {
                        let fill = |path: &String| {
                            let fill = |value: &String| path.replace(&format!("{{{name}}}"), value);
                            values.iter().map(fill).collect::<Vec<_>>()
                        };
                        filled = filled.iter().flat_map(fill).collect();
                    }
                    "query" => {
                        let sets: Vec<_> =
                            values.iter().map(|value| format!("{name}={value}")).collect();
                        let with = |query: &String| {
                            let with = |set: &String| format!("{query}&{set}");
                            sets.iter().map(with).collect::<Vec<_>>()
                        };
                        let more: Vec<_> = queries.iter().flat_map(with).collect();
                        queries.extend(more);
                    }
                    _ => {}
                }
            }
            assert!(!filled.is_empty(), "{template} has a parameter without a value");
            for path in &filled {
                paths.extend(
                    queries.iter().map(|query| format!("{path}?{}", query.trim_start_matches('&'))),
                );
            }
        }
        paths
    }

    async fn assert_hidden(&self, reader: &Actor<'_>, hidden: &[&str]) {
        let mut seen = 0;
        for path in self.paths() {
            let answer = reader.get(&path).await;
            // What the request has named itself may be in the answer.
            let mut rest = answer.text.clone();
            for (_, value) in &self.values {
                if path.contains(&percent_encode(value)) {
                    rest = rest.replace(value, "").replace(&percent_encode(value), "");
                }
            }
            for mark in hidden {
                assert!(!rest.contains(mark), "{} {path}: {rest}", reader.email);
            }
            if answer.body["total_pages"] == 1 {
                let items = answer.body["items"].as_array().unwrap().len();
                assert_eq!(answer.body["total_items"], items, "{} {path}", reader.email);
            }
            seen += usize::from(answer.status == Status::Ok);
        }
        assert!(seen > 50, "{} of {seen}", reader.email);
    }

    async fn reader(&self, name: &str) -> Actor<'_> {
        Actor { email: format!("{name}@example.com"), ..self.app.anon() }.again().await
    }
}

#[rocket::async_test]
async fn an_employee_sees_no_task_template_key_or_session_of_others_and_no_people() {
    let scene = Scene::new().await;
    let hidden = [&TASK[..], &PERSON, &TEMPLATE_NAME, &KEY, &PRIVATE].concat();
    scene.assert_hidden(&scene.reader("ann").await, &hidden).await;
}

#[rocket::async_test]
async fn a_manager_sees_no_template_key_or_session_of_others() {
    let scene = Scene::new().await;
    let hidden = [&TEMPLATE_NAME[..], &KEY, &PRIVATE].concat();
    scene.assert_hidden(&scene.reader("boss").await, &hidden).await;
}

#[rocket::async_test]
async fn an_administrator_sees_no_text_of_a_template_and_no_session_of_others() {
    let scene = Scene::new().await;
    scene.assert_hidden(&scene.reader("root").await, &PRIVATE).await;
}
