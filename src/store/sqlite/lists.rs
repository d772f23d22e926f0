//! Reads by key, and lists with filters, sort orders and pages.

use rusqlite::types::{FromSql, Value};
use rusqlite::{Connection, OptionalExtension, Params, Row};

use super::buckets::Buckets;
use super::conditions::{Order, WhereClause};
use super::scans;
use super::snapshots::snapshot;
use crate::domain::{Page, PageRequest};

/// What is read of a resource, and how a row becomes a value. Declared by [`select`].
pub struct Select<T> {
    /// The first one is `id`.
    pub columns: &'static str,
    /// The same for a page of a list, with the beginnings of long texts.
    pub list_columns: &'static str,
    /// The resource's own table.
    pub table: &'static str,
    /// The same, with the tables that it is joined with.
    pub tables: &'static str,
    /// The column `id` of the resource's own table.
    pub id: &'static str,
    /// The statement for [`Self::find`].
    pub by_key: &'static str,
    pub from_row: fn(&Row<'_>) -> rusqlite::Result<T>,
}

/// Declares a [`Select`]: the fields of a type, each with its column if that has another name, the
/// function that reads it if it takes several columns, and after `=>` its column in lists if that is
/// another one; the table; what it is joined with; the column `id`; and the condition that finds a
/// record by its key.
macro_rules! select {
    (
        $type:ident {
            $( $field:ident $(: $columns:literal $(as $read:path)? $(=> $listed:expr)?)? ),+ $(,)?
        },
        from $table:literal $(, with $joined:literal)?, id $id:literal, key $key:literal $(,)?
    ) => {
        $crate::store::sqlite::lists::Select::<$type> {
            columns: concat!($id $(, ", ", select!(@columns $field $($columns)?))+),
            list_columns: concat!(
                $id $(, ", ", select!(@columns $field $($columns)? $($( $listed )?)?))+
            ),
            table: $table,
            tables: concat!($table $(, " ", $joined)?),
            id: $id,
            by_key: concat!(
                "SELECT ", $id $(, ", ", select!(@columns $field $($columns)?))+,
                " FROM ", $table $(, " ", $joined)?, " WHERE ", $key
            ),
            from_row: |row| {
                let mut columns = $crate::store::sqlite::lists::Columns::after_id(row);
                Ok($type { $( $field: select!(@read columns $($($read)?)?) ),+ })
            },
        }
    };
    (@columns $field:ident) => { stringify!($field) };
    (@columns $field:ident $columns:literal) => { $columns };
    (@columns $field:ident $columns:literal $listed:expr) => { $listed };
    (@read $columns:ident) => { $columns.get()? };
    (@read $columns:ident $read:path) => { $read(&mut $columns)? };
}
pub(super) use select;

/// The column of a long text in a list: the text if it has at most 4 KiB, else its beginning. 1,024
/// characters have at most 4 KiB, too. (`octet_length` reads no text.)
macro_rules! beginning {
    ($column:literal) => {
        concat!(
            "iif(octet_length(",
            $column,
            ") <= 4096, ",
            $column,
            ", substr(",
            $column,
            ", 1, 1024))"
        )
    };
}
pub(super) use beginning;

/// Whether [`beginning`] is not all.
macro_rules! is_truncated {
    ($column:literal) => {
        concat!("octet_length(", $column, ") > 4096")
    };
}
pub(super) use is_truncated;

/// The columns of a row, one after the other.
pub struct Columns<'a> {
    row: &'a Row<'a>,
    next: usize,
}

impl<'a> Columns<'a> {
    pub fn after_id(row: &'a Row<'a>) -> Self {
        Self { row, next: 1 }
    }

    /// The next column.
    pub fn get<T: FromSql>(&mut self) -> rusqlite::Result<T> {
        let column = self.next;
        self.next += 1;
        self.row.get(column)
    }
}

impl<T> Select<T> {
    /// The statement with another condition than the key's. Callers on a hot path build it once.
    pub fn to_sql(&self, condition: &str) -> String {
        format!("SELECT {} FROM {} WHERE {condition}", self.columns, self.tables)
    }

    /// The statement for rows of a list.
    pub fn to_list_sql(&self, condition: &str) -> String {
        format!("SELECT {} FROM {} WHERE {condition}", self.list_columns, self.tables)
    }

