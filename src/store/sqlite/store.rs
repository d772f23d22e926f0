//! The operations on the whole store.

use async_trait::async_trait;
use rusqlite::{Connection, params};

use super::engine::SqliteStore;
use super::{audit, idempotency, last_backup, passwords, sessions, snapshots, space};
use crate::domain::{Backup, DoneRequest, IDEMPOTENCY_SECONDS, Timestamp, UserId, Zone};
use crate::error::Error;
use crate::store::traits::{Retention, Store};
use crate::telemetry::StoreSizes;

/// How many rows one job deletes at most, so that other writes run between the jobs.
const PURGE_BATCH: usize = 1_000;

#[async_trait]
impl Store for SqliteStore {
    fn zone(&self) -> &Zone {
        &self.zone
    }

    fn read_together(&self, work: &mut dyn FnMut()) {
        snapshots::read_together(work);
    }

    async fn get_installation_id(&self) -> Result<String, Error> {
        self.read(|connection| {
            connection
                .prepare_cached("SELECT public_id FROM installation")?
                .query_row([], |row| row.get(0))
        })
    }

    async fn ping(&self) -> Result<(), Error> {
        self.writer.check_health()?;
        self.readers.check_health()?;
        self.read(|connection| {
            connection.prepare_cached("SELECT 1 FROM installation")?.query_row([], |_| Ok(()))
        })?;
        self.write_check.check(&self.writer).await
    }

    async fn measure(&self) -> Result<StoreSizes, Error> {
        let sessions = self.read_list(None, |connection| {
            connection.query_row("SELECT count(*) FROM session", [], |row| row.get(0))
        });
        let sessions = sessions.await?;
        let [database_bytes, log_bytes] = self.opened.sizes();
        let last_backup = self.find_last_backup().await?.map(|backup| backup.made_at);
        Ok(StoreSizes { database_bytes, log_bytes, sessions, last_backup })
    }

    async fn find_done_request(
        &self,
        user: UserId,
        key: &str,
        now: Timestamp,
    ) -> Result<Option<DoneRequest>, Error> {
        self.read(|connection| idempotency::find(connection, user, key, now))
    }

    async fn find_last_backup(&self) -> Result<Option<Backup>, Error> {
        self.read(last_backup::get)
    }

    async fn note_backup(&self, backup: Backup) -> Result<(), Error> {
        self.writer.run(move |connection| Ok(last_backup::note(connection, &backup)?)).await
    }

    async fn wait_for_other_schema(&self) -> Error {
        let version = self.schema.changed().await;
        Error::Conflict(format!(
            "the schema of the database was changed to version {version} while this widgetd {} was using it; \
             start the widgetd that has done so",
            env!("CARGO_PKG_VERSION")
        ))
    }

    async fn purge(&self, retention: Retention) -> Result<(), Error> {
        let Retention { now, networks_since, audit_since } = retention;
        for (purge, before) in [
            (sessions::PURGE, now),
            (passwords::PURGE_RESET_CODES, now),
            (sessions::PURGE_NETWORKS, networks_since),
            (idempotency::PURGE, now.plus_seconds(-IDEMPOTENCY_SECONDS)),
        ] {
            let job = move |connection: &Connection| {
                Ok(connection.prepare_cached(purge)?.execute(params![before, PURGE_BATCH])?)
            };
            while self.writer.run(job).await? == PURGE_BATCH {}
        }
        let tomorrow = now.plus_seconds(86_400);
        let job = move |connection: &Connection| {
            let mut purge = connection.prepare_cached(audit::PURGE)?;
            Ok(purge.execute(params![audit_since, PURGE_BATCH, tomorrow])?)
        };
        while self.writer.run(job).await? == PURGE_BATCH {}
        while self.writer.run(|connection| Ok(space::give_back(connection)?)).await? {}
        Ok(())
    }

