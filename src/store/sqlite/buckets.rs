//! Buckets: on which row of a long list a page starts, without a walk over the rows before it.
//!
//! The rows of a table are counted in buckets by the high bits of a column: a small bucket holds
//! 1,024 row ids, or the deadlines of 19 hours, and a large one spans 32 small ones. Triggers keep
//! the counts, whichever program writes. A page is found by adding up the large buckets before it,
//! then the small ones, and then passing over rows of one small bucket alone.

use rusqlite::Connection;

use crate::domain::PageRequest;

/// A whole list whose rows are counted, in an order by a column and then by `id`. The migrations
/// have the triggers.
#[derive(Clone, Copy, Debug)]
pub struct Buckets {
    /// Its name in the table `bucket`.
    pub list: &'static str,
    pub table: &'static str,
    /// The column, INTEGER and never NULL.
    pub column: &'static str,
    /// How many low bits of the column a small bucket spans.
    pub shift: u32,
    /// The condition of the rows that are in the list.
    pub only: &'static str,
}

/// 1,024 rows.
pub const ID_SHIFT: u32 = 10;

/// 18.6 hours of milliseconds: no bucket holds the ends of two days.
pub const DEADLINE_SHIFT: u32 = 26;

/// How many more bits a large bucket spans.
const LARGE: u32 = 5;

/// A bucket, and how many rows of the list are before it.
struct Bucket {
    number: i64,
    start: u64,
    size: u64,
}

/// A walk over the rows of a page, which starts at the edge of a bucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Walk {
    /// The first value of the column; where the walk goes down, the last one.
    pub from: i64,
    pub goes_down: bool,
    pub skip: u64,
    pub take: u64,
}

impl Walk {
    /// The rows of the walk, for a statement whose values are `from`, `take` and `skip`.
    pub fn to_sql(self, Buckets { table, column, only, .. }: Buckets) -> String {
        let (comparison, direction) = if self.goes_down { ("<=", "DESC") } else { (">=", "ASC") };
        format!(
            "SELECT id FROM {table} WHERE {column} {comparison} ?1 AND {only}
             ORDER BY {column} {direction}, id {direction} LIMIT ?2 OFFSET ?3"
        )
    }
}

impl Buckets {
    /// The number of all rows, and the rows of a page; `None` past the end.
    pub fn find(
        self,
        connection: &Connection,
        request: PageRequest,
        descending: bool,
    ) -> rusqlite::Result<(u64, Option<Walk>)> {
        let large = self.read(connection, self.shift + LARGE, (i64::MIN, i64::MAX), 0)?;
        let total = large.last().map_or(0, |last| last.start + last.size);
        let offset = request.offset().min(total);
        let take = u64::from(request.per_page()).min(total - offset);
        if take == 0 {
            return Ok((total, None));
        }
        // The first row of the page as it is counted from the lower end.
        let first = if descending { total - offset - take } else { offset };
        let Some(Bucket { number, start, .. }) = holding(&large, first) else {
            return Ok((total, None));
        };
        let lowest = number << LARGE;
        let range = (lowest, lowest | ((1 << LARGE) - 1));
        let small = self.read(connection, self.shift, range, *start)?;
        let walk = match holding(&small, first) {
            Some(bucket) => self.walk(bucket, first, take),
            // The counts are wrong: a program has turned the triggers off, or replaced rows.
            None => Walk { from: i64::MIN, goes_down: false, skip: first, take },
        };
        Ok((total, Some(walk)))
    }

    /// The buckets of a range of numbers, of which the first one starts at row `start`.
    fn read(
        self,
        connection: &Connection,
        shift: u32,
        (lowest, highest): (i64, i64),
        mut start: u64,
    ) -> rusqlite::Result<Vec<Bucket>> {
        connection
            .prepare_cached(
                "SELECT number, size FROM bucket
                 WHERE list = ?1 AND shift = ?2 AND number BETWEEN ?3 AND ?4 ORDER BY number",
            )?
            .query_map((self.list, shift, lowest, highest), |row| {
                let bucket = Bucket { number: row.get(0)?, start, size: row.get(1)? };
                start += bucket.size;
                Ok(bucket)
            })?
            .collect()
    }

