//! Tasks.

use widgetd::domain::{
    AssigneeFilter, Authority, Deadline, NewTask, Page, PageRequest, RequestContext, Role, Search,
    Sort, Status, Task, TaskChange, TaskDescription, TaskFilter, TaskId, TaskSort, TaskStatus,
    TaskTitle, Timestamp, User, UserId, UserSummary,
};
use widgetd::error::Error;

use crate::{
    ALL, ANY_STATE, CLI, NOW, Subject, account, assert_conflict, assert_not_found, assert_pages,
    assert_precondition_failed, cli_at, if_match, later, new_task, new_user, to_role, to_status,
    to_username, username,
};

fn owner(user: &User) -> UserSummary {
    user.summary()
}

/// The tasks of an assignee, or of nobody.
fn of(text: &str) -> AssigneeFilter {
    AssigneeFilter::parse(text).unwrap()
}

fn assigned(title: &str, creator: &User, assignee: &User) -> NewTask {
    NewTask { assignee: Some(account(assignee.names.label())), ..new_task(title, creator) }
}

fn title(text: &str) -> TaskChange {
    TaskChange { title: Some(TaskTitle::parse(text).unwrap()), ..TaskChange::default() }
}

fn status(status: TaskStatus) -> TaskChange {
    TaskChange { status: Some(status), ..TaskChange::default() }
}

fn due(millis: i64) -> Deadline {
    Deadline::from_stored(later(millis), None)
}

/// A manager and two employees.
struct Scene {
    subject: Subject,
    boss: User,
    ann: User,
    bob: User,
}

impl Scene {
    async fn new() -> Self {
        let subject = Subject::new();
        let boss =
            subject.add(widgetd::domain::NewUser { role: Role::Manager, ..new_user("boss") }).await;
        let (ann, bob) = (subject.add_user("ann").await, subject.add_user("bob").await);
        Self { subject, boss, ann, bob }
    }

    fn manager(&self) -> Authority {
        authority(&self.boss)
    }

    async fn context(&self, actor: Authority) -> RequestContext {
        RequestContext { at: later(1), ..self.subject.context_of(actor.user).await }
    }

    async fn add(&self, new: NewTask) -> Task {
        self.subject.create_task(new, CLI).await.unwrap()
    }

    async fn update(
        &self,
        id: TaskId,
        change: TaskChange,
        actor: Authority,
    ) -> Result<Task, Error> {
        let context = self.context(actor).await;
        self.subject.update_task(id, change, ANY_STATE, &context).await
    }

    async fn list(
        &self,
        filter: TaskFilter,
        reader: Authority,
        page: PageRequest,
    ) -> Result<Page<Task>, Error> {
        self.subject.list_tasks(reader, filter, page, NOW).await
    }

    async fn titles(&self, filter: TaskFilter, reader: Authority) -> Vec<String> {
        let page = self.list(filter, reader, ALL).await.unwrap();
        assert_eq!(page.total, page.items.len() as u64);
        page.items.into_iter().map(|task| task.title.into_string()).collect()
    }
}

fn authority(user: &User) -> Authority {
    Authority { user: user.public_id, role: user.role }
}

#[tokio::test]
async fn a_task_is_read_back_as_created_after_reopening() {
    let scene = Scene::new().await;
    let new = NewTask {
        description: TaskDescription::parse("Line one\nline two").unwrap(),
        status: TaskStatus::InProgress,
        deadline: Some(due(1_000)),
        ..assigned("one", &scene.boss, &scene.ann)
    };
    let made = scene.add(new.clone()).await;
    let plain = scene.add(new_task("two", &scene.boss)).await;
    assert_eq!((plain.deadline, &plain.assignee, plain.description.as_str()), (None, &None, ""));
    assert_ne!(plain.version, made.version);
    let reader = scene.manager();
    let subject = scene.subject.reopen().await;
    let task = subject.get_task(new.id, reader).await.unwrap();
    let expected = Task {
        id: new.id,
        version: made.version,
        title: new.title,
        description: new.description,
        description_truncated: false,
        status: new.status,
        deadline: new.deadline,
        assignee: Some(owner(&scene.ann)),
        creator: owner(&scene.boss),
        created_at: NOW,
        updated_at: NOW,
    };
    assert_eq!(task, expected);
    assert_eq!(made, expected);
}

