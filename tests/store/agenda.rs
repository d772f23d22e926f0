//! The agenda: its sections, the deadlines of each day, and who has what.

use std::cmp::Reverse;

use tempfile::TempDir;
use widgetd::domain::{
    Agenda, AgendaItem, Authority, Deadline, Load, NewTask, NewUser, NewWidget, Role, Status,
    StoreLimits, Task, TaskFilter, TaskStatus, Timestamp, Urgency, User, UserFilter, UserRef,
    Widget, WidgetFilter, Zone,
};
use widgetd::store::OpenMode;

use crate::lists::{all, write};
use crate::random::Random;
use crate::{ANY_STATE, CLI, NOW, Subject, cli_at, new_task, new_user, new_widget, to_status};

const DAY: i64 = 86_400_000;

fn in_zone(name: &str) -> Subject {
    let limits = StoreLimits { zone: Zone::parse(name).unwrap(), ..StoreLimits::default() };
    Subject::limited(TempDir::new().unwrap(), OpenMode::Create, limits)
}

fn moment(text: &str) -> Timestamp {
    Timestamp::parse_start(text, &Zone::UTC).unwrap()
}

const fn beside(moment: Timestamp, millis: i64) -> Timestamp {
    Timestamp::from_millis(moment.as_millis() + millis)
}

const fn authority(user: &User) -> Authority {
    Authority { user: user.public_id, role: user.role }
}

fn due_task(title: &str, boss: &User, assignee: &User, at: Timestamp) -> NewTask {
    NewTask {
        deadline: Some(Deadline::from_stored(at, None)),
        assignee: Some(UserRef::Id(assignee.public_id)),
        ..new_task(title, boss)
    }
}

fn due_widget(name: &str, owner: &User, at: Timestamp) -> NewWidget {
    NewWidget { deadline: Deadline::from_stored(at, None), ..new_widget(name, owner) }
}

fn name_of(item: &AgendaItem) -> &str {
    match item {
        AgendaItem::Task(task) => task.title.as_str(),
        AgendaItem::Widget(widget) => widget.name.as_str(),
    }
}

impl Subject {
    /// Before all deadlines.
    async fn add_task(&self, new: NewTask) -> Task {
        self.create_task(new, &cli_at(Timestamp::FIRST)).await.unwrap()
    }

    async fn agenda(&self, reader: &User, now: Timestamp) -> Agenda {
        self.read_agenda(authority(reader), now).await.unwrap()
    }
}

/// The names of the items of each section, by the urgency that it says it has.
fn sections(agenda: &Agenda) -> Vec<(Urgency, Vec<&str>)> {
    let names = agenda.sections.iter().map(|section| {
        assert_eq!(section.count as usize, section.items.len());
        (section.urgency, section.items.iter().map(name_of).collect())
    });
    names.collect()
}