    fn walk(self, bucket: &Bucket, first: u64, take: u64) -> Walk {
        let lowest = bucket.number << self.shift;
        let below = first - bucket.start;
        // The shorter way, where the bucket has all of the page.
        match (bucket.start + bucket.size).checked_sub(first + take) {
            Some(above) if above < below => {
                let highest = lowest | ((1 << self.shift) - 1);
                Walk { from: highest, goes_down: true, skip: above, take }
            }
            _ => Walk { from: lowest, goes_down: false, skip: below, take },
        }
    }
}

/// The bucket that holds a row.
fn holding(buckets: &[Bucket], row: u64) -> Option<&Bucket> {
    buckets.iter().find(|bucket| (bucket.start..bucket.start + bucket.size).contains(&row))
}

#[cfg(test)]
mod tests {
    use super::*;

    const BY_ID: Buckets =
        Buckets { list: "widget.id", table: "widget", column: "id", shift: ID_SHIFT, only: "TRUE" };
    const BY_DEADLINE: Buckets = Buckets {
        list: "widget.deadline",
        table: "widget",
        column: "deadline",
        shift: DEADLINE_SHIFT,
        only: "TRUE",
    };
    const USERS: Buckets = Buckets {
        list: "user.id",
        table: "user",
        column: "id",
        shift: ID_SHIFT,
        only: "deleted_at IS NULL",
    };

    /// The tables that are counted, in short, and the true triggers.
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

    /// Fails unless the counts are right, and some pages of each order are those of a plain walk.
    #[track_caller]
    fn assert_right(connection: &Connection) {
        for buckets in [BY_ID, BY_DEADLINE, USERS] {
            let Buckets { list, table, column, only, shift } = buckets;
            for descending in [false, true] {
                let direction = if descending { "DESC" } else { "ASC" };
                let sql = format!(
                    "SELECT id FROM {table} WHERE {only} ORDER BY {column} {direction}, id {direction}"
                );
                let all = ids(connection, &sql, []);
                assert_eq!(total(connection, buckets), all.len() as u64, "{list}");
                let last = all.len().div_ceil(100) as u64;
                for number in [1, 2, last / 3, last / 2, last.saturating_sub(1), last, last + 1] {
                    let request = PageRequest::new(number.max(1), 100);
                    let from = usize::try_from(request.offset()).unwrap().min(all.len());
                    let expected = &all[from..all.len().min(from + 100)];
                    let found = page(connection, buckets, request, descending);
                    assert_eq!(found, expected, "{list} {number}");
                }
            }
            for shift in [shift, shift + LARGE] {
                let wrong = format!(
                    "SELECT count(*) FROM
                         (SELECT {column} >> {shift} AS number, count(*) AS size FROM {table}
                          WHERE {only} GROUP BY 1) AS a
                     FULL JOIN (SELECT number, size FROM bucket
                                WHERE list = '{list}' AND shift = {shift}) AS b USING (number)
                     WHERE a.size IS NOT b.size"
                );
                assert_eq!(ids(connection, &wrong, []), [0], "{list} {shift}");
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
    fn a_page_is_that_of_a_plain_walk_after_any_changes() {
        let connection = connection();
        let mut random: u64 = 1;
        let mut next = |below: i64| {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            i64::try_from(random >> 33).unwrap() % below
        };
        let day = 86_400_000;
        for round in 0..4_usize {
            for _ in 0..3_000 {
                // Few days or many, in the middle, in a row, before the first one.
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
    fn a_walk_passes_over_the_rows_of_one_bucket_alone() {
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
                // The shorter way, unless the page goes on in the next bucket.
                let most = if walk.goes_down { 512 } else { 1_024 };
                assert!(walk.skip < most, "{buckets:?} {walk:?}");
            }
        }
    }

    #[test]
    fn a_list_whose_counts_are_wrong_is_walked() {
        let connection = connection();
        connection
            .execute_batch("DELETE FROM bucket WHERE list = 'widget.id' AND shift = 10")
            .unwrap();
        assert_eq!(page(&connection, BY_ID, PageRequest::DEFAULT, false), [1, 2, 3]);
    }
}
