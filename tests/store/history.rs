//! The events of widgets, tasks and templates: what changed, who may see it, and the feed of events.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::timeout;
use widgetd::clock::Clock;
use widgetd::domain::{
    Action, AuditEntry, AuditFilter, Authority, Changes, Deadline, EventId, HistoryEntry, InfoUrl,
    NewTask, NewUser, PageRequest, Role, Search, Sort, StoreLimits, TargetRef, TaskChange,
    TaskDescription, TaskId, TaskStatus, TaskTitle, TemplateBody, TemplateChange, User, UserNames,
    Version, WidgetChange, Zone,
};
use widgetd::error::Error;
use widgetd::store::{self, OpenMode, Retention};

use crate::{
    ALL, ANY_STATE, CLI, NOW, Subject, account, assert_conflict, assert_not_found,
    assert_precondition_failed, cli_at, database, if_match, later, new_task, new_template,
    new_user, new_widget, owner_context, template_name, to_username, username, widget_name,
};

/// How long anything may take before a test fails. No test measures time with this.
const TEST_TIMEOUT: Duration = Duration::from_mins(1);

/// How many of the actions are checked here.
pub const ACTIONS_OF_RECORDS: usize = 9;

/// What changed, as JSON.
fn changes(changes: Option<&Changes>) -> String {
    changes.map_or_else(|| "-".to_owned(), |changes| serde_json::to_string(&changes.0).unwrap())
}

/// An event in a line: its action, its target, what changed.
fn line(entry: &AuditEntry) -> String {
    let target = entry.target.as_deref().unwrap_or("-");
    format!("{} {target} {}", entry.action, changes(entry.changes.as_ref()))
}

fn history_line(entry: &HistoryEntry) -> String {
    format!("{}: {} {}", entry.actor, entry.action, changes(entry.changes.as_ref()))
}

/// Asserts the events that some work leaves, oldest first.
async fn assert_told<T>(
    subject: &Subject,
    expected: &[&str],
    work: impl Future<Output = Result<T, Error>>,
) -> T {
    let before = subject.audit().await.len();
    let done = work.await.unwrap();
    let told: Vec<_> = subject.audit().await.iter().rev().skip(before).map(line).collect();
    assert_eq!(told, expected);
    done
}

fn renamed(name: &str) -> WidgetChange {
    WidgetChange { name: Some(widget_name(name)), ..WidgetChange::default() }
}

fn status(status: TaskStatus) -> TaskChange {
    TaskChange { status: Some(status), ..TaskChange::default() }
}

fn assigned_to(name: Option<&str>) -> TaskChange {
    TaskChange { assignee: Some(name.map(account)), ..TaskChange::default() }
}

fn titled(title: &str) -> TaskChange {
    TaskChange { title: TaskTitle::parse(title).ok(), ..TaskChange::default() }
}

fn authority(user: &User) -> Authority {
    Authority { user: user.public_id, role: user.role }
}

async fn all_about(subject: &Subject, target: &str) -> Vec<String> {
    let filter = AuditFilter { target: TargetRef::parse(target).ok(), ..AuditFilter::default() };
    assert!(filter.target.is_some());
    let page = subject.list_audit(None, filter, ALL).await.unwrap();
    assert_eq!(page.total, page.items.len() as u64);
    page.items.iter().rev().map(line).collect()
}