#[tokio::test]
async fn a_deadline_is_in_the_section_of_its_day_in_the_zone() {
    for (zone, now, [tomorrow, after_tomorrow, later]) in [
        (
            "UTC",
            "2026-11-21T12:00:00Z",
            ["2026-11-22T00:00:00Z", "2026-11-23T00:00:00Z", "2026-11-28T00:00:00Z"],
        ),
        // Tomorrow has 25 hours.
        (
            "America/Los_Angeles",
            "2026-10-31T23:59:59-07:00",
            ["2026-11-01T00:00:00-07:00", "2026-11-02T00:00:00-08:00", "2026-11-07T00:00:00-08:00"],
        ),
        // Tomorrow has 23 hours.
        (
            "Pacific/Auckland",
            "2026-09-26T00:00:01+12:00",
            ["2026-09-27T00:00:00+12:00", "2026-09-28T00:00:00+13:00", "2026-10-03T00:00:00+13:00"],
        ),
        // A day of the week has 25 hours.
        (
            "Pacific/Auckland",
            "2027-03-31T12:00:00+13:00",
            ["2027-04-01T00:00:00+13:00", "2027-04-02T00:00:00+13:00", "2027-04-07T00:00:00+12:00"],
        ),
    ] {
        let subject = in_zone(zone);
        let ann = subject.add_admin("ann").await;
        let now = moment(now);
        let [tomorrow, after_tomorrow, later] = [tomorrow, after_tomorrow, later].map(moment);
        let kept = beside(now, -14 * DAY);
        // Latest first, so that the order of creation is another one.
        for (n, edge) in [later, after_tomorrow, tomorrow, now, kept].into_iter().enumerate() {
            for (side, millis) in [("from", 0), ("till", -1)] {
                let (title, at) = (format!("{side}{n}"), beside(edge, millis));
                subject
                    .create_widget(due_widget(&format!("w-{title}"), &ann, at), CLI)
                    .await
                    .unwrap();
                subject.add_task(due_task(&title, &ann, &ann, at)).await;
            }
        }
        let mine = Some(UserRef::Id(ann.public_id));
        for title in ["never", "neither"] {
            subject.add_task(NewTask { assignee: mine.clone(), ..new_task(title, &ann) }).await;
        }
        let agenda = subject.agenda(&ann, now).await;
        assert_eq!(
            sections(&agenda),
            [
                // A widget that passed earlier is left out, a task is not.
                (Urgency::Overdue, vec!["till4", "from4", "w-from4", "till3", "w-till3"]),
                (Urgency::Today, vec!["from3", "w-from3", "till2", "w-till2"]),
                (Urgency::Tomorrow, vec!["from2", "w-from2", "till1", "w-till1"]),
                (Urgency::Week, vec!["from1", "w-from1", "till0", "w-till0"]),
                (Urgency::Later, vec!["from0", "w-from0"]),
                (Urgency::NoDate, vec!["never", "neither"]),
            ],
            "{zone}"
        );
    }
}

#[tokio::test]
async fn the_end_of_a_date_is_on_that_date() {
    for (zone, now) in [
        ("America/Los_Angeles", "2026-03-07T12:00:00-08:00"),
        ("America/Los_Angeles", "2026-10-31T12:00:00-07:00"),
        ("Pacific/Auckland", "2026-09-26T12:00:00+12:00"),
        ("Pacific/Kiritimati", "2026-11-21T12:00:00+14:00"),
        ("Etc/GMT+12", "2026-11-21T12:00:00-12:00"),
    ] {
        let subject = in_zone(zone);
        let (ann, now) = (subject.add_admin("ann").await, moment(now));
        let mut date = subject.zone().date_of(beside(now, -DAY));
        for day in ["-1", "0", "1", "2", "3", "4", "5", "6", "7"] {
            let deadline = Some(Deadline::end_of(date, subject.zone()));
            let mine = Some(UserRef::Id(ann.public_id));
            subject.add_task(NewTask { deadline, assignee: mine, ..new_task(day, &ann) }).await;
            date = date.next_day().unwrap();
        }
        let agenda = subject.agenda(&ann, now).await;
        let names: Vec<_> = sections(&agenda).into_iter().map(|(_, names)| names).collect();
        let expected: [&[&str]; 6] =
            [&["-1"], &["0"], &["1"], &["2", "3", "4", "5", "6"], &["7"], &[]];
        assert_eq!(names, expected, "{zone}");
    }
}

