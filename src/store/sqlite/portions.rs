//! Lists that are read from their beginning to their end: short reads, each of which goes on where
//! the last one ended. Between two of them nothing is kept but a bookmark: no connection, no
//! snapshot that would keep the log from being moved into the database.

use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, Null, ToSqlOutput, ValueRef};
use rusqlite::{Connection, OptionalExtension, Row, ToSql, params_from_iter};

use super::conditions::{Order, WhereClause};
use super::lists::Select;
use super::scans::{self, Scan};
use crate::domain::{Bookmark, Page, PageRequest, Portion, SortValue};

/// How many rows are found at once, for their ids alone: a search costs the same for one row and for
/// all.
const FOUND_AT_ONCE: usize = if cfg!(test) { 4 } else { 8_192 };

/// A portion ends with the row that fills it up.
const PORTION_BYTES: usize = if cfg!(test) { 40 } else { 32 * 1024 };

/// What is read of a list.
pub trait Part {
    type Of<T>;

    fn read<T>(
        self,
        select: &Select<T>,
        connection: &Connection,
        conditions: WhereClause<'_>,
        order: Order,
    ) -> rusqlite::Result<Self::Of<T>>;
}

impl Part for PageRequest {
    type Of<T> = Page<T>;

    fn read<T>(
        self,
        select: &Select<T>,
        connection: &Connection,
        conditions: WhereClause<'_>,
        order: Order,
    ) -> rusqlite::Result<Page<T>> {
        select.page(connection, conditions, order, self)
    }
}

/// How many rows there are, counted up to a bound. The snapshot is the caller's.
#[derive(Clone, Copy)]
pub struct UpTo(pub u32);

impl Part for UpTo {
    type Of<T> = u32;

    fn read<T>(
        self,
        select: &Select<T>,
        connection: &Connection,
        conditions: WhereClause<'_>,
        order: Order,
    ) -> rusqlite::Result<u32> {
        scans::count_up_to(self.0, connection, (select.table, select.id), conditions, order)
    }
}

/// The portion after the bookmark, with whole texts.
impl Part for Bookmark {
    type Of<T> = Portion<T>;

    fn read<T>(
        mut self,
        select: &Select<T>,
        connection: &Connection,
        conditions: WhereClause<'_>,
        order: Order,
    ) -> rusqlite::Result<Portion<T>> {
        let snapshot = connection.unchecked_transaction()?;
        // A row may have changed since it was found: the reader may no longer see it.
        let now = Scan::new(&snapshot, (select.table, select.id), conditions.clone(), order);
        let values = now.values();
        let is_row = is_row(select.id, &conditions, &now.condition(), values.len() + 1);
        let mut get = snapshot.prepare_cached(&select.to_sql(&is_row))?;
        let (mut items, mut bytes) = (Vec::new(), 0);
        while bytes < PORTION_BYTES {
            let Some(id) = self.found.pop() else {
                if self.has_ended {
                    return Ok(Portion { items, next: None });
                }
                find_more(&mut self, select, &snapshot, conditions.clone(), order)?;
                continue;
            };
            let values = values.iter().copied().chain([&id as &dyn ToSql]);
            let read = |row: &Row<'_>| Ok(((select.from_row)(row)?, size(row)?));
            let found = get.query_row(params_from_iter(values), read).optional()?;
            if let Some((item, size)) = found {
                items.push(item);
                bytes += size;
            }
        }
        Ok(Portion { items, next: Some(self) })
    }
}

/// Whether a row, whose id is the value of this number, is in a list.
fn is_row(id: &str, conditions: &WhereClause<'_>, condition: &str, number: usize) -> String {
    let is_it = format!("{id} = ?{number}");
    match conditions.table {
        None => format!("{condition} AND {is_it}"),
        Some(table) => {
            format!("{is_it} AND EXISTS (SELECT 1 FROM {table} WHERE {condition} AND {is_it})")
        }
    }
}

