-- The index of what not everybody may see holds each word with the row id of its reader before it,
-- so that a search walks the words of the caller alone (docs/decisions/0009). `scoped_words` is a
-- function of widgetd: another program gets an error where it changes such a text.

DROP TRIGGER template_text_insert;
DROP TRIGGER template_text_update;
DROP TRIGGER template_text_delete;
DROP TABLE template_text;

-- The ASCII characters that are part of words; all others are.
CREATE VIRTUAL TABLE template_text USING fts5 (name, body, content = '', contentless_delete = 1,
    tokenize = "ascii tokenchars '$+<=>^`|~'");
CREATE TRIGGER template_text_insert AFTER INSERT ON template BEGIN
    INSERT INTO template_text (rowid, name, body)
    VALUES (new.id, scoped_words(new.owner_id, new.name), scoped_words(new.owner_id, new.body));
END;
CREATE TRIGGER template_text_update AFTER UPDATE OF owner_id, name, body ON template
WHEN (old.owner_id, old.name, old.body) IS NOT (new.owner_id, new.name, new.body) BEGIN
    DELETE FROM template_text WHERE rowid = old.id;
    INSERT INTO template_text (rowid, name, body)
    VALUES (new.id, scoped_words(new.owner_id, new.name), scoped_words(new.owner_id, new.body));
END;
CREATE TRIGGER template_text_delete AFTER DELETE ON template BEGIN
    DELETE FROM template_text WHERE rowid = old.id;
END;
INSERT INTO template_text (rowid, name, body)
SELECT id, scoped_words(owner_id, name), scoped_words(owner_id, body) FROM template;

-- The words of the assigned tasks, for those who see their own alone. Others search `task_text`.
CREATE VIRTUAL TABLE task_assignee_text USING fts5 (title, description, content = '',
    contentless_delete = 1, tokenize = "ascii tokenchars '$+<=>^`|~'");
CREATE TRIGGER task_assignee_text_insert AFTER INSERT ON task
WHEN new.assignee_id IS NOT NULL BEGIN
    INSERT INTO task_assignee_text (rowid, title, description)
    VALUES (new.id, scoped_words(new.assignee_id, new.title),
            scoped_words(new.assignee_id, new.description));
END;
CREATE TRIGGER task_assignee_text_update AFTER UPDATE OF title, description, assignee_id ON task
WHEN (old.title, old.description, old.assignee_id)
     IS NOT (new.title, new.description, new.assignee_id) BEGIN
    DELETE FROM task_assignee_text WHERE rowid = old.id;
    INSERT INTO task_assignee_text (rowid, title, description)
    SELECT new.id, scoped_words(new.assignee_id, new.title),
           scoped_words(new.assignee_id, new.description)
    WHERE new.assignee_id IS NOT NULL;
END;
CREATE TRIGGER task_assignee_text_delete AFTER DELETE ON task BEGIN
    DELETE FROM task_assignee_text WHERE rowid = old.id;
END;
INSERT INTO task_assignee_text (rowid, title, description)
SELECT id, scoped_words(assignee_id, title), scoped_words(assignee_id, description)
FROM task WHERE assignee_id IS NOT NULL;

-- What is searched in many records has an index of short beginnings, which many words share.
DROP TRIGGER task_text_update;
DROP TABLE task_text;
CREATE VIRTUAL TABLE task_text USING fts5 (title, description, content = '', contentless_delete = 1,
    prefix = '1 2', tokenize = "unicode61 remove_diacritics 2 categories 'L* N* Co S*'");
CREATE TRIGGER task_text_update AFTER UPDATE OF title, description ON task
WHEN (old.title, old.description) IS NOT (new.title, new.description) BEGIN
    DELETE FROM task_text WHERE rowid = old.id;
    INSERT INTO task_text (rowid, title, description) VALUES (new.id, new.title, new.description);
END;
INSERT INTO task_text (rowid, title, description) SELECT id, title, description FROM task;

DROP TABLE widget_text;
CREATE VIRTUAL TABLE widget_text USING fts5 (name, info_url, content = '', contentless_delete = 1,
    prefix = '1 2', tokenize = "unicode61 remove_diacritics 2 categories 'L* N* Co S*'");
INSERT INTO widget_text (rowid, name, info_url) SELECT id, name, info_url FROM widget;
