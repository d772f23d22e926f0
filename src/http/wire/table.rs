//! Reads a table: which rows it has, and each row as an input.

use std::collections::HashMap;

use super::csv::from_cell;
use super::fields::{Fields, WHOLE_BODY};
use super::input::Input;
use super::services::FieldContext;
use crate::domain::{Import, ImportMode, Progress, RowErrors, RowNumber, Timestamp, UserRef};
use crate::error::{Error, FieldErrors};

/// The mark that some programs write before UTF-8.
const BYTE_ORDER_MARK: char = '\u{feff}';

/// A row of a table that can be imported. Its fields are the columns.
pub trait Row: Input + Send + 'static {
    /// What the store imports.
    type Record: Send + 'static;

    /// The column that tells the records apart.
    const KEY: &'static str;

    /// A table for the OpenAPI document.
    const EXAMPLE: &'static str;

    /// More columns of an export, which are skipped.
    const OTHERS: &'static [&'static str] = &[];

    /// The record with its key. `owner` says whose a new one is.
    fn into_record(self, owner: &NewOwner, now: Timestamp) -> (String, Self::Record);
}

/// Whose the new records of an import are.
#[derive(Clone, Debug)]
pub enum NewOwner {
    Always(UserRef),
    /// Whom the row names, or else this one.
    AsTheRowSays(UserRef),
}

impl NewOwner {
    pub fn of(&self, named: Option<UserRef>) -> UserRef {
        match self {
            Self::Always(user) => user.clone(),
            Self::AsTheRowSays(user) => named.unwrap_or_else(|| user.clone()),
        }
    }
}

/// In seconds: how much earlier a date ends in one time zone than in another, at most.
const BETWEEN_ZONES: i64 = 26 * 3_600;

/// When the deadline of a record must not have passed: when it was made, if it says so. Its date may
/// have ended here, and not where it was made.
pub fn made_at(created_at: Option<Timestamp>, now: Timestamp) -> Timestamp {
    created_at.map_or(now, |at| at.min(now).plus_seconds(-BETWEEN_ZONES))
}

/// Reads a table of at most so many rows. The errors of its rows are part of the import, so that the
/// store can add what it finds.
pub fn read<T: Row>(
    text: &str,
    context: &FieldContext,
    owner: &NewOwner,
    most: Option<usize>,
) -> Result<Import<T::Record>, Error> {
    let text = text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(text);
    let numbers = row_numbers(text)?;
    if let Some(most) = most.filter(|most| numbers.len() > most + 1) {
        return Err(Error::invalid(WHOLE_BODY, format!("has more than {most} rows")));
    }
    let reader =
        csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(text.as_bytes());
    let mut rows = numbers.into_iter().zip(reader.into_records());
    let Some((number, header)) = rows.next() else {
        return Err(Error::invalid(WHOLE_BODY, "is empty; its first row must name the columns"));
    };
    let columns = columns_of::<T>(number, &header.map_err(unreadable)?)?;
    let mut table = Rows::new(owner, context.now);
    for (number, cells) in rows {
        let cells = cells.map_err(unreadable)?;
        // Spreadsheets leave such rows where something was deleted.
        if !cells.iter().all(str::is_empty) {
            table.add::<T>(number, &columns, &cells, context)?;
        }
    }
    let Rows { records, errors, .. } = table;
    Ok(Import { mode: ImportMode::default(), rows: records, errors, progress: Progress::default() })
}

fn unreadable(cause: csv::Error) -> Error {
    Error::internal("reading CSV", cause)
}

/// The columns that the header names, in its order.
fn columns_of<T: Row>(
    number: RowNumber,
    header: &csv::StringRecord,
) -> Result<Vec<&'static str>, Error> {
    let fields = T::FIELDS.iter().map(|(name, _)| *name);
    let known: Vec<_> = fields.chain(T::OTHERS.iter().copied()).collect();
    let (mut columns, mut errors) = (Vec::new(), FieldErrors::default());
    let mut wrong = |name: &str, why: String| errors.add(&format!("row {number}, {name}"), why);
    for name in header {
        match known.iter().find(|known| **known == name) {
            None => wrong(name, format!("is not a column; columns are {}", known.join(", "))),
            Some(name) if columns.contains(name) => wrong(name, "is there twice".to_owned()),
            Some(name) => columns.push(*name),
        }
    }
    for (name, _) in T::FIELDS.iter().filter(|(_, is_required)| *is_required) {
        if !columns.contains(name) {
            wrong(name, "is a column that is required".to_owned());
        }
    }
    if errors.is_empty() { Ok(columns) } else { Err(Error::Invalid(errors)) }
}

/// The rows that are read.
struct Rows<'a, R> {
    records: Vec<(RowNumber, R)>,
    errors: RowErrors,
    /// Where each key is.
    keys: HashMap<String, RowNumber>,
    owner: &'a NewOwner,
    now: Timestamp,
}

impl<'a, R> Rows<'a, R> {
    fn new(owner: &'a NewOwner, now: Timestamp) -> Self {
        Self { records: Vec::new(), errors: RowErrors::default(), keys: HashMap::new(), owner, now }
    }