#[tokio::test]
async fn a_section_has_twenty_items_and_counts_a_thousand_of_a_kind() {
    let subject = Subject::new();
    let ann = subject.add_admin("ann").await;
    let soon = beside(NOW, 3_600_000);
    let dues = |count: usize, at| (0..count).map(move |n| (n, at)).collect::<Vec<_>>();
    let add_widgets = async |name: &'static str, dues| {
        let owner = ann.clone();
        write(&subject, dues, move |store, (n, at)| {
            let new = due_widget(&format!("{name}-{n}"), &owner, at);
            async move { drop(store.create_widget(new, CLI).await.unwrap()) }
        })
        .await;
    };
    let add_tasks = async |dues| {
        let owner = ann.clone();
        write(&subject, dues, move |store, (n, at): (usize, Timestamp)| {
            let new = due_task(&format!("task {n}"), &owner, &owner, at);
            async move { drop(store.create_task(new, &cli_at(Timestamp::FIRST)).await.unwrap()) }
        })
        .await;
    };
    add_widgets("first", dues(3, NOW)).await;
    add_widgets("last", dues(20, soon)).await;
    add_tasks(dues(7, soon)).await;
    let today = |agenda: &Agenda| {
        let section = agenda.sections[1].clone();
        let kinds = section.items.iter().map(|item| match item {
            AgendaItem::Task(_) => 't',
            AgendaItem::Widget(widget) => widget.name.as_str().chars().next().unwrap(),
        });
        (section.count, kinds.collect::<String>())
    };
    let found = today(&subject.agenda(&ann, NOW).await);
    assert_eq!(found, (30, "fff".to_owned() + &"t".repeat(7) + &"l".repeat(10)));
    add_widgets("more", dues(977, soon)).await;
    add_tasks(dues(100, soon)).await;
    let found = today(&subject.agenda(&ann, NOW).await);
    assert_eq!(found, (1_107, "fff".to_owned() + &"t".repeat(17)));
    add_widgets("and-more", dues(1, soon)).await;
    add_tasks(dues(1_000, soon)).await;
    assert_eq!(today(&subject.agenda(&ann, NOW).await).0, 2_000);
}

#[tokio::test]
async fn the_agenda_has_the_readers_own_open_tasks_alone() {
    let subject = Subject::new();
    let (ann, boss) = (
        subject.add_user("ann").await,
        subject.add(NewUser { role: Role::Manager, ..new_user("boss") }).await,
    );
    for (title, assignee, status) in [
        ("pending", Some(&ann), TaskStatus::Pending),
        ("in progress", Some(&ann), TaskStatus::InProgress),
        ("done", Some(&ann), TaskStatus::Done),
        ("cancelled", Some(&ann), TaskStatus::Cancelled),
        ("of the boss", Some(&boss), TaskStatus::Pending),
        ("nobody's", None, TaskStatus::Pending),
    ] {
        let assignee = assignee.map(|user| UserRef::Id(user.public_id));
        let timed = due_task(title, &boss, &boss, NOW);
        subject.add_task(NewTask { assignee: assignee.clone(), status, ..timed }).await;
        subject.add_task(NewTask { assignee, status, ..new_task(title, &boss) }).await;
    }
    for (reader, expected, seen) in
        [(&ann, &["pending", "in progress"][..], 2), (&boss, &["of the boss"], 4)]
    {
        let agenda = subject.agenda(reader, NOW).await;
        for urgency in [Urgency::Today, Urgency::NoDate] {
            let (_, mut names) = sections(&agenda).remove(urgency as usize);
            names.sort_by_key(|name| Reverse(*name));
            assert_eq!(names, expected, "{urgency:?}");
        }
        // NOW is a Saturday: the 13th day.
        let mut deadlines = vec![0; 56];
        deadlines[12] = seen;
        assert_eq!(
            (agenda.first_day.to_string(), agenda.deadlines),
            ("2026-11-09".to_owned(), deadlines)
        );
        assert_eq!(agenda.load.is_empty(), reader.role == Role::Employee);
    }
}

/// The urgency of a deadline by its date.
fn urgency(deadline: Option<Deadline>, now: Timestamp, zone: &Zone) -> Urgency {
    let Some(deadline) = deadline else { return Urgency::NoDate };
    if deadline.has_passed(now) {
        return Urgency::Overdue;
    }
    match (zone.date_of(deadline.timestamp()) - zone.date_of(now)).whole_days() {
        0 => Urgency::Today,
        1 => Urgency::Tomorrow,
        2..=6 => Urgency::Week,
        _ => Urgency::Later,
    }
}

/// All records of a store, in the order of creation.
struct Records {
    tasks: Vec<Task>,
    widgets: Vec<Widget>,
    users: Vec<User>,
    zone: Zone,
}