#[tokio::test]
async fn an_assignee_is_an_existing_user_by_id_email_or_username() {
    let scene = Scene::new().await;
    let store = &scene.subject.store;
    let ann = scene.ann.public_id;
    store.update_user(ann, to_username(username("Ann.O")), ANY_STATE, CLI).await.unwrap();
    let gone = scene.subject.add_user("gone").await;
    store.delete_user(gone.public_id, ANY_STATE, CLI).await.unwrap();
    let id = scene.add(new_task("one", &scene.boss)).await.id;
    for name in [ann.to_string().as_str(), "ANN@example.com", "ann.o"] {
        let new = NewTask { assignee: Some(account(name)), ..new_task(name, &scene.boss) };
        assert_eq!(scene.add(new).await.assignee.unwrap().public_id, ann);
        let change = |assignee| TaskChange { assignee: Some(assignee), ..TaskChange::default() };
        let task = scene.update(id, change(Some(account(name))), scene.manager()).await.unwrap();
        assert_eq!(task.assignee.unwrap().public_id, ann);
        assert_eq!(scene.update(id, change(None), scene.manager()).await.unwrap().assignee, None);
    }
    for name in [
        gone.public_id.to_string().as_str(),
        "gone@example.com",
        "nobody",
        &UserId::generate().to_string(),
    ] {
        let is_named = |result: Result<Task, Error>| {
            let message = format!("assignee: there is no account {name}");
            assert!(
                matches!(&result, Err(error @ Error::Invalid(_)) if error.to_string() == message),
                "{result:?}"
            );
        };
        let new = NewTask { assignee: Some(account(name)), ..new_task(name, &scene.boss) };
        is_named(store.create_task(new, CLI).await);
        let change = TaskChange { assignee: Some(Some(account(name))), ..title("other") };
        is_named(scene.update(id, change, scene.manager()).await);
    }
    assert_eq!(store.get_task(id, scene.manager()).await.unwrap().title.as_str(), "one");
    assert_eq!(scene.titles(TaskFilter::default(), scene.manager()).await.len(), 4);
    // A creator has to exist as well.
    assert_not_found(store.create_task(new_task("two", &gone), CLI).await);
}

#[tokio::test]
async fn a_task_is_given_to_active_users_alone_and_stays_with_one_who_is_disabled() {
    let scene = Scene::new().await;
    let (store, bob) = (&scene.subject.store, scene.bob.public_id);
    let id = scene.add(assigned("one", &scene.boss, &scene.bob)).await.id;
    for (status, word) in [(Status::Pending, "pending"), (Status::Disabled, "disabled")] {
        store.update_user(bob, to_status(status), ANY_STATE, CLI).await.unwrap();
        let refused = |result: Result<Task, Error>| {
            let why = result.unwrap_err().to_string();
            assert_eq!(why, format!("assignee: the account bob@example.com is {word}, not active"));
        };
        refused(store.create_task(assigned("two", &scene.boss, &scene.bob), CLI).await);
        let to = |user: &User| Some(Some(account(user.names.label())));
        let give = |user: &User| TaskChange { assignee: to(user), ..TaskChange::default() };
        // The same assignee again is no change.
        let both = TaskChange { assignee: to(&scene.bob), ..title(word) };
        let task = scene.update(id, both, scene.manager()).await.unwrap();
        assert_eq!((task.title.as_str(), task.assignee.unwrap().public_id), (word, bob));
        scene.update(id, give(&scene.ann), scene.manager()).await.unwrap();
        refused(scene.update(id, give(&scene.bob), scene.manager()).await);
        store.update_user(bob, to_status(Status::Active), ANY_STATE, CLI).await.unwrap();
        scene.update(id, give(&scene.bob), scene.manager()).await.unwrap();
    }
}

