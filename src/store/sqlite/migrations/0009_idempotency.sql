-- Requests with an Idempotency-Key, for a day: what they were, and what they led to.

CREATE TABLE idempotency_key (
    id      INTEGER PRIMARY KEY,
    user_id INTEGER NOT NULL REFERENCES user (id),
    key     TEXT    NOT NULL,
    digest  BLOB    NOT NULL,
    done_at INTEGER NOT NULL,
    -- The record as it was then, as JSON.
    result  TEXT    NOT NULL,
    size    INTEGER NOT NULL AS (512 + length(CAST(result AS BLOB))) VIRTUAL,
    UNIQUE (user_id, key)
) STRICT;

CREATE INDEX idempotency_key_done_at ON idempotency_key (done_at);

-- It counts for the user's quota.
CREATE TRIGGER idempotency_key_quota_insert AFTER INSERT ON idempotency_key BEGIN
    UPDATE user SET used_bytes = used_bytes + new.size WHERE id = new.user_id;
END;
CREATE TRIGGER idempotency_key_quota_update AFTER UPDATE OF user_id, result ON idempotency_key BEGIN
    UPDATE user SET used_bytes = used_bytes + iif(id = new.user_id, new.size, 0) - iif(id = old.user_id, old.size, 0)
    WHERE id IN (old.user_id, new.user_id);
END;
CREATE TRIGGER idempotency_key_quota_delete AFTER DELETE ON idempotency_key BEGIN
    UPDATE user SET used_bytes = used_bytes - old.size WHERE id = old.user_id;
END;