/// Finds the rows that come next in the list.
fn find_more<T>(
    bookmark: &mut Bookmark,
    select: &Select<T>,
    snapshot: &Connection,
    conditions: WhereClause<'_>,
    order: Order,
) -> rusqlite::Result<()> {
    let id = select.id;
    let found = conditions.search.map(|search| search.find(snapshot)).transpose()?;
    let scan = Scan::new(snapshot, (select.table, id), conditions, order).among(found.as_ref());
    let (condition, from, column) = (scan.condition(), scan.table_of_whole(), order.column);
    let asked = scan.values();
    let last = bookmark.last.take();
    let mut left = FOUND_AT_ONCE;
    for after in after(last.as_ref(), order, id, asked.len()) {
        let sql = format!(
            "SELECT {id}, {column} FROM {from} WHERE {condition} AND {} ORDER BY {} LIMIT {left}",
            after.condition,
            order.to_sql(id),
        );
        let values: Vec<_> = asked.iter().copied().chain(after.values).collect();
        let mut statement = snapshot.prepare_cached(&sql)?;
        let mut rows = statement.query(values.as_slice())?;
        while let Some(row) = rows.next()? {
            let id = row.get(0)?;
            bookmark.found.push(id);
            bookmark.last = Some((row.get(1)?, id));
            left -= 1;
        }
    }
    bookmark.found.reverse();
    bookmark.has_ended = left > 0;
    Ok(())
}

/// A condition for the rows after another one, and its values.
struct After<'a> {
    condition: String,
    values: Vec<&'a dyn ToSql>,
}

/// Selects the rows after the last one, in up to two steps: those without a value come last.
fn after<'a>(
    last: Option<&'a (SortValue, i64)>,
    order: Order,
    id: &str,
    asked: usize,
) -> Vec<After<'a>> {
    let Order { column, descending, .. } = order;
    let (beyond, first, second) = (if descending { "<" } else { ">" }, asked + 1, asked + 2);
    let one = |condition, values| vec![After { condition, values }];
    match last {
        None => one("TRUE".to_owned(), vec![]),
        Some((_, row)) if column == id => one(format!("{id} {beyond} ?{first}"), vec![row]),
        Some((SortValue::Absent, row)) => {
            one(format!("{column} IS NULL AND {id} {beyond} ?{first}"), vec![row])
        }
        Some((value, row)) => {
            let condition = format!("({column}, {id}) {beyond} (?{first}, ?{second})");
            let mut steps = one(condition, vec![value, row]);
            if order.has_nulls_last() {
                let condition = format!("{column} IS NULL");
                steps.push(After { condition, values: vec![] });
            }
            steps
        }
    }
}

/// The size of a row's texts, and a little for each column.
fn size(row: &Row<'_>) -> rusqlite::Result<usize> {
    let columns = 0..row.as_ref().column_count();
    columns
        .map(|n| Ok(8 + row.get_ref(n)?.as_str_or_null().unwrap_or_default().map_or(0, str::len)))
        .sum()
}

impl ToSql for SortValue {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(match self {
            Self::Absent => Null.into(),
            Self::Number(number) => (*number).into(),
            Self::Text(text) => text.as_str().into(),
        })
    }
}

impl FromSql for SortValue {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        match value {
            ValueRef::Null => Ok(Self::Absent),
            ValueRef::Integer(number) => Ok(Self::Number(number)),
            ValueRef::Text(_) => value.as_str().map(|text| Self::Text(text.to_owned())),
            ValueRef::Real(_) | ValueRef::Blob(_) => Err(FromSqlError::InvalidType),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::found::add_is_found;
    use super::super::lists::select;
    use super::*;

    struct Item {
        n: i64,
    }

    const ITEMS: Select<Item> = select!(Item { n }, from "item", id "item.id", key "n = ?1");

    /// 40 rows; some share a value, and some have none.
    fn connection() -> Connection {
        let connection = Connection::open_in_memory().unwrap();
        add_is_found(&connection).unwrap();
        connection
            .execute_batch(
                "CREATE TABLE item (id INTEGER PRIMARY KEY, n INTEGER, at INTEGER, name TEXT);
                 WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n LIMIT 40)
                 INSERT INTO item (id, n, at, name)
                 SELECT n * 3, n, iif(n % 5 = 0, NULL, n * 7 % 11), 'name ' || (n * 13 % 17) FROM n",
            )
            .unwrap();
        connection
    }

    fn read(connection: &Connection, order: Order, bookmark: Bookmark) -> Portion<Item> {
        bookmark.read(&ITEMS, connection, WhereClause::new("n <> 7"), order).unwrap()
    }