    async fn close(&self) {
        self.readers.close();
        self.writer.close();
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::collections::HashMap;

    use rusqlite::trace::{TraceEvent, TraceEventCodes};

    use super::super::connection::initialise;
    use super::super::migrate::create_schema;
    use super::super::portions::UpTo;
    use super::super::scans::MOST_SORTED;
    use super::super::{agenda, tasks, users, widgets};
    use super::*;
    use crate::domain::{
        Action, AssigneeFilter, AuditFilter, AuditSort, Authority, Bookmark, EventId, Named, Page,
        PageRequest, Portion, Role, Search, Sort, SortValue, Status, TaskFilter, TaskSort,
        TaskStatus, Timestamp, UserFilter, UserId, UserRef, UserSort, WidgetFilter, WidgetSort,
    };

    const NOW: Timestamp = Timestamp::from_millis(1_000);

    /// More rows than are sorted are selected by each filter below, of any combination.
    const ROWS: &str = "
        INSERT INTO user (public_id, email, email_folded, username, username_folded, role, status, password_hash,
                          created_at, updated_at)
        VALUES ('00000000-0000-4000-8000-000000000001', 'a@b.c', 'a@b.c', 'ann', 'ann', 'admin', 'active', '', 0, 0),
               ('00000000-0000-4000-8000-000000000002', 'b@b.c', 'b@b.c', 'bob', 'bob', 'admin', 'active', '', 0, 0);
        CREATE TEMP TABLE n AS
            WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n LIMIT 100) SELECT n FROM n;
        INSERT INTO user (public_id, email, email_folded, role, status, password_hash, created_at, updated_at)
        SELECT format('00000000-0000-4000-8000-%012d', n + 2), 'few' || n % 100 || '.' || n || '@word.c',
               n || '@b.c', 'admin', 'active', '', 0, 0 FROM n;
        INSERT INTO widget (name, info_url, deadline, owner_id, created_at, updated_at)
        SELECT 'word' || n, 'few' || n % 100, n % 2 * 1000 + 500, 1, 0, 0 FROM n;
        INSERT INTO task (public_id, title, description, status, deadline, assignee_id, creator_id, created_at,
                          updated_at, version)
        SELECT format('00000000-0000-4000-8000-%012d', n), 'word' || n, 'few' || n % 100,
               iif(n % 4 < 2, 'pending', 'done'), n % 2 * 1000 + 500, 1, 2, 0, n, 0
        FROM (SELECT n FROM n UNION ALL SELECT n + 100 FROM n);
        INSERT INTO audit (at, actor, actor_id, action, target, target_id, result, detail)
        SELECT n, 'a@b.c', '00000000-0000-4000-8000-000000000001', 'session.start', 'a@b.c',
               '00000000-0000-4000-8000-000000000001', 'word', 'few' || n % 100 FROM n;";

    thread_local! {
        static STATEMENTS: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
    }

    fn connection() -> Connection {
        let mut connection = Connection::open_in_memory().unwrap();
        initialise(&connection).unwrap();
        connection.set_prepared_statement_cache_capacity(10_000);
        create_schema(&mut connection).unwrap();
        connection.execute_batch(ROWS).unwrap();
        connection
    }

