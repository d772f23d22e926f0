//! What a list is asked for: the conditions of its filter, and its order. They name the indexes that
//! `scans` reads.

use rusqlite::ToSql;

use super::buckets::Buckets;
use crate::domain::{Named, Sort};

/// A sort order of a list. Rows that are equal in it are ordered by `id`.
#[derive(Clone, Copy)]
pub struct Order {
    pub column: &'static str,
    pub descending: bool,
    nulls_last: Option<bool>,
    /// An index that has the rows in this order.
    pub index: Option<&'static str>,
    /// They count the whole list.
    pub total: Option<Buckets>,
    /// They find the pages of the whole list.
    pub pages: Option<Buckets>,
}

impl Order {
    /// For a list that may be long, name an index, too.
    pub const fn new(column: &'static str, descending: bool) -> Self {
        Self { column, descending, nulls_last: None, index: None, total: None, pages: None }
    }

    /// By the column that has the name of the key.
    pub fn by_name<K: Named + Default>(sort: Option<Sort<K>>) -> Self {
        let Sort { key, descending } = sort.unwrap_or_default();
        Self::new(key.name(), descending)
    }

    /// An index that has the rows in this order, with all columns of the filter.
    pub const fn indexed(self, index: &'static str) -> Self {
        Self { index: Some(index), ..self }
    }

    /// The whole list is counted with the buckets.
    pub const fn counted(self, buckets: Buckets) -> Self {
        Self { total: Some(buckets), ..self }
    }

    /// Its pages are found with them, too, because they have this order.
    pub const fn paged(self, buckets: Buckets) -> Self {
        Self { pages: Some(buckets), ..self.counted(buckets) }
    }

    /// Rows without a value come last in both directions.
    pub const fn nulls_last(self) -> Self {
        Self { nulls_last: Some(true), ..self }
    }

    pub fn has_nulls_last(self) -> bool {
        self.nulls_last == Some(true)
    }

    pub fn reversed(self) -> Self {
        let nulls_last = self.nulls_last.map(|last| !last);
        Self { descending: !self.descending, nulls_last, ..self }
    }

    pub fn to_sql(self, id: &str) -> String {
        let Self { column, descending, nulls_last, .. } = self;
        let direction = if descending { " DESC" } else { "" };
        if column == id {
            return format!("{id}{direction}");
        }
        let nulls = match nulls_last {
            None => "",
            Some(true) => " NULLS LAST",
            Some(false) => " NULLS FIRST",
        };
        format!("{column}{direction}{nulls}, {id}{direction}")
    }
}

/// An index that finds the rows of a condition.
#[derive(Clone, Copy)]
pub struct Index {
    pub name: &'static str,
    /// The column by which it has them sorted.
    pub sorted_by: Option<&'static str>,
}

impl Index {
    pub const fn new(name: &'static str) -> Self {
        Self { name, sorted_by: None }
    }

    /// It has the rows of the condition sorted by a column, and then by `id`.
    pub const fn sorted_by(self, column: &'static str) -> Self {
        Self { sorted_by: Some(column), ..self }
    }
}

/// A condition with at most one value, `?`.
#[derive(Clone, Copy)]
pub struct Condition<'a> {
    pub sql: &'static str,
    pub value: Option<&'a dyn ToSql>,
    pub index: Option<Index>,
    pub is_negated: bool,
}

/// Words that a row has to have.
#[derive(Clone, Copy)]
pub struct FullText<'a> {
    pub index: &'static str,
    pub words: &'a dyn ToSql,
    /// An index that finds rows of the list by id.
    pub by_id: Option<&'static str>,
}

/// The conditions of a list, and their values. A statement has only those that the filter asks for,
/// so that SQLite can use an index for them. If a list may be long, its indexes have all columns of
/// its filter.
#[derive(Clone)]
pub struct WhereClause<'a> {
    pub table: Option<&'static str>,
    pub always: &'static str,
    pub asked: Vec<Condition<'a>>,
    pub search: Option<FullText<'a>>,
}

impl<'a> WhereClause<'a> {
    /// `always` is a condition without values.
    pub const fn new(always: &'static str) -> Self {
        Self { table: None, always, asked: Vec::new(), search: None }
    }

    /// Selects in another table with the same `id`, whose primary key finds the rows by id.
    pub fn of(self, table: &'static str) -> Self {
        Self { table: Some(table), ..self }
    }

    /// Adds a condition with one value, `?`, unless the value is `None`.
    pub fn and<T: ToSql>(self, sql: &'static str, value: Option<&'a T>) -> Self {
        self.add(None, sql, value, false)
    }

    /// The same, with an index that finds the rows. Conditions that select few rows come first.
    pub fn and_by<T: ToSql>(self, index: Index, sql: &'static str, value: Option<&'a T>) -> Self {
        self.add(Some(index), sql, value, false)
    }

    /// Excludes the rows of such a condition.
    pub fn and_not_by<T: ToSql>(
        self,
        index: Index,
        sql: &'static str,
        value: Option<&'a T>,
    ) -> Self {
        self.add(Some(index), sql, value, true)
    }

    /// Adds a condition without a value if it is asked for, with an index that finds the rows.
    pub fn and_if(mut self, index: Index, sql: &'static str, is_asked: bool) -> Self {
        let condition = Condition { sql, value: None, index: Some(index), is_negated: false };
        self.asked.extend(is_asked.then_some(condition));
        self
    }

    fn add<T: ToSql>(
        mut self,
        index: Option<Index>,
        sql: &'static str,
        value: Option<&'a T>,
        is_negated: bool,
    ) -> Self {
        let condition = |value| Condition { sql, value, index, is_negated };
        self.asked.extend(value.map(|value| condition(Some(value as &dyn ToSql))));
        self
    }

    /// Requires that a full-text index finds the row, unless nothing is searched. It has the rows of
    /// the whole list, which `by_id` finds by their ids, unless few are ever selected.
    pub fn and_match<T: ToSql>(
        self,
        by_id: Option<&'static str>,
        index: &'static str,
        words: Option<&'a T>,
    ) -> Self {
        let search = words.map(|words| FullText { index, words, by_id });
        Self { search: search.or(self.search), ..self }
    }

    /// Whether the list is a whole one.
    pub const fn is_empty(&self) -> bool {
        self.asked.is_empty() && self.search.is_none()
    }
}
