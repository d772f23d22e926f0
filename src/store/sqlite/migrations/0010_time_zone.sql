-- Dates of deadlines, and the time zone that decides when a date ends.

-- The time zone by which the ends of dates were computed. NULL in a new database, until it is opened.
ALTER TABLE installation ADD COLUMN time_zone TEXT;
UPDATE installation SET time_zone = 'UTC';

-- The date at whose end the deadline is, as in 2026-12-31; NULL for a deadline with a time of day. `deadline` follows from
-- it and the time zone. What clients have cached lacks it.
ALTER TABLE widget ADD COLUMN deadline_date TEXT;
ALTER TABLE task ADD COLUMN deadline_date TEXT;
UPDATE widget SET version = random(),
    deadline_date = iif((deadline + 1) % 86400000 = 0, date((deadline - 86399999) / 1000, 'unixepoch'), NULL);
UPDATE task SET version = random(),
    deadline_date = iif((deadline + 1) % 86400000 = 0, date((deadline - 86399999) / 1000, 'unixepoch'), NULL);

-- For each start, which compares them with the time zone: a row has them behind a text that may be long.
CREATE INDEX widget_deadline_date ON widget (deadline_date, deadline) WHERE deadline_date IS NOT NULL;
CREATE INDEX task_deadline_date ON task (deadline_date, deadline) WHERE deadline_date IS NOT NULL;

-- Another program that moves a deadline alone knows neither the date nor the version.
CREATE TRIGGER widget_deadline_date_update AFTER UPDATE OF deadline ON widget
WHEN new.deadline IS NOT old.deadline AND (new.deadline_date, new.version) IS (old.deadline_date, old.version) BEGIN
    UPDATE widget SET deadline_date = NULL WHERE id = new.id;
END;
CREATE TRIGGER task_deadline_date_update AFTER UPDATE OF deadline ON task
WHEN new.deadline IS NOT old.deadline AND (new.deadline_date, new.version) IS (old.deadline_date, old.version) BEGIN
    UPDATE task SET deadline_date = NULL WHERE id = new.id;
END;
