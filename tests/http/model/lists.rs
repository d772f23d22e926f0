//! Reads: each agrees with the model, filtered and sorted.

use std::fmt::Write;

use serde_json::Value;
use widgetd::domain::Role;

use super::plain::{Plain, Task};
use super::{Team, assert_status};
use crate::exports::column;
use crate::support::{Answer, Random, sort};

/// Between the second and the third of the dates.
const BOUND: &str = "2026-12-01";

/// Sends one of the reads that there are.
pub async fn read(team: &mut Team<'_>, who: usize) {
    if !team.plain.users[who].is_active {
        let path = team.random.pick(&["/widgets", "/tasks", "/search?q=a", "/auth/user"]);
        return assert_status(&team.actors[who].get(path).await, 401, path);
    }
    match team.random.below(8) {
        0 => widget(team, who).await,
        1 => task(team, who).await,
        2 => template(team, who).await,
        3 => widgets(team, who).await,
        4 | 5 => tasks(team, who).await,
        6 => templates(team, who).await,
        _ => people_and_search(team, who).await,
    }
}

async fn widget(team: &mut Team<'_>, who: usize) {
    let Some(at) = team.random.below(5).checked_sub(1).filter(|at| *at < team.plain.widgets.len())
    else {
        let path = format!("/widgets/{}-absent", team.word);
        return assert_status(&team.actors[who].get(&path).await, 404, &path);
    };
    let widget = &team.plain.widgets[at];
    let answer = team.actors[who].get(&format!("/widgets/{}", widget.name)).await;
    assert_status(&answer, 200, "read a widget");
    assert_eq!(answer.body["info_url"], *widget.url);
    assert_eq!(answer.body["deadline_date"], *widget.date);
    assert_eq!(answer.body["owner"]["public_id"], *team.plain.users[widget.owner].id);
    let history = team.actors[who].get(&format!("/widgets/{}/history", widget.name)).await;
    assert_eq!(history.body["total_items"], widget.events, "{}", history.text);
}

async fn task(team: &mut Team<'_>, who: usize) {
    if team.plain.tasks.is_empty() {
        return;
    }
    let task = &team.plain.tasks[team.random.below(team.plain.tasks.len())];
    let sees = team.plain.sees(who, task);
    let answer = team.actors[who].get(&format!("/tasks/{}", task.id)).await;
    assert_status(&answer, if sees { 200 } else { 404 }, "read a task");
    let history = team.actors[who].get(&format!("/tasks/{}/history", task.id)).await;
    assert_status(&history, answer.status.code, "read a history");
    if sees {
        assert_eq!(history.body["total_items"], task.events, "{}", history.text);
        let assignee = task.assignee.map(|user| team.plain.users[user].id.as_str());
        let named = answer.body["assignee"].get("public_id").and_then(Value::as_str);
        assert_eq!((answer.body["title"].as_str(), named), (Some(&*task.title), assignee));
        assert_eq!(answer.body["status"], task.status);
        assert_eq!(answer.body["deadline_date"].as_str(), task.date.as_deref());
    }
}

async fn template(team: &mut Team<'_>, who: usize) {
    let any = team.random.below(team.plain.templates.len() + 1);
    let name = team.plain.templates.get(any).map_or("absent", |template| &template.name);
    let found = team.plain.template(who, name);
    let answer = team.actors[who].get(&format!("/templates/{name}")).await;
    assert_status(&answer, if found.is_some() { 200 } else { 404 }, "read a template");
    if let Some(at) = found {
        assert_eq!(answer.body["body"], *team.plain.templates[at].body);
    }
}

/// Asserts that a page of a list, which its filters have, has what the model says.
async fn assert_page(team: &mut Team<'_>, who: usize, query: &str, key: &str, expected: &[String]) {
    let (per_page, page) = (team.random.pick(&[5, 10, 100]), team.random.pick(&[1, 1, 2, 3]));
    let path = format!("{query}&per_page={per_page}&page={page}");
    let answer = team.actors[who].get(&path).await;
    assert_status(&answer, 200, &path);
    let on_page: Vec<&String> =
        expected.iter().skip((page - 1) * per_page).take(per_page).collect();
    assert_eq!(answer.each(key), on_page, "{path}");
    assert_eq!(answer.body["total_items"], expected.len(), "{path}");
    if team.random.below(3) == 0 {
        let path = format!("{query}&format=csv");
        let answer = team.actors[who].get(&path).await;
        assert_status(&answer, 200, &path);
        assert_eq!(column(&answer.text, key), expected, "{path}");
    }
}

/// Adds a filter to a query in half of the cases.
fn filter<T: Copy>(
    random: &mut Random,
    query: &mut String,
    name: &str,
    values: &[(&str, T)],
) -> Option<T> {
    let (text, value) = random.maybe(values)?;
    write!(query, "&{name}={text}").unwrap();
    Some(value)
}

