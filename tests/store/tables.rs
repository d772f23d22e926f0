//! Whole lists: exports in portions, and imports of all rows or none.

use widgetd::domain::{
    AssigneeFilter, AuditFilter, Authority, Bookmark, Deadline, Import, ImportMode, Imported,
    InfoUrl, Named, NewTask, NewTemplate, Portion, Progress, Role, RowErrors, Sort, TaskChange,
    TaskDescription, TaskFilter, TaskId, TaskRow, TaskStatus, TaskTitle, TemplateBody,
    TemplateFilter, Timestamp, User, UserFilter, WidgetFilter, WidgetRow, Zone,
};
use widgetd::error::Error;

use crate::{
    ALL, ANY_STATE, CLI, NOW, Subject, account, cli_at, later, new_task, new_template, new_user,
    new_widget, to_role, widget_name,
};

/// All of a list, portion by portion.
pub async fn exported<T>(read: impl AsyncFn(Bookmark) -> Result<Portion<T>, Error>) -> Vec<T> {
    let (mut all, mut next) = (Vec::new(), Some(Bookmark::default()));
    while let Some(bookmark) = next {
        let portion = read(bookmark).await.unwrap();
        all.extend(portion.items);
        next = portion.next;
    }
    all
}

/// Every order of a list.
fn sorts<K: Named>() -> impl Iterator<Item = Sort<K>> {
    Sort::<K>::names().map(|name| Sort::parse(&name).unwrap())
}

pub fn import<T>(mode: ImportMode, records: Vec<T>) -> Import<T> {
    // The first row is the header.
    let rows = (2..).zip(records).collect();
    Import { mode, rows, errors: RowErrors::default(), progress: Progress::default() }
}

pub fn widget_row(name: &str, owner: &User) -> WidgetRow {
    WidgetRow {
        name: widget_name(name),
        info_url: InfoUrl::parse("https://example.com").unwrap(),
        deadline: Deadline::parse("2026-12-31", &Zone::UTC).unwrap(),
        owner: account(&owner.public_id.to_string()),
        made_at: NOW,
    }
}

pub fn task_row(title: &str, creator: &User) -> TaskRow {
    TaskRow {
        id: TaskId::generate(),
        title: TaskTitle::parse(title).unwrap(),
        change: TaskChange::default(),
        creator: account(&creator.public_id.to_string()),
        made_at: NOW,
    }
}

const fn imported(created: u64, updated: u64, unchanged: u64) -> Imported {
    Imported { created, updated, unchanged }
}

/// Asserts that an import is refused for these reasons.
#[track_caller]
fn assert_refused(result: Result<Imported, Error>, expected: &[(&str, &str)]) {
    let Err(Error::Invalid(errors)) = result else { panic!("{result:?}") };
    assert_eq!(errors.iter().collect::<Vec<_>>(), expected);
}

#[tokio::test]
async fn an_export_of_tasks_has_those_that_the_reader_sees_with_whole_descriptions() {
    let subject = Subject::new();
    let (boss, ann) = (subject.add_admin("boss").await, subject.add_user("ann").await);
    let text = TaskDescription::parse(&"🎉 long ".repeat(1_000)).unwrap();
    let mut hers = Vec::new();
    for n in 0..20 {
        let mut new = NewTask { description: text.clone(), ..new_task(&format!("t{n}"), &boss) };
        new.deadline = (n % 3 > 0).then(|| Deadline::from_stored(later(1_000 * (n % 4)), None));
        if n % 4 == 0 {
            new.assignee = Some(account("ann@example.com"));
            hers.push(new.id);
        }
        subject.create_task(new, CLI).await.unwrap();
    }
    let reader = |user: &User| Authority { user: user.public_id, role: user.role };
    for sort in sorts() {
        let filter = TaskFilter { sort: Some(sort), ..TaskFilter::default() };
        for (reader, count) in [(reader(&boss), 20), (reader(&ann), hers.len())] {
            let page = subject.list_tasks(reader, filter.clone(), ALL, NOW).await.unwrap();
            let read = async |bookmark| {
                subject.export_tasks(Some(reader), filter.clone(), bookmark, NOW).await
            };
            let exported = exported(read).await;
            let ids = |tasks: &[widgetd::domain::Task]| -> Vec<_> {
                tasks.iter().map(|task| task.id).collect()
            };
            assert_eq!(ids(&exported), ids(&page.items), "{sort:?}");
            assert_eq!(exported.len(), count);
            assert!(exported.iter().all(|task| task.description == text));
            assert!(!exported.iter().any(|task| task.description_truncated));
        }
    }
    let everybodys =
        async |bookmark| subject.export_tasks(None, TaskFilter::default(), bookmark, NOW).await;
    assert_eq!(exported(everybodys).await.len(), 20);
}

