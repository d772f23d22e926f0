-- Sessions, API keys, reset codes, the networks that people log in from, and the audit.

-- A deleted account keeps its row, so that what it made keeps a readable owner. Its folded e-mail
-- address becomes its public id, which no address can be: the address is free for another account.
ALTER TABLE user ADD COLUMN deleted_at INTEGER;

-- A session is a row until it expires or is ended: what has none is over. That takes the place of
-- the table of revoked tokens, whose tokens have no row either.
DROP TABLE revoked_token;

CREATE TABLE session (
    id         TEXT    PRIMARY KEY,
    user_id    INTEGER NOT NULL REFERENCES user (id),
    started_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    address    TEXT,
    client     TEXT
) STRICT, WITHOUT ROWID;

CREATE INDEX session_user_id ON session (user_id, started_at);
CREATE INDEX session_expires_at ON session (expires_at);

-- From where somebody logged in before: there, guesses from elsewhere do not shut them out.
CREATE TABLE known_network (
    user_id      INTEGER NOT NULL REFERENCES user (id),
    network      TEXT    NOT NULL,
    last_seen_at INTEGER NOT NULL,
    PRIMARY KEY (user_id, network)
) STRICT, WITHOUT ROWID;

CREATE INDEX known_network_last_seen_at ON known_network (last_seen_at);

CREATE TABLE api_key (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    public_id    TEXT    NOT NULL UNIQUE,
    user_id      INTEGER NOT NULL REFERENCES user (id),
    name         TEXT    NOT NULL,
    scope        TEXT    NOT NULL CHECK (scope IN ('read', 'write')),
    hash         BLOB    NOT NULL UNIQUE,
    created_at   INTEGER NOT NULL,
    expires_at   INTEGER,
    last_used_at INTEGER,
    UNIQUE (user_id, name)
) STRICT;

-- One for an account at the most: a new one takes the place of an older one.
CREATE TABLE reset_code (
    user_id    INTEGER PRIMARY KEY REFERENCES user (id),
    hash       BLOB    NOT NULL UNIQUE,
    expires_at INTEGER NOT NULL
) STRICT;

-- Names and ids are copies of what they were then, and refer to nothing.
CREATE TABLE audit (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    at         INTEGER NOT NULL,
    actor      TEXT    NOT NULL,
    actor_id   TEXT,
    address    TEXT,
    action     TEXT    NOT NULL,
    target     TEXT,
    target_id  TEXT,
    result     TEXT    NOT NULL,
    detail     TEXT,
    credential TEXT,
    request_id TEXT
) STRICT;

CREATE INDEX audit_at ON audit (at);
CREATE INDEX audit_actor_id ON audit (actor_id);
CREATE INDEX audit_target_id ON audit (target_id);
