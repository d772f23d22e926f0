//! Scans: how many rows the conditions of a list select, and the row ids of a page of them.
//!
//! Rows are as wide as their texts, so a scan reads an index that has all columns of the filter. Rows
//! are counted in the index of a filter. The rows of a page come from the same index if they are few,
//! or if it has them in the order; else from the index of the order, from the nearer end. Each index
//! is named in its statement: which one SQLite would choose depends on statistics, which nobody keeps.

use std::iter;

use rusqlite::types::Value;
use rusqlite::{Connection, ToSql};

use super::conditions::{Condition, FullText, Index, Order, WhereClause};
use super::found::Found;
use crate::domain::PageRequest;

/// Up to so many rows are sorted, in about a millisecond.
pub const MOST_SORTED: u64 = if cfg!(test) { 16 } else { 1_024 };

/// The number of all rows, and the ids of those on a page. The table is the resource's own.
pub fn find(
    snapshot: &Connection,
    (table, id): (&'static str, &'static str),
    conditions: WhereClause<'_>,
    order: Order,
    request: PageRequest,
) -> rusqlite::Result<(u64, Vec<Value>)> {
    let search = conditions.search;
    let scan = Scan::new(snapshot, (table, id), conditions, order);
    let Some(search) = search else {
        let total = scan.count()?;
        return Ok((total, scan.page(request, total)?));
    };
    let found = search.find(snapshot)?;
    if scan.asked.is_empty() && order.column == id {
        return Ok((found.count, page_of(&found, order.descending, request)));
    }
    if let Some(by_id) = search.by_id
        && found.count <= MOST_SORTED
    {
        return scan.sort(request, by_id, &found);
    }
    let scan = scan.among(Some(&found));
    let total = scan.count()?;
    Ok((total, scan.page(request, total)?))
}

/// The number of all rows, counted up to `most`; what a search finds is counted whole.
pub fn count_up_to(
    most: u32,
    snapshot: &Connection,
    table: (&'static str, &'static str),
    conditions: WhereClause<'_>,
    order: Order,
) -> rusqlite::Result<u32> {
    let total = if conditions.search.is_some() {
        let past_the_end = PageRequest::new(u64::MAX, 1);
        find(snapshot, table, conditions, order, past_the_end)?.0
    } else {
        Scan::new(snapshot, table, conditions, order).count_up_to(most)?
    };
    Ok(u32::try_from(total).map_or(most, |total| total.min(most)))
}

impl FullText<'_> {
    pub fn find(self, snapshot: &Connection) -> rusqlite::Result<Found> {
        let Self { index, words, .. } = self;
        let sql = format!("SELECT rowid FROM {index} WHERE {index} MATCH ?1 ORDER BY rowid");
        Found::read(snapshot, &sql, [words])
    }
}

/// The rows of a list that conditions select.
#[derive(Clone)]
pub struct Scan<'a> {
    snapshot: &'a Connection,
    table: &'static str,
    id: &'static str,
    /// Whether the table has the indexes that the conditions and the order name.
    has_indexes: bool,
    always: &'static str,
    asked: Vec<Condition<'a>>,
    /// Only these.
    found: Option<&'a Found>,
    order: Order,
}

impl<'a> Scan<'a> {
    /// The search is the caller's.
    pub fn new(
        snapshot: &'a Connection,
        (table, id): (&'static str, &'static str),
        conditions: WhereClause<'a>,
        order: Order,
    ) -> Self {
        let WhereClause { table: other, always, asked, search: _ } = conditions;
        let (table, has_indexes) = (other.unwrap_or(table), other.is_none());
        Self { snapshot, table, id, has_indexes, always, asked, found: None, order }
    }

    /// Only the rows that a search has found.
    pub fn among(self, found: Option<&'a Found>) -> Self {
        Self { found, ..self }
    }

    fn count(&self) -> rusqlite::Result<u64> {
        match (self.found, self.order.total) {
            (Some(found), _) if self.asked.is_empty() => return Ok(found.count),
            (None, Some(buckets)) if self.asked.is_empty() => return buckets.total(self.snapshot),
            _ => {}
        }
        // What is excluded is easier to find than all else.
        if let Some(at) = self.asked.iter().position(|condition| condition.is_negated) {
            let (mut rest, mut excluded) = (self.clone(), self.clone());
            rest.asked.remove(at);
            excluded.asked[at].is_negated = false;
            return Ok(rest.count()?.saturating_sub(excluded.count()?));
        }
        let sql = format!("SELECT count(*) FROM {} WHERE {}", self.counted(), self.condition());
        let mut statement = self.snapshot.prepare_cached(&sql)?;
        statement.query_row(&*self.values(), |row| row.get(0))
    }

    /// The same, up to `most`, unless the whole list is counted already.
    fn count_up_to(&self, most: u32) -> rusqlite::Result<u64> {
        if self.asked.is_empty() {
            return self.count();
        }
        let (from, condition, mut values) = (self.counted(), self.condition(), self.values());
        let limit = values.len() + 1;
        let sql =
            format!("SELECT count(*) FROM (SELECT 1 FROM {from} WHERE {condition} LIMIT ?{limit})");
        values.push(&most);
        self.snapshot.prepare_cached(&sql)?.query_row(&*values, |row| row.get(0))
    }