#[tokio::test]
async fn an_export_leaves_out_a_task_that_is_taken_away_from_the_reader_meanwhile() {
    let subject = Subject::new();
    let (boss, ann) = (subject.add_admin("boss").await, subject.add_user("ann").await);
    // Each fills a portion.
    let text = TaskDescription::parse(&"🎉".repeat(10_000)).unwrap();
    let mut ids = Vec::new();
    for n in 0..4 {
        let assignee = Some(account("ann@example.com"));
        let new =
            NewTask { description: text.clone(), assignee, ..new_task(&n.to_string(), &boss) };
        ids.push(new.id);
        subject.create_task(new, CLI).await.unwrap();
    }
    let reader = Some(Authority { user: ann.public_id, role: Role::Employee });
    let filter = TaskFilter::default();
    let mut bookmark = Bookmark::default();
    let mut found = Vec::new();
    for n in 0..3 {
        let portion = subject.export_tasks(reader, filter.clone(), bookmark, NOW).await.unwrap();
        assert_eq!(portion.items.len(), 1);
        found.push(portion.items[0].id);
        bookmark = portion.next.unwrap();
        if n == 0 {
            let nobody = TaskChange { assignee: Some(None), ..TaskChange::default() };
            subject.update_task(ids[1], nobody, ANY_STATE, CLI).await.unwrap();
        }
        if n == 1 {
            break;
        }
    }
    assert_eq!(found, [ids[0], ids[2]]);
    let last = subject.export_tasks(reader, filter.clone(), bookmark, NOW).await.unwrap();
    assert_eq!(last.items[0].id, ids[3]);
}

#[tokio::test]
async fn an_export_of_templates_users_and_the_audit_is_the_whole_list() {
    let subject = Subject::new();
    let ann = subject.add_admin("ann").await;
    let other = subject.add_user("other").await;
    let body = TemplateBody::parse(&"x".repeat(60_000)).unwrap();
    for n in 0..5 {
        for owner in [&ann, &other] {
            let name = format!("t{}", n * 3 % 5);
            let new = NewTemplate { body: body.clone(), ..new_template(&name, owner.public_id) };
            subject.create_template(new, CLI).await.unwrap();
        }
    }
    for sort in sorts() {
        let filter = TemplateFilter { sort: Some(sort), ..TemplateFilter::default() };
        let page = subject.list_templates(ann.public_id, filter.clone(), ALL).await.unwrap();
        let read = async |bookmark| {
            subject.export_templates(ann.public_id, filter.clone(), bookmark).await
        };
        let exported = exported(read).await;
        let names = |templates: &[widgetd::domain::Template]| -> Vec<_> {
            templates.iter().map(|template| template.name.clone()).collect()
        };
        assert_eq!(names(&exported), names(&page.items));
        assert!(exported.len() == 5 && exported.iter().all(|template| template.body == body));
    }
    for n in 0..20 {
        subject.add_user(&format!("user{n}")).await;
    }
    for sort in sorts() {
        let filter = UserFilter { sort: Some(sort), ..UserFilter::default() };
        let page = subject.list_users(None, filter.clone(), ALL).await.unwrap();
        let read = async |bookmark| subject.export_users(None, filter.clone(), bookmark).await;
        assert_eq!(exported(read).await, page.items);
    }
    let filter = AuditFilter::default();
    let read = async |bookmark| subject.export_audit(None, filter.clone(), bookmark).await;
    let ids: Vec<_> = exported(read).await.iter().map(|entry| entry.id).collect();
    let listed: Vec<_> = subject.audit().await.iter().map(|entry| entry.id).collect();
    assert!(ids == listed && ids.len() > 20);
}

#[tokio::test]
async fn an_import_of_widgets_creates_and_updates_by_name() {
    let subject = Subject::new();
    let (ann, bob) = (subject.add_admin("ann").await, subject.add_user("bob").await);
    let rows = ["one", "two", "three"].map(|name| widget_row(name, &ann));
    let created = subject.import_widgets(import(ImportMode::Create, rows.to_vec()), CLI).await;
    assert_eq!(created.unwrap(), imported(3, 0, 0));
    let filter = WidgetFilter::default();
    let before = subject.list_widgets(None, filter.clone(), ALL, NOW).await.unwrap().items;
    assert!(before.iter().all(|widget| widget.owner == ann.summary()));
    let url = InfoUrl::parse("https://example.org/two").unwrap();
    let rows = vec![
        widget_row("one", &bob),
        WidgetRow { info_url: url.clone(), ..widget_row("two", &bob) },
        widget_row("four", &bob),
    ];
    let progress = Progress::default();
    let import = Import { progress: progress.clone(), ..import(ImportMode::Upsert, rows) };
    assert_eq!(subject.import_widgets(import, CLI).await.unwrap(), imported(1, 1, 1));
    assert_eq!(progress.counts(), (3, 3));
    let after = subject.list_widgets(None, filter, ALL, NOW).await.unwrap().items;
    assert_eq!((&after[0], &after[2]), (&before[0], &before[2]));
    assert_eq!((&after[1].info_url, &after[1].owner), (&url, &ann.summary()));
    assert_ne!(after[1].version, before[1].version);
    assert_eq!((after[3].name.as_str(), &after[3].owner), ("four", &bob.summary()));
}

