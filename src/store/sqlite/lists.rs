//! Lists: what they select, filter and sort, and their pages.

use rusqlite::{Connection, OptionalExtension, Params, Row, ToSql};

use super::buckets::Buckets;
use crate::domain::{Page, PageRequest};

/// What of a resource is read, and how a row becomes a value.
pub struct Select<T> {
    pub columns: &'static str,
    pub tables: &'static str,
    /// The column `id` of the resource's own table.
    pub id: &'static str,
    pub from_row: fn(&Row<'_>) -> rusqlite::Result<T>,
}

/// An order of a list, from both ends.
#[derive(Clone, Copy)]
pub struct Order {
    pub ascending: &'static str,
    pub descending: &'static str,
    /// Where the whole list may be long.
    pub buckets: Option<Buckets>,
}

impl Order {
    fn to_sql(self, descending: bool) -> &'static str {
        if descending { self.descending } else { self.ascending }
    }
}

/// The conditions of a list, and the values in them. Only those that are asked for are in the
/// statement, so that SQLite can find them by an index.
pub struct Conditions<'a> {
    always: &'static str,
    asked: Vec<(&'static str, &'a dyn ToSql)>,
}

impl<'a> Conditions<'a> {
    /// With one that always holds.
    pub fn new(always: &'static str) -> Self {
        Self { always, asked: Vec::new() }
    }

    /// Adds a condition with one value, `?`, if there is one.
    pub fn and<T: ToSql>(mut self, condition: &'static str, value: Option<&'a T>) -> Self {
        self.asked.extend(value.map(|value| (condition, value as &dyn ToSql)));
        self
    }

    /// Each condition's value has a number.
    fn to_sql(&self) -> String {
        let mut sql = self.always.to_owned();
        for (n, (condition, _)) in self.asked.iter().enumerate() {
            sql.push_str(" AND ");
            sql.push_str(&condition.replace('?', &format!("?{}", n + 1)));
        }
        sql
    }

    fn values(&self) -> Vec<&'a dyn ToSql> {
        self.asked.iter().map(|(_, value)| *value).collect()
    }
}

impl<T> Select<T> {
    /// The one row for which a condition holds.
    pub fn find(
        &self,
        connection: &Connection,
        condition: &str,
        values: impl Params,
    ) -> rusqlite::Result<Option<T>> {
        let Self { columns, tables, from_row, .. } = *self;
        connection
            .prepare_cached(&format!("SELECT {columns} FROM {tables} WHERE {condition}"))?
            .query_row(values, from_row)
            .optional()
    }

    /// A page, and the number of all rows: both from one moment.
    pub fn page(
        &self,
        connection: &Connection,
        conditions: &Conditions<'_>,
        order: Order,
        descending: bool,
        request: PageRequest,
    ) -> rusqlite::Result<Page<T>> {
        let moment = connection.unchecked_transaction()?;
        match order.buckets {
            Some(buckets) if conditions.asked.is_empty() => {
                self.counted_page(&moment, order, buckets, descending, request)
            }
            _ => self.filtered_page(&moment, conditions, order.to_sql(descending), request),
        }
    }

    fn filtered_page(
        &self,
        moment: &Connection,
        conditions: &Conditions<'_>,
        order: &str,
        request: PageRequest,
    ) -> rusqlite::Result<Page<T>> {
        let Self { columns, tables, from_row, .. } = *self;
        let (condition, mut values) = (conditions.to_sql(), conditions.values());
        let total = moment
            .prepare_cached(&format!("SELECT count(*) FROM {tables} WHERE {condition}"))?
            .query_row(values.as_slice(), |row| row.get(0))?;
        let offset = i64::try_from(request.offset()).unwrap_or(i64::MAX);
        let take = request.per_page();
        values.extend([&take as &dyn ToSql, &offset]);
        let items = moment
            // What has no number takes the next one.
            .prepare_cached(&format!(
                "SELECT {columns} FROM {tables} WHERE {condition} ORDER BY {order} LIMIT ? OFFSET ?"
            ))?
            .query_map(values.as_slice(), from_row)?
            .collect::<rusqlite::Result<_>>()?;
        Ok(Page { request, items, total })
    }

    /// A page of the whole list. Its cost does not grow with its number.
    fn counted_page(
        &self,
        moment: &Connection,
        order: Order,
        buckets: Buckets,
        descending: bool,
        request: PageRequest,
    ) -> rusqlite::Result<Page<T>> {
        let Self { columns, tables, id, from_row } = *self;
        let (total, walk) = buckets.find(moment, request, descending)?;
        let Some(walk) = walk else {
            return Ok(Page { request, items: Vec::new(), total });
        };
        let items = moment
            .prepare_cached(&format!(
                "SELECT {columns} FROM {tables} WHERE {id} IN ({}) ORDER BY {}",
                walk.to_sql(buckets),
                order.to_sql(descending)
            ))?
            .query_map((walk.from, walk.take, walk.skip), from_row)?
            .collect::<rusqlite::Result<_>>()?;
        Ok(Page { request, items, total })
    }
}
