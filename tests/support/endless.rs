//! A list that never ends, to be stopped.

use std::path::Path;

/// Changes the database as another program, so that reading `/auth/keys` never ends by itself.
pub fn make_the_list_of_keys_endless(database: &Path) {
    let database = rusqlite::Connection::open(database).unwrap();
    database
        .execute_batch(
            "DROP TABLE api_key;
             CREATE VIEW api_key AS WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n)
             SELECT n AS id, '' AS public_id, n AS user_id, '' AS name, '' AS scope, 0 AS created_at,
                    NULL AS expires_at, NULL AS last_used_at FROM n",
        )
        .unwrap();
}
