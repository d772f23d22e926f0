-- Times are INTEGER milliseconds since 1970, UTC. Public ids are TEXT.
-- E-mail addresses and usernames are kept as typed and looked up by a folded form.

CREATE TABLE installation (
    id        INTEGER PRIMARY KEY CHECK (id = 1),
    public_id TEXT    NOT NULL
) STRICT;

CREATE TABLE user (
    id              INTEGER PRIMARY KEY AUTOINCREMENT,
    public_id       TEXT    NOT NULL UNIQUE,
    email           TEXT    NOT NULL,
    email_folded    TEXT    NOT NULL UNIQUE,
    username        TEXT,
    username_folded TEXT    UNIQUE,
    role            TEXT    NOT NULL CHECK (role IN ('employee', 'manager', 'admin')),
    status          TEXT    NOT NULL CHECK (status IN ('pending', 'active', 'disabled')),
    password_hash   TEXT    NOT NULL,
    token_epoch     INTEGER NOT NULL DEFAULT 0,
    created_at      INTEGER NOT NULL,
    updated_at      INTEGER NOT NULL,
    CHECK ((username IS NULL) = (username_folded IS NULL))
) STRICT;

CREATE TABLE revoked_token (
    jti        TEXT    PRIMARY KEY,
    expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX revoked_token_expires_at ON revoked_token (expires_at);

CREATE TABLE widget (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    name       TEXT    NOT NULL UNIQUE,
    info_url   TEXT    NOT NULL,
    deadline   INTEGER NOT NULL,
    owner_id   INTEGER NOT NULL REFERENCES user (id),
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
) STRICT;

CREATE INDEX widget_owner_id ON widget (owner_id);
