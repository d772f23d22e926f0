//! Places in a long list: on which row a page starts, without a walk over the rows before it.
//!
//! Each order of a list is cut into blocks of rows that follow each other. A block is a row of `place`:
//! where it starts, and how many rows it has. `list_size` has the number of all. Both are kept in the
//! transaction that changes the list. A page is found by adding up the blocks before it, from the
//! nearer end, and then passing over rows inside one block alone: for a million rows these are some
//! hundred blocks and a thousand entries of an index, whichever page it is.

use rusqlite::{Connection, OptionalExtension, TransactionBehavior, params};

use crate::domain::PageRequest;

/// How many rows a block may have; then it is cut in two.
const MOST: i64 = 2_048;

/// One order of the rows of a table, by a column and then by `id`.
#[derive(Clone, Copy, Debug)]
pub struct Order {
    /// Its name in `place`.
    pub list: &'static str,
    /// The table.
    pub table: &'static str,
    /// The column; `id` itself where it is the order of creation. Never NULL.
    pub column: &'static str,
    /// Which rows are in the list, as a condition.
    pub only: &'static str,
}

/// A row's place in an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// What stands in the column.
    pub key: i64,
    /// The row.
    pub id: i64,
}

/// A part of a list: a walk over rows that passes over some, and takes some.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// Where to start: at this place, or where the walk goes down, below it.
    pub start: Place,
    /// Whether the walk goes down.
    pub goes_down: bool,
    /// How many rows to pass over.
    pub skip: i64,
    /// How many rows to take.
    pub take: i64,
}

impl Window {
    /// The condition and the order of the walk, for a statement whose first two values are the place.
    pub fn walk(self, Order { column, only, .. }: Order) -> String {
        let (comparison, direction) = if self.goes_down { ("<", "DESC") } else { (">=", "ASC") };
        format!(
            "({column}, id) {comparison} (?1, ?2) AND {only} ORDER BY {column} {direction}, id {direction}"
        )
    }
}

/// Notes that a row has come into the table, which has it already.
pub fn added(connection: &Connection, order: Order, row: Place) -> rusqlite::Result<()> {
    resize(connection, order, 1)?;
    let block = match block_of(connection, order, row)? {
        Some(block) => block,
        None => begin_at(connection, order, row)?,
    };
    if count(connection, order, block, 1)? > MOST {
        split(connection, order, block)?;
    }
    Ok(())
}

/// Notes that a row has left the table or its place.
pub fn removed(connection: &Connection, order: Order, row: Place) -> rusqlite::Result<()> {
    resize(connection, order, -1)?;
    if let Some(block) = block_of(connection, order, row)?
        && count(connection, order, block, -1)? == 0
    {
        connection
            .prepare_cached("DELETE FROM place WHERE list = ?1 AND key = ?2 AND id = ?3")?
            .execute(params![order.list, block.key, block.id])?;
    }
    Ok(())
}

/// Makes the blocks of an order anew where they do not have all its rows: at the first start with
/// this schema, and where another program has changed the table.
pub fn mend(connection: &mut Connection, order: Order) -> rusqlite::Result<()> {
    let Order { list, table, column, only } = order;
    let is_right = |connection: &Connection| -> rusqlite::Result<bool> {
        let sql = format!("SELECT count(*) FROM {table} WHERE {only}");
        let rows: i64 = connection.query_row(&sql, [], |row| row.get(0))?;
        Ok(size(connection, order)? == rows)
    };
    if is_right(connection)? {
        return Ok(());
    }
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    if !is_right(&transaction)? {
        transaction.execute("DELETE FROM place WHERE list = ?1", [list])?;
        transaction.execute(
            &format!(
                "INSERT INTO place (list, key, id, count)
                 SELECT ?1, key, id, min(?2, rows - n) FROM
                     (SELECT {column} AS key, id, row_number() OVER (ORDER BY {column}, id) - 1 AS n,
                             count(*) OVER () AS rows
                      FROM {table} WHERE {only})
                 WHERE n % ?2 = 0"
            ),
            params![list, MOST / 2],
        )?;
        transaction.execute(
            "INSERT OR REPLACE INTO list_size (list, size)
             SELECT ?1, coalesce(sum(count), 0) FROM place WHERE list = ?1",
            [list],
        )?;
    }
    transaction.commit()
}

