-- Counts of rows, by which a page of a long list is found. Triggers keep them, whichever program
-- writes.

DROP TABLE place;
DROP TABLE list_size;

-- A bucket holds the rows whose column is `number` without its low bits, as many as `shift` says.
-- Each row is in a small bucket and in a large one, which spans 32 small ones.
CREATE TABLE bucket (
    list   TEXT    NOT NULL,
    shift  INTEGER NOT NULL,
    number INTEGER NOT NULL,
    size   INTEGER NOT NULL,
    PRIMARY KEY (list, shift, number)
) STRICT, WITHOUT ROWID;

CREATE TRIGGER bucket_empty AFTER UPDATE ON bucket WHEN new.size = 0 BEGIN
    DELETE FROM bucket WHERE list = new.list AND shift = new.shift AND number = new.number;
END;

CREATE TRIGGER widget_bucket_insert AFTER INSERT ON widget BEGIN
    INSERT INTO bucket (list, shift, number, size)
    VALUES ('widget.id', 10, new.id >> 10, 1),
           ('widget.id', 15, new.id >> 15, 1),
           ('widget.deadline', 26, new.deadline >> 26, 1),
           ('widget.deadline', 31, new.deadline >> 31, 1)
    ON CONFLICT (list, shift, number) DO UPDATE SET size = size + excluded.size;
END;
CREATE TRIGGER widget_bucket_update AFTER UPDATE OF deadline ON widget
WHEN old.deadline >> 26 <> new.deadline >> 26 BEGIN
    INSERT INTO bucket (list, shift, number, size)
    VALUES ('widget.deadline', 26, old.deadline >> 26, -1),
           ('widget.deadline', 31, old.deadline >> 31, -1),
           ('widget.deadline', 26, new.deadline >> 26, 1),
           ('widget.deadline', 31, new.deadline >> 31, 1)
    ON CONFLICT (list, shift, number) DO UPDATE SET size = size + excluded.size;
END;
CREATE TRIGGER widget_bucket_delete AFTER DELETE ON widget BEGIN
    INSERT INTO bucket (list, shift, number, size)
    VALUES ('widget.id', 10, old.id >> 10, -1),
           ('widget.id', 15, old.id >> 15, -1),
           ('widget.deadline', 26, old.deadline >> 26, -1),
           ('widget.deadline', 31, old.deadline >> 31, -1)
    ON CONFLICT (list, shift, number) DO UPDATE SET size = size + excluded.size;
END;

CREATE TRIGGER task_bucket_insert AFTER INSERT ON task BEGIN
    INSERT INTO bucket (list, shift, number, size)
    VALUES ('task.id', 10, new.id >> 10, 1),
           ('task.id', 15, new.id >> 15, 1)
    ON CONFLICT (list, shift, number) DO UPDATE SET size = size + excluded.size;
END;
CREATE TRIGGER task_bucket_delete AFTER DELETE ON task BEGIN
    INSERT INTO bucket (list, shift, number, size)
    VALUES ('task.id', 10, old.id >> 10, -1),
           ('task.id', 15, old.id >> 15, -1)
    ON CONFLICT (list, shift, number) DO UPDATE SET size = size + excluded.size;
END;

-- Deleted users are not in the list.
CREATE TRIGGER user_bucket_insert AFTER INSERT ON user WHEN new.deleted_at IS NULL BEGIN
    INSERT INTO bucket (list, shift, number, size)
    VALUES ('user.id', 10, new.id >> 10, 1),
           ('user.id', 15, new.id >> 15, 1)
    ON CONFLICT (list, shift, number) DO UPDATE SET size = size + excluded.size;
END;
CREATE TRIGGER user_bucket_update AFTER UPDATE OF deleted_at ON user
WHEN (old.deleted_at IS NULL) <> (new.deleted_at IS NULL) BEGIN
    INSERT INTO bucket (list, shift, number, size)
    VALUES ('user.id', 10, new.id >> 10, iif(new.deleted_at IS NULL, 1, -1)),
           ('user.id', 15, new.id >> 15, iif(new.deleted_at IS NULL, 1, -1))
    ON CONFLICT (list, shift, number) DO UPDATE SET size = size + excluded.size;
END;
CREATE TRIGGER user_bucket_delete AFTER DELETE ON user WHEN old.deleted_at IS NULL BEGIN
    INSERT INTO bucket (list, shift, number, size)
    VALUES ('user.id', 10, old.id >> 10, -1),
           ('user.id', 15, old.id >> 15, -1)
    ON CONFLICT (list, shift, number) DO UPDATE SET size = size + excluded.size;
END;

CREATE TRIGGER audit_bucket_insert AFTER INSERT ON audit BEGIN
    INSERT INTO bucket (list, shift, number, size)
    VALUES ('audit.id', 10, new.id >> 10, 1),
           ('audit.id', 15, new.id >> 15, 1)
    ON CONFLICT (list, shift, number) DO UPDATE SET size = size + excluded.size;
END;
CREATE TRIGGER audit_bucket_delete AFTER DELETE ON audit BEGIN
    INSERT INTO bucket (list, shift, number, size)
    VALUES ('audit.id', 10, old.id >> 10, -1),
           ('audit.id', 15, old.id >> 15, -1)
    ON CONFLICT (list, shift, number) DO UPDATE SET size = size + excluded.size;
END;

INSERT INTO bucket (list, shift, number, size)
SELECT 'widget.id', 10, id >> 10, count(*) FROM widget GROUP BY 3
UNION ALL SELECT 'widget.id', 15, id >> 15, count(*) FROM widget GROUP BY 3
UNION ALL SELECT 'widget.deadline', 26, deadline >> 26, count(*) FROM widget GROUP BY 3
UNION ALL SELECT 'widget.deadline', 31, deadline >> 31, count(*) FROM widget GROUP BY 3
UNION ALL SELECT 'task.id', 10, id >> 10, count(*) FROM task GROUP BY 3
UNION ALL SELECT 'task.id', 15, id >> 15, count(*) FROM task GROUP BY 3
UNION ALL SELECT 'user.id', 10, id >> 10, count(*) FROM user WHERE deleted_at IS NULL GROUP BY 3
UNION ALL SELECT 'user.id', 15, id >> 15, count(*) FROM user WHERE deleted_at IS NULL GROUP BY 3
UNION ALL SELECT 'audit.id', 10, id >> 10, count(*) FROM audit GROUP BY 3
UNION ALL SELECT 'audit.id', 15, id >> 15, count(*) FROM audit GROUP BY 3;
