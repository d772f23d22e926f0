//! Random sequences of requests by several accounts, against the service and against a plain model of
//! the three access rules in memory: they agree on every answer.

use serde_json::Value;
use widgetd::domain::Role;

use crate::support::{Actor, Answer, TestApp};

const NAMES: [&str; 3] = ["one", "two", "three"];
const STATUSES: [&str; 4] = ["pending", "in_progress", "done", "cancelled"];

/// Who acts: each with an account of its own.
const PEOPLE: [&str; 4] = ["root", "boss", "ann", "bob"];

#[derive(Clone, Debug, PartialEq)]
struct Widget {
    name: &'static str,
    url: String,
    owner: usize,
}

#[derive(Clone, Debug, PartialEq)]
struct Task {
    id: String,
    title: String,
    status: &'static str,
    assignee: Option<usize>,
}

#[derive(Clone, Debug, PartialEq)]
struct Template {
    owner: usize,
    name: &'static str,
    body: String,
}

/// What there is, and who is what. Each list is in the order of creation.
struct Model {
    roles: [Role; 4],
    widgets: Vec<Widget>,
    tasks: Vec<Task>,
    templates: Vec<Template>,
}

struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % limit
    }

    fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())]
    }
}

impl Model {
    fn is_admin(&self, who: usize) -> bool {
        self.roles[who] == Role::Admin
    }

    fn is_manager(&self, who: usize) -> bool {
        self.roles[who] != Role::Employee
    }

    fn find_widget(&self, name: &str) -> Option<usize> {
        self.widgets.iter().position(|widget| widget.name == name)
    }

    fn find_template(&self, owner: usize, name: &str) -> Option<usize> {
        self.templates.iter().position(|template| template.owner == owner && template.name == name)
    }

    fn sees(&self, who: usize, task: &Task) -> bool {
        self.is_manager(who) || task.assignee == Some(who)
    }
}

fn email(who: usize) -> String {
    format!("{}@example.com", PEOPLE[who])
}

#[track_caller]
fn assert_status(answer: &Answer, expected: u16, what: &str) {
    assert_eq!(answer.status.code, expected, "{what}: {}", answer.text);
}

fn items<'a>(list: &'a Answer, key: &str) -> Vec<&'a str> {
    list.body["items"].as_array().unwrap().iter().map(|item| item[key].as_str().unwrap()).collect()
}

async fn on_widgets(model: &mut Model, random: &mut Random, who: usize, actor: &Actor<'_>) {
    let (name, new, url) = (
        random.pick(&NAMES),
        random.pick(&NAMES),
        format!("https://example.com/{}", random.below(9)),
    );
    let (path, found, may) =
        (format!("/widgets/{name}"), model.find_widget(name), model.is_admin(who));
    let put = [("info_url", url.as_str()), ("deadline", "2026-12-31")];
    match random.below(6) {
        0 => {
            let answer = actor.post("/widgets", &[("name", name), put[0], put[1]]).await;
            assert_status(
                &answer,
                if !may {
                    403
                } else if found.is_some() {
                    409
                } else {
                    201
                },
                "create a widget",
            );
            if may && found.is_none() {
                model.widgets.push(Widget { name, url, owner: who });
            }
        }
        1 => {
            let answer = actor.put(&path, &put).await;
            assert_status(
                &answer,
                if !may {
                    403
                } else if found.is_some() {
                    200
                } else {
                    201
                },
                "put a widget",
            );
            match found {
                _ if !may => {}
                Some(at) => model.widgets[at].url = url,
                None => model.widgets.push(Widget { name, url, owner: who }),
            }
        }
        2 => {
            let answer = actor.patch(&path, &[("name", new), ("info_url", &url)]).await;
            let is_taken = new != name && model.find_widget(new).is_some();
            let expected = match found {
                _ if !may => 403,
                None => 404,
                Some(_) if is_taken => 409,
                Some(_) => 200,
            };
            assert_status(&answer, expected, "change a widget");
            if let (200, Some(at)) = (expected, found) {
                (model.widgets[at].name, model.widgets[at].url) = (new, url);
            }
        }
        3 => {
            let expected = if !may {
                403
            } else if found.is_some() {
                204
            } else {
                404
            };
            assert_status(&actor.delete(&path).await, expected, "delete a widget");
            if let (true, Some(at)) = (may, found) {
                model.widgets.remove(at);
            }
        }
        4 => {
            let answer = actor.get(&path).await;
            assert_status(&answer, if found.is_some() { 200 } else { 404 }, "read a widget");
            if let Some(at) = found {
                let Widget { url, owner, .. } = &model.widgets[at];
                assert_eq!(
                    (&answer.body["info_url"], &answer.body["owner"]["email"]),
                    (&url.as_str().into(), &email(*owner).into())
                );
            }
        }
        _ => {
            let expected: Vec<&str> = model.widgets.iter().map(|widget| widget.name).collect();
            assert_eq!(items(&actor.get("/widgets").await, "name"), expected);
        }
    }
}

