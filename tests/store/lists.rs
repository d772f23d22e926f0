//! Filtered and sorted lists agree with a plain evaluation of their filter over all records.
//!
//! There are more records than the engine sorts, and many are equal in what they are sorted by.

use std::fmt::Debug;
use std::sync::Arc;

use widgetd::domain::{
    Action, Actor, AssigneeFilter, AuditEntry, AuditFilter, AuditSort, Authority, Bookmark,
    Deadline, Email, Failure, InfoUrl, Named, NewTask, NewTemplate, NewUser, NewWidget, Page,
    PageRequest, Portion, RequestContext, Role, Search, Sort, Status, Target, TargetRef, Task,
    TaskDescription, TaskFilter, TaskSort, TaskStatus, Template, TemplateBody, TemplateFilter,
    TemplateSort, Timestamp, User, UserFilter, UserRef, UserSort, UserSummary, Username, Widget,
    WidgetFilter, WidgetSort,
};
use widgetd::error::Error;
use widgetd::store::Store;

use crate::random::{Random, sort};
use crate::tables::exported;
use crate::{
    ANY_STATE, NOW, Subject, account, at_once, cli_at, email, later, new_task, new_template,
    new_user, new_widget, username,
};

/// How many records of each kind there are.
const RECORDS: usize = 1_400;

/// How many filters are tried of each resource.
const FILTERS: usize = 300;

impl Random {
    /// Mostly the first one.
    fn mostly<T: Clone>(&mut self, from: &[T]) -> T {
        if self.below(12) == 0 { self.pick(from) } else { from[0].clone() }
    }

    /// Nothing in most cases.
    fn maybe<T: Clone>(&mut self, from: &[T]) -> Option<T> {
        (self.below(3) == 0).then(|| self.pick(from))
    }

    fn sort<K: Named>(&mut self) -> Option<Sort<K>> {
        let keys: Vec<_> = Sort::<K>::names().collect();
        self.maybe(&keys).map(|name| Sort::parse(&name).unwrap())
    }

    fn moment(&mut self) -> Option<Timestamp> {
        (self.below(3) == 0).then(|| moment(self))
    }

    fn search(&mut self, words: &[&str]) -> Option<Search> {
        self.maybe(words).map(|words| Search::parse(words).unwrap())
    }
}

/// Whether each word begins one of the texts' words.
fn has(search: Option<&Search>, texts: &[&str]) -> bool {
    let text = texts.join(" ").to_lowercase();
    let words: Vec<_> = text.split(|c: char| !c.is_alphanumeric()).collect();
    let found = |word: &str| words.iter().any(|other| other.starts_with(&word.to_lowercase()));
    search.is_none_or(|search| search.words().into_iter().all(found))
}

/// Whether a record's user is the one that a filter names.
fn is(named: Option<&UserRef>, user: Option<&UserSummary>, users: &[User]) -> bool {
    let Some(named) = named else { return true };
    let is_found = |user: &UserSummary| {
        let known = users.iter().find(|known| known.public_id == user.public_id);
        let username = known.and_then(|known| known.names.username.as_ref()).map(Username::folded);
        named.folded() == user.public_id.to_string()
            || !user.is_deleted
                && user.names.email.as_ref().map(Email::folded) == Some(named.folded())
            || Some(named.folded()) == username
    };
    user.is_some_and(is_found)
}

fn is_at<T: PartialOrd>(value: Option<T>, before: Option<T>, after: Option<T>) -> bool {
    before.is_none_or(|before| value.as_ref().is_some_and(|value| *value < before))
        && after.is_none_or(|after| value.as_ref().is_some_and(|value| *value >= after))
}

