//! Reads by key, and lists with filters, sort orders and pages.

use rusqlite::{Connection, OptionalExtension, Params, Row, ToSql};

use super::buckets::Buckets;
use crate::domain::{Page, PageRequest};

/// What is read of a resource, and how a row becomes a value.
pub struct Select<T> {
    pub columns: &'static str,
    pub tables: &'static str,
    /// The column `id` of the resource's own table.
    pub id: &'static str,
    pub from_row: fn(&Row<'_>) -> rusqlite::Result<T>,
}

/// A sort order of a list, in both directions.
#[derive(Clone, Copy)]
pub struct Order {
    ascending: &'static str,
    descending: &'static str,
    buckets: Option<Buckets>,
}

impl Order {
    pub const fn new(ascending: &'static str, descending: &'static str) -> Self {
        Self { ascending, descending, buckets: None }
    }

    /// For a list that may be long: its pages are found with the buckets.
    pub const fn counted(self, buckets: Buckets) -> Self {
        Self { buckets: Some(buckets), ..self }
    }

    fn to_sql(self, descending: bool) -> &'static str {
        if descending { self.descending } else { self.ascending }
    }
}

/// The conditions of a list, and their values. The statement has only those that the filter asks
/// for, so that SQLite can use an index for them.
pub struct WhereClause<'a> {
    always: &'static str,
    asked: Vec<(&'static str, &'a dyn ToSql)>,
}

impl<'a> WhereClause<'a> {
    /// `always` is a condition without values.
    pub fn new(always: &'static str) -> Self {
        Self { always, asked: Vec::new() }
    }

    /// Adds a condition with one value, `?`, unless the value is `None`.
    pub fn and<T: ToSql>(mut self, condition: &'static str, value: Option<&'a T>) -> Self {
        self.asked.extend(value.map(|value| (condition, value as &dyn ToSql)));
        self
    }

    /// Numbers the values, because a condition may use its value twice.
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
    /// The statement for [`Self::find`]. Callers on a hot path build it once.
    pub fn to_sql(&self, condition: &str) -> String {
        format!("SELECT {} FROM {} WHERE {condition}", self.columns, self.tables)
    }

    /// The row that a statement of [`Self::to_sql`] finds.
    pub fn find(
        &self,
        connection: &Connection,
        sql: &str,
        values: impl Params,
    ) -> rusqlite::Result<Option<T>> {
        connection.prepare_cached(sql)?.query_row(values, self.from_row).optional()
    }

    /// A page, and the number of all rows, both from one snapshot.
    pub fn page(
        &self,
        connection: &Connection,
        conditions: &WhereClause<'_>,
        order: Order,
        descending: bool,
        request: PageRequest,
    ) -> rusqlite::Result<Page<T>> {
        let snapshot = connection.unchecked_transaction()?;
        match order.buckets {
            Some(buckets) if conditions.asked.is_empty() => {
                self.counted_page(&snapshot, order, buckets, descending, request)
            }
            _ => self.filtered_page(&snapshot, conditions, order.to_sql(descending), request),
        }
    }

    fn filtered_page(
        &self,
        snapshot: &Connection,
        conditions: &WhereClause<'_>,
        order: &str,
        request: PageRequest,
    ) -> rusqlite::Result<Page<T>> {
        let (condition, mut values) = (conditions.to_sql(), conditions.values());
        let total = snapshot
            .prepare_cached(&format!("SELECT count(*) FROM {} WHERE {condition}", self.tables))?
            .query_row(values.as_slice(), |row| row.get(0))?;
        let offset = i64::try_from(request.offset()).unwrap_or(i64::MAX);
        let take = request.per_page();
        values.extend([&take as &dyn ToSql, &offset]);
        let items = snapshot
            // A `?` without a number takes the next one.
            .prepare_cached(&format!(
                "{} ORDER BY {order} LIMIT ? OFFSET ?",
                self.to_sql(&condition)
            ))?
            .query_map(values.as_slice(), self.from_row)?
            .collect::<rusqlite::Result<_>>()?;
        Ok(Page { request, items, total })
    }

    /// A page of the whole list. The cost does not grow with the page number.
    fn counted_page(
        &self,
        snapshot: &Connection,
        order: Order,
        buckets: Buckets,
        descending: bool,
        request: PageRequest,
    ) -> rusqlite::Result<Page<T>> {
        let (total, walk) = buckets.find(snapshot, request, descending)?;
        let Some(walk) = walk else {
            return Ok(Page { request, items: Vec::new(), total });
        };
        let condition = format!("{} IN ({})", self.id, walk.to_sql(buckets));
        let (select, order) = (self.to_sql(&condition), order.to_sql(descending));
        let items = snapshot
            .prepare_cached(&format!("{select} ORDER BY {order}"))?
            .query_map((walk.from, walk.take, walk.skip), self.from_row)?
            .collect::<rusqlite::Result<_>>()?;
        Ok(Page { request, items, total })
    }
}
