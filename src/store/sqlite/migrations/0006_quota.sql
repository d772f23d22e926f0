-- How many bytes each user stores. Triggers count them, whichever program writes.

-- The sum of `size` of the user's records: a template counts for its owner, a task for its creator,
-- a widget for its owner. Being assigned a task costs nothing.
ALTER TABLE user ADD COLUMN used_bytes INTEGER NOT NULL DEFAULT 0;

-- Until then, the user has a small part of the quota: one day, unless somebody approved them.
ALTER TABLE user ADD COLUMN full_quota_from INTEGER NOT NULL DEFAULT 0;
UPDATE user SET full_quota_from = iif(role = 'employee', created_at + 86400000, created_at);

-- The bytes of the texts, and 512 for what each row takes besides them, also in indexes. (No octet_length: an SQLite
-- before 3.43 could not even read a table whose columns need it.)
ALTER TABLE widget ADD COLUMN size INTEGER NOT NULL
    AS (512 + length(CAST(name AS BLOB)) + length(CAST(info_url AS BLOB))) VIRTUAL;
ALTER TABLE task ADD COLUMN size INTEGER NOT NULL
    AS (512 + length(CAST(title AS BLOB)) + length(CAST(description AS BLOB))) VIRTUAL;
ALTER TABLE template ADD COLUMN size INTEGER NOT NULL
    AS (512 + length(CAST(name AS BLOB)) + length(CAST(body AS BLOB))) VIRTUAL;

-- An update of a record is one update of each user that it counts for, so that `used_bytes` grows
-- only if the record does.
CREATE TRIGGER widget_quota_insert AFTER INSERT ON widget BEGIN
    UPDATE user SET used_bytes = used_bytes + new.size WHERE id = new.owner_id;
END;
CREATE TRIGGER widget_quota_update AFTER UPDATE OF owner_id, name, info_url ON widget BEGIN
    UPDATE user SET used_bytes = used_bytes + iif(id = new.owner_id, new.size, 0) - iif(id = old.owner_id, old.size, 0)
    WHERE id IN (old.owner_id, new.owner_id);
END;
CREATE TRIGGER widget_quota_delete AFTER DELETE ON widget BEGIN
    UPDATE user SET used_bytes = used_bytes - old.size WHERE id = old.owner_id;
END;

CREATE TRIGGER task_quota_insert AFTER INSERT ON task BEGIN
    UPDATE user SET used_bytes = used_bytes + new.size WHERE id = new.creator_id;
END;
CREATE TRIGGER task_quota_update AFTER UPDATE OF creator_id, title, description ON task BEGIN
    UPDATE user SET used_bytes = used_bytes + iif(id = new.creator_id, new.size, 0) - iif(id = old.creator_id, old.size, 0)
    WHERE id IN (old.creator_id, new.creator_id);
END;
CREATE TRIGGER task_quota_delete AFTER DELETE ON task BEGIN
    UPDATE user SET used_bytes = used_bytes - old.size WHERE id = old.creator_id;
END;

CREATE TRIGGER template_quota_insert AFTER INSERT ON template BEGIN
    UPDATE user SET used_bytes = used_bytes + new.size WHERE id = new.owner_id;
END;
CREATE TRIGGER template_quota_update AFTER UPDATE OF owner_id, name, body ON template BEGIN
    UPDATE user SET used_bytes = used_bytes + iif(id = new.owner_id, new.size, 0) - iif(id = old.owner_id, old.size, 0)
    WHERE id IN (old.owner_id, new.owner_id);
END;
CREATE TRIGGER template_quota_delete AFTER DELETE ON template BEGIN
    UPDATE user SET used_bytes = used_bytes - old.size WHERE id = old.owner_id;
END;

UPDATE user SET used_bytes =
    (SELECT coalesce(sum(size), 0) FROM widget WHERE owner_id = user.id)
    + (SELECT coalesce(sum(size), 0) FROM task WHERE creator_id = user.id)
    + (SELECT coalesce(sum(size), 0) FROM template WHERE owner_id = user.id);