/// The number of rows.
pub fn size(connection: &Connection, order: Order) -> rusqlite::Result<i64> {
    let size = connection
        .prepare_cached("SELECT size FROM list_size WHERE list = ?1")?
        .query_row([order.list], |row| row.get(0))
        .optional()?;
    Ok(size.unwrap_or(0))
}

/// The rows of a page, which are to be put in order; `None` past the end.
pub fn window(
    connection: &Connection,
    order: Order,
    request: PageRequest,
    is_descending: bool,
) -> rusqlite::Result<Option<Window>> {
    let size = size(connection, order)?;
    let offset = i64::try_from(request.offset()).unwrap_or(i64::MAX).min(size);
    let take = i64::from(request.per_page()).min(size - offset);
    if take == 0 {
        return Ok(None);
    }
    let first = if is_descending { size - offset - take } else { offset };
    // The block that has the first row: how many rows are before it, how many it has, and where the
    // next one starts.
    let from_the_end = first > size / 2;
    let direction = if from_the_end { "DESC" } else { "ASC" };
    let sql = format!(
        "SELECT key, id, count FROM place WHERE list = ?1 ORDER BY key {direction}, id {direction}"
    );
    let mut statement = connection.prepare_cached(&sql)?;
    let mut blocks = statement.query([order.list])?;
    let mut before = if from_the_end { size } else { 0 };
    let mut next = Place { key: i64::MAX, id: i64::MAX };
    while let Some(block) = blocks.next()? {
        let (start, count) =
            (Place { key: block.get(0)?, id: block.get(1)? }, block.get::<_, i64>(2)?);
        if from_the_end {
            before -= count;
        }
        if before <= first && first < before + count {
            if !from_the_end && let Some(block) = blocks.next()? {
                next = Place { key: block.get(0)?, id: block.get(1)? };
            }
            let (below, above) = (first - before, before + count - first - take);
            // The shorter way, where the block has all of the page.
            let goes_down = (0..below).contains(&above);
            let (start, skip) = if goes_down { (next, above) } else { (start, below) };
            return Ok(Some(Window { start, goes_down, skip, take }));
        }
        if !from_the_end {
            before += count;
        }
        next = start;
    }
    Err(rusqlite::Error::QueryReturnedNoRows)
}

fn resize(connection: &Connection, order: Order, context: i64) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "INSERT INTO list_size (list, size) VALUES (?1, ?2) ON CONFLICT (list) DO UPDATE SET size = size + ?2",
        )?
        .execute(params![order.list, context])?;
    Ok(())
}

/// The block that has this place: the last one that starts at it or before it.
fn block_of(connection: &Connection, order: Order, row: Place) -> rusqlite::Result<Option<Place>> {
    connection
        .prepare_cached(
            "SELECT key, id FROM place WHERE list = ?1 AND (key, id) <= (?2, ?3) ORDER BY key DESC, id DESC LIMIT 1",
        )?
        .query_row(params![order.list, row.key, row.id], |row| Ok(Place { key: row.get(0)?, id: row.get(1)? }))
        .optional()
}

/// Makes the first block begin at a place that comes before all others, or makes the first block.
fn begin_at(connection: &Connection, order: Order, row: Place) -> rusqlite::Result<Place> {
    let moved = match first_block(connection, order)? {
        Some(first) => connection
            .prepare_cached(
                "UPDATE place SET key = ?4, id = ?5 WHERE list = ?1 AND key = ?2 AND id = ?3",
            )?
            .execute(params![order.list, first.key, first.id, row.key, row.id])?,
        None => 0,
    };
    if moved == 0 {
        connection
            .prepare_cached("INSERT INTO place (list, key, id, count) VALUES (?1, ?2, ?3, 0)")?
            .execute(params![order.list, row.key, row.id])?;
    }
    Ok(row)
}

