//! Full-text search with FTS5.
//!
//! Records that everybody in a list's audience sees have an index of their words. Where each user
//! sees other records, each word in the index has the row id of its reader before it: `17xdear`. A
//! search then walks the words of its own reader, and neither its result nor its time depends on
//! what others have.

use std::cell::RefCell;

use rusqlite::functions::FunctionFlags;
use rusqlite::types::{ToSql, ToSqlOutput};
use rusqlite::{Connection, Error};

use crate::domain::{Search, folded};

/// The ASCII characters besides letters and digits that are part of words: those of the categories
/// S*.
const ASCII_SYMBOLS: &[u8] = b"$+<=>^`|~";

thread_local! {
    /// A database in memory whose full-text index is asked for the words of a text.
    static WORDS: RefCell<Option<Connection>> = const { RefCell::new(None) };
}

/// An FTS5 expression that matches every word as a prefix. Each word is an FTS5 string, in which
/// only the quote is special; a word without tokens matches everything.
impl ToSql for Search {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(expression(self.words().into_iter().map(|word| word.replace('"', "\"\""))).into())
    }
}

/// A search among what one reader sees: an FTS5 expression for an index of [`scoped_words`].
pub struct ScopedSearch(String);

impl ScopedSearch {
    /// `reader` is the row id of the user. `None` if nothing is searched.
    pub fn of(search: Option<&Search>, reader: i64) -> rusqlite::Result<Option<Self>> {
        search.map(|search| Self::new(search, reader)).transpose()
    }

    fn new(search: &Search, reader: i64) -> rusqlite::Result<Self> {
        let words = search.words().into_iter().map(|word| scoped_words(reader, word));
        let mut words: Vec<String> = words.collect::<rusqlite::Result<_>>()?;
        words.retain(|word| !word.is_empty());
        Ok(Self(expression(words.into_iter())))
    }
}

impl ToSql for ScopedSearch {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        self.0.to_sql()
    }
}

fn expression(words: impl Iterator<Item = String>) -> String {
    let words: Vec<_> = words.map(|word| format!("\"{word}\"*")).collect();
    // An empty expression is an error, and an empty string finds nothing.
    if words.is_empty() { "\"\"".to_owned() } else { words.join(" ") }
}

/// Adds the SQL functions: [`scoped_words`], which triggers call, and [`folded`].
pub fn add_functions(connection: &Connection) -> rusqlite::Result<()> {
    // Innocuous: the schema is not trusted, and may call only what does no harm.
    let flags = FunctionFlags::SQLITE_UTF8
        | FunctionFlags::SQLITE_DETERMINISTIC
        | FunctionFlags::SQLITE_INNOCUOUS;
    connection.create_scalar_function("folded", 1, flags, |context| {
        let text = context.get_raw(0).as_str().map_err(|_| Error::InvalidQuery)?;
        Ok(folded(text).into_owned())
    })?;
    connection.create_scalar_function("scoped_words", 2, flags, |context| {
        let text = context.get_raw(1).as_str().map_err(|_| Error::InvalidQuery)?;
        scoped_words(context.get(0)?, text)
    })
}

/// The words of a text in their order, folded, and each with the reader before it.
fn scoped_words(reader: i64, text: &str) -> rusqlite::Result<String> {
    let scope = format!("{reader}x");
    let mut scoped = String::with_capacity(text.len() * 2);
    let mut add = |word: &str| {
        if !scoped.is_empty() {
            scoped.push(' ');
        }
        scoped.push_str(&scope);
        scoped.push_str(word);
    };
    if text.is_ascii() {
        // Most texts are, and need no detour.
        let is_blank = |c: u8| !c.is_ascii_alphanumeric() && !ASCII_SYMBOLS.contains(&c);
        let words = text.split(|c: char| u8::try_from(c).is_ok_and(is_blank));
        words.filter(|word| !word.is_empty()).for_each(|word| add(&word.to_ascii_lowercase()));
    } else {
        tokenize(text, add)?;
    }
    Ok(scoped)
}

/// The words of a text as the other indexes have them, from the same tokenizer.
fn tokenize(text: &str, mut add: impl FnMut(&str)) -> rusqlite::Result<()> {
    WORDS.with_borrow_mut(|kept| {
        let connection = match kept {
            Some(connection) => connection,
            None => kept.insert(tokenizer()?),
        };
        // Rolled back when it is dropped: nothing of the text is kept.
        let transaction = connection.unchecked_transaction()?;
        transaction
            .prepare_cached("INSERT INTO text (rowid, words) VALUES (1, ?1)")?
            .execute([text])?;
        let mut words = transaction.prepare_cached("SELECT term FROM word ORDER BY offset")?;
        let mut rows = words.query([])?;
        while let Some(row) = rows.next()? {
            // FTS5 cuts a word after 32 KiB, maybe within a character.
            add(&String::from_utf8_lossy(row.get_ref(0)?.as_bytes()?));
        }
        Ok(())
    })
}

