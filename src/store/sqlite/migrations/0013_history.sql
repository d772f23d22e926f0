-- The events of widgets, tasks and templates.

-- `record` is the name at that time, and `record_id` stays the same: the public id of a task, the row id of a widget. Both
-- are NULL for a template. `changes` is a JSON object: for each field that changed a list of its text before and after,
-- or null for a private one.
ALTER TABLE audit ADD COLUMN record TEXT;
ALTER TABLE audit ADD COLUMN record_id TEXT;
ALTER TABLE audit ADD COLUMN changes TEXT;

CREATE INDEX audit_record_id ON audit (record_id) WHERE record_id IS NOT NULL;
-- Widgets are found by name.
CREATE INDEX audit_widget ON audit (record) WHERE action GLOB 'widget.*';
-- And accounts.
CREATE INDEX audit_target_id ON audit (target_id) WHERE target_id IS NOT NULL;
CREATE INDEX audit_target ON audit (target COLLATE NOCASE) WHERE target IS NOT NULL;

-- What an event calls its record is searched, the changes are not.
DROP TRIGGER audit_text_insert;
CREATE TRIGGER audit_text_insert AFTER INSERT ON audit BEGIN
    INSERT INTO audit_text (rowid, actor, action, target, result, detail)
    VALUES (new.id, new.actor, new.action, coalesce(new.target, new.record), new.result, new.detail);
END;
