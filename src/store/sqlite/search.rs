//! Full-text search with FTS5.

use rusqlite::types::{ToSql, ToSqlOutput};

use crate::domain::Search;

/// An FTS5 expression that matches every word as a prefix. Each word is an FTS5 string, in which
/// only the quote is special; a word without tokens matches everything.
impl ToSql for Search {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        let words: Vec<_> = self
            .words()
            .into_iter()
            .map(|word| format!("\"{}\"*", word.replace('"', "\"\"")))
            .collect();
        // An empty expression is an error, and an empty string finds nothing.
        let expression = if words.is_empty() { "\"\"".to_owned() } else { words.join(" ") };
        Ok(expression.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(texts: &[&str], query: &str) -> Vec<usize> {
        let connection = rusqlite::Connection::open_in_memory().unwrap();
        connection
            .execute_batch(
                "CREATE VIRTUAL TABLE t USING fts5 (text, content = '', contentless_delete = 1,
                     tokenize = \"unicode61 remove_diacritics 2 categories 'L* N* Co S*'\")",
            )
            .unwrap();
        for (n, text) in texts.iter().enumerate() {
            connection
                .execute("INSERT INTO t (rowid, text) VALUES (?1, ?2)", rusqlite::params![n, text])
                .unwrap();
        }
        let mut statement =
            connection.prepare("SELECT rowid FROM t WHERE t MATCH ?1 ORDER BY rowid").unwrap();
        let rows = statement.query_map([Search::parse(query).unwrap()], |row| row.get(0)).unwrap();
        rows.map(Result::unwrap).collect()
    }

    #[test]
    fn words_are_found_by_their_beginnings_in_any_order() {
        let texts =
            ["first-widget_2 of Ann", "Écrire à Zoë", "right مرحبا left", "party 🎉🎂 tonight"];
        for (query, expected) in [
            ("wid FIR", &[0][..]),
            ("first-widget_2", &[0]),
            ("idget", &[]),
            ("ecr zoe", &[1]),
            ("مرح", &[2]),
            ("🎉", &[3]),
            ("party NOT", &[]),
            ("", &[]),
            ("  ", &[]),
        ] {
            assert_eq!(found(&texts, query), expected, "{query}");
        }
    }

    #[test]
    fn no_input_is_syntax() {
        for query in [
            "\"",
            "a\"b",
            "a OR b",
            "NEAR(a b)",
            "text:a",
            "-a",
            "^a",
            "a*",
            "(",
            "{",
            "'",
            "!!!",
            "\u{202e}a",
        ] {
            found(&["a b"], query);
        }
        assert_eq!(found(&["a or b", "b"], "OR"), [0]);
        // Punctuation alone is ignored.
        assert_eq!(found(&["a b"], "a !!!"), [0]);
    }
}
