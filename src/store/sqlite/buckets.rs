//! Buckets: find the first row of a page of a long list without reading all rows before it.
//!
//! The rows of a table are counted in buckets by the high bits of a column: a small bucket holds
//! 1,024 row ids, or the deadlines of 19 hours, and a large one spans 32 small ones. Triggers keep
//! the counts, also for writes by other programs. To find a page, add up the large buckets before
//! it, then the small ones, and then skip rows within one small bucket.

use rusqlite::Connection;

use crate::domain::PageRequest;

/// The counted rows of a table, ordered by a column and then by `id`. The migrations define the
/// triggers. The table `bucket` names the list `{table}.{column}`.
#[derive(Clone, Copy, Debug)]
pub struct Buckets {
    table: &'static str,
    /// INTEGER and never NULL.
    column: &'static str,
    /// How many low bits of the column a small bucket spans.
    shift: u32,
    /// The condition for a row to be in the list.
    condition: &'static str,
}

/// How many more bits a large bucket spans.
const LARGE: u32 = 5;

/// A bucket, and the number of rows before it.
struct Bucket {
    number: i64,
    start: u64,
    size: u64,
}

/// The rows of a page, read from the edge of a bucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Walk {
    /// The lowest value of the column, or the highest if `goes_down`.
    pub from: i64,
    pub goes_down: bool,
    pub skip: u64,
    pub take: u64,
}

impl Walk {
    /// Selects the ids of the rows. The values of the statement are `from`, `take` and `skip`.
    pub fn to_sql(self, Buckets { table, column, condition, .. }: Buckets) -> String {
        let (comparison, direction) = if self.goes_down { ("<=", "DESC") } else { (">=", "ASC") };
        format!(
            "SELECT id FROM {table} WHERE {column} {comparison} ?1 AND {condition}
             ORDER BY {column} {direction}, id {direction} LIMIT ?2 OFFSET ?3"
        )
    }
}

impl Buckets {
    /// The rows of a table by `id`, 1,024 in a small bucket.
    pub const fn by_id(table: &'static str) -> Self {
        Self { table, column: "id", shift: 10, condition: "TRUE" }
    }

    /// The rows by `deadline`. A small bucket spans 18.6 hours, so none holds the ends of two days.
    pub const fn by_deadline(table: &'static str) -> Self {
        Self { table, column: "deadline", shift: 26, condition: "TRUE" }
    }

    /// Without the rows that are soft-deleted.
    pub const fn not_deleted(self) -> Self {
        Self { condition: "deleted_at IS NULL", ..self }
    }

    /// The number of all rows.
    pub fn total(self, connection: &Connection) -> rusqlite::Result<u64> {
        Ok(end(&self.large(connection)?))
    }

    /// The number of all rows, and the rows of a page; `None` past the end.
    pub fn find(
        self,
        connection: &Connection,
        request: PageRequest,
        descending: bool,
    ) -> rusqlite::Result<(u64, Option<Walk>)> {
        let large = self.large(connection)?;
        let total = end(&large);
        let offset = request.offset().min(total);
        let take = u64::from(request.per_page()).min(total - offset);
        if take == 0 {
            return Ok((total, None));
        }
        // The lowest row of the page, counted from the lowest of all.
        let first = if descending { total - offset - take } else { offset };
        let Some(Bucket { number, start, .. }) = holding(&large, first) else {
            return Ok((total, None));
        };
        let lowest = number << LARGE;
        let range = (lowest, lowest | ((1 << LARGE) - 1));
        let small = self.read(connection, self.shift, range, *start)?;
        let walk = match holding(&small, first) {
            Some(bucket) => self.walk(bucket, first, take),
            // The counts are wrong: another program turned the triggers off, or replaced rows.
            None => Walk { from: i64::MIN, goes_down: false, skip: first, take },
        };
        Ok((total, Some(walk)))
    }

    fn large(self, connection: &Connection) -> rusqlite::Result<Vec<Bucket>> {
        self.read(connection, self.shift + LARGE, (i64::MIN, i64::MAX), 0)
    }

    /// The buckets with numbers from `lowest` to `highest`; the first one starts at row `start`.
    fn read(
        self,
        connection: &Connection,
        shift: u32,
        (lowest, highest): (i64, i64),
        mut start: u64,
    ) -> rusqlite::Result<Vec<Bucket>> {
        connection
            .prepare_cached(
                "SELECT number, max(size, 0) FROM bucket
                 WHERE list = ?1 || '.' || ?2 AND shift = ?3 AND number BETWEEN ?4 AND ?5
                 ORDER BY number",
            )?
            .query_map((self.table, self.column, shift, lowest, highest), |row| {
                let bucket = Bucket { number: row.get(0)?, start, size: row.get(1)? };
                start += bucket.size;
                Ok(bucket)
            })?
            .collect()
    }