    /// The table with the index in which its rows are counted.
    fn counted(&self) -> String {
        self.from(self.filter_index().map(|index| index.name).or(self.order.index))
    }

    /// The ids of the rows of a page.
    fn page(&self, request: PageRequest, total: u64) -> rusqlite::Result<Vec<Value>> {
        let (before, take, after) = span(request, total);
        if take == 0 {
            return Ok(Vec::new());
        }
        let is_reversed = after < before;
        let order = if is_reversed { self.order.reversed() } else { self.order };
        let from = self.from(self.page_index(total));
        let (id, skip, mut values) = (self.id, before.min(after), self.values());
        let sql = format!(
            "SELECT {id} FROM {from} WHERE {} ORDER BY {} LIMIT ?{} OFFSET ?{}",
            self.condition(),
            order.to_sql(id),
            values.len() + 1,
            values.len() + 2
        );
        values.extend([&take as &dyn ToSql, &skip]);
        let mut ids = self.read(&sql, &values)?;
        if is_reversed {
            ids.reverse();
        }
        Ok(ids)
    }

    /// The number of those of a few rows, and the ids of those on a page.
    fn sort(
        &self,
        request: PageRequest,
        by_id: &str,
        rows: &Found,
    ) -> rusqlite::Result<(u64, Vec<Value>)> {
        let (id, from, mut values) = (self.id, self.from(Some(by_id)), self.values());
        let sql = format!(
            "SELECT {id} FROM (SELECT value AS found FROM json_each(?{})) CROSS JOIN {from}
             WHERE {id} = found AND {} ORDER BY {}",
            values.len() + 1,
            self.condition(),
            self.order.to_sql(id)
        );
        let rows = format!("{:?}", rows.ids().collect::<Vec<_>>());
        values.push(&rows);
        let ids = self.read(&sql, &values)?;
        let skip = usize::try_from(request.offset()).unwrap_or(usize::MAX);
        let total = ids.len() as u64;
        Ok((total, ids.into_iter().skip(skip).take(request.per_page() as usize).collect()))
    }

    /// The index of the first condition that has one.
    fn filter_index(&self) -> Option<Index> {
        let selects = |condition: &&Condition<'_>| !condition.is_negated;
        self.asked.iter().filter(selects).find_map(|condition| condition.index)
    }

    /// The index from which to read some of so many rows.
    fn page_index(&self, total: u64) -> Option<&'static str> {
        let (filter, order) = (self.filter_index(), self.order.index);
        let has_order = |index: &Index| index.sorted_by == Some(self.order.column);
        match filter {
            Some(index) if total <= MOST_SORTED || has_order(&index) => Some(index.name),
            _ => order.or(filter.map(|index| index.name)),
        }
    }

    fn from(&self, index: Option<&str>) -> String {
        match index {
            Some(index) if self.has_indexes => format!("{} INDEXED BY {index}", self.table),
            _ => self.table.to_owned(),
        }
    }

    /// The table with the index from which whole lists are read, portion by portion.
    pub fn table_of_whole(&self) -> String {
        self.from(self.page_index(u64::MAX))
    }

    /// Numbers the values, because a condition may use its value twice.
    pub fn condition(&self) -> String {
        let mut n = 0;
        let numbered = |condition: &Condition<'_>| {
            n += usize::from(condition.value.is_some());
            let sql = condition.sql.replace('?', &format!("?{n}"));
            if condition.is_negated { format!("({sql}) IS NOT TRUE") } else { format!("({sql})") }
        };
        let asked: Vec<_> = self.asked.iter().map(numbered).collect();
        let found = self.found.map(|_| format!("is_found(?{}, {})", n + 1, self.id));
        let all = iter::once(self.always.to_owned()).chain(asked).chain(found);
        all.collect::<Vec<_>>().join(" AND ")
    }

    pub fn values(&self) -> Vec<&'a dyn ToSql> {
        let found = self.found.map(|found| found as &dyn ToSql);
        self.asked.iter().filter_map(|condition| condition.value).chain(found).collect()
    }

    fn read(&self, sql: &str, values: &[&dyn ToSql]) -> rusqlite::Result<Vec<Value>> {
        self.snapshot.prepare_cached(sql)?.query_map(values, |row| row.get(0))?.collect()
    }
}

/// How many rows are before a page, on it, and after it.
fn span(request: PageRequest, total: u64) -> (u64, u64, u64) {
    let before = request.offset().min(total);
    let take = u64::from(request.per_page()).min(total - before);
    (before, take, total - before - take)
}

/// The ids on a page of what was found, by id.
fn page_of(found: &Found, descending: bool, request: PageRequest) -> Vec<Value> {
    let (before, take, after) = span(request, found.count);
    let skip = if descending { after } else { before };
    let [skip, take] = [skip, take].map(|n| usize::try_from(n).unwrap_or(usize::MAX));
    let mut ids: Vec<_> = found.ids().skip(skip).take(take).map(Value::from).collect();
    if descending {
        ids.reverse();
    }
    ids
}
