//! Tables as comma-separated values (RFC 4180), safe to open in a spreadsheet.
//!
//! A spreadsheet runs a cell as a formula if it begins like one. Such a cell gets a `'` before it,
//! which reading takes away, so that what is written reads back exactly.

use std::borrow::Cow;

use rocket::Request;
use rocket::http::Accept;

use super::services::ViewContext;
use crate::error::Error;

/// What a spreadsheet may take for the beginning of a formula, also behind a blank that it drops.
const FORMULA: [char; 11] = ['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠'];

/// Whether a text begins like a formula, or like one that is made safe.
fn is_formula(text: &str) -> bool {
    text.trim_start_matches('\'').starts_with(FORMULA)
}

/// A text as a cell.
fn to_cell(text: &str) -> Cow<'_, str> {
    if is_formula(text) { format!("'{text}").into() } else { text.into() }
}

/// The text of a cell.
pub fn from_cell(cell: &str) -> &str {
    cell.strip_prefix('\'').filter(|text| is_formula(text)).unwrap_or(cell)
}

/// The form in which a list is answered.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Format {
    Json,
    Csv,
}

impl Format {
    pub const NAMES: [&str; 2] = ["json", "csv"];

    pub fn parse(text: &str) -> Result<Self, String> {
        match text {
            "json" => Ok(Self::Json),
            "csv" => Ok(Self::Csv),
            _ => Err(format!("'{text}' must be one of {}", Self::NAMES.join(", "))),
        }
    }

    /// The one that the client prefers.
    pub fn accepted(request: &Request<'_>) -> Self {
        let preferred = request.accept().map(Accept::preferred);
        if preferred.is_some_and(|media| media.is_csv()) { Self::Csv } else { Self::Json }
    }
}

/// A record as a row of a table. Declared by [`columns`].
pub trait CsvRow {
    const COLUMNS: &'static [&'static str];

    /// Writes a cell for each column.
    fn write(&self, context: &ViewContext<'_>, table: &mut Table) -> csv::Result<()>;
}

/// Declares the columns of a resource, each with its value. They are the record's own fields, in a
/// form that an import reads back.
macro_rules! columns {
    ($record:ty as ($row:ident, $context:pat) { $( $column:ident: $value:expr, )+ }) => {
        impl $crate::http::wire::csv::CsvRow for $record {
            const COLUMNS: &'static [&'static str] = &[$(stringify!($column)),+];

            fn write(
                &self,
                $context: &$crate::http::wire::services::ViewContext<'_>,
                table: &mut $crate::http::wire::csv::Table,
            ) -> csv::Result<()> {
                let $row = self;
                $( table.cell(&$crate::http::wire::csv::Cell::text(&$value))?; )+
                table.end_row()
            }
        }
    };
}
pub(crate) use columns;

/// What can stand in a cell.
pub trait Cell {
    fn text(&self) -> Cow<'_, str>;
}

impl Cell for &str {
    fn text(&self) -> Cow<'_, str> {
        (*self).into()
    }
}

impl Cell for String {
    fn text(&self) -> Cow<'_, str> {
        self.into()
    }
}

impl Cell for u64 {
    fn text(&self) -> Cow<'_, str> {
        self.to_string().into()
    }
}

/// Nothing is an empty cell.
impl<T: Cell> Cell for Option<T> {
    fn text(&self) -> Cow<'_, str> {
        self.as_ref().map_or("".into(), Cell::text)
    }
}

/// Rows of a table, as text.
pub struct Table(csv::Writer<Vec<u8>>);

impl Default for Table {
    fn default() -> Self {
        Self(csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(Vec::new()))
    }
}

impl Table {
    pub fn cell(&mut self, text: &str) -> csv::Result<()> {
        self.0.write_field(to_cell(text).as_ref())
    }

    pub fn end_row(&mut self) -> csv::Result<()> {
        self.0.write_record(None::<&[u8]>)
    }

    pub fn header(&mut self, columns: &[&str]) -> csv::Result<()> {
        self.0.write_record(columns)
    }

    pub fn into_bytes(self) -> Result<Vec<u8>, Error> {
        self.0.into_inner().map_err(|cause| Error::internal("writing CSV", cause))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_looks_like_a_formula_is_made_safe() {
        for (text, cell) in [
            ("=1+1", "'=1+1"),
            ("+1", "'+1"),
            ("-1", "'-1"),
            ("@SUM(A1)", "'@SUM(A1)"),
            ("\t=1", "'\t=1"),
            ("\r\n", "'\r\n"),
            ("＝1", "'＝1"),
            ("'=1", "''=1"),
            ("''+", "'''+"),
            ("'", "'"),
            ("''", "''"),
            ("'tis", "'tis"),
            ("1-1", "1-1"),
            (" =1", " =1"),
            ("", ""),
        ] {
            assert_eq!(to_cell(text), cell, "{text:?}");
            assert_eq!(from_cell(cell), text, "{cell:?}");
        }
    }

    /// All texts of up to seven of these characters, which hold every case.
    #[test]
    fn every_text_reads_back_and_no_cell_is_a_formula() {
        let mut texts = vec![String::new()];
        let mut count = 0;
        for _ in 0..7 {
            texts = texts
                .iter()
                .flat_map(|text| ['\'', '=', '\t', 'a', '🎉'].map(|c| format!("{text}{c}")))
                .collect();
            for text in &texts {
                let cell = to_cell(text);
                assert_eq!(from_cell(&cell), text, "{cell:?}");
                assert!(!cell.starts_with(FORMULA), "{cell:?}");
            }
            count += texts.len();
        }
        assert_eq!(count, 97_655);
    }
}