fn tokenizer() -> rusqlite::Result<Connection> {
    let connection = Connection::open_in_memory()?;
    connection.execute_batch(
        "CREATE VIRTUAL TABLE text USING fts5 (words, content = '', columnsize = 0,
             tokenize = \"unicode61 remove_diacritics 2 categories 'L* N* Co S*'\");
         CREATE VIRTUAL TABLE word USING fts5vocab (text, instance);",
    )?;
    Ok(connection)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two indexes as the migrations define them: of `shared` texts, and of `scoped` ones.
    fn connection() -> Connection {
        let connection = Connection::open_in_memory().unwrap();
        add_functions(&connection).unwrap();
        connection
            .execute_batch(
                "CREATE VIRTUAL TABLE shared USING fts5 (text, content = '', contentless_delete = 1,
                     prefix = '1 2',
                     tokenize = \"unicode61 remove_diacritics 2 categories 'L* N* Co S*'\");
                 CREATE VIRTUAL TABLE scoped USING fts5 (text, content = '', contentless_delete = 1,
                     tokenize = \"ascii tokenchars '$+<=>^`|~'\");
                 CREATE VIRTUAL TABLE shared_word USING fts5vocab (shared, instance);
                 CREATE VIRTUAL TABLE scoped_word USING fts5vocab (scoped, instance);",
            )
            .unwrap();
        connection
    }

    fn column<T: rusqlite::types::FromSql>(
        connection: &Connection,
        sql: &str,
        values: impl rusqlite::Params,
    ) -> Vec<T> {
        let mut statement = connection.prepare(sql).unwrap();
        statement.query_map(values, |row| row.get(0)).unwrap().map(Result::unwrap).collect()
    }

    /// The numbers of the texts that a search finds, equally in both indexes.
    fn found(texts: &[&str], query: &str) -> Vec<usize> {
        let connection = connection();
        for (n, text) in texts.iter().enumerate() {
            let sql = "INSERT INTO shared (rowid, text) VALUES (?1, ?2)";
            connection.execute(sql, rusqlite::params![n, text]).unwrap();
            // Two readers have the same texts; the row id of one begins with that of the other.
            for (reader, offset) in [(1, 0), (12, 1_000)] {
                let sql = "INSERT INTO scoped (rowid, text) VALUES (?1, scoped_words(?2, ?3))";
                connection.execute(sql, rusqlite::params![n + offset, reader, text]).unwrap();
            }
        }
        let search = Search::parse(query).unwrap();
        let sql = "SELECT rowid FROM shared WHERE shared MATCH ?1 ORDER BY rowid";
        let found = column(&connection, sql, [&search]);
        for (reader, offset) in [(1, 0), (12, 1_000), (2, 0)] {
            let own = ScopedSearch::new(&search, reader).unwrap();
            let sql = "SELECT rowid FROM scoped WHERE scoped MATCH ?1 ORDER BY rowid";
            let expected: Vec<_> = found.iter().map(|n| n + offset).collect();
            let expected = if reader == 2 { Vec::new() } else { expected };
            assert_eq!(column::<usize>(&connection, sql, [own]), expected, "{query} of {reader}");
        }
        found
    }

    /// Fails unless both indexes have the same words of a text, in the same order.
    fn assert_same_words(connection: &Connection, text: &str) -> usize {
        for sql in [
            "DELETE FROM shared",
            "DELETE FROM scoped",
            "INSERT INTO shared (rowid, text) VALUES (1, :text)",
            "INSERT INTO scoped (rowid, text) VALUES (1, scoped_words(17, :text))",
        ] {
            let values: &[(&str, &dyn ToSql)] = &[(":text", &text)];
            let count = usize::from(sql.contains(":text"));
            connection.execute(sql, &values[..count]).unwrap();
        }
        let sql = "SELECT '17x' || term FROM shared_word ORDER BY offset";
        let shared: Vec<String> = column(connection, sql, []);
        let sql = "SELECT term FROM scoped_word ORDER BY offset";
        assert_eq!(column::<String>(connection, sql, []), shared, "{text}");
        shared.len()
    }

    #[test]
    fn words_are_the_same_in_both_indexes_for_every_character() {
        let connection = connection();
        let all: Vec<char> = ('\u{1}'..=char::MAX).collect();
        let mut words = 0;
        for (n, some) in all.chunks(2_048).enumerate() {
            // The first texts have ASCII alone, and with another character.
            let text: String = some.iter().flat_map(|c| ['a', *c, 'B', ' ', *c, ' ']).collect();
            words += assert_same_words(&connection, &text);
            if n == 0 {
                let ascii: String = text.chars().filter(char::is_ascii).collect();
                words += assert_same_words(&connection, &ascii);
            }
        }
        assert!(words > 1_000_000, "{words}");
    }

    #[test]
    fn words_of_any_length_are_found_by_their_beginning() {
        for word in ["a".repeat(65_536), "ä".repeat(32_768), "好".repeat(21_845)] {
            let start: String = word.chars().take(100).collect();
            assert_eq!(found(&[&word], &start), [0]);
        }
    }

    #[test]
    fn words_of_ascii_texts_are_the_same_without_the_tokenizer() {
        let ascii: String = ('\u{1}'..='\u{7f}').flat_map(|c| ['a', c, 'B', ' ', c, ' ']).collect();
        let mut tokens = Vec::new();
        tokenize(&ascii, |word| tokens.push(format!("5x{word}"))).unwrap();
        assert_eq!(scoped_words(5, &ascii).unwrap(), tokens.join(" "));
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
