//! What do the agenda, the counts of tabs, and the pages that show them cost?

use std::path::Path;
use std::sync::Arc;

use widgetd::domain::{
    AssigneeFilter, Authority, NewTask, Role, TaskFilter, TaskStatus, UserId, UserRef,
};

use crate::fill::{self, NOW, context, is_pending};
use crate::{SharedStore, least, pages, setting};

/// How many users there are.
const USERS: u64 = 60;

/// Who has the tasks, and how many of them are open.
struct Case {
    name: &'static str,
    people: usize,
    one_open_of: u64,
}

const CASES: [Case; 3] = [
    Case { name: "all open, all mine", people: 1, one_open_of: 1 },
    Case { name: "all open, of 50 people", people: 50, one_open_of: 1 },
    Case { name: "a hundredth open, all mine", people: 1, one_open_of: 100 },
];

pub async fn all(folder: &Path) {
    let rows = setting("ROWS", 100_000);
    for (n, case) in CASES.iter().enumerate() {
        let path = folder.join(format!("agenda-{n}-{rows}.db"));
        let store = fill::open(&path, USERS, async |store, users| {
            add(store, rows, case, &users).await;
        })
        .await;
        let me = UserRef::parse(&fill::email(0)).expect("an account");
        let me = store.get_user_by_name(&me).await.expect("an account").public_id;
        println!("\n{rows} tasks and widgets, {}", case.name);
        for role in [Role::Admin, Role::Employee] {
            let reader = Authority { user: me, role };
            let agenda = least(|| store.read_agenda(reader, NOW)).await;
            let count = || store.count_tasks(reader, tabs(), 1_000, NOW);
            let (tabs, counts) = (least(count).await, count().await.expect("counts"));
            println!("  {:8} agenda {agenda:6.2} ms", role.as_str());
            println!("  {:8} tabs   {tabs:6.2} ms  {counts:?}", role.as_str());
        }
        store.close().await;
        drop(store);
        pages::all(&path, &fill::email(0));
    }
}

async fn add(store: &SharedStore, rows: u64, case: &Case, users: &Arc<Vec<UserId>>) {
    let (people, one_open_of) = (case.people, case.one_open_of);
    fill::write(store, "widget", rows, users, |store, n, users| async move {
        store.create_widget(fill::widget(n, &users), &context(0)).await.expect("a widget");
    })
    .await;
    fill::write(store, "task", rows, users, move |store, n, users| async move {
        // Tasks are given to active users only.
        let active = (0..).zip(users.iter()).filter(|(n, _)| !is_pending(*n));
        let active: Vec<_> = active.map(|(_, id)| *id).take(people).collect();
        let status = match n {
            n if !n.is_multiple_of(one_open_of) => TaskStatus::Done,
            n if n.is_multiple_of(3) => TaskStatus::InProgress,
            _ => TaskStatus::Pending,
        };
        let whose = usize::try_from(n).expect("a number") % people;
        let assignee = Some(UserRef::Id(active[whose]));
        let new = NewTask { status, assignee, ..fill::task(n, &users) };
        store.create_task(new, &context(n)).await.expect("a task");
    })
    .await;
}

/// Mine, open, overdue, unassigned, done.
fn tabs() -> Vec<TaskFilter> {
    let open = || TaskFilter { open: Some(true), ..TaskFilter::default() };
    vec![
        TaskFilter { mine: Some(true), ..open() },
        open(),
        TaskFilter { overdue: Some(true), ..TaskFilter::default() },
        TaskFilter { assignee: Some(AssigneeFilter::Nobody), ..open() },
        TaskFilter { status: Some(TaskStatus::Done), ..TaskFilter::default() },
    ]
}