#[tokio::test]
async fn an_update_changes_the_given_fields_and_the_version() {
    let scene = Scene::new().await;
    let old = scene
        .add(NewTask { deadline: Some(due(5)), ..assigned("one", &scene.boss, &scene.ann) })
        .await;
    let change = TaskChange {
        title: Some(TaskTitle::parse("two").unwrap()),
        description: Some(TaskDescription::parse("more").unwrap()),
        status: Some(TaskStatus::Cancelled),
        deadline: Some(None),
        assignee: Some(Some(account("bob@example.com"))),
    };
    let new = scene.update(old.id, change.clone(), scene.manager()).await.unwrap();
    let expected = Task {
        title: TaskTitle::parse("two").unwrap(),
        description: TaskDescription::parse("more").unwrap(),
        status: TaskStatus::Cancelled,
        deadline: None,
        assignee: Some(owner(&scene.bob)),
        updated_at: later(1),
        version: new.version,
        ..old.clone()
    };
    assert_eq!(new, expected);
    assert_ne!(new.version, old.version);
    let store = &scene.subject.store;
    // Equal values change nothing, and neither does an empty change.
    for change in [change, TaskChange::default()] {
        let same = store.update_task(old.id, change, ANY_STATE, &cli_at(later(2))).await.unwrap();
        assert_eq!(same, new);
    }
    let newer = scene.update(old.id, title("three"), scene.manager()).await.unwrap();
    assert_eq!(newer, Task { title: newer.title.clone(), version: newer.version, ..new.clone() });
    assert_ne!(newer.version, new.version);
    assert_eq!(store.get_task(old.id, scene.manager()).await.unwrap(), newer);
}

#[tokio::test]
async fn several_tasks_are_updated_or_deleted_together_or_not_at_all() {
    let scene = Scene::new().await;
    let store = &scene.subject.store;
    let one = scene.add(assigned("one", &scene.boss, &scene.ann)).await;
    let two = scene.add(assigned("two", &scene.boss, &scene.ann)).await;
    let gone = TaskId::generate();
    let (boss, ann) = (scene.context(scene.manager()).await, authority(&scene.ann));
    let statuses = async || {
        let tasks = scene.list(TaskFilter::default(), scene.manager(), ALL).await.unwrap().items;
        tasks.iter().map(|task| task.status).collect::<Vec<_>>()
    };
    let (pending, done) = (TaskStatus::Pending, TaskStatus::Done);
    let missing = "One of these tasks does not exist any more. Nothing was changed.";
    let updated = store.update_tasks(vec![one.id, gone], status(done), &boss).await;
    assert_conflict(updated, missing);
    assert_eq!(statuses().await, [pending; 2]);
    store.update_tasks(vec![one.id, two.id], status(done), &boss).await.unwrap();
    assert_eq!(statuses().await, [done; 2]);
    let (ann, bob) = (scene.context(ann).await, scene.context(authority(&scene.bob)).await);
    let reopened = store.update_tasks(vec![one.id], status(pending), &bob).await;
    assert_conflict(reopened, missing);
    let forbidden = store.update_tasks(vec![one.id], title("mine"), &ann).await;
    assert!(matches!(forbidden, Err(Error::Forbidden(_))), "{forbidden:?}");

    let now = async |id| (id, store.get_task(id, scene.manager()).await.unwrap().version);
    let seen = vec![now(one.id).await, (two.id, two.version)];
    let deleted = store.delete_tasks(seen, &boss).await;
    assert!(
        matches!(&deleted, Err(Error::Conflict(why)) if why.starts_with("“two” was changed")),
        "{deleted:?}"
    );
    assert_eq!(statuses().await.len(), 2);
    let seen = vec![now(one.id).await, now(two.id).await];
    let forbidden = store.delete_tasks(seen.clone(), &ann).await;
    assert!(matches!(forbidden, Err(Error::RoleRequired(_))), "{forbidden:?}");
    store.delete_tasks(seen, &boss).await.unwrap();
    assert_eq!(statuses().await, []);
}