/// Reads all of a list, and pages from everywhere in it.
async fn assert_list<T: Debug + PartialEq>(
    expected: &[&T],
    what: &impl Debug,
    random: &mut Random,
    read: impl AsyncFn(PageRequest) -> Result<Page<T>, Error>,
    export: impl AsyncFn(Bookmark) -> Result<Portion<T>, Error>,
) {
    let exported = exported(export).await;
    assert_eq!(exported.iter().collect::<Vec<_>>(), expected, "{what:?}");
    let per_page: u32 = random.pick(&[5, 10, 25, 50, 100]);
    let pages = expected.len().div_ceil(per_page as usize);
    let numbers = [1, 2, pages / 3, pages / 2, pages - pages / 4, pages, pages + 1];
    for number in [1, random.pick(&numbers), random.pick(&numbers)] {
        let number = number.max(1);
        let request = PageRequest::new(number as u64, per_page);
        let page = read(request).await.unwrap();
        let skipped = expected.iter().skip((number - 1) * per_page as usize);
        let items: Vec<&T> = skipped.copied().take(per_page as usize).collect();
        assert_eq!(page.total, expected.len() as u64, "{what:?}");
        assert_eq!(page.items.iter().collect::<Vec<_>>(), items, "{what:?} {request:?}");
    }
}

/// All of a list, in the order of creation.
pub async fn all<T>(read: impl AsyncFn(PageRequest) -> Result<Page<T>, Error>) -> Vec<T> {
    let mut all = Vec::new();
    for number in 1.. {
        let page = read(PageRequest::new(number, 100)).await.unwrap();
        if page.items.is_empty() {
            break;
        }
        all.extend(page.items);
    }
    all
}

/// Users, of whom the last one is to be deleted, and whom filters name.
async fn add_users(subject: &Subject) -> (Vec<User>, Vec<UserRef>) {
    let mut users = Vec::new();
    for (name, role) in [
        ("ann", Role::Employee),
        ("boss", Role::Manager),
        ("bob", Role::Admin),
        ("gone", Role::Admin),
    ] {
        let NewUser { mut names, .. } = new_user(name);
        names.username = Some(username(&format!("{name}.o")));
        users.push(subject.add(NewUser { role, names, ..new_user(name) }).await);
    }
    let mut named: Vec<_> = users.iter().map(|user| account(&user.public_id.to_string())).collect();
    named.extend(["BOSS@example.com", "ann@example.com", "Bob.O"].map(account));
    named.extend(["gone@example.com", "gone.o", "nobody@example.com"].map(account));
    (users, named)
}

async fn delete_last(subject: &Subject, users: &mut Vec<User>) {
    let gone = users.pop().unwrap();
    subject.delete_user(gone.public_id, ANY_STATE, &cli_at(NOW)).await.unwrap();
}

/// Writes records, many of them in one transaction.
pub async fn write<N: Clone, W: Future<Output = ()> + Send + 'static>(
    subject: &Subject,
    news: Vec<N>,
    one: impl Fn(Arc<dyn Store>, N) -> W,
) {
    for some in news.chunks(200) {
        at_once(some.len(), |n| one(subject.store.clone(), some[n].clone())).await;
    }
}

/// A time near [`NOW`] that many records have.
fn moment(random: &mut Random) -> Timestamp {
    later(i64::try_from(random.below(40)).unwrap() * 43_200_000 - 400_000_000)
}

fn widget_is_selected(filter: &WidgetFilter, widget: &Widget, users: &[User]) -> bool {
    let deadline = widget.deadline.timestamp();
    is(filter.owner.as_ref(), Some(&widget.owner), users)
        && is_at(Some(deadline), filter.deadline_before, filter.deadline_after)
        && filter.overdue.is_none_or(|overdue| overdue == (deadline < NOW))
        && has(filter.search.as_ref(), &[widget.name.as_str(), widget.info_url.as_str()])
}