impl Records {
    /// Those of sixteen users, of whom one is deleted and one is disabled.
    async fn add(subject: &Subject, random: &mut Random, now: Timestamp) -> Self {
        let mut users = Vec::new();
        for (n, role) in Role::ALL.iter().cycle().take(16).enumerate() {
            users.push(subject.add(NewUser { role: *role, ..new_user(&format!("user{n}")) }).await);
        }
        let at = |random: &mut Random| {
            // Some are equal.
            let hours = i64::try_from(random.below(80 * 24)).unwrap() - 30 * 24;
            Deadline::from_stored(beside(now, hours * 3_600_000), None)
        };
        let statuses =
            [TaskStatus::Pending, TaskStatus::Pending, TaskStatus::InProgress, TaskStatus::Done];
        let task = |n| {
            // The first one has most, and nobody has some.
            let whose = random.below(18).min(random.below(18)) * random.below(3).min(1);
            NewTask {
                assignee: users.get(whose).map(|user| UserRef::Id(user.public_id)),
                deadline: (random.below(3) > 0).then(|| at(random)),
                status: random.pick(&statuses),
                ..new_task(&format!("task {n}"), &users[1])
            }
        };
        let tasks: Vec<_> = (0..1_400).map(task).collect();
        let widget = |n: usize| NewWidget {
            deadline: at(random),
            ..new_widget(&format!("widget-{n}"), &users[2])
        };
        let widgets: Vec<_> = (0..300).map(widget).collect();
        write(subject, tasks, |store, new| async move {
            store.create_task(new, &cli_at(Timestamp::FIRST)).await.unwrap();
        })
        .await;
        write(subject, widgets, |store, new| async move {
            store.create_widget(new, CLI).await.unwrap();
        })
        .await;
        let [gone, off] = [3, 4].map(|n: usize| users[n].public_id);
        subject.delete_user(gone, ANY_STATE, CLI).await.unwrap();
        subject.update_user(off, to_status(Status::Disabled), ANY_STATE, CLI).await.unwrap();
        let manager = authority(&users[1]);
        let tasks =
            async |page| subject.list_tasks(manager, TaskFilter::default(), page, now).await;
        let widgets =
            async |page| subject.list_widgets(None, WidgetFilter::default(), page, now).await;
        let (tasks, widgets) = (all(tasks).await, all(widgets).await);
        Self { tasks, widgets, users, zone: subject.zone().clone() }
    }

    fn open(&self) -> impl Iterator<Item = &Task> {
        let is_open =
            |task: &&Task| matches!(task.status, TaskStatus::Pending | TaskStatus::InProgress);
        self.tasks.iter().filter(is_open)
    }

    fn open_of(&self, user: Option<&User>) -> Vec<&Task> {
        let of = |task: &&Task| {
            task.assignee.as_ref().map(|user| user.public_id) == user.map(|user| user.public_id)
        };
        self.open().filter(of).collect()
    }

    /// The items of a section, all of them.
    fn section(&self, reader: &User, wanted: Urgency, now: Timestamp) -> Vec<AgendaItem> {
        let is_wanted = |deadline| urgency(deadline, now, &self.zone) == wanted;
        let since = beside(now, -14 * DAY);
        let tasks = self.open_of(Some(reader)).into_iter().filter(|task| is_wanted(task.deadline));
        let widgets = self.widgets.iter().filter(|widget| {
            is_wanted(Some(widget.deadline)) && widget.deadline.timestamp() >= since
        });
        let mut items: Vec<_> = tasks
            .map(|task| (task.deadline, AgendaItem::Task(task.clone())))
            .chain(
                widgets.map(|widget| (Some(widget.deadline), AgendaItem::Widget(widget.clone()))),
            )
            .collect();
        items.sort_by_key(|(deadline, _)| deadline.map(Deadline::timestamp));
        items.into_iter().map(|(_, item)| item).collect()
    }