    /// The statements that a read runs.
    fn statements(connection: &Connection, read: impl FnOnce(&Connection)) -> Vec<String> {
        let note = |event: TraceEvent<'_>| {
            // Others are run by virtual tables.
            if let TraceEvent::Stmt(_, sql) = event
                && !sql.starts_with("--")
            {
                STATEMENTS.with_borrow_mut(|all| all.push(sql.to_owned()));
            }
        };
        connection.trace_v2(TraceEventCodes::SQLITE_TRACE_STMT, Some(note));
        read(connection);
        connection.trace_v2(TraceEventCodes::empty(), None);
        STATEMENTS.take()
    }

    /// Fails if a list of many rows reads others than those of its page, or sorts them.
    struct Plans {
        connection: Connection,
        known: HashMap<String, Vec<String>>,
    }

    impl Plans {
        fn new() -> Self {
            Self { connection: connection(), known: HashMap::new() }
        }

        fn check<T>(
            &mut self,
            what: &str,
            read: impl Fn(&Connection, PageRequest) -> rusqlite::Result<Page<T>>,
            export: impl Fn(&Connection, Bookmark) -> rusqlite::Result<Portion<T>>,
        ) {
            let mut total = 0;
            let run = |connection: &Connection| {
                let first = read(connection, PageRequest::DEFAULT).unwrap();
                let last = PageRequest::new(first.last_page(), 10);
                total = read(connection, last).unwrap().total;
                let middle = Some((SortValue::Number(5_000), 7));
                for last in [None, middle] {
                    let bookmark = Bookmark { last, ..Bookmark::default() };
                    export(connection, bookmark).unwrap();
                }
            };
            for sql in statements(&self.connection, run) {
                self.check_statement(what, &sql, total);
            }
        }

        fn check_count(
            &mut self,
            what: &str,
            count: impl Fn(&Connection, UpTo) -> rusqlite::Result<u32>,
        ) {
            let run = |connection: &Connection| assert!(count(connection, UpTo(5)).unwrap() <= 5);
            for sql in statements(&self.connection, run) {
                self.check_statement(what, &sql, 5);
            }
        }

        fn check_statement(&mut self, what: &str, sql: &str, total: u64) {
            // A page of a whole list is found with the buckets.
            if sql.contains("FROM bucket") || sql.contains(" IN (SELECT id FROM ") {
                return;
            }
            if !sql.contains("count(*)") && !sql.contains(" ORDER BY ") {
                return;
            }
            for step in self.plan(sql) {
                // `audit_user` has its columns in the key's own tree.
                let kinds =
                    ["USING COVERING INDEX", "USING PRIMARY KEY", "VIRTUAL TABLE", "(subquery"];
                let reads_rows = (step.starts_with("SCAN") || step.starts_with("SEARCH"))
                    && !kinds.iter().any(|kind| step.contains(kind));
                let is_cheap = !reads_rows && !step.contains("TEMP B-TREE");
                let is_page = sql.contains(" ORDER BY ");
                assert!(is_cheap || is_page && total <= MOST_SORTED, "{what}: {sql}: {step}");
            }
        }

        fn plan(&mut self, sql: &str) -> Vec<String> {
            let Self { connection, known } = self;
            let explain = || {
                let mut plan = connection.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
                plan.raw_query().mapped(|row| row.get(3)).map(Result::unwrap).collect()
            };
            known.entry(sql.to_owned()).or_insert_with(explain).clone()
        }
    }

    fn orders<K: Named>() -> Vec<Option<Sort<K>>> {
        Sort::<K>::names().map(|name| Some(Sort::parse(&name).unwrap())).collect()
    }

    fn searches() -> [Option<Search>; 3] {
        [None, Some(Search::parse("word").unwrap()), Some(Search::parse("few77").unwrap())]
    }

    fn assignees() -> [Option<AssigneeFilter>; 3] {
        let user = AssigneeFilter::User(UserRef::Id(user(1)));
        [None, Some(user), Some(AssigneeFilter::Nobody)]
    }

    fn user(n: usize) -> UserId {
        UserId::parse(&format!("00000000-0000-4000-8000-00000000000{n}")).unwrap()
    }

    /// Calls a function with each combination of values.
    macro_rules! for_each {
        ($($name:pat in $values:expr),+ => $body:expr) => {
            for_each!(@ $($name in $values),+ => $body)
        };
        (@ $name:pat in $values:expr => $body:expr) => { for $name in $values { $body } };
        (@ $name:pat in $values:expr, $($rest:tt)+) => {
            for $name in $values { for_each!(@ $($rest)+) }
        };
    }

    const BOTH: [Option<bool>; 3] = [None, Some(true), Some(false)];

    #[test]
    fn long_lists_read_only_the_rows_of_their_page() {
        let mut plans = Plans::new();
        let (before, after) = (Timestamp::from_millis(9_000), Timestamp::from_millis(1));
        for_each!(
            sort in orders::<WidgetSort>(), owner in [None, Some(UserRef::Id(user(1)))],
            deadline_before in [None, Some(before)], deadline_after in [None, Some(after)],
            overdue in BOTH, search in searches() => {
                let filter = WidgetFilter {
                    owner: owner.clone(), deadline_before, deadline_after, overdue, sort,
                    search: search.clone(),
                };
                let list = |connection: &Connection, page| widgets::list(connection, &filter, page, NOW);
                let export = |connection: &Connection, part| widgets::list(connection, &filter, part, NOW);
                plans.check(&format!("{filter:?}"), list, export);
            }
        );
        for_each!(
            sort in orders::<TaskSort>(), assignee in assignees(),
            status in [None, Some(TaskStatus::Pending)], open in BOTH, mine in BOTH, overdue in BOTH,
            (deadline_before, deadline_after) in [(None, None), (Some(before), None), (None, Some(after))],
            search in searches(), role in [Role::Manager, Role::Employee] => {
                // Most tasks are assigned to the first one.
                let reader = user(if mine == Some(false) && role == Role::Manager { 2 } else { 1 });
                let reader = Authority { user: reader, role };
                // The other half is done.
                let status = status.map(|status| if open == Some(false) { TaskStatus::Done } else { status });
                let filter = TaskFilter {
                    mine, status, open, assignee: assignee.clone(), deadline_before, deadline_after, overdue,
                    search: search.clone(), sort,
                };
                let list = |connection: &Connection, page| tasks::list(connection, Some(reader), &filter, page, NOW);
                let export = |connection: &Connection, part| tasks::list(connection, Some(reader), &filter, part, NOW);
                let what = format!("{role:?} {filter:?}");
                plans.check(&what, list, export);
                let count = |connection: &Connection, part| tasks::list(connection, Some(reader), &filter, part, NOW);
                plans.check_count(&what, count);
            }
        );
        for_each!(
            sort in orders::<UserSort>(), status in [None, Some(Status::Active)],
            role in [None, Some(Role::Admin)], search in searches() => {
                let filter = UserFilter { status, role, search, sort };
                let list = |connection: &Connection, page| users::list(connection, &filter, page);
                let export = |connection: &Connection, part| users::list(connection, &filter, part);
                plans.check(&format!("{filter:?}"), list, export);
            }
        );
        for_each!(
            sort in orders::<AuditSort>(), user in [None, Some(UserRef::Id(user(1)))],
            action in [None, Some(Action::LogIn)], since in [None, Some(after)],
            after in [None, Some(EventId::new(5))], search in searches() => {
                let (user, target) = (user.clone(), None);
                let filter = AuditFilter { user, target, action, after, since, search, sort };
                let list = |connection: &Connection, page| audit::list(connection, &filter, page);
                let export = |connection: &Connection, part| audit::list(connection, &filter, part);
                plans.check(&format!("{filter:?}"), list, export);
            }
        );
        assert!(plans.known.len() > 500, "{}", plans.known.len());
    }

    #[test]
    fn the_agenda_is_found_in_indexes() {
        let mut plans = Plans::new();
        for role in [Role::Manager, Role::Employee] {
            let reader = Authority { user: user(1), role };
            let read = |connection: &Connection| {
                drop(agenda::read(connection, reader, &Zone::UTC, NOW).unwrap());
            };
            let mut all = statements(&plans.connection, read);
            // Items are read by their ids.
            all.retain(|sql| sql.contains("INDEXED BY"));
            assert!(all.len() > 80, "{}", all.len());
            for step in all.iter().flat_map(|sql| plans.plan(sql)) {
                let is_result = step == "SCAN CONSTANT ROW" || step.starts_with("SCAN (subquery");
                let is_found = step.contains(" USING COVERING INDEX ")
                    && (step.contains(" AND deadline") || step.contains("(deadline>? AND"))
                    || step.ends_with("task_open (assignee_id>?)");
                let reads = step.starts_with("SCAN") || step.starts_with("SEARCH");
                let is_cheap = !reads || is_result || is_found;
                assert!(is_cheap && !step.contains("TEMP B-TREE"), "{step}");
            }
        }
    }
}