#[tokio::test]
async fn authority_of_an_employee_covers_assigned_tasks_and_their_status() {
    let scene = Scene::new().await;
    let (anns, free) = (
        scene.add(assigned("anns", &scene.boss, &scene.ann)).await,
        scene.add(new_task("free", &scene.boss)).await,
    );
    let (store, ann, bob) = (&scene.subject.store, authority(&scene.ann), authority(&scene.bob));
    assert_eq!(store.get_task(anns.id, ann).await.unwrap(), anns);
    assert_not_found(store.get_task(anns.id, bob).await);
    assert_not_found(store.get_task(free.id, ann).await);
    assert_eq!(scene.titles(TaskFilter::default(), scene.manager()).await, ["anns", "free"]);
    assert_eq!(scene.titles(TaskFilter::default(), ann).await, ["anns"]);
    assert_eq!(scene.titles(TaskFilter::default(), bob).await, [""; 0]);
    // An unseen task is not found, whatever is wrong with the change.
    let bad = TaskChange { assignee: Some(Some(account("nobody"))), ..title("x") };
    for change in [status(TaskStatus::Done), bad] {
        assert_not_found(scene.update(anns.id, change.clone(), bob).await);
        assert_not_found(
            store
                .update_task(anns.id, change, if_match(free.version), &scene.context(bob).await)
                .await,
        );
    }
    let stale = status(TaskStatus::Done);
    let context = scene.context(ann).await;
    let result = store.update_task(anns.id, stale, if_match(free.version), &context).await;
    assert_precondition_failed(result);
    let done = scene.update(anns.id, status(TaskStatus::Done), ann).await.unwrap();
    assert_eq!(done.status, TaskStatus::Done);
    let cancelled = scene.update(anns.id, status(TaskStatus::Cancelled), ann).await;
    assert_conflict(cancelled, "The assignee cannot move a task from done to cancelled.");
    for change in [title("x"), TaskChange { status: Some(TaskStatus::InProgress), ..title("x") }] {
        let refused = scene.update(anns.id, change, ann).await;
        assert!(matches!(refused, Err(Error::Forbidden(_))), "{refused:?}");
    }
    let task = store.get_task(anns.id, ann).await.unwrap();
    assert_eq!((task.title.as_str(), task.status), ("anns", TaskStatus::Done));
    assert!(scene.update(anns.id, status(TaskStatus::Cancelled), scene.manager()).await.is_ok());
    assert!(scene.update(anns.id, status(TaskStatus::Pending), scene.manager()).await.is_ok());
    // The creator without the role sees what an employee does.
    let demoted = Authority { role: Role::Employee, ..scene.manager() };
    assert_not_found(store.get_task(anns.id, demoted).await);
    assert_eq!(scene.titles(TaskFilter::default(), demoted).await, [""; 0]);
    // Reassigned, the task is no longer visible to its former assignee.
    let to_bob =
        TaskChange { assignee: Some(Some(account("bob@example.com"))), ..TaskChange::default() };
    scene.update(anns.id, to_bob, scene.manager()).await.unwrap();
    assert_not_found(store.get_task(anns.id, ann).await);
    assert!(store.get_task(anns.id, bob).await.is_ok());
}

fn search(words: &str) -> TaskFilter {
    TaskFilter { search: Some(Search::parse(words).unwrap()), ..TaskFilter::default() }
}

fn sorted(text: &str) -> TaskFilter {
    TaskFilter { sort: Some(Sort::<TaskSort>::parse(text).unwrap()), ..TaskFilter::default() }
}