    /// How many deadlines each day has for a reader.
    fn deadlines(&self, reader: &User, first: time::Date) -> Vec<u32> {
        let tasks: Vec<_> = match reader.role {
            Role::Employee => self.open_of(Some(reader)),
            _ => self.open().collect(),
        };
        let tasks = tasks.into_iter().filter_map(|task| task.deadline);
        let mut days = vec![0; 56];
        for deadline in tasks.chain(self.widgets.iter().map(|widget| widget.deadline)) {
            let day = (self.zone.date_of(deadline.timestamp()) - first).whole_days();
            if let Some(count) = usize::try_from(day).ok().and_then(|day| days.get_mut(day)) {
                *count = 10.min(*count + 1);
            }
        }
        days
    }
}

impl Records {
    /// Who has how many tasks that are overdue, in progress and pending.
    fn load(&self, now: Timestamp) -> Vec<Load> {
        let of = |user: Option<&User>| {
            let tasks = self.open_of(user);
            let count = |is: fn(&Task, bool) -> bool| {
                let found = tasks.iter().filter(|task| is(task, task.has_passed(now))).count();
                u32::try_from(found).unwrap().min(100)
            };
            let load = Load {
                assignee: tasks.first()?.assignee.clone(),
                overdue: count(|_, is_late| is_late),
                in_progress: count(|task, is_late| {
                    !is_late && task.status == TaskStatus::InProgress
                }),
                pending: count(|task, is_late| !is_late && task.status == TaskStatus::Pending),
            };
            Some(load)
        };
        let mut load: Vec<_> = self.users.iter().filter_map(|user| of(Some(user))).collect();
        load.sort_by_key(|load| Reverse(load.overdue + load.in_progress + load.pending));
        assert!(load.len() > 12);
        load.truncate(12);
        load.extend(of(None));
        load
    }
}

#[tokio::test]
async fn the_agenda_is_that_of_a_plain_recount() {
    let mut random = Random(7);
    for (zone, now) in [
        // The clocks change within the eight weeks.
        ("America/Los_Angeles", "2026-10-21T22:30:00-07:00"),
        ("Pacific/Auckland", "2026-09-07T00:30:00+12:00"),
    ] {
        let (subject, now) = (in_zone(zone), moment(now));
        let records = Records::add(&subject, &mut random, now).await;
        let load = records.load(now);
        assert_eq!((load[0].overdue, load[0].pending), (100, 100));
        assert!(load.iter().any(|load| load.assignee.as_ref().is_some_and(|user| user.is_deleted)));
        for (n, reader) in records.users.iter().enumerate().filter(|(n, _)| *n != 3) {
            let agenda = subject.agenda(reader, now).await;
            for (section, urgency) in agenda.sections.iter().zip(Urgency::ALL) {
                let items = records.section(reader, *urgency, now);
                assert_eq!((section.urgency, section.count as usize), (*urgency, items.len()));
                assert_eq!(section.items, items[..items.len().min(20)], "{zone} {n} {urgency:?}");
            }
            let deadlines = records.deadlines(reader, agenda.first_day);
            assert!(deadlines.contains(&10) || reader.role == Role::Employee);
            assert_eq!(agenda.deadlines, deadlines, "{zone} {n}");
            let seen = if reader.role == Role::Employee { &[][..] } else { &load };
            assert_eq!(agenda.load, seen, "{zone} {n}");
        }
    }
}

#[tokio::test]
async fn a_hundred_assignees_are_looked_at() {
    let subject = Subject::new();
    let boss = subject.add_admin("boss").await;
    let names: Vec<_> = (0..101).map(|n| format!("user{n}")).collect();
    write(&subject, names, |store, name| async move {
        store.create_user(new_user(&name), None, CLI).await.unwrap();
    })
    .await;
    let users = all(async |page| subject.list_users(None, UserFilter::default(), page).await).await;
    for (n, user) in users.iter().enumerate() {
        for _ in 0..=(n / 99) {
            subject.add_task(due_task("task", &boss, user, NOW)).await;
        }
    }
    let load = subject.agenda(&boss, NOW).await.load;
    // The last two have more than one; the boss is the first.
    let found: Vec<_> = load.iter().map(|load| load.pending).collect();
    assert_eq!(found, [[2].as_slice(), &[1; 11]].concat());
    assert_eq!(load[0].assignee.as_ref().map(|user| user.public_id), Some(users[99].public_id));
}