#[tokio::test]
async fn filtered_and_sorted_widgets_are_those_of_a_plain_evaluation() {
    let (subject, mut random) = (Subject::new(), Random(1));
    let (mut users, named) = add_users(&subject).await;
    let new = |n: usize| {
        let url = format!("https://example.com/{}", random.mostly(&["red", "blue"]));
        NewWidget {
            info_url: InfoUrl::parse(&url).unwrap(),
            deadline: Deadline::from_stored(moment(&mut random), None),
            ..new_widget(&format!("widget-{n}"), &random.mostly(&users))
        }
    };
    let news: Vec<_> = (0..RECORDS).map(new).collect();
    write(&subject, news, |store, new| async move {
        store.create_widget(new, &cli_at(NOW)).await.unwrap();
    })
    .await;
    delete_last(&subject, &mut users).await;
    let read = async |filter, page| subject.list_widgets(None, filter, page, NOW).await;
    let widgets = all(async |page| read(WidgetFilter::default(), page).await).await;
    assert_eq!(widgets.len(), RECORDS);
    for _ in 0..FILTERS {
        let filter = WidgetFilter {
            owner: random.maybe(&named),
            deadline_before: random.moment(),
            deadline_after: random.moment(),
            overdue: random.maybe(&[true, false]),
            search: random.search(&["widget", "RED", "w red", "blue", "widget 77", "none"]),
            sort: random.sort(),
        };
        let is_selected = |widget: &&Widget| widget_is_selected(&filter, widget, &users);
        let mut expected: Vec<_> = widgets.iter().filter(is_selected).collect();
        let Sort { key, descending } = filter.sort.unwrap_or_default();
        sort(&mut expected, descending, |widget| match key {
            WidgetSort::CreatedAt => None,
            WidgetSort::Deadline => Some(widget.deadline.timestamp()),
        });
        let read = async |page| read(filter.clone(), page).await;
        let export =
            async |bookmark| subject.export_widgets(None, filter.clone(), bookmark, NOW).await;
        assert_list(&expected, &filter, &mut random, read, export).await;
    }
}

fn task_is_selected(filter: &TaskFilter, task: &Task, reader: &User, users: &[User]) -> bool {
    let deadline = task.deadline.map(Deadline::timestamp);
    let is_mine = task.assignee.as_ref().is_some_and(|user| user.public_id == reader.public_id);
    let is_open = !matches!(task.status, TaskStatus::Done | TaskStatus::Cancelled);
    let is_overdue = is_open && deadline.is_some_and(|deadline| deadline < NOW);
    (is_mine || reader.role != Role::Employee)
        && filter.mine.is_none_or(|mine| mine == is_mine)
        && filter.status.is_none_or(|status| status == task.status)
        && filter.open.is_none_or(|open| open == is_open)
        && match &filter.assignee {
            None => true,
            Some(AssigneeFilter::Nobody) => task.assignee.is_none(),
            Some(AssigneeFilter::User(user)) => is(Some(user), task.assignee.as_ref(), users),
        }
        && is_at(deadline, filter.deadline_before, filter.deadline_after)
        && filter.overdue.is_none_or(|overdue| overdue == is_overdue)
        && has(filter.search.as_ref(), &[task.title.as_str(), task.description.as_str()])
}