#[tokio::test]
async fn each_field_of_the_filter_selects_tasks() {
    let scene = Scene::new().await;
    let (boss, ann, bob) = (&scene.boss, &scene.ann, &scene.bob);
    scene
        .subject
        .update_user(ann.public_id, to_username(username("ann.o")), ANY_STATE, CLI)
        .await
        .unwrap();
    scene.add(NewTask { deadline: Some(due(-1)), ..assigned("late", boss, ann) }).await;
    scene
        .add(NewTask {
            deadline: Some(due(-1)),
            status: TaskStatus::Done,
            ..assigned("done", boss, ann)
        })
        .await;
    scene
        .add(NewTask {
            deadline: Some(due(-1)),
            status: TaskStatus::Cancelled,
            ..assigned("off", boss, bob)
        })
        .await;
    scene
        .add(NewTask {
            deadline: Some(due(0)),
            status: TaskStatus::InProgress,
            ..assigned("now", boss, bob)
        })
        .await;
    scene.add(NewTask { deadline: Some(due(1)), ..assigned("soon", boss, boss) }).await;
    scene.add(new_task("free", boss)).await;
    let all = TaskFilter::default;
    let cases: Vec<(TaskFilter, &[&str])> = vec![
        (all(), &["late", "done", "off", "now", "soon", "free"]),
        (TaskFilter { mine: Some(true), ..all() }, &["soon"]),
        (TaskFilter { mine: Some(false), ..all() }, &["late", "done", "off", "now", "free"]),
        (TaskFilter { status: Some(TaskStatus::Pending), ..all() }, &["late", "soon", "free"]),
        (TaskFilter { status: Some(TaskStatus::InProgress), ..all() }, &["now"]),
        (TaskFilter { open: Some(true), ..all() }, &["late", "now", "soon", "free"]),
        (TaskFilter { open: Some(false), ..all() }, &["done", "off"]),
        (TaskFilter { open: Some(true), status: Some(TaskStatus::Done), ..all() }, &[]),
        (TaskFilter { open: Some(true), mine: Some(false), ..search("n") }, &["now"]),
        (TaskFilter { assignee: Some(of("ANN@example.com")), ..all() }, &["late", "done"]),
        (TaskFilter { assignee: Some(of("Ann.O")), ..all() }, &["late", "done"]),
        (TaskFilter { assignee: Some(of(&bob.public_id.to_string())), ..all() }, &["off", "now"]),
        (TaskFilter { assignee: Some(of("nobody")), ..all() }, &[]),
        (TaskFilter { assignee: Some(of("none")), ..all() }, &["free"]),
        (TaskFilter { assignee: Some(of("nobody@example.com")), ..all() }, &[]),
        (TaskFilter { assignee: Some(of(&UserId::generate().to_string())), ..all() }, &[]),
        (TaskFilter { deadline_before: Some(NOW), ..all() }, &["late", "done", "off"]),
        (TaskFilter { deadline_after: Some(NOW), ..all() }, &["now", "soon"]),
        (
            TaskFilter { deadline_after: Some(NOW), deadline_before: Some(later(1)), ..all() },
            &["now"],
        ),
        (TaskFilter { overdue: Some(true), ..all() }, &["late"]),
        (TaskFilter { overdue: Some(false), ..all() }, &["done", "off", "now", "soon", "free"]),
        (TaskFilter { overdue: Some(false), mine: Some(false), ..search("o") }, &["off"]),
    ];
    for (filter, expected) in cases {
        let what = format!("{filter:?}");
        assert_eq!(scene.titles(filter, scene.manager()).await, expected, "{what}");
    }
    // An employee sees only tasks that are mine.
    let anns =
        async |mine| scene.titles(TaskFilter { mine: Some(mine), ..all() }, authority(ann)).await;
    assert_eq!(
        (anns(true).await, anns(false).await),
        (vec!["late".to_owned(), "done".to_owned()], vec![])
    );
    let of_another = TaskFilter { assignee: Some(of("bob@example.com")), ..all() };
    assert_eq!(scene.titles(of_another, authority(ann)).await, [""; 0]);
}

#[tokio::test]
async fn search_matches_word_prefixes_of_the_current_title_and_description() {
    let scene = Scene::new().await;
    let report = NewTask {
        description: TaskDescription::parse("Two pages for Zoë, \"soon\"").unwrap(),
        ..assigned("Write the report", &scene.boss, &scene.ann)
    };
    let id = scene.add(report).await.id;
    scene.add(new_task("Rapport écrire", &scene.boss)).await;
    let both = ["Write the report", "Rapport écrire"];
    for (words, expected) in [
        ("rep", &both[..1]),
        ("ZOE writ", &both[..1]),
        ("ecri", &both[1..]),
        ("r", &both),
        ("eport", &[]),
        ("", &[]),
        ("title:write", &[]),
        ("\"soon", &both[..1]),
    ] {
        assert_eq!(scene.titles(search(words), scene.manager()).await, expected, "{words}");
    }
    assert_eq!(scene.titles(search("r"), authority(&scene.ann)).await, both[..1]);
    assert_eq!(scene.titles(search("zoe WRIT"), authority(&scene.ann)).await, both[..1]);
    assert_eq!(scene.titles(search("r"), authority(&scene.bob)).await, [""; 0]);
    scene.update(id, title("Draw a plan"), scene.manager()).await.unwrap();
    assert_eq!(scene.titles(search("report"), scene.manager()).await, [""; 0]);
    assert_eq!(scene.titles(search("plan zoe"), scene.manager()).await, ["Draw a plan"]);
    assert_eq!(scene.titles(search("plan zoe"), authority(&scene.ann)).await, ["Draw a plan"]);
    assert_eq!(scene.titles(search("report"), authority(&scene.ann)).await, [""; 0]);
}