#[tokio::test]
async fn an_import_names_every_error_and_changes_nothing() {
    let subject = Subject::new();
    let ann = subject.add_admin("ann").await;
    let gone = new_user("gone");
    subject.create_widget(new_widget("old", &ann), CLI).await.unwrap();
    let task = new_task("old", &ann);
    subject.create_task(task.clone(), CLI).await.unwrap();
    let past = Deadline::parse("2026-11-20", &Zone::UTC).unwrap();
    let nobody = account(&gone.public_id.to_string());
    let mut widgets = import(
        ImportMode::Create,
        vec![
            widget_row("new", &ann),
            widget_row("old", &ann),
            WidgetRow { deadline: past, ..widget_row("late", &ann) },
            WidgetRow { owner: nobody.clone(), ..widget_row("lost", &ann) },
        ],
    );
    widgets.errors.add(9, "info_url", "is required");
    let no_account = format!("there is no account {}", gone.public_id);
    let why = "2026-11-20 is in the past; the deadline must be today (2026-11-21, UTC) or later";
    assert_refused(
        subject.import_widgets(widgets, CLI).await,
        &[
            ("row 3, name", "Widget name: old already exists, must be unique."),
            ("row 4, deadline", why),
            ("row 5, owner", &no_account),
            ("row 9, info_url", "is required"),
        ],
    );
    let assigned = TaskChange { assignee: Some(Some(nobody)), ..TaskChange::default() };
    let tasks = vec![
        TaskRow { id: task.id, ..task_row("new", &ann) },
        task_row("new", &ann),
        TaskRow { change: assigned, ..task_row("lost", &ann) },
    ];
    let taken = format!("There is a task {} already.", task.id);
    assert_refused(
        subject.import_tasks(import(ImportMode::Create, tasks), CLI).await,
        &[("row 2, id", &taken), ("row 4, assignee", &no_account)],
    );
    let total = subject.list_widgets(None, WidgetFilter::default(), ALL, NOW).await.unwrap().total;
    let reader = Authority { user: ann.public_id, role: Role::Admin };
    let tasks = subject.list_tasks(reader, TaskFilter::default(), ALL, NOW).await.unwrap();
    assert_eq!((total, tasks.total), (1, 1));
    assert_eq!(tasks.items[0].title, task.title);
}

#[tokio::test]
async fn an_import_of_tasks_changes_what_its_rows_have() {
    let subject = Subject::new();
    let (ann, bob) = (subject.add_admin("ann").await, subject.add_user("bob").await);
    let whole = TaskChange {
        title: None,
        description: TaskDescription::parse("A text.").ok(),
        status: Some(TaskStatus::InProgress),
        deadline: Some(Some(Deadline::from_stored(later(5_250), None))),
        assignee: Some(Some(account("bob@example.com"))),
    };
    let row = TaskRow { change: whole, ..task_row("one", &ann) };
    let upsert = async |row: TaskRow, at: i64| {
        let context = cli_at(later(at));
        let done = subject.import_tasks(import(ImportMode::Upsert, vec![row.clone()]), &context);
        let done = done.await.unwrap();
        let reader = Authority { user: ann.public_id, role: Role::Admin };
        (done, subject.get_task(row.id, reader).await.unwrap())
    };
    let (done, first) = upsert(row.clone(), 0).await;
    assert_eq!(done, imported(1, 0, 0));
    assert_eq!(first.description.as_str(), "A text.");
    assert_eq!((first.status, &first.creator), (TaskStatus::InProgress, &ann.summary()));
    assert_eq!(first.assignee, Some(bob.summary()));
    // The same again changes nothing, also when the deadline has passed and the assignee is gone.
    assert_eq!(upsert(row.clone(), 0).await, (imported(0, 0, 1), first.clone()));
    subject.delete_user(bob.public_id, ANY_STATE, CLI).await.unwrap();
    let by_id = Some(Some(account(&bob.public_id.to_string())));
    let change = TaskChange { assignee: by_id, ..row.change.clone() };
    let (done, _) = upsert(TaskRow { change, made_at: later(9_000), ..row.clone() }, 9_000).await;
    assert_eq!(done, imported(0, 0, 1));
    // A time is meant exactly.
    let exact =
        Some(Some(Deadline::from_stored(Timestamp::from_seconds(later(5_250).as_seconds()), None)));
    let change = TaskChange { deadline: exact, ..TaskChange::default() };
    let (done, changed) = upsert(TaskRow { change, ..row.clone() }, 1_000).await;
    assert_eq!((done, Some(changed.deadline)), (imported(0, 1, 0), exact));
    let change = TaskChange { deadline: Some(first.deadline), ..TaskChange::default() };
    assert_eq!(upsert(TaskRow { change, ..row.clone() }, 1_000).await.0, imported(0, 1, 0));
    // What a row does not have stays.
    let none = TaskChange::default();
    let (done, second) = upsert(TaskRow { change: none.clone(), ..row.clone() }, 1_000).await;
    assert_eq!(done, imported(0, 0, 1));
    assert_eq!(second.deadline, first.deadline);
    let title = TaskTitle::parse("two").unwrap();
    let change = TaskChange { deadline: Some(None), assignee: Some(None), ..none };
    let (done, third) = upsert(TaskRow { title: title.clone(), change, ..row }, 1_000).await;
    assert_eq!(done, imported(0, 1, 0));
    assert_eq!((third.title, third.deadline, third.assignee), (title, None, None));
    assert_eq!((third.description, third.updated_at), (first.description, later(1_000)));
}