async fn add_tasks(subject: &Subject, random: &mut Random, users: &[User]) {
    let statuses =
        [TaskStatus::Pending, TaskStatus::InProgress, TaskStatus::Done, TaskStatus::Cancelled];
    let assignees: Vec<_> =
        users.iter().map(|user| Some(UserRef::Id(user.public_id))).chain([None]).collect();
    let mut new = |n| {
        let description = TaskDescription::parse(random.mostly(&["red", "blue"])).unwrap();
        let deadlines = [Some(Deadline::from_stored(moment(random), None)), None];
        let new = NewTask {
            description,
            status: random.mostly(&statuses),
            deadline: random.mostly(&deadlines),
            assignee: random.mostly(&assignees),
            ..new_task(&format!("task {n}"), &users[1])
        };
        (new, cli_at(moment(random)))
    };
    let news: Vec<_> = (0..RECORDS).map(&mut new).collect();
    write(subject, news, |store, (new, context)| async move {
        store.create_task(new, &context).await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn filtered_and_sorted_tasks_are_those_of_a_plain_evaluation() {
    let (subject, mut random) = (Subject::new(), Random(2));
    let (mut users, named) = add_users(&subject).await;
    add_tasks(&subject, &mut random, &users).await;
    let mut named: Vec<_> = named.into_iter().map(AssigneeFilter::User).collect();
    named.extend(vec![AssigneeFilter::Nobody; 2]);
    delete_last(&subject, &mut users).await;
    let authority = |reader: &User| Authority { user: reader.public_id, role: reader.role };
    let read = async |reader: &User, filter, page| {
        subject.list_tasks(authority(reader), filter, page, NOW).await
    };
    let tasks = all(async |page| read(&users[1], TaskFilter::default(), page).await).await;
    assert_eq!(tasks.len(), RECORDS);
    for _ in 0..2 * FILTERS {
        // The employee has most tasks.
        let reader = random.pick(&users);
        let filter = TaskFilter {
            mine: random.maybe(&[true, false]),
            status: random.maybe(&[TaskStatus::Pending, TaskStatus::Pending, TaskStatus::Done]),
            open: random.maybe(&[true, false]),
            assignee: random.maybe(&named),
            deadline_before: random.moment(),
            deadline_after: random.moment(),
            overdue: random.maybe(&[true, false]),
            search: random.search(&["task", "RED", "t red", "blue", "task 77", "none"]),
            sort: random.sort(),
        };
        let is_selected = |task: &&Task| task_is_selected(&filter, task, &reader, &users);
        let mut expected: Vec<_> = tasks.iter().filter(is_selected).collect();
        let Sort { key, descending } = filter.sort.unwrap_or_default();
        sort(&mut expected, descending, |task| match key {
            TaskSort::CreatedAt => None,
            TaskSort::Deadline => task.deadline.map(Deadline::timestamp),
            TaskSort::UpdatedAt => Some(task.updated_at),
        });
        if key == TaskSort::Deadline {
            // Those without one come last in both directions.
            expected.sort_by_key(|task| task.deadline.is_none());
        }
        let read = async |page| read(&reader, filter.clone(), page).await;
        let export = async |bookmark| {
            subject.export_tasks(Some(authority(&reader)), filter.clone(), bookmark, NOW).await
        };
        assert_list(&expected, &(&reader.role, &filter), &mut random, read, export).await;
        let at_most = random.pick(&[0, 1, 20, 1_000, 2_000]);
        let filters = vec![filter.clone(), TaskFilter::default()];
        let counts = subject.count_tasks(authority(&reader), filters, at_most, NOW).await.unwrap();
        let all = tasks
            .iter()
            .filter(|task| task_is_selected(&TaskFilter::default(), task, &reader, &users));
        let expected =
            [expected.len(), all.count()].map(|n| u32::try_from(n).unwrap().min(at_most));
        assert_eq!(counts, expected, "{:?} {filter:?}", reader.role);
    }
}

#[tokio::test]
async fn filtered_and_sorted_users_are_those_of_a_plain_evaluation() {
    let (subject, mut random) = (Subject::new(), Random(3));
    let new = |n: usize| {
        let name = format!("user{n}");
        let mut names = new_user(&name).names;
        if n.is_multiple_of(2) {
            names.username = Some(username(&format!("{}{n}", random.mostly(&["red", "blue"]))));
        }
        NewUser {
            role: random.mostly(&[Role::Employee, Role::Manager, Role::Admin]),
            status: random.mostly(&[Status::Active, Status::Pending, Status::Disabled]),
            names,
            ..new_user(&name)
        }
    };
    let news: Vec<_> = (0..RECORDS).map(new).collect();
    write(&subject, news.clone(), |store, new| async move {
        store.create_user(new, None, &cli_at(NOW)).await.unwrap();
    })
    .await;
    for new in news.iter().step_by(100) {
        subject.delete_user(new.public_id, ANY_STATE, &cli_at(NOW)).await.unwrap();
    }
    let read = async |filter, page| subject.list_users(None, filter, page).await;
    let users = all(async |page| read(UserFilter::default(), page).await).await;
    assert_eq!(users.len(), RECORDS - RECORDS.div_ceil(100));
    for _ in 0..FILTERS {
        let filter = UserFilter {
            status: random.maybe(&[Status::Active, Status::Pending]),
            role: random.maybe(&[Role::Employee, Role::Admin]),
            search: random
                .search(&["user", "EXAMPLE", "u ex", "blue", "user77", "none", "user100"]),
            sort: random.sort(),
        };
        let is_selected = |user: &&User| {
            let texts: Vec<_> = user.names.texts().collect();
            filter.status.is_none_or(|status| status == user.status)
                && filter.role.is_none_or(|role| role == user.role)
                && has(filter.search.as_ref(), &texts)
        };
        let mut expected: Vec<_> = users.iter().filter(is_selected).collect();
        let Sort { key: UserSort::RegisteredOn, descending } = filter.sort.unwrap_or_default();
        sort(&mut expected, descending, |_| None::<()>);
        let read = async |page| read(filter.clone(), page).await;
        let export = async |bookmark| subject.export_users(None, filter.clone(), bookmark).await;
        assert_list(&expected, &filter, &mut random, read, export).await;
    }
}

fn event_is_selected(filter: &AuditFilter, entry: &AuditEntry, users: &[User]) -> bool {
    let named = filter.user.as_ref().map(UserRef::folded);
    let is_named = |named: String| {
        let of_name =
            |user: &&User| user.names.username.as_ref().is_some_and(|name| name.folded() == named);
        let named = users.iter().find(of_name).map_or(named, |user| user.public_id.to_string());
        let all = [&entry.actor_id, &Some(entry.actor.clone()), &entry.target_id, &entry.target];
        all.into_iter().flatten().any(|name| name.eq_ignore_ascii_case(&named))
    };
    let is_target = |target: &TargetRef| {
        let target = UserRef::parse(target.as_str()).unwrap().folded();
        let of_name =
            |user: &&User| user.names.username.as_ref().is_some_and(|name| name.folded() == target);
        let id = users.iter().find(of_name).map(|user| user.public_id.to_string());
        let all = [&entry.target_id, &entry.target].into_iter().flatten();
        all.into_iter().any(|name| name.eq_ignore_ascii_case(&target) || Some(name) == id.as_ref())
    };
    named.is_none_or(is_named)
        && filter.target.as_ref().is_none_or(is_target)
        && filter.after.is_none_or(|after| entry.id > after)
        && filter.action.is_none_or(|action| action.name() == entry.action)
        && filter.since.is_none_or(|since| entry.at >= since)
        && has(
            filter.search.as_ref(),
            &[&entry.actor, &entry.action, entry.target.as_deref().unwrap_or(""), &entry.result],
        )
}

async fn add_events(subject: &Subject, random: &mut Random, users: &[User]) {
    let ids: Vec<_> = users.iter().map(|user| user.public_id).collect();
    let actors: Vec<_> = ids
        .iter()
        .copied()
        .map(Actor::User)
        .chain([Actor::Anonymous, Actor::CommandLine])
        .collect();
    let targets: Vec<_> = ids
        .into_iter()
        .map(Target::User)
        .chain([Target::UnknownEmail(email("ANN")), Target::Unknown])
        .collect();
    let mut new = |_| {
        let failure = Failure {
            action: random.mostly(&[Action::LogIn, Action::ChangeRole, Action::Delete]),
            target: random.mostly(&targets),
            reason: random.mostly(&["wrong_password", "blue"]),
        };
        // The clock may be set back.
        (failure, RequestContext { actor: random.mostly(&actors), ..cli_at(moment(random)) })
    };
    let news: Vec<_> = (0..RECORDS).map(&mut new).collect();
    write(subject, news, |store, (failure, context)| async move {
        store.record_failure(failure, &context).await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn filtered_and_sorted_events_are_those_of_a_plain_evaluation() {
    let (subject, mut random) = (Subject::new(), Random(4));
    let (mut users, named) = add_users(&subject).await;
    add_events(&subject, &mut random, &users).await;
    delete_last(&subject, &mut users).await;
    let read = async |filter, page| subject.list_audit(None, filter, page).await;
    let ascending = AuditFilter { sort: Sort::parse("at").ok(), ..AuditFilter::default() };
    let events = all(async |page| read(ascending.clone(), page).await).await;
    assert!(events.len() > RECORDS);
    let ids: Vec<_> = events.iter().map(|entry| entry.id).collect();
    let id = users[1].public_id.to_string();
    let targets =
        [&*id, "ANN@example.com", "bob.o", "nobody"].map(|t| TargetRef::parse(t).unwrap());
    for _ in 0..FILTERS {
        let filter = AuditFilter {
            user: random.maybe(&named),
            target: random.maybe(&targets),
            action: random.maybe(&[Action::LogIn, Action::Delete]),
            after: random.maybe(&ids),
            since: random.moment(),
            search: random.search(&["session", "WRONG", "boss s", "blue", "none"]),
            sort: random.sort(),
        };
        let is_selected = |entry: &&AuditEntry| event_is_selected(&filter, entry, &users);
        let mut expected: Vec<_> = events.iter().filter(is_selected).collect();
        let descending = filter
            .sort
            .map_or(filter.after.is_none(), |Sort { key: AuditSort::At, descending }| descending);
        sort(&mut expected, descending, |_| None::<()>);
        let read = async |page| read(filter.clone(), page).await;
        let export = async |bookmark| subject.export_audit(None, filter.clone(), bookmark).await;
        assert_list(&expected, &filter, &mut random, read, export).await;
    }
}

#[tokio::test]
async fn filtered_and_sorted_templates_are_those_of_a_plain_evaluation() {
    let (subject, mut random) = (Subject::new(), Random(5));
    let (users, _) = add_users(&subject).await;
    for n in 0..400 {
        let (owner, body) = (random.mostly(&users).public_id, random.mostly(&["red", "blue"]));
        let name = format!("{} {n}", random.pick(&["a", "Z", "é"]));
        let new =
            NewTemplate { body: TemplateBody::parse(body).unwrap(), ..new_template(&name, owner) };
        subject.create_template(new, &cli_at(moment(&mut random))).await.unwrap();
    }
    for _ in 0..FILTERS {
        let owner = random.mostly(&users).public_id;
        let read = async |filter, page| subject.list_templates(owner, filter, page).await;
        let templates = all(async |page| read(TemplateFilter::default(), page).await).await;
        let filter = TemplateFilter {
            search: random.search(&["red", "BLUE", "z r", "7", "none"]),
            sort: random.sort(),
        };
        let is_selected = |template: &&Template| {
            has(filter.search.as_ref(), &[template.name.as_str(), template.body.as_str()])
        };
        let mut expected: Vec<_> = templates.iter().filter(is_selected).collect();
        let Sort { key, descending } = filter.sort.unwrap_or_default();
        match key {
            TemplateSort::Name => {
                sort(&mut expected, descending, |template| template.name.as_str());
            }
            TemplateSort::CreatedAt => {
                sort(&mut expected, descending, |template| template.created_at);
            }
            TemplateSort::UpdatedAt => {
                sort(&mut expected, descending, |template| template.updated_at);
            }
        }
        let read = async |page| read(filter.clone(), page).await;
        let export =
            async |bookmark| subject.export_templates(owner, filter.clone(), bookmark).await;
        assert_list(&expected, &filter, &mut random, read, export).await;
    }
}
