//! Imports: records from rows of a table, all of them or none.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde::{Deserialize, Serialize};

use super::UserRef;
use crate::error::{Error, FieldErrors};

/// How many errors of an import are listed; more are counted.
const MAX_LISTED: usize = 100;

/// What an import does with a record that exists.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ImportMode {
    /// It is an error of its row.
    #[default]
    Create,
    /// The row changes it.
    Upsert,
}

named!(ImportMode { Create => "create", Upsert => "upsert" });

/// The lists that a table can be imported into.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ImportedList {
    Widgets,
    Tasks,
}

named!(ImportedList { Widgets => "widgets", Tasks => "tasks" });

/// The number of a row as a spreadsheet shows it: the header is row 1.
pub type RowNumber = u32;

/// The records of the rows of a table.
#[derive(Debug)]
pub struct Import<T> {
    pub mode: ImportMode,
    /// Those without fault.
    pub rows: Vec<(RowNumber, T)>,
    /// What is wrong with the others. The store adds what it finds, and imports nothing if there is
    /// anything.
    pub errors: RowErrors,
    pub progress: Progress,
}

/// A table to import, as text.
#[derive(Debug)]
pub struct TableImport<'a> {
    pub list: ImportedList,
    pub text: &'a str,
    pub mode: ImportMode,
    /// Whose all new records are.
    pub owner: Option<UserRef>,
    /// Else whose those are that the table names nobody for.
    pub default_owner: UserRef,
    pub progress: Progress,
}

/// What an import has done, or would do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Imported {
    pub created: u64,
    pub updated: u64,
    /// Rows that say what their records have already.
    pub unchanged: u64,
}

/// What a row has done to its record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RowEffect {
    Created,
    Updated,
    Unchanged,
}

impl Imported {
    pub fn count(&mut self, effect: RowEffect) {
        let number = match effect {
            RowEffect::Created => &mut self.created,
            RowEffect::Updated => &mut self.updated,
            RowEffect::Unchanged => &mut self.unchanged,
        };
        *number += 1;
    }
}

/// What is wrong with the rows of a table.
#[derive(Clone, Debug, Default)]
pub struct RowErrors {
    listed: FieldErrors,
    count: usize,
}

impl RowErrors {
    pub fn add(&mut self, row: RowNumber, column: &str, why: impl Into<String>) {
        self.note(format!("row {row}, {column}"), why);
    }

    /// Adds an error of a whole row.
    pub fn add_row(&mut self, row: RowNumber, why: impl Into<String>) {
        self.note(format!("row {row}"), why);
    }

    /// Adds the errors of the columns of a row.
    pub fn add_all(&mut self, row: RowNumber, errors: &FieldErrors) {
        for (column, why) in errors.iter() {
            self.add(row, column, why);
        }
    }

    fn note(&mut self, place: String, why: impl Into<String>) {
        if self.count < MAX_LISTED {
            self.listed.add(&place, why);
        }
        self.count += 1;
    }

    /// [`Error::Invalid`] if there are any.
    pub fn finish(mut self) -> Result<(), Error> {
        if let Some(more) = self.count.checked_sub(MAX_LISTED).filter(|more| *more > 0) {
            self.listed.add("rows", format!("have {more} more errors"));
        }
        if self.count == 0 { Ok(()) } else { Err(Error::Invalid(self.listed)) }
    }
}

/// How many rows of an import are done, for whoever waits for it.
#[derive(Clone, Debug, Default)]
pub struct Progress(Arc<Counts>);

#[derive(Debug, Default)]
struct Counts {
    done: AtomicUsize,
    all: AtomicUsize,
}

impl Progress {
    pub fn begin(&self, all: usize) {
        self.0.all.store(all, Ordering::Relaxed);
    }

    pub fn advance(&self) {
        self.0.done.fetch_add(1, Ordering::Relaxed);
    }

    /// How many are done, of how many; 0 of 0 before it begins.
    pub fn counts(&self) -> (usize, usize) {
        (self.0.done.load(Ordering::Relaxed), self.0.all.load(Ordering::Relaxed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_are_listed_by_row_and_more_than_100_are_counted() {
        let mut errors = RowErrors::default();
        assert!(errors.clone().finish().is_ok());
        errors.add(10, "deadline", "is required");
        errors.add(9, "name", "is required");
        errors.add_row(2, "has 3 cells; the header has 2");
        let listed = errors.clone().finish().unwrap_err().to_string();
        assert_eq!(
            listed,
            "row 2: has 3 cells; the header has 2; row 9, name: is required; \
             row 10, deadline: is required"
        );
        for row in 11..=107 {
            errors.add(row, "name", "is required");
        }
        assert!(!errors.clone().finish().unwrap_err().to_string().contains("more"));
        for row in 200..1_200 {
            errors.add(row, "name", "is required");
        }
        let Err(Error::Invalid(listed)) = errors.finish() else { panic!("it is refused") };
        assert_eq!(listed.iter().count(), 101);
        assert_eq!(listed.iter().last(), Some(("rows", "have 1000 more errors")));
    }
}