fn first_block(connection: &Connection, order: Order) -> rusqlite::Result<Option<Place>> {
    connection
        .prepare_cached("SELECT key, id FROM place WHERE list = ?1 ORDER BY key, id LIMIT 1")?
        .query_row([order.list], |row| Ok(Place { key: row.get(0)?, id: row.get(1)? }))
        .optional()
}

/// Changes how many rows a block has, and answers how many those are.
fn count(
    connection: &Connection,
    order: Order,
    block: Place,
    context: i64,
) -> rusqlite::Result<i64> {
    connection
        .prepare_cached("UPDATE place SET count = count + ?4 WHERE list = ?1 AND key = ?2 AND id = ?3 RETURNING count")?
        .query_row(params![order.list, block.key, block.id, context], |row| row.get(0))
}

/// Cuts a block in two halves.
fn split(connection: &Connection, order: Order, block: Place) -> rusqlite::Result<()> {
    let Order { table, column, only, .. } = order;
    let half = MOST / 2;
    let middle = connection
        .prepare_cached(&format!(
            "SELECT {column}, id FROM {table} WHERE ({column}, id) >= (?1, ?2) AND {only}
             ORDER BY {column}, id LIMIT 1 OFFSET ?3"
        ))?
        .query_row(params![block.key, block.id, half], |row| {
            Ok(Place { key: row.get(0)?, id: row.get(1)? })
        })?;
    let left = count(connection, order, block, 0)? - half;
    connection
        .prepare_cached("INSERT INTO place (list, key, id, count) VALUES (?1, ?2, ?3, ?4)")?
        .execute(params![order.list, middle.key, middle.id, left])?;
    count(connection, order, block, -left).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    const BY_KEY: Order = Order { list: "t.key", table: "t", column: "key", only: "id % 7 <> 0" };
    const BY_ID: Order = Order { list: "t.id", table: "t", column: "id", only: "TRUE" };

    fn connection() -> Connection {
        let connection = Connection::open_in_memory().unwrap();
        connection
            .execute_batch(
                "CREATE TABLE t (id INTEGER PRIMARY KEY AUTOINCREMENT, key INTEGER NOT NULL);
                 CREATE INDEX t_key ON t (key, id);
                 CREATE TABLE place (list TEXT NOT NULL, key INTEGER NOT NULL, id INTEGER NOT NULL,
                     count INTEGER NOT NULL, PRIMARY KEY (list, key, id)) STRICT, WITHOUT ROWID;
                 CREATE TABLE list_size (list TEXT PRIMARY KEY, size INTEGER NOT NULL) STRICT, WITHOUT ROWID;",
            )
            .unwrap();
        connection
    }

    fn is_in(order: Order, id: i64) -> bool {
        order.column == "id" || id % 7 != 0
    }

    fn places(order: Order, key: i64, id: i64) -> Place {
        Place { key: if order.column == "id" { id } else { key }, id }
    }

    fn add(connection: &Connection, key: i64) {
        connection.execute("INSERT INTO t (key) VALUES (?1)", [key]).unwrap();
        let id = connection.last_insert_rowid();
        for order in [BY_KEY, BY_ID].into_iter().filter(|order| is_in(*order, id)) {
            added(connection, order, places(order, key, id)).unwrap();
        }
    }

    fn remove(connection: &Connection, id: i64) {
        let key = connection
            .query_row("DELETE FROM t WHERE id = ?1 RETURNING key", [id], |row| row.get(0))
            .unwrap();
        for order in [BY_KEY, BY_ID].into_iter().filter(|order| is_in(*order, id)) {
            removed(connection, order, places(order, key, id)).unwrap();
        }
    }

    fn all(connection: &Connection, order: Order, is_descending: bool) -> Vec<i64> {
        let direction = if is_descending { "DESC" } else { "ASC" };
        let Order { column, only, .. } = order;
        let sql =
            format!("SELECT id FROM t WHERE {only} ORDER BY {column} {direction}, id {direction}");
        let mut statement = connection.prepare(&sql).unwrap();
        let ids = statement.query_map([], |row| row.get(0)).unwrap();
        ids.map(Result::unwrap).collect()
    }

    fn page(
        connection: &Connection,
        order: Order,
        request: PageRequest,
        is_descending: bool,
    ) -> Vec<i64> {
        let Some(window) = window(connection, order, request, is_descending).unwrap() else {
            return Vec::new();
        };
        assert!(window.skip < MOST);
        let mut statement = connection
            .prepare(&format!("SELECT id FROM t WHERE {} LIMIT ?3 OFFSET ?4", window.walk(order)))
            .unwrap();
        let Window { start, skip, take, .. } = window;
        let ids = statement.query_map([start.key, start.id, take, skip], |row| row.get(0)).unwrap();
        let mut ids: Vec<i64> = ids.map(Result::unwrap).collect();
        if is_descending != window.goes_down {
            ids.reverse();
        }
        ids
    }

    /// Fails unless some pages of each order are those of a plain walk.
    fn assert_right(connection: &Connection) {
        for (order, is_descending) in
            [(BY_KEY, false), (BY_KEY, true), (BY_ID, false), (BY_ID, true)]
        {
            let all = all(connection, order, is_descending);
            assert_eq!(size(connection, order).unwrap(), i64::try_from(all.len()).unwrap());
            let last = u64::try_from(all.len().div_ceil(100)).unwrap();
            for number in [1, 2, last / 3, last / 2, last.saturating_sub(1), last, last + 1] {
                let request = PageRequest::new(number.max(1), 100);
                let from = usize::try_from(request.offset()).unwrap().min(all.len());
                let expected = &all[from..all.len().min(from + 100)];
                assert_eq!(
                    page(connection, order, request, is_descending),
                    expected,
                    "{order:?} {number}"
                );
            }
        }
    }

    #[test]
    fn what_another_program_has_changed_is_mended() {
        let mut connection = connection();
        for n in 0..5_000 {
            add(&connection, n % 13);
        }
        for change in [
            "INSERT INTO t (key) SELECT key + 3 FROM t",
            "DELETE FROM t WHERE id % 3 = 0",
            "DELETE FROM t",
        ] {
            connection.execute(change, []).unwrap();
            for order in [BY_KEY, BY_ID] {
                mend(&mut connection, order).unwrap();
            }
            assert_right(&connection);
            add(&connection, 4);
            assert_right(&connection);
        }
    }

    #[test]
    fn a_page_is_that_of_a_plain_walk_after_any_changes() {
        let connection = connection();
        assert_right(&connection);
        let mut random: u64 = 1;
        let mut next = |below: i64| {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            i64::try_from(random >> 33).unwrap() % below
        };
        for round in 0..4 {
            for _ in 0..4_000 {
                // Few keys or many, in the middle, at the end, before the first one.
                add(
                    &connection,
                    [next(5), next(1_000_000), round * 10, -next(100) - round]
                        [usize::try_from(round).unwrap()],
                );
            }
            assert_right(&connection);
            for id in all(&connection, BY_ID, false) {
                if next(10) < [1, 9, 5, 10][usize::try_from(round).unwrap()] {
                    remove(&connection, id);
                }
            }
            assert_right(&connection);
        }
        assert_eq!(size(&connection, BY_ID).unwrap(), 0);
        let blocks: i64 =
            connection.query_row("SELECT count(*) FROM place", [], |row| row.get(0)).unwrap();
        assert_eq!(blocks, 0);
    }
}