#[tokio::test]
async fn each_change_of_a_widget_is_an_event_with_the_fields_that_changed() {
    let subject = Subject::new();
    let (boss, store) = (subject.add_admin("boss").await, &subject.store);
    let [one, two] = ["one", "two"].map(widget_name);
    let created = |name| {
        format!(
            r#"widget.create {name} {{"deadline":[null,"2026-12-31"],"info_url":[null,"https://example.com"],"name":[null,"{name}"],"owner":[null,"boss@example.com"]}}"#
        )
    };
    let create = store.create_widget(new_widget("one", &boss), CLI);
    assert_told(&subject, &[&created("one")], create).await;
    let upsert = store.upsert_widget(new_widget("put", &boss), ANY_STATE, CLI);
    assert_told(&subject, &[&created("put")], upsert).await;

    let mut new = new_widget("one", &boss);
    new.info_url = InfoUrl::parse("https://example.org").unwrap();
    new.deadline = Deadline::parse("2027-01-31", &Zone::UTC).unwrap();
    let expected = r#"widget.update one {"deadline":["2026-12-31","2027-01-31"],"info_url":["https://example.com","https://example.org"]}"#;
    assert_told(&subject, &[expected], store.upsert_widget(new.clone(), ANY_STATE, CLI)).await;
    let expected = r#"widget.update one {"name":["one","two"]}"#;
    let rename = store.update_widget(&one, renamed("two"), ANY_STATE, CLI);
    assert_told(&subject, &[expected], rename).await;

    // What changes nothing, and what is refused, is no event.
    new.name = two.clone();
    assert_told(&subject, &[], store.upsert_widget(new, ANY_STATE, CLI)).await;
    assert_told(&subject, &[], store.update_widget(&two, renamed("two"), ANY_STATE, CLI)).await;
    let before = subject.audit().await;
    let message = "Widget name: put already exists, must be unique.";
    assert_conflict(store.update_widget(&two, renamed("put"), ANY_STATE, CLI).await, message);
    let stale = if_match(Version::from_stored(1));
    assert_precondition_failed(store.update_widget(&two, renamed("x"), stale.clone(), CLI).await);
    assert_precondition_failed(store.delete_widget(&two, stale, CLI).await);
    assert_eq!(subject.audit().await, before);

    let expected = r#"widget.delete two {"deadline":["2027-01-31",null],"info_url":["https://example.org",null],"name":["two",null],"owner":["boss@example.com",null]}"#;
    assert_told(&subject, &[expected], store.delete_widget(&two, ANY_STATE, CLI)).await;
}

#[tokio::test]
async fn each_change_of_a_task_is_an_event_with_the_fields_that_changed() {
    let subject = Subject::new();
    let (boss, store) = (subject.add_admin("boss").await, &subject.store);
    subject.add_user("ann").await;
    let new = NewTask {
        description: TaskDescription::parse("Two\npages").unwrap(),
        assignee: Some(account("ann@example.com")),
        ..new_task("Count", &boss)
    };
    let id = new.id;
    let expected = r#"task.create Count {"assignee":[null,"ann@example.com"],"creator":[null,"boss@example.com"],"description":[null,"Two\npages"],"status":[null,"pending"],"title":[null,"Count"]}"#;
    assert_told(&subject, &[expected], store.create_task(new, CLI)).await;
    let update = |change| store.update_task(id, change, ANY_STATE, CLI);
    let expected = r#"task.update Count {"status":["pending","done"]}"#;
    assert_told(&subject, &[expected], update(status(TaskStatus::Done))).await;
    let due = Deadline::from_stored(later(1_000), None);
    let change = TaskChange { deadline: Some(Some(due)), ..titled("Count all") };
    let expected = r#"task.update Count {"deadline":[null,"2026-11-21T12:00:01+00:00"],"title":["Count","Count all"]}"#;
    assert_told(&subject, &[expected], update(change)).await;
    let change = TaskChange {
        deadline: Some(None),
        description: Some(TaskDescription::default()),
        ..assigned_to(None)
    };
    let expected = r#"task.update Count all {"assignee":["ann@example.com",null],"deadline":["2026-11-21T12:00:01+00:00",null],"description":["Two\npages",null]}"#;
    assert_told(&subject, &[expected], update(change.clone())).await;
    assert_told(&subject, &[], update(change)).await;
    let expected = r#"task.delete Count all {"creator":["boss@example.com",null],"status":["done",null],"title":["Count all",null]}"#;
    assert_told(&subject, &[expected], store.delete_task(id, ANY_STATE, CLI)).await;
    let all = subject.audit().await;
    let of_tasks: Vec<_> =
        all.iter().filter(|entry| entry.target_kind().as_str() == "task").collect();
    assert_eq!(of_tasks.len(), 5);
    let id = Some(id.to_string());
    assert!(of_tasks.iter().all(|entry| entry.target_id == id), "{of_tasks:?}");
}

