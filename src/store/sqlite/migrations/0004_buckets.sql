-- Counts of rows, by which a page of a long list is found. Triggers keep them, whichever program
-- writes.

DROP TABLE place;
DROP TABLE list_size;

-- A bucket holds the rows whose column has these high bits. The number of all rows of a table is
-- its bucket 0 under the name of the table.
CREATE TABLE bucket (
    list   TEXT    NOT NULL,
    number INTEGER NOT NULL,
    size   INTEGER NOT NULL,
    PRIMARY KEY (list, number)
) STRICT, WITHOUT ROWID;

CREATE TRIGGER bucket_empty AFTER UPDATE ON bucket WHEN new.size = 0 BEGIN
    DELETE FROM bucket WHERE list = new.list AND number = new.number;
END;

CREATE TRIGGER widget_bucket_insert AFTER INSERT ON widget BEGIN
    INSERT INTO bucket (list, number, size)
    VALUES ('widget', 0, 1), ('widget.id', new.id >> 10, 1), ('widget.deadline', new.deadline >> 26, 1)
    ON CONFLICT (list, number) DO UPDATE SET size = size + excluded.size;
END;
CREATE TRIGGER widget_bucket_update AFTER UPDATE OF deadline ON widget
WHEN old.deadline >> 26 <> new.deadline >> 26 BEGIN
    INSERT INTO bucket (list, number, size)
    VALUES ('widget.deadline', old.deadline >> 26, -1), ('widget.deadline', new.deadline >> 26, 1)
    ON CONFLICT (list, number) DO UPDATE SET size = size + excluded.size;
END;
CREATE TRIGGER widget_bucket_delete AFTER DELETE ON widget BEGIN
    INSERT INTO bucket (list, number, size)
    VALUES ('widget', 0, -1), ('widget.id', old.id >> 10, -1), ('widget.deadline', old.deadline >> 26, -1)
    ON CONFLICT (list, number) DO UPDATE SET size = size + excluded.size;
END;

CREATE TRIGGER task_bucket_insert AFTER INSERT ON task BEGIN
    INSERT INTO bucket (list, number, size) VALUES ('task', 0, 1), ('task.id', new.id >> 10, 1)
    ON CONFLICT (list, number) DO UPDATE SET size = size + excluded.size;
END;
CREATE TRIGGER task_bucket_delete AFTER DELETE ON task BEGIN
    INSERT INTO bucket (list, number, size) VALUES ('task', 0, -1), ('task.id', old.id >> 10, -1)
    ON CONFLICT (list, number) DO UPDATE SET size = size + excluded.size;
END;

-- Deleted users are not in the list.
CREATE TRIGGER user_bucket_insert AFTER INSERT ON user WHEN new.deleted_at IS NULL BEGIN
    INSERT INTO bucket (list, number, size) VALUES ('user', 0, 1), ('user.id', new.id >> 10, 1)
    ON CONFLICT (list, number) DO UPDATE SET size = size + excluded.size;
END;
CREATE TRIGGER user_bucket_update AFTER UPDATE OF deleted_at ON user
WHEN (old.deleted_at IS NULL) <> (new.deleted_at IS NULL) BEGIN
    INSERT INTO bucket (list, number, size)
    VALUES ('user', 0, iif(new.deleted_at IS NULL, 1, -1)),
           ('user.id', new.id >> 10, iif(new.deleted_at IS NULL, 1, -1))
    ON CONFLICT (list, number) DO UPDATE SET size = size + excluded.size;
END;
CREATE TRIGGER user_bucket_delete AFTER DELETE ON user WHEN old.deleted_at IS NULL BEGIN
    INSERT INTO bucket (list, number, size) VALUES ('user', 0, -1), ('user.id', old.id >> 10, -1)
    ON CONFLICT (list, number) DO UPDATE SET size = size + excluded.size;
END;

CREATE TRIGGER audit_bucket_insert AFTER INSERT ON audit BEGIN
    INSERT INTO bucket (list, number, size) VALUES ('audit', 0, 1), ('audit.id', new.id >> 10, 1)
    ON CONFLICT (list, number) DO UPDATE SET size = size + excluded.size;
END;
CREATE TRIGGER audit_bucket_delete AFTER DELETE ON audit BEGIN
    INSERT INTO bucket (list, number, size) VALUES ('audit', 0, -1), ('audit.id', old.id >> 10, -1)
    ON CONFLICT (list, number) DO UPDATE SET size = size + excluded.size;
END;

INSERT INTO bucket (list, number, size)
SELECT 'widget', 0, count(*) FROM widget HAVING count(*) > 0
UNION ALL SELECT 'widget.id', id >> 10, count(*) FROM widget GROUP BY 2
UNION ALL SELECT 'widget.deadline', deadline >> 26, count(*) FROM widget GROUP BY 2
UNION ALL SELECT 'task', 0, count(*) FROM task HAVING count(*) > 0
UNION ALL SELECT 'task.id', id >> 10, count(*) FROM task GROUP BY 2
UNION ALL SELECT 'user', 0, count(*) FROM user WHERE deleted_at IS NULL HAVING count(*) > 0
UNION ALL SELECT 'user.id', id >> 10, count(*) FROM user WHERE deleted_at IS NULL GROUP BY 2
UNION ALL SELECT 'audit', 0, count(*) FROM audit HAVING count(*) > 0
UNION ALL SELECT 'audit.id', id >> 10, count(*) FROM audit GROUP BY 2;