#[tokio::test]
async fn search_follows_a_task_to_its_new_assignee_and_to_nobody() {
    let scene = Scene::new().await;
    let id = scene.add(assigned("Write the report", &scene.boss, &scene.ann)).await.id;
    for (assignee, ann, bob) in
        [(Some("bob@example.com"), 0, 1), (None, 0, 0), (Some("ann@example.com"), 1, 0)]
    {
        let change = TaskChange { assignee: Some(assignee.map(account)), ..TaskChange::default() };
        scene.update(id, change, scene.manager()).await.unwrap();
        for (user, found) in [(&scene.ann, ann), (&scene.bob, bob)] {
            let titles = scene.titles(search("report"), authority(user)).await;
            assert_eq!(titles.len(), found, "{assignee:?}");
        }
    }
    let store = &scene.subject.store;
    store.delete_task(id, ANY_STATE, CLI).await.unwrap();
    assert_eq!(scene.titles(search("report"), authority(&scene.ann)).await, [""; 0]);
}

#[tokio::test]
async fn sort_works_in_both_directions_and_puts_no_deadline_last() {
    let scene = Scene::new().await;
    let store = &scene.subject.store;
    let mut ids = Vec::new();
    for (name, deadline, made) in [
        ("a", Some(due(9)), 3),
        ("b", None, 1),
        ("c", Some(due(5)), 2),
        ("d", Some(due(9)), 3),
        ("e", None, 2),
    ] {
        let new = NewTask { deadline, ..new_task(name, &scene.boss) };
        ids.push(store.create_task(new, &cli_at(later(made))).await.unwrap().id);
    }
    let touch = TaskChange {
        description: Some(TaskDescription::parse("x").unwrap()),
        ..TaskChange::default()
    };
    store.update_task(ids[1], touch, ANY_STATE, &cli_at(later(9))).await.unwrap();
    for (order, expected) in [
        // The order of creation holds also where a clock was set back.
        ("created_at", "abcde"),
        ("-created_at", "edcba"),
        ("deadline", "cadbe"),
        ("-deadline", "daceb"),
        ("updated_at", "ceadb"),
        ("-updated_at", "bdaec"),
    ] {
        assert_eq!(
            scene.titles(sorted(order), scene.manager()).await.concat(),
            expected,
            "{order}"
        );
    }
    assert_eq!(scene.titles(TaskFilter::default(), scene.manager()).await.concat(), "abcde");
}

#[tokio::test]
async fn pagination_follows_the_sort() {
    let scene = Scene::new().await;
    let mut tasks = Vec::new();
    for n in 0..12 {
        let deadline =
            (n % 3 > 0).then(|| Deadline::from_stored(Timestamp::from_millis(n % 4), None));
        tasks.push(
            scene
                .add(NewTask { deadline, ..assigned(&format!("t{n}"), &scene.boss, &scene.ann) })
                .await,
        );
        scene.add(NewTask { deadline, ..new_task("other", &scene.boss) }).await;
    }
    let ann = authority(&scene.ann);
    assert_pages(&tasks, async |request| scene.list(TaskFilter::default(), ann, request).await)
        .await;
    // Tasks are in the order of creation, and a stable sort keeps that.
    tasks.sort_by_key(|task| {
        task.deadline.map_or(i64::MAX, |deadline| deadline.timestamp().as_millis())
    });
    assert_pages(&tasks, async |request| scene.list(sorted("deadline"), ann, request).await).await;
}

