-- Tasks, templates, versions of records, and full-text search.

-- A version is random: it tells one state of a record from every other, and nothing else.
ALTER TABLE user ADD COLUMN version INTEGER NOT NULL DEFAULT 0;
ALTER TABLE widget ADD COLUMN version INTEGER NOT NULL DEFAULT 0;
UPDATE user SET version = random();
UPDATE widget SET version = random();

CREATE TABLE task (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    public_id   TEXT    NOT NULL UNIQUE,
    title       TEXT    NOT NULL,
    description TEXT    NOT NULL,
    status      TEXT    NOT NULL CHECK (status IN ('pending', 'in_progress', 'done', 'cancelled')),
    deadline    INTEGER,
    assignee_id INTEGER REFERENCES user (id),
    creator_id  INTEGER NOT NULL REFERENCES user (id),
    created_at  INTEGER NOT NULL,
    updated_at  INTEGER NOT NULL,
    version     INTEGER NOT NULL
) STRICT;

CREATE INDEX task_assignee_id ON task (assignee_id, id);
CREATE INDEX task_creator_id ON task (creator_id);
CREATE INDEX task_deadline ON task (deadline, id);

CREATE TABLE template (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    owner_id   INTEGER NOT NULL REFERENCES user (id),
    name       TEXT    NOT NULL,
    body       TEXT    NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    version    INTEGER NOT NULL,
    UNIQUE (owner_id, name)
) STRICT;

CREATE INDEX widget_deadline ON widget (deadline, id);

-- Places in long lists: where each block of rows starts in an order, and how many rows it has. They are filled
-- when the database is opened.
CREATE TABLE place (
    list  TEXT    NOT NULL,
    key   INTEGER NOT NULL,
    id    INTEGER NOT NULL,
    count INTEGER NOT NULL,
    PRIMARY KEY (list, key, id)
) STRICT, WITHOUT ROWID;

CREATE TABLE list_size (
    list TEXT    PRIMARY KEY,
    size INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- The words of each record, kept by triggers. A table without content of its own has the words alone.
-- (No OR REPLACE in a trigger: an OR IGNORE of the statement that fires it would take its place.)
CREATE VIRTUAL TABLE widget_text USING fts5 (name, info_url, content = '', contentless_delete = 1,
    tokenize = "unicode61 remove_diacritics 2 categories 'L* N* Co S*'");
CREATE TRIGGER widget_text_insert AFTER INSERT ON widget BEGIN
    INSERT INTO widget_text (rowid, name, info_url) VALUES (new.id, new.name, new.info_url);
END;
CREATE TRIGGER widget_text_update AFTER UPDATE OF name, info_url ON widget BEGIN
    DELETE FROM widget_text WHERE rowid = old.id;
    INSERT INTO widget_text (rowid, name, info_url) VALUES (new.id, new.name, new.info_url);
END;
CREATE TRIGGER widget_text_delete AFTER DELETE ON widget BEGIN
    DELETE FROM widget_text WHERE rowid = old.id;
END;
INSERT INTO widget_text (rowid, name, info_url) SELECT id, name, info_url FROM widget;

CREATE VIRTUAL TABLE task_text USING fts5 (title, description, content = '', contentless_delete = 1,
    tokenize = "unicode61 remove_diacritics 2 categories 'L* N* Co S*'");
CREATE TRIGGER task_text_insert AFTER INSERT ON task BEGIN
    INSERT INTO task_text (rowid, title, description) VALUES (new.id, new.title, new.description);
END;
CREATE TRIGGER task_text_update AFTER UPDATE OF title, description ON task BEGIN
    DELETE FROM task_text WHERE rowid = old.id;
    INSERT INTO task_text (rowid, title, description) VALUES (new.id, new.title, new.description);
END;
CREATE TRIGGER task_text_delete AFTER DELETE ON task BEGIN
    DELETE FROM task_text WHERE rowid = old.id;
END;

CREATE VIRTUAL TABLE template_text USING fts5 (name, body, content = '', contentless_delete = 1,
    tokenize = "unicode61 remove_diacritics 2 categories 'L* N* Co S*'");
CREATE TRIGGER template_text_insert AFTER INSERT ON template BEGIN
    INSERT INTO template_text (rowid, name, body) VALUES (new.id, new.name, new.body);
END;
CREATE TRIGGER template_text_update AFTER UPDATE OF name, body ON template BEGIN
    DELETE FROM template_text WHERE rowid = old.id;
    INSERT INTO template_text (rowid, name, body) VALUES (new.id, new.name, new.body);
END;
CREATE TRIGGER template_text_delete AFTER DELETE ON template BEGIN
    DELETE FROM template_text WHERE rowid = old.id;
END;

CREATE VIRTUAL TABLE user_text USING fts5 (email, username, content = '', contentless_delete = 1,
    tokenize = "unicode61 remove_diacritics 2 categories 'L* N* Co S*'");
CREATE TRIGGER user_text_insert AFTER INSERT ON user BEGIN
    INSERT INTO user_text (rowid, email, username) VALUES (new.id, new.email, new.username);
END;
CREATE TRIGGER user_text_update AFTER UPDATE OF email, username ON user BEGIN
    DELETE FROM user_text WHERE rowid = old.id;
    INSERT INTO user_text (rowid, email, username) VALUES (new.id, new.email, new.username);
END;
INSERT INTO user_text (rowid, email, username) SELECT id, email, username FROM user;

CREATE VIRTUAL TABLE audit_text USING fts5 (actor, action, target, result, detail, content = '', contentless_delete = 1,
    tokenize = "unicode61 remove_diacritics 2 categories 'L* N* Co S*'");
CREATE TRIGGER audit_text_insert AFTER INSERT ON audit BEGIN
    INSERT INTO audit_text (rowid, actor, action, target, result, detail)
    VALUES (new.id, new.actor, new.action, new.target, new.result, new.detail);
END;
CREATE TRIGGER audit_text_delete AFTER DELETE ON audit BEGIN
    DELETE FROM audit_text WHERE rowid = old.id;
END;
INSERT INTO audit_text (rowid, actor, action, target, result, detail)
SELECT id, actor, action, target, result, detail FROM audit;