fn ordered(random: &mut Random, query: &mut String, keys: &[&'static str]) -> (&'static str, bool) {
    let (key, descending) = (random.pick(keys), random.below(2) == 0);
    let sign = if descending { "-" } else { "" };
    write!(query, "&sort={sign}{key}").unwrap();
    (key, descending)
}

async fn widgets(team: &mut Team<'_>, who: usize) {
    let mut query = format!("/widgets?q={}", team.word);
    let random = &mut team.random;
    let owners: Vec<_> =
        team.plain.members().iter().map(|who| (&*team.plain.users[*who].id, *who)).collect();
    let owner = filter(random, &mut query, "owner", &owners);
    let before = filter(random, &mut query, "deadline_before", &[(BOUND, ())]);
    let (key, descending) = ordered(random, &mut query, &["created_at", "deadline"]);
    let mut found: Vec<_> = team.plain.widgets.iter().collect();
    found.retain(|widget| owner.is_none_or(|owner| owner == widget.owner));
    found.retain(|widget| before.is_none() || *widget.date < *BOUND);
    sort(&mut found, descending, |widget| (key == "deadline").then_some(&widget.date));
    let expected: Vec<_> = found.into_iter().map(|widget| widget.name.clone()).collect();
    assert_page(team, who, &query, "name", &expected).await;
}

async fn tasks(team: &mut Team<'_>, who: usize) {
    let mut query = format!("/tasks?q={}", team.word);
    let (random, plain) = (&mut team.random, &team.plain);
    let mut people: Vec<_> =
        plain.members().iter().map(|who| (&*plain.users[*who].id, Some(*who))).collect();
    people.push(("none", None));
    let mine = filter(random, &mut query, "mine", &[("true", true), ("false", false)]);
    let assignee = filter(random, &mut query, "assignee", &people);
    let status = filter(random, &mut query, "status", &[("pending", "pending"), ("done", "done")]);
    let open = filter(random, &mut query, "open", &[("true", true), ("false", false)]);
    let after = filter(random, &mut query, "deadline_after", &[(BOUND, ())]);
    let (key, descending) = ordered(random, &mut query, &["created_at", "deadline"]);
    let is_found = |task: &Task| {
        plain.sees(who, task)
            && mine.is_none_or(|mine| mine == (task.assignee == Some(who)))
            && assignee.is_none_or(|assignee| assignee == task.assignee)
            && status.is_none_or(|status| status == task.status)
            && open.is_none_or(|open| open != ["done", "cancelled"].contains(&task.status))
            && (after.is_none() || task.date.as_deref().is_some_and(|date| date > BOUND))
    };
    let mut found: Vec<_> = plain.tasks.iter().filter(|task| is_found(task)).collect();
    sort(&mut found, descending, |task| if key == "deadline" { task.date.as_ref() } else { None });
    if key == "deadline" {
        // Those without one come last in both directions.
        found.sort_by_key(|task| task.date.is_none());
    }
    let expected: Vec<_> = found.into_iter().map(|task| task.id.clone()).collect();
    assert_page(team, who, &query, "id", &expected).await;
}

async fn templates(team: &mut Team<'_>, who: usize) {
    let mut query = format!("/templates?q={}", team.word);
    let (key, descending) = ordered(&mut team.random, &mut query, &["created_at", "name"]);
    let own = team.plain.templates.iter().filter(|template| template.owner == who);
    let mut found: Vec<_> = own.collect();
    sort(&mut found, descending, |template| (key == "name").then_some(&template.name));
    let expected: Vec<_> = found.into_iter().map(|template| template.name.clone()).collect();
    assert_page(team, who, &query, "name", &expected).await;
}

async fn people_and_search(team: &mut Team<'_>, who: usize) {
    let (actor, plain) = (&team.actors[who], &team.plain);
    let people = actor.get(&format!("/people?q={}&per_page=100", team.word)).await;
    if plain.role(who) == Role::Employee {
        assert_status(&people, 403, "people");
    } else {
        let mut expected: Vec<_> = plain.active().map(|user| user.email.as_str()).collect();
        expected.sort_unstable();
        assert_eq!(people.each("email"), expected);
    }
    let found = actor.get(&format!("/search?q={}", team.word)).await;
    assert_status(&found, 200, "search");
    assert_found(plain, who, &found);
}

fn assert_found(plain: &Plain, who: usize, found: &Answer) {
    let total = |kind: &str| found.body.get(kind).map(|kind| kind["total_items"].as_u64().unwrap());
    let tasks = plain.tasks.iter().filter(|task| plain.sees(who, task)).count();
    let templates = plain.templates.iter().filter(|template| template.owner == who).count();
    let is_admin = plain.role(who) == Role::Admin;
    assert_eq!(total("widgets"), Some(plain.widgets.len() as u64));
    assert_eq!(total("tasks"), Some(tasks as u64));
    assert_eq!(total("templates"), Some(templates as u64));
    assert_eq!(total("people"), is_admin.then(|| plain.active().count() as u64));
}