#[tokio::test]
async fn a_soft_deleted_user_stays_assignee_and_creator_of_its_tasks() {
    let scene = Scene::new().await;
    let old = scene.add(assigned("one", &scene.boss, &scene.ann)).await;
    let store = &scene.subject.store;
    for id in [scene.ann.public_id, scene.boss.public_id] {
        store.delete_user(id, ANY_STATE, CLI).await.unwrap();
    }
    let bob = store
        .update_user(scene.bob.public_id, to_role(Role::Manager), ANY_STATE, CLI)
        .await
        .unwrap();
    let bob = authority(&bob);
    let expected = store.get_task(old.id, bob).await.unwrap();
    // What shows the user has another tag.
    let former = |user: &User, version| UserSummary { is_deleted: true, version, ..owner(user) };
    let (ann, boss) = (expected.assignee.as_ref().unwrap(), &expected.creator);
    assert_eq!((ann, boss), (&former(&scene.ann, ann.version), &former(&scene.boss, boss.version)));
    assert!(ann.version != scene.ann.version && boss.version != scene.boss.version);
    let by_id = TaskFilter {
        assignee: Some(of(&scene.ann.public_id.to_string())),
        ..TaskFilter::default()
    };
    let by_name = TaskFilter { assignee: Some(of("ann@example.com")), ..TaskFilter::default() };
    assert_eq!(scene.titles(TaskFilter::default(), bob).await, ["one"]);
    assert_eq!(scene.titles(by_id, bob).await, ["one"]);
    assert_eq!(scene.titles(by_name, bob).await, [""; 0]);
    // Its address is free, and the next user of it is another one.
    let next = scene.subject.add_user("ann").await;
    assert_not_found(store.get_task(old.id, authority(&next)).await);
    // An update keeps both.
    let changed = scene.update(old.id, title("two"), bob).await.unwrap();
    assert_eq!((changed.assignee, changed.creator), (expected.assignee, expected.creator));
    let freed = TaskChange { assignee: Some(None), ..TaskChange::default() };
    assert_eq!(scene.update(old.id, freed, bob).await.unwrap().assignee, None);
}

#[tokio::test]
async fn a_deadline_is_validated_only_where_it_changes() {
    let scene = Scene::new().await;
    let new = NewTask { deadline: Some(due(-9)), ..new_task("one", &scene.boss) };
    let id = scene.add(new).await.id;
    let to = |millis, text| TaskChange { deadline: Some(Some(due(millis))), ..title(text) };
    let changed = scene.update(id, to(-9, "two"), scene.manager()).await.unwrap();
    assert_eq!((changed.title.as_str(), changed.deadline), ("two", Some(due(-9))));
    let refused = scene.update(id, to(0, "three"), scene.manager()).await.unwrap_err();
    assert!(refused.to_string().starts_with("deadline: "), "{refused}");
    assert!(refused.to_string().contains(" is in the past; "), "{refused}");
    assert_eq!(scene.titles(TaskFilter::default(), scene.manager()).await, ["two"]);
    // Now is not in the past.
    assert!(scene.update(id, to(1, "three"), scene.manager()).await.is_ok());
}

#[tokio::test]
async fn a_list_has_the_beginning_of_a_description_of_more_than_4_kib() {
    let scene = Scene::new().await;
    let store = &scene.subject.store;
    let (whole, beginning) = ("ä".repeat(2_048), "€".repeat(1_024));
    let long = format!("{} needle", "€".repeat(9_000));
    for (title, text) in [("short", &whole), ("long", &long)] {
        let description = TaskDescription::parse(text).unwrap();
        scene.add(NewTask { description, ..new_task(title, &scene.boss) }).await;
    }
    let list = async |filter| {
        let page = store.list_tasks(scene.manager(), filter, ALL, NOW).await.unwrap();
        let task = |task: Task| (task.description.into_string(), task.description_truncated);
        page.items.into_iter().map(task).collect::<Vec<_>>()
    };
    // The whole list and a filtered one are read by different statements.
    let expected = [(whole, false), (beginning.clone(), true)];
    assert_eq!(list(TaskFilter::default()).await, expected);
    let filter = TaskFilter { status: Some(TaskStatus::Pending), ..TaskFilter::default() };
    assert_eq!(list(filter).await, expected);
    // A search finds the last word, too.
    let filter =
        TaskFilter { search: Some(Search::parse("needle").unwrap()), ..TaskFilter::default() };
    assert_eq!(list(filter).await, [(beginning, true)]);

    // The record has all of it, also after a change of something else.
    let all = store.list_tasks(scene.manager(), TaskFilter::default(), ALL, NOW).await.unwrap();
    let id = all.items[1].id;
    let read = store.get_task(id, scene.manager()).await.unwrap();
    let changed = store.update_task(id, title("new"), ANY_STATE, CLI).await.unwrap();
    for task in [read, changed] {
        assert_eq!((task.description.as_str(), task.description_truncated), (&*long, false));
    }
}
