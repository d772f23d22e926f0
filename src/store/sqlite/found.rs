//! What a search has found: a set of row ids, by which other statements select.

use rusqlite::functions::FunctionFlags;
use rusqlite::types::{ToSql, ToSqlOutput};
use rusqlite::{Connection, Params};

/// A block has the number of 1,024 row ids, and a bit for each of them.
const BLOCK: usize = NUMBER + 1_024 / 8;
const NUMBER: usize = size_of::<i64>();

/// A set of row ids. As an SQL value it is an argument of `is_found`.
#[derive(Default)]
pub struct Found {
    blocks: Vec<u8>,
    pub count: u64,
}

impl Found {
    /// The row ids that a statement selects in ascending order.
    pub fn read(connection: &Connection, sql: &str, values: impl Params) -> rusqlite::Result<Self> {
        let mut statement = connection.prepare_cached(sql)?;
        let (mut rows, mut found) = (statement.query(values)?, Self::default());
        while let Some(row) = rows.next()? {
            found.add(row.get(0)?);
        }
        Ok(found)
    }

    fn add(&mut self, id: i64) {
        let (number, byte, bit) = place(id);
        let blocks = &mut self.blocks;
        if blocks.rchunks(BLOCK).next().is_none_or(|last| !last.starts_with(&number)) {
            blocks.extend(number);
            blocks.resize(blocks.len() + BLOCK - NUMBER, 0);
        }
        let last = blocks.len() - BLOCK;
        blocks[last + byte] |= bit;
        self.count += 1;
    }

    /// All of them, ascending.
    pub fn ids(&self) -> impl Iterator<Item = i64> {
        let (blocks, _) = self.blocks.as_chunks::<BLOCK>();
        blocks.iter().filter_map(|block| block.split_first_chunk()).flat_map(|(number, bits)| {
            let first = (i64::from_be_bytes(*number) ^ i64::MIN) << 10;
            let bits = bits.iter().flat_map(|byte| (0..8).map(move |n| byte >> n & 1));
            (0..1_024).zip(bits).filter_map(move |(n, bit)| (bit == 1).then_some(first | n))
        })
    }
}

impl ToSql for Found {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        self.blocks.to_sql()
    }
}

/// Whether a [`Found`] has a row id.
fn contains(blocks: &[u8], id: i64) -> bool {
    let (number, byte, bit) = place(id);
    let (blocks, _) = blocks.as_chunks::<BLOCK>();
    let block = blocks.binary_search_by(|block| block[..NUMBER].cmp(&number));
    block.is_ok_and(|block| blocks[block][byte] & bit != 0)
}

/// The number of the block of a row id, and the byte and the bit in it. The bytes of numbers are in
/// the order of the numbers.
fn place(id: i64) -> ([u8; NUMBER], usize, u8) {
    let [.., high, low] = id.to_be_bytes();
    let byte = usize::from(high & 3) << 5 | usize::from(low >> 3);
    (((id >> 10) ^ i64::MIN).to_be_bytes(), NUMBER + byte, 1 << (low & 7))
}

/// Adds the SQL function `is_found`: whether a [`Found`] has a row id.
pub fn add_is_found(connection: &Connection) -> rusqlite::Result<()> {
    let flags = FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DETERMINISTIC;
    connection.create_scalar_function("is_found", 2, flags, |context| {
        Ok(contains(context.get_raw(0).as_blob()?, context.get_raw(1).as_i64()?))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn connection() -> Connection {
        let connection = Connection::open_in_memory().unwrap();
        add_is_found(&connection).unwrap();
        connection.execute_batch("CREATE TABLE row (id INTEGER PRIMARY KEY)").unwrap();
        connection
    }

    fn insert(connection: &Connection, ids: impl Iterator<Item = i64>) {
        let mut insert = connection.prepare("INSERT OR IGNORE INTO row VALUES (?1)").unwrap();
        ids.for_each(|id| assert!(insert.execute([id]).is_ok()));
    }

    fn ids(connection: &Connection, sql: &str, values: impl Params) -> Vec<i64> {
        let mut statement = connection.prepare(sql).unwrap();
        statement.query_map(values, |row| row.get(0)).unwrap().map(Result::unwrap).collect()
    }

    #[test]
    fn a_set_has_the_ids_that_were_found_and_no_others() {
        for step in [1, 2, 7, 1_023, 1_024, 1_025, 50_000_000_000] {
            let connection = connection();
            let wanted = |id: i64| id * step;
            insert(&connection, (-3_000..3_000).map(wanted));
            // Around each are some that are not found.
            let sql = "SELECT id FROM row WHERE id / ?1 % 3 <> 0 ORDER BY id";
            let found = Found::read(&connection, sql, [step]).unwrap();
            let expected = ids(&connection, sql, [step]);
            assert_eq!(found.ids().collect::<Vec<_>>(), expected, "{step}");
            assert_eq!(found.count, expected.len() as u64);
            insert(&connection, (-3_000..3_000).flat_map(|id| [wanted(id) - 1, wanted(id) + 1]));
            let selected = "SELECT id FROM row WHERE is_found(?1, id) ORDER BY id";
            assert_eq!(ids(&connection, selected, [&found]), expected, "{step}");
        }
    }

    #[test]
    fn an_empty_set_and_the_outermost_ids() {
        let connection = connection();
        let read = || Found::read(&connection, "SELECT id FROM row ORDER BY id", []).unwrap();
        assert_eq!((read().count, read().ids().count()), (0, 0));
        let outermost = [i64::MIN, -1, 0, i64::MAX];
        insert(&connection, outermost.into_iter());
        assert_eq!(read().ids().collect::<Vec<_>>(), outermost);
        let selected = "SELECT id FROM row WHERE is_found(?1, id) ORDER BY id";
        assert_eq!(ids(&connection, selected, [&read()]), outermost);
        assert_eq!(ids(&connection, selected, [&Found::default()]), [0; 0]);
    }
}