#[tokio::test]
async fn a_deadline_of_an_import_must_not_have_passed_when_the_record_was_made() {
    let subject = Subject::new();
    let ann = subject.add_admin("ann").await;
    let past = Deadline::from_stored(later(-86_400_000), None);
    let before = later(-172_800_000);
    let widget = WidgetRow { deadline: past, made_at: before, ..widget_row("old", &ann) };
    let change = TaskChange { deadline: Some(Some(past)), ..TaskChange::default() };
    let task = TaskRow { change, made_at: before, ..task_row("old", &ann) };
    for (mode, expected) in
        [(ImportMode::Create, imported(1, 0, 0)), (ImportMode::Upsert, imported(0, 0, 1))]
    {
        // The record exists with that deadline, the second time.
        let made_at = if mode == ImportMode::Create { before } else { NOW };
        let widgets = import(mode, vec![WidgetRow { made_at, ..widget.clone() }]);
        assert_eq!(subject.import_widgets(widgets, CLI).await.unwrap(), expected);
        let tasks = import(mode, vec![TaskRow { made_at, ..task.clone() }]);
        assert_eq!(subject.import_tasks(tasks, CLI).await.unwrap(), expected);
    }
    let earlier = Deadline::from_stored(later(-86_400_001), None);
    let change = TaskChange { deadline: Some(Some(earlier)), ..TaskChange::default() };
    let tasks = import(ImportMode::Upsert, vec![TaskRow { change, made_at: NOW, ..task }]);
    let Err(Error::Invalid(errors)) = subject.import_tasks(tasks, CLI).await else {
        panic!("it has passed");
    };
    assert!(errors.names("row 2, deadline"));
}

#[tokio::test]
async fn an_import_needs_the_role_and_the_quota_of_its_owner() {
    let limits = widgetd::domain::StoreLimits {
        quota: widgetd::domain::Quota::from_mib(1),
        ..widgetd::domain::StoreLimits::default()
    };
    let folder = tempfile::TempDir::new().unwrap();
    let subject = Subject::limited(folder, widgetd::store::OpenMode::Create, limits);
    let boss = subject.add_user("boss").await;
    subject.update_user(boss.public_id, to_role(Role::Manager), ANY_STATE, CLI).await.unwrap();
    let context = subject.context_of(boss.public_id).await;
    let rows = |count| (0..count).map(|_| task_row("task", &boss)).collect();
    let many = subject.import_tasks(import(ImportMode::Create, rows(2_100)), &context).await;
    assert!(matches!(many, Err(Error::InsufficientStorage(_))), "{many:?}");
    let fewer = subject.import_tasks(import(ImportMode::Create, rows(1_900)), &context).await;
    assert_eq!(fewer.unwrap(), imported(1_900, 0, 0));
    let nobodys = TaskFilter { assignee: Some(AssigneeFilter::Nobody), ..TaskFilter::default() };
    let reader = Authority { user: boss.public_id, role: Role::Manager };
    let total = subject.list_tasks(reader, nobodys, ALL, NOW).await.unwrap().total;
    assert_eq!(total, 1_900);
    let widgets = import(ImportMode::Create, vec![widget_row("one", &boss)]);
    let refused = subject.import_widgets(widgets, &context).await;
    assert!(matches!(refused, Err(Error::RoleRequired(Role::Admin))), "{refused:?}");
}
