-- Users may have a name to be called by, and one with a username needs no e-mail address.

ALTER TABLE user ADD COLUMN name TEXT;
ALTER TABLE user ALTER COLUMN email DROP NOT NULL;
ALTER TABLE user ALTER COLUMN email_folded DROP NOT NULL;

-- What clients have cached lacks the name. Widgets and tasks show their users, so their tags depend on these versions.
UPDATE user SET version = random();

-- The name is searched as well.
DROP TRIGGER user_text_insert;
DROP TRIGGER user_text_update;
DROP TABLE user_text;
CREATE VIRTUAL TABLE user_text USING fts5 (email, username, name, content = '', contentless_delete = 1,
    tokenize = "unicode61 remove_diacritics 2 categories 'L* N* Co S*'");
CREATE TRIGGER user_text_insert AFTER INSERT ON user BEGIN
    INSERT INTO user_text (rowid, email, username, name) VALUES (new.id, new.email, new.username, new.name);
END;
CREATE TRIGGER user_text_update AFTER UPDATE OF email, username, name ON user
WHEN (old.email, old.username, old.name) IS NOT (new.email, new.username, new.name) BEGIN
    DELETE FROM user_text WHERE rowid = old.id;
    INSERT INTO user_text (rowid, email, username, name) VALUES (new.id, new.email, new.username, new.name);
END;
INSERT INTO user_text (rowid, email, username, name) SELECT id, email, username, name FROM user;