    /// The record of a key, whose values these are.
    pub fn find(&self, connection: &Connection, key: impl Params) -> rusqlite::Result<Option<T>> {
        connection.prepare_cached(self.by_key)?.query_row(key, self.from_row).optional()
    }

    /// The record that another condition finds.
    pub fn find_where(
        &self,
        connection: &Connection,
        condition: &str,
        values: impl Params,
    ) -> rusqlite::Result<Option<T>> {
        let sql = self.to_sql(condition);
        connection.prepare_cached(&sql)?.query_row(values, self.from_row).optional()
    }

    /// A page, and the number of all rows, both from one snapshot.
    pub fn page(
        &self,
        connection: &Connection,
        conditions: WhereClause<'_>,
        order: Order,
        request: PageRequest,
    ) -> rusqlite::Result<Page<T>> {
        let _snapshot = snapshot(connection)?;
        match order.pages {
            Some(buckets) if conditions.is_empty() => {
                self.counted_page(connection, order, buckets, request)
            }
            _ => self.filtered_page(connection, conditions, order, request),
        }
    }

    /// A page of what the conditions select. Only the rows on it are read.
    fn filtered_page(
        &self,
        connection: &Connection,
        conditions: WhereClause<'_>,
        order: Order,
        request: PageRequest,
    ) -> rusqlite::Result<Page<T>> {
        let (total, ids) =
            scans::find(connection, (self.table, self.id), conditions, order, request)?;
        let mut find =
            connection.prepare_cached(&self.to_list_sql(&format!("{} = ?1", self.id)))?;
        let find = |id: Value| find.query_row([id], self.from_row);
        let items = ids.into_iter().map(find).collect::<rusqlite::Result<_>>()?;
        Ok(Page { request, items, total })
    }

    /// A page of the whole list. The cost does not grow with the page number.
    fn counted_page(
        &self,
        connection: &Connection,
        order: Order,
        buckets: Buckets,
        request: PageRequest,
    ) -> rusqlite::Result<Page<T>> {
        let (total, walk) = buckets.find(connection, request, order.descending)?;
        let Some(walk) = walk else {
            return Ok(Page { request, items: Vec::new(), total });
        };
        let condition = format!("{} IN ({})", self.id, walk.to_sql(buckets));
        let (select, order) = (self.to_list_sql(&condition), order.to_sql(self.id));
        let items = connection
            .prepare_cached(&format!("{select} ORDER BY {order}"))?
            .query_map((walk.from, walk.take, walk.skip), self.from_row)?
            .collect::<rusqlite::Result<_>>()?;
        Ok(Page { request, items, total })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU64, Ordering};

    use rusqlite::functions::FunctionFlags;

    use super::*;

    #[test]
    fn a_page_is_read_from_the_nearer_end_and_rows_past_it_are_not() {
        struct Number {
            n: i64,
        }
        const NUMBERS: Select<Number> = select!(Number { n }, from "number", id "n", key "n = ?1");
        let connection = Connection::open_in_memory().unwrap();
        let calls = Arc::new(AtomicU64::new(0));
        let counter = Arc::clone(&calls);
        let is_asked = move |_: &rusqlite::functions::Context<'_>| {
            counter.fetch_add(1, Ordering::Relaxed);
            Ok(true)
        };
        connection
            .create_scalar_function("is_asked", 2, FunctionFlags::SQLITE_UTF8, is_asked)
            .unwrap();
        connection
            .execute_batch(
                "CREATE TABLE number AS
                 WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n LIMIT 60) SELECT n FROM n;
                 CREATE INDEX number_by_n ON number (n);",
            )
            .unwrap();
        // The first, the second half, the last, and one past the end. All rows are counted.
        for (page, expected, read) in
            [(1, 51..61, 10), (4, 21..31, 30), (6, 1..11, 10), (7, 0..0, 0)]
        {
            calls.store(0, Ordering::Relaxed);
            let conditions = WhereClause::new("TRUE").and("is_asked(n, ?)", Some(&1));
            let order = Order::new("n", true).indexed("number_by_n");
            let request = PageRequest::new(page, 10);
            let page = NUMBERS.page(&connection, conditions, order, request).unwrap();
            let items: Vec<_> = page.items.into_iter().map(|number| number.n).collect();
            assert_eq!((items, page.total), (expected.rev().collect(), 60));
            assert_eq!(calls.load(Ordering::Relaxed), 60 + read);
        }
    }
}