    fn walk(self, bucket: &Bucket, first: u64, take: u64) -> Walk {
        let lowest = bucket.number << self.shift;
        let below = first - bucket.start;
        // From the nearer edge, if the bucket holds the whole page.
        match (bucket.start + bucket.size).checked_sub(first + take) {
            Some(above) if above < below => {
                let highest = lowest | ((1 << self.shift) - 1);
                Walk { from: highest, goes_down: true, skip: above, take }
            }
            _ => Walk { from: lowest, goes_down: false, skip: below, take },
        }
    }
}

/// The number of the rows in the buckets.
fn end(buckets: &[Bucket]) -> u64 {
    buckets.last().map_or(0, |last| last.start + last.size)
}

/// The bucket that holds a row.
fn holding(buckets: &[Bucket], row: u64) -> Option<&Bucket> {
    buckets.iter().find(|bucket| (bucket.start..bucket.start + bucket.size).contains(&row))
}

#[cfg(test)]
mod tests {
    use super::*;

    const BY_ID: Buckets = Buckets::by_id("widget");
    const BY_DEADLINE: Buckets = Buckets::by_deadline("widget");
    const USERS: Buckets = Buckets::by_id("user").not_deleted();

    /// The counted tables with their main columns, and the real triggers.
    fn connection() -> Connection {
        let connection = Connection::open_in_memory().unwrap();
        connection
            .execute_batch(
                "CREATE TABLE place (x); CREATE TABLE list_size (x);
                 CREATE TABLE widget (id INTEGER PRIMARY KEY AUTOINCREMENT, deadline INTEGER NOT NULL);
                 CREATE INDEX widget_deadline ON widget (deadline, id);
                 CREATE TABLE user (id INTEGER PRIMARY KEY AUTOINCREMENT, deleted_at INTEGER);
                 CREATE TABLE task (id INTEGER PRIMARY KEY);
                 CREATE TABLE audit (id INTEGER PRIMARY KEY);
                 INSERT INTO widget (deadline) VALUES (1), (-1), (100000000);
                 INSERT INTO user (deleted_at) VALUES (NULL), (5);",
            )
            .unwrap();
        connection.execute_batch(include_str!("migrations/0004_buckets.sql")).unwrap();
        connection
    }

    fn total(connection: &Connection, buckets: Buckets) -> u64 {
        buckets.find(connection, PageRequest::DEFAULT, false).unwrap().0
    }

    fn ids(connection: &Connection, sql: &str, values: impl rusqlite::Params) -> Vec<i64> {
        let mut statement = connection.prepare(sql).unwrap();
        statement.query_map(values, |row| row.get(0)).unwrap().map(Result::unwrap).collect()
    }

    fn page(
        connection: &Connection,
        buckets: Buckets,
        request: PageRequest,
        descending: bool,
    ) -> Vec<i64> {
        let (_, walk) = buckets.find(connection, request, descending).unwrap();
        let Some(walk) = walk else { return Vec::new() };
        let sql = walk.to_sql(buckets);
        let mut ids = ids(connection, &sql, (walk.from, walk.take, walk.skip));
        if descending != walk.goes_down {
            ids.reverse();
        }
        ids
    }

    /// Fails unless the counts are right, and pages of each order are those of a full scan.
    #[track_caller]
    fn assert_right(connection: &Connection) {
        for buckets in [BY_ID, BY_DEADLINE, USERS] {
            let Buckets { table, column, condition, shift } = buckets;
            for descending in [false, true] {
                let direction = if descending { "DESC" } else { "ASC" };
                let sql = format!(
                    "SELECT id FROM {table} WHERE {condition} ORDER BY {column} {direction}, id {direction}"
                );
                let all = ids(connection, &sql, []);
                assert_eq!(total(connection, buckets), all.len() as u64, "{buckets:?}");
                let last = all.len().div_ceil(100) as u64;
                for number in [1, 2, last / 3, last / 2, last.saturating_sub(1), last, last + 1] {
                    let request = PageRequest::new(number.max(1), 100);
                    let from = usize::try_from(request.offset()).unwrap().min(all.len());
                    let expected = &all[from..all.len().min(from + 100)];
                    let found = page(connection, buckets, request, descending);
                    assert_eq!(found, expected, "{buckets:?} {number}");
                }
            }
            for shift in [shift, shift + LARGE] {
                let wrong = format!(
                    "SELECT count(*) FROM
                         (SELECT {column} >> {shift} AS number, count(*) AS size FROM {table}
                          WHERE {condition} GROUP BY 1) AS a
                     FULL JOIN (SELECT number, size FROM bucket
                                WHERE list = '{table}.{column}' AND shift = {shift}) AS b USING (number)
                     WHERE a.size IS NOT b.size"
                );
                assert_eq!(ids(connection, &wrong, []), [0], "{buckets:?} {shift}");
            }
        }
    }