    fn add<T: Row<Record = R>>(
        &mut self,
        number: RowNumber,
        columns: &[&'static str],
        cells: &csv::StringRecord,
        context: &FieldContext,
    ) -> Result<(), Error> {
        if cells.len() != columns.len() {
            let why = format!("has {} cells; the header has {}", cells.len(), columns.len());
            self.errors.add_row(number, why);
            return Ok(());
        }
        let cells = columns.iter().copied().zip(cells.iter().map(from_cell));
        let mut fields = Fields::from_cells(cells.filter(|(name, _)| !T::OTHERS.contains(name)));
        let input = T::read(&mut fields, context);
        match fields.finish(input) {
            Ok(input) => {
                let (key, record) = input.into_record(self.owner, self.now);
                if let Some(first) = self.keys.insert(key, number) {
                    self.errors.add(number, T::KEY, format!("is in row {first}, too"));
                } else {
                    self.records.push((number, record));
                }
            }
            Err(Error::Invalid(errors)) => self.errors.add_all(number, &errors),
            Err(other) => return Err(other),
        }
        Ok(())
    }
}

/// Where a character of a row stands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum At {
    /// At the beginning of a row.
    RowStart,
    /// At the beginning of a cell.
    CellStart,
    /// In a cell without quotes.
    Plain,
    Quoted,
    /// Behind a quote within quotes: the last one, or the first of two that stand for one.
    Closed,
}

/// The number of each row, as a spreadsheet counts. The reader does not tell it: it skips empty
/// lines. It also accepts any quotes; here those that RFC 4180 does not allow are an error, because
/// rows behind a quote that is not closed would become part of a cell.
fn row_numbers(text: &str) -> Result<Vec<RowNumber>, Error> {
    let (mut numbers, mut number, mut at) = (Vec::new(), 1, At::RowStart);
    let wrong = |number: RowNumber, why| Err(Error::invalid(&format!("row {number}"), why));
    let mut bytes = text.bytes().peekable();
    while let Some(byte) = bytes.next() {
        if at == At::RowStart && !matches!(byte, b'\r' | b'\n') {
            numbers.push(number);
        }
        at = match (at, byte) {
            (At::Quoted, b'"') => At::Closed,
            (At::Plain, b'"') => return wrong(number, "has a quote in a cell without quotes"),
            (At::Quoted, _) | (_, b'"') => At::Quoted,
            (_, b',') => At::CellStart,
            (_, b'\r' | b'\n') => {
                if byte == b'\r' {
                    let _ = bytes.next_if_eq(&b'\n');
                }
                number += 1;
                At::RowStart
            }
            (At::Closed, _) => return wrong(number, "has text behind a quoted cell"),
            _ => At::Plain,
        };
    }
    if at == At::Quoted {
        let last = numbers.last().copied().unwrap_or(number);
        return wrong(last, "has a quote that is not closed");
    }
    Ok(numbers)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(text: &str) -> Result<Vec<RowNumber>, String> {
        row_numbers(text).map_err(|error| error.to_string())
    }

    /// What the reader makes of it, with the numbers.
    fn rows(text: &str) -> Vec<(RowNumber, Vec<String>)> {
        let reader = csv::ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .from_reader(text.as_bytes());
        let rows: Vec<Vec<String>> = reader
            .into_records()
            .map(|row| row.unwrap().iter().map(str::to_owned).collect())
            .collect();
        let numbers = numbers(text).unwrap();
        assert_eq!(rows.len(), numbers.len(), "{text:?}");
        numbers.into_iter().zip(rows).collect()
    }

    #[test]
    fn rows_are_counted_as_a_spreadsheet_does() {
        for text in ["a,b\n1,2\n\n\n3,4\n", "a,b\r\n1,2\r\n\r\n\r\n3,4", "a,b\r1,2\r\r\r3,4\r"] {
            let cells = |a: &str, b: &str| vec![a.to_owned(), b.to_owned()];
            let expected = [(1, cells("a", "b")), (2, cells("1", "2")), (5, cells("3", "4"))];
            assert_eq!(rows(text), expected, "{text:?}");
        }
        // A cell may have lines of its own.
        let text = "\"a\r\n\r\nb\"\"\",\"\"\n\"\n\"\nx\n";
        let numbers: Vec<_> = rows(text).into_iter().map(|(number, _)| number).collect();
        assert_eq!(numbers, [1, 2, 3]);
        assert!(rows("").is_empty() && rows("\n\r\n").is_empty());
    }

    #[test]
    fn quotes_that_rfc_4180_does_not_allow_are_refused_by_row() {
        for (text, why) in [
            ("a,b\n1,\"2\n3,4\n", "row 2: has a quote that is not closed"),
            ("a\nx\"y\"\n", "row 2: has a quote in a cell without quotes"),
            ("a\n\"x\"y\n", "row 2: has text behind a quoted cell"),
            ("\"", "row 1: has a quote that is not closed"),
            ("a\n\"x\" ,\"y\"", "row 2: has text behind a quoted cell"),
        ] {
            assert_eq!(numbers(text), Err(why.to_owned()), "{text:?}");
        }
        assert_eq!(numbers("\"a\"\"b\",\"\",c\n\"\"\"\"\n"), Ok(vec![1, 2]));
    }
}
