-- Keys of scope `calendar`. SQLite cannot change the CHECK of a column, so the table is made anew. Nothing refers to it.

CREATE TABLE new_api_key (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    public_id    TEXT    NOT NULL UNIQUE,
    user_id      INTEGER NOT NULL REFERENCES user (id),
    name         TEXT    NOT NULL,
    scope        TEXT    NOT NULL CHECK (scope IN ('read', 'write', 'calendar')),
    hash         BLOB    NOT NULL UNIQUE,
    created_at   INTEGER NOT NULL,
    expires_at   INTEGER,
    last_used_at INTEGER,
    UNIQUE (user_id, name)
) STRICT;
INSERT INTO new_api_key (id, public_id, user_id, name, scope, hash, created_at, expires_at, last_used_at)
SELECT id, public_id, user_id, name, scope, hash, created_at, expires_at, last_used_at FROM api_key;
DROP TABLE api_key;
ALTER TABLE new_api_key RENAME TO api_key;