    /// The numbers of all rows, portion by portion; `meanwhile` happens after each.
    fn all(connection: &Connection, order: Order, meanwhile: impl Fn(&[i64])) -> Vec<i64> {
        let (mut all, mut next) = (Vec::new(), Some(Bookmark::default()));
        while let Some(bookmark) = next {
            let portion = read(connection, order, bookmark);
            assert!(portion.items.len() < 7, "a portion is small");
            assert!(!portion.items.is_empty() || portion.next.is_none());
            all.extend(portion.items.iter().map(|item| item.n));
            next = portion.next;
            meanwhile(&all);
        }
        all
    }

    #[test]
    fn portions_have_every_row_once_in_every_order() {
        let connection = connection();
        for descending in [false, true] {
            for order in [
                Order::new("item.id", descending),
                Order::new("at", descending).nulls_last(),
                Order::new("name", descending),
            ] {
                let sql =
                    format!("SELECT n FROM item WHERE n <> 7 ORDER BY {}", order.to_sql("item.id"));
                let mut expected = connection.prepare(&sql).unwrap();
                let expected = expected.query_map([], |row| row.get(0)).unwrap();
                let expected: Vec<i64> = expected.map(Result::unwrap).collect();
                assert_eq!(all(&connection, order, |_| ()), expected, "{sql}");
            }
        }
    }

    #[test]
    fn portions_of_an_empty_list_are_one_without_rows() {
        let connection = connection();
        connection.execute("DELETE FROM item", []).unwrap();
        assert!(all(&connection, Order::new("item.id", false), |_| ()).is_empty());
    }

    #[test]
    fn rows_that_are_deleted_or_hidden_meanwhile_are_left_out() {
        let connection = connection();
        let order = Order::new("item.id", false);
        let found = all(&connection, order, |found| {
            // The next row is no more in the list, and the one after it exists no more.
            let last = *found.last().unwrap();
            connection.execute("UPDATE item SET n = 7 WHERE n = ?1", [last + 1]).unwrap();
            connection.execute("DELETE FROM item WHERE n = ?1", [last + 2]).unwrap();
        });
        assert!(found.is_sorted() && found.len() > 10, "{found:?}");
        let gaps = found.windows(2).filter(|pair| pair[1] - pair[0] > 2).count();
        assert!(gaps > 5, "{found:?}");
        assert!(!found.contains(&7));
    }

    #[test]
    fn rows_that_move_or_are_new_leave_the_others_in_the_list() {
        let connection = connection();
        let order = Order::new("at", false).nulls_last();
        let found = all(&connection, order, |found| {
            let last = found.last().unwrap();
            connection.execute("UPDATE item SET at = 0 WHERE n = ?1", [last]).unwrap();
            connection.execute("INSERT INTO item (n, at) VALUES (100 + ?1, 0)", [last]).unwrap();
        });
        let mut sorted = found.clone();
        sorted.sort_unstable();
        let expected: Vec<i64> = (1..=40).filter(|n| *n != 7).collect();
        assert_eq!(sorted, expected);
    }

    #[test]
    fn a_search_runs_once_for_the_rows_that_it_finds() {
        let connection = connection();
        connection
            .execute_batch(
                "CREATE VIRTUAL TABLE word USING fts5 (text);
                 INSERT INTO word (rowid, text) SELECT id, iif(n % 2 = 0, 'even', 'odd') FROM item",
            )
            .unwrap();
        let search = "even";
        let order = Order::new("item.id", false);
        let read = |bookmark: Bookmark| {
            let conditions = WhereClause::new("n <> 7").and_match(None, "word", Some(&search));
            let portion = bookmark.read(&ITEMS, &connection, conditions, order).unwrap();
            let found: Vec<_> = portion.items.iter().map(|item| item.n).collect();
            (found, portion.next)
        };
        let (first, next) = read(Bookmark::default());
        assert!(first.iter().all(|n| n % 2 == 0));
        connection.execute("DELETE FROM word", []).unwrap();
        let (second, last) = read(next.unwrap());
        // Those that were found before.
        assert_eq!([first, second].concat().len(), FOUND_AT_ONCE);
        assert!(last.is_none());
    }
}