async fn on_tasks(model: &mut Model, random: &mut Random, who: usize, actor: &Actor<'_>) {
    let assignee = [None, Some(2), Some(3)][random.below(3)];
    let named = assignee.map_or("none".to_owned(), email);
    let at = random.below(model.tasks.len() + 1);
    let task = model.tasks.get(at).cloned();
    let absent = "00000000-0000-4000-8000-000000000000";
    let path = format!("/tasks/{}", task.as_ref().map_or(absent, |task| &task.id));
    let (manages, sees) =
        (model.is_manager(who), task.as_ref().is_some_and(|task| model.sees(who, task)));
    match random.below(9) {
        0 if model.tasks.len() < 8 => {
            let title = format!("title {}", random.below(100));
            let answer = actor.post("/tasks", &[("title", &title), ("assignee", &named)]).await;
            assert_status(&answer, if manages { 201 } else { 403 }, "create a task");
            if manages {
                let id = answer.body["id"].as_str().unwrap().to_owned();
                model.tasks.push(Task { id, title, status: "pending", assignee });
            }
        }
        1..=4 => {
            let to = random.pick(&STATUSES);
            let answer = actor.patch(&path, &[("status", to)]).await;
            let may_move = |from: &str| {
                let moves = [
                    ("pending", "in_progress"),
                    ("pending", "done"),
                    ("in_progress", "pending"),
                    ("in_progress", "done"),
                    ("done", "in_progress"),
                ];
                manages || from == to || moves.contains(&(from, to))
            };
            let expected = match &task {
                Some(task) if sees => {
                    if may_move(task.status) {
                        200
                    } else {
                        409
                    }
                }
                _ => 404,
            };
            assert_status(&answer, expected, "move a task");
            if expected == 200 {
                model.tasks[at].status = to;
            }
        }
        5 => {
            let title = format!("title {}", random.below(100));
            let answer = actor.patch(&path, &[("title", &title), ("assignee", &named)]).await;
            assert_status(
                &answer,
                if !sees {
                    404
                } else if manages {
                    200
                } else {
                    403
                },
                "change a task",
            );
            if sees && manages {
                (model.tasks[at].title, model.tasks[at].assignee) = (title, assignee);
            }
        }
        6 => {
            let expected = if !manages {
                403
            } else if task.is_some() {
                204
            } else {
                404
            };
            assert_status(&actor.delete(&path).await, expected, "delete a task");
            if expected == 204 {
                model.tasks.remove(at);
            }
        }
        7 => {
            let answer = actor.get(&path).await;
            assert_status(&answer, if sees { 200 } else { 404 }, "read a task");
            if let (true, Some(task)) = (sees, task) {
                assert_eq!(
                    (&answer.body["title"], &answer.body["status"]),
                    (&task.title.into(), &task.status.into())
                );
                let expected = task.assignee.map_or(Value::Null, |who| email(who).into());
                assert_eq!(
                    answer.body["assignee"].get("email").cloned().unwrap_or_default(),
                    expected
                );
            }
        }
        _ => {
            let is_mine = random.below(2) == 0;
            let expected = model
                .tasks
                .iter()
                .filter(|task| model.sees(who, task) && (!is_mine || task.assignee == Some(who)));
            let expected: Vec<&str> = expected.map(|task| task.id.as_str()).collect();
            let list = actor.get(if is_mine { "/tasks?mine=true" } else { "/tasks" }).await;
            assert_eq!(items(&list, "id"), expected);
        }
    }
}