    #[test]
    fn rows_from_before_the_migration_are_counted() {
        let connection = connection();
        assert_right(&connection);
        assert_eq!(total(&connection, BY_ID), 3);
        assert_eq!(total(&connection, USERS), 1);
    }

    #[test]
    fn a_page_is_that_of_a_full_scan_after_any_changes() {
        let connection = connection();
        let mut random: u64 = 1;
        let mut next = |below: i64| {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            i64::try_from(random >> 33).unwrap() % below
        };
        let day = 86_400_000;
        for round in 0..4_usize {
            for _ in 0..3_000 {
                // Few days, many days, one day, days before all others.
                let deadline = [next(5) * day, next(1_000_000) * day, 10 * day, -next(100) * day];
                connection
                    .prepare_cached("INSERT INTO widget (deadline) VALUES (?1)")
                    .unwrap()
                    .execute([deadline[round] - 1])
                    .unwrap();
                connection.execute("INSERT INTO user DEFAULT VALUES", []).unwrap();
            }
            assert_right(&connection);
            for id in ids(&connection, "SELECT id FROM widget", []) {
                let sql = match next(10) {
                    n if n < [1, 8, 5, 10][round] => "DELETE FROM widget WHERE id = ?1",
                    8 => "UPDATE widget SET deadline = deadline + 1000000000 WHERE id = ?1",
                    9 => {
                        "UPDATE user SET deleted_at = iif(deleted_at IS NULL, 1, NULL) WHERE id = ?1"
                    }
                    _ => continue,
                };
                connection.prepare_cached(sql).unwrap().execute([id]).unwrap();
            }
            assert_right(&connection);
        }
        connection.execute("DELETE FROM user", []).unwrap();
        assert_right(&connection);
        assert_eq!(ids(&connection, "SELECT count(*) FROM bucket", []), [0]);
    }

    #[test]
    fn changes_in_any_form_of_statement_are_counted() {
        let connection = connection();
        connection.execute_batch("CREATE UNIQUE INDEX other ON widget (id, deadline)").unwrap();
        for sql in [
            "INSERT INTO widget (deadline) SELECT deadline + widget.id * 50000000 FROM widget, user, pragma_function_list",
            "INSERT OR IGNORE INTO widget (id, deadline) VALUES (1, 7), (99999, 7)",
            "INSERT INTO widget (id, deadline) VALUES (2, 7), (99998, 7) ON CONFLICT DO NOTHING",
            "INSERT INTO widget (id, deadline) VALUES (2, 1) ON CONFLICT DO UPDATE SET deadline = 900000000000",
            "UPDATE OR IGNORE widget SET deadline = deadline - 86400000 * (id % 5)",
            "UPDATE OR REPLACE widget SET deadline = deadline + 86400000 * (id % 3)",
            "UPDATE user SET deleted_at = 1",
            "UPDATE user SET deleted_at = NULL WHERE id = 2",
            "DELETE FROM widget WHERE id % 3 = 0",
            "INSERT INTO user (deleted_at) VALUES (NULL), (1)",
            "DELETE FROM user",
            "DELETE FROM widget",
        ] {
            connection.execute(sql, []).unwrap_or_else(|error| panic!("{sql}: {error}"));
            assert_right(&connection);
        }
    }

    #[test]
    fn a_walk_skips_rows_of_one_bucket_only() {
        let connection = connection();
        for n in 0..5_000_i64 {
            connection
                .execute("INSERT INTO widget (deadline) VALUES (?1)", [n * 1_000_000])
                .unwrap();
        }
        for buckets in [BY_ID, BY_DEADLINE] {
            for number in 1..=500 {
                let request = PageRequest::new(number, 10);
                let walk = buckets.find(&connection, request, false).unwrap().1.unwrap();
                // From the nearer edge, unless the page ends in the next bucket.
                let most = if walk.goes_down { 512 } else { 1_024 };
                assert!(walk.skip < most, "{buckets:?} {walk:?}");
            }
        }
    }

    #[test]
    fn a_list_whose_counts_are_wrong_is_scanned() {
        let connection = connection();
        connection
            .execute_batch("DELETE FROM bucket WHERE list = 'widget.id' AND shift = 10")
            .unwrap();
        assert_eq!(page(&connection, BY_ID, PageRequest::DEFAULT, false), [1, 2, 3]);
        connection.execute_batch("UPDATE bucket SET size = -1 WHERE list = 'widget.id'").unwrap();
        assert_eq!(total(&connection, BY_ID), 0);
    }
}