#[tokio::test]
async fn an_event_of_a_template_says_who_changed_which_field_and_nothing_else() {
    let subject = Subject::new();
    let (ann, store) = (subject.add_user("ann").await, &subject.store);
    let context = subject.context_of(ann.public_id).await;
    let mut new = new_template("Marked name", ann.public_id);
    new.body = TemplateBody::parse("Marked body").unwrap();
    assert_told(&subject, &["template.create - -"], store.create_template(new, &context)).await;
    let change = |name: Option<&str>, body: &str| TemplateChange {
        name: name.map(template_name),
        body: TemplateBody::parse(body).ok(),
    };
    let update = async |name: &str, change| {
        let (owner, name) = (ann.public_id, template_name(name));
        store.update_template(owner, &name, change, ANY_STATE, &context).await
    };
    let first = change(None, "Marked text");
    let expected = [r#"template.update - {"body":null}"#];
    assert_told(&subject, &expected, update("Marked name", first.clone())).await;
    assert_told(&subject, &[], update("Marked name", first)).await;
    let expected = [r#"template.update - {"body":null,"name":null}"#];
    let both = change(Some("Marked too"), "Marked again");
    assert_told(&subject, &expected, update("Marked name", both)).await;
    let (name, owner) = (template_name("Marked too"), ann.public_id);
    let delete = store.delete_template(owner, &name, ANY_STATE, &context);
    assert_told(&subject, &["template.delete - -"], delete).await;

    let audit = subject.audit().await;
    assert!(!format!("{audit:?}").contains("Marked"), "{audit:?}");
    for entry in audit.iter().filter(|entry| entry.target_kind().as_str() == "template") {
        assert_eq!((entry.actor.as_str(), &entry.target_id), ("ann@example.com", &None));
    }
    for word in ["marked", "body", "text"] {
        let search = Search::parse(word).ok();
        let filter = AuditFilter { search, ..AuditFilter::default() };
        assert_eq!(store.list_audit(None, filter, ALL).await.unwrap().total, 0, "{word}");
    }
    // Every action of records was seen in one of these tests.
    let of_records = Action::ALL.iter().filter(|action| {
        let kind = action.as_str().split('.').next().unwrap();
        ["widget", "task", "template"].contains(&kind)
    });
    assert_eq!(of_records.count(), ACTIONS_OF_RECORDS);
}

#[tokio::test]
async fn events_have_the_label_of_users_at_that_time_and_the_context_of_the_request() {
    let subject = Subject::new();
    let (boss, store) = (subject.add_admin("boss").await, &subject.store);
    let new = NewUser {
        names: UserNames { username: Some(username("ann")), ..UserNames::default() },
        ..new_user("ann")
    };
    let ann = subject.add(new).await;
    let task = new_task("one", &boss);
    store.create_task(task.clone(), CLI).await.unwrap();
    let context = subject.context_of(boss.public_id).await;
    store.update_task(task.id, assigned_to(Some("ann")), ANY_STATE, &context).await.unwrap();
    let entry = subject.audit().await.remove(0);
    assert_eq!((entry.actor.as_str(), entry.at), ("boss@example.com", context.at));
    assert_eq!(entry.actor_id, Some(boss.public_id.to_string()));
    assert_eq!(entry.address.as_deref(), Some("192.0.2.7"));
    assert_eq!(entry.credential, context.credential.map(|credential| credential.to_string()));
    assert_eq!(entry.request_id, context.request.as_ref().map(ToString::to_string));
    let change = to_username(username("anna"));
    store.update_user(ann.public_id, change, ANY_STATE, CLI).await.unwrap();
    store.delete_user(ann.public_id, ANY_STATE, CLI).await.unwrap();
    let history = store.list_task_history(task.id, authority(&boss), ALL).await.unwrap();
    let expected = r#"boss@example.com: task.update {"assignee":[null,"ann"]}"#;
    assert_eq!(history_line(&history.items[0]), expected);
}

#[tokio::test]
async fn the_history_follows_a_widget_and_ends_with_it() {
    let subject = Subject::new();
    let (boss, store) = (subject.add_admin("boss").await, &subject.store);
    let ann = subject.add_user("ann").await;
    let [one, two] = ["one", "two"].map(widget_name);
    let history = async |name| {
        let page = store.list_widget_history(ann.public_id, name, ALL).await?;
        assert_eq!(page.total, page.items.len() as u64);
        let actions = page.items.iter().map(|entry| entry.action.clone());
        Ok::<_, Error>(actions.collect::<Vec<_>>())
    };
    store.create_widget(new_widget("one", &boss), CLI).await.unwrap();
    store.create_widget(new_widget("other", &boss), CLI).await.unwrap();
    store.update_widget(&one, renamed("two"), ANY_STATE, CLI).await.unwrap();
    assert_eq!(history(&two).await.unwrap(), ["widget.update", "widget.create"]);
    assert_not_found(history(&one).await);
    // Another one under the old name has a history of its own.
    store.create_widget(new_widget("one", &boss), CLI).await.unwrap();
    assert_eq!(history(&one).await.unwrap(), ["widget.create"]);
    store.delete_widget(&two, ANY_STATE, CLI).await.unwrap();
    assert_not_found(history(&two).await);
    store.create_widget(new_widget("two", &boss), CLI).await.unwrap();
    assert_eq!(history(&two).await.unwrap(), ["widget.create"]);
    // It is a list with pages.
    for n in 0..12 {
        let change = WidgetChange {
            info_url: InfoUrl::parse(&format!("https://example.com/{n}")).ok(),
            ..WidgetChange::default()
        };
        store.update_widget(&two, change, ANY_STATE, &cli_at(later(n))).await.unwrap();
    }
    let all = store.list_widget_history(ann.public_id, &two, ALL).await.unwrap().items;
    assert_eq!((all.len(), all[0].at, all[12].at), (13, later(11), NOW));
    crate::assert_pages(&all, async |request| {
        store.list_widget_history(ann.public_id, &two, request).await
    })
    .await;
    // What is purged from the audit is gone from the history.
    let retention = Retention { now: NOW, networks_since: NOW, audit_since: later(5) };
    store.purge(retention).await.unwrap();
    assert_eq!(history(&two).await.unwrap().len(), 7);
}

#[tokio::test]
async fn the_history_of_a_template_is_its_owners_alone_and_follows_its_name() {
    let subject = Subject::new();
    let store = &subject.store;
    let (ann, bob) = (subject.add_user("ann").await, subject.add_user("bob").await);
    let by = |user: &User| owner_context(user.public_id, "192.0.2.7");
    let history = async |owner: &User, name: &str| {
        let name = template_name(name);
        let page = store.list_template_history(owner.public_id, &name, ALL).await?;
        Ok::<_, Error>(page.items.iter().map(history_line).collect::<Vec<_>>())
    };
    for owner in [&ann, &bob] {
        store.create_template(new_template("one", owner.public_id), &by(owner)).await.unwrap();
    }
    let (one, two) = (template_name("one"), template_name("two"));
    let change =
        TemplateChange { name: Some(two.clone()), body: TemplateBody::parse("other").ok() };
    store.update_template(ann.public_id, &one, change, ANY_STATE, &by(&ann)).await.unwrap();
    assert_eq!(
        history(&ann, "two").await.unwrap(),
        [
            r#"ann@example.com: template.update {"body":null,"name":null}"#,
            "ann@example.com: template.create -",
        ]
    );
    assert_eq!(history(&bob, "one").await.unwrap(), ["bob@example.com: template.create -"]);
    for (owner, name) in [(&ann, "one"), (&bob, "two")] {
        assert_not_found(history(owner, name).await);
    }
    // Nobody else learns which events are about the same template.
    let audit = subject.audit().await;
    assert!(audit.iter().all(|entry| !format!("{entry:?}").contains("template:")), "{audit:#?}");
    for target in ["template:1", "TEMPLATE:1", "1"] {
        assert_eq!(all_about(&subject, target).await.len(), 0, "{target}");
    }
    // Another one of that name has a history of its own, also one that is made at once.
    store.delete_template(ann.public_id, &two, ANY_STATE, &by(&ann)).await.unwrap();
    assert_not_found(history(&ann, "two").await);
    store.create_template(new_template("two", ann.public_id), &by(&ann)).await.unwrap();
    assert_eq!(history(&ann, "two").await.unwrap(), ["ann@example.com: template.create -"]);
}

#[tokio::test]
async fn the_history_of_a_task_is_for_managers_and_its_present_assignee() {
    let subject = Subject::new();
    let (boss, store) = (subject.add_admin("boss").await, &subject.store);
    let manager = subject.add(NewUser { role: Role::Manager, ..new_user("m") }).await;
    let (ann, bob) = (subject.add_user("ann").await, subject.add_user("bob").await);
    let task = NewTask { assignee: Some(account("ann@example.com")), ..new_task("one", &boss) };
    store.create_task(task.clone(), CLI).await.unwrap();
    store.create_task(NewTask { id: TaskId::generate(), ..task.clone() }, CLI).await.unwrap();
    let history = async |reader: &User| {
        let page = store.list_task_history(task.id, authority(reader), ALL).await?;
        Ok::<_, Error>(page.items.len())
    };
    for (reader, sees) in [(&boss, true), (&manager, true), (&ann, true), (&bob, false)] {
        let found = history(reader).await;
        if sees { assert_eq!(found.unwrap(), 1) } else { assert_not_found(found) }
    }
    let by_ann = owner_context(ann.public_id, "192.0.2.7");
    store.update_task(task.id, status(TaskStatus::Done), ANY_STATE, &by_ann).await.unwrap();
    store.update_task(task.id, assigned_to(Some("bob@example.com")), ANY_STATE, CLI).await.unwrap();
    for (reader, sees) in [(&boss, true), (&manager, true), (&ann, false), (&bob, true)] {
        let found = history(reader).await;
        if sees { assert_eq!(found.unwrap(), 3) } else { assert_not_found(found) }
    }
    store.delete_task(task.id, ANY_STATE, CLI).await.unwrap();
    for reader in [&boss, &bob] {
        assert_not_found(history(reader).await);
    }
}

#[tokio::test]
async fn the_audit_filter_selects_by_target() {
    let subject = Subject::new();
    let (boss, store) = (subject.add_admin("boss").await, &subject.store);
    let ann = subject.add_user("ann").await;
    let count = async |target: &str| all_about(&subject, target).await.len();
    store.create_widget(new_widget("one", &boss), CLI).await.unwrap();
    store.update_widget(&widget_name("one"), renamed("two"), ANY_STATE, CLI).await.unwrap();
    let id = subject.audit().await[0].target_id.clone().unwrap();
    // By its name now it has all of its events, by an older one those of that time.
    for (name, expected) in [("two", 2), ("TWO", 2), ("one", 2), (id.as_str(), 2)] {
        assert_eq!(count(name).await, expected, "{name}");
    }
    store.create_widget(new_widget("one", &boss), CLI).await.unwrap();
    assert_eq!(count("two").await, 2);
    assert_eq!(count("one").await, 3);
    store.delete_widget(&widget_name("two"), ANY_STATE, CLI).await.unwrap();
    assert_eq!((count("two").await, count(&id).await), (1, 3));

    // A task by its id. One that is called like an account is not the account.
    let task = new_task("ann@example.com", &boss);
    store.create_task(task.clone(), CLI).await.unwrap();
    assert_eq!(count(&task.id.to_string()).await, 1);
    assert_eq!(count(&task.id.to_string().to_uppercase()).await, 1);
    assert_eq!(
        all_about(&subject, "Ann@Example.com").await,
        ["account.register ann@example.com -"]
    );
    let filter = AuditFilter { user: Some(account("ann@example.com")), ..AuditFilter::default() };
    let about_ann = store.list_audit(None, filter.clone(), ALL).await.unwrap();
    assert_eq!((about_ann.total, about_ann.items[0].action.as_str()), (1, "account.register"));

    // An account, as the target alone.
    let change = to_username(username("ann.o"));
    store.update_user(ann.public_id, change, ANY_STATE, CLI).await.unwrap();
    let context = owner_context(ann.public_id, "192.0.2.7");
    store.create_template(new_template("x", ann.public_id), &context).await.unwrap();
    for name in [ann.public_id.to_string().as_str(), "ann.o", "ANN.O"] {
        assert_eq!(count(name).await, 2, "{name}");
    }
    assert_eq!(store.list_audit(None, filter, ALL).await.unwrap().total, 3);
    assert_eq!(count("nothing").await, 0);
    // Filters combine.
    let filter = AuditFilter {
        target: TargetRef::parse("two").ok(),
        action: Some(Action::UpdateWidget),
        ..AuditFilter::default()
    };
    assert_eq!(store.list_audit(None, filter, ALL).await.unwrap().total, 0);
    assert!(TargetRef::parse("").is_err() && TargetRef::parse(&"x".repeat(256)).is_err());
}

#[tokio::test]
async fn the_audit_search_finds_records_by_name_and_not_by_what_changed() {
    let subject = Subject::new();
    let (boss, store) = (subject.add_admin("boss").await, &subject.store);
    let task = NewTask {
        description: TaskDescription::parse("northern").unwrap(),
        ..new_task("southern star", &boss)
    };
    store.create_task(task, CLI).await.unwrap();
    for (words, expected) in [("star south", 1), ("task create", 1), ("northern", 0)] {
        let search = Search::parse(words).ok();
        let filter = AuditFilter { search, ..AuditFilter::default() };
        assert_eq!(store.list_audit(None, filter, ALL).await.unwrap().total, expected, "{words}");
    }
}

#[tokio::test]
async fn the_audit_after_an_event_is_ascending_and_stable_while_events_come() {
    let subject = Subject::new();
    let (boss, store) = (subject.add_admin("boss").await, &subject.store);
    let add = async |n: usize| {
        store.create_widget(new_widget(&format!("w{n}"), &boss), CLI).await.unwrap();
    };
    for n in 0..12 {
        add(n).await;
    }
    let ids: Vec<_> = subject.audit().await.iter().rev().map(|entry| entry.id).collect();
    let events_after = async |after: EventId, sort: Option<&str>, request| {
        let sort = sort.map(|sort| Sort::parse(sort).unwrap());
        let filter = AuditFilter { after: Some(after), sort, ..AuditFilter::default() };
        let page = store.list_audit(None, filter, request).await.unwrap();
        (page.items.iter().map(|entry| entry.id).collect::<Vec<_>>(), page.total)
    };
    assert_eq!(events_after(EventId::new(0), None, ALL).await, (ids.clone(), 13));
    assert_eq!(events_after(ids[3], None, ALL).await, (ids[4..].to_vec(), 9));
    assert_eq!(events_after(ids[12], None, ALL).await, (vec![], 0));
    let reversed: Vec<_> = ids[4..].iter().rev().copied().collect();
    assert_eq!(events_after(ids[3], Some("-at"), ALL).await.0, reversed);
    assert_eq!(events_after(ids[3], Some("at"), ALL).await.0, ids[4..]);

    let mut read = Vec::new();
    for page in 1..=2 {
        read.extend(events_after(ids[3], None, PageRequest::new(page, 5)).await.0);
        add(100 + usize::try_from(page).unwrap()).await;
    }
    assert_eq!(read[..9], ids[4..]);
    assert_eq!(read.len(), 10);
    assert!(read.is_sorted());

    // In whole, by the last id.
    let (mut after, mut seen) = (EventId::new(0), BTreeSet::new());
    loop {
        let (page, _) = events_after(after, None, PageRequest::new(1, 5)).await;
        let Some(last) = page.last() else { break };
        after = *last;
        seen.extend(page);
    }
    assert_eq!(seen.len(), 15);
    for text in ["", "-1", "x", "1.5", "9223372036854775808"] {
        assert!(EventId::parse(text).is_err(), "{text}");
    }
    let last = EventId::parse("9223372036854775807").unwrap();
    assert_eq!(events_after(last, None, ALL).await, (vec![], 0));
}

#[tokio::test]
async fn events_are_read_in_order_and_announced_when_they_are_on_disk() {
    let subject = Subject::new();
    let store = Arc::clone(&subject.store);
    let wait_after = |event| {
        let store = Arc::clone(&store);
        let waiting = async move { store.wait_for_event(event).await.unwrap() };
        tokio::spawn(timeout(TEST_TIMEOUT, waiting))
    };
    assert_eq!(store.latest_event().await.unwrap(), EventId::default());
    let boss = subject.add_admin("boss").await;
    let first = store.latest_event().await.unwrap();
    let waiting = wait_after(first);
    // A write without an event wakes nobody.
    store.purge(Retention { now: NOW, networks_since: NOW, audit_since: NOW }).await.unwrap();
    tokio::time::sleep(Duration::from_millis(10)).await;
    assert!(!waiting.is_finished());
    for name in ["one", "two"] {
        store.create_widget(new_widget(name, &boss), CLI).await.unwrap();
    }
    waiting.await.unwrap().unwrap();
    store.wait_for_event(first).await.unwrap();
    let read = store.read_audit(first, 100).await.unwrap();
    let targets: Vec<_> = read.iter().map(|entry| entry.target.as_deref().unwrap()).collect();
    assert_eq!(targets, ["one", "two"]);
    assert_eq!(store.read_audit(first, 1).await.unwrap(), read[..1]);
    let last = store.latest_event().await.unwrap();
    assert_eq!((last, store.read_audit(last, 1).await.unwrap()), (read[1].id, vec![]));

    // Of another process, such as a command.
    let waiting = wait_after(last);
    let (clock, limits) = (Clock::fixed(NOW), StoreLimits::default());
    let other = store::open(&database(&subject.folder), OpenMode::Write, clock, limits).unwrap();
    let change = to_username(username("boss"));
    other.update_user(boss.public_id, change, ANY_STATE, CLI).await.unwrap();
    waiting.await.unwrap().unwrap();
    assert_eq!(store.read_audit(last, 5).await.unwrap()[0].action, "account.username");
}