async fn on_templates(model: &mut Model, random: &mut Random, who: usize, actor: &Actor<'_>) {
    let (name, new, body) =
        (random.pick(&NAMES), random.pick(&NAMES), format!("body {}", random.below(100)));
    let (path, found) = (format!("/templates/{name}"), model.find_template(who, name));
    match random.below(5) {
        0 => {
            let answer = actor.post("/templates", &[("name", name), ("body", &body)]).await;
            assert_status(&answer, if found.is_some() { 409 } else { 201 }, "create a template");
            if found.is_none() {
                model.templates.push(Template { owner: who, name, body });
            }
        }
        1 => {
            let answer = actor.patch(&path, &[("name", new), ("body", &body)]).await;
            let is_taken = new != name && model.find_template(who, new).is_some();
            let expected = if found.is_none() {
                404
            } else if is_taken {
                409
            } else {
                200
            };
            assert_status(&answer, expected, "change a template");
            if let (200, Some(at)) = (expected, found) {
                (model.templates[at].name, model.templates[at].body) = (new, body);
            }
        }
        2 => {
            assert_status(
                &actor.delete(&path).await,
                if found.is_some() { 204 } else { 404 },
                "delete a template",
            );
            if let Some(at) = found {
                model.templates.remove(at);
            }
        }
        3 => {
            let answer = actor.get(&path).await;
            assert_status(&answer, if found.is_some() { 200 } else { 404 }, "read a template");
            if let Some(at) = found {
                assert_eq!(answer.body["body"], model.templates[at].body);
            }
        }
        _ => {
            let own = model.templates.iter().filter(|template| template.owner == who);
            let expected: Vec<&str> = own.map(|template| template.name).collect();
            assert_eq!(items(&actor.get("/templates").await, "name"), expected);
        }
    }
}

#[rocket::async_test]
async fn the_service_agrees_with_a_plain_model_of_its_rules() {
    for seed in 1..=8 {
        let app = TestApp::new().await;
        let roles = [Role::Admin, Role::Manager, Role::Employee, Role::Employee];
        let mut actors = Vec::new();
        for (name, role) in PEOPLE.into_iter().zip(roles) {
            actors.push(app.user_of(name, role).await);
        }
        let mut model =
            Model { roles, widgets: Vec::new(), tasks: Vec::new(), templates: Vec::new() };
        let mut random = Random(seed);
        for _ in 0..1_500 {
            let who = random.below(4);
            match random.below(20) {
                0 => {
                    // Somebody but the first gets another role, which holds at once.
                    let (whom, role) = (
                        1 + random.below(3),
                        random.pick(&[
                            Role::Employee,
                            Role::Employee,
                            Role::Employee,
                            Role::Manager,
                            Role::Admin,
                        ]),
                    );
                    app.set_role(&actors[whom], role).await;
                    model.roles[whom] = role;
                }
                1..=6 => on_widgets(&mut model, &mut random, who, &actors[who]).await,
                7..=13 => on_tasks(&mut model, &mut random, who, &actors[who]).await,
                _ => on_templates(&mut model, &mut random, who, &actors[who]).await,
            }
        }
    }
}
