-- Filtered lists are counted and read from indexes, which have every column of the filter, and one of an order. `id` is
-- named where the order needs it before other columns.

DROP INDEX widget_owner_id;
DROP INDEX widget_deadline;
CREATE INDEX widget_by_id ON widget (id, deadline, owner_id);
CREATE INDEX widget_by_deadline ON widget (deadline, id, owner_id);
CREATE INDEX widget_by_owner ON widget (owner_id, deadline, id);

DROP INDEX task_assignee_id;
DROP INDEX task_deadline;
-- No statement looks for the tasks of a creator.
DROP INDEX task_creator_id;
CREATE INDEX task_by_id ON task (id, assignee_id, status, deadline);
CREATE INDEX task_by_deadline ON task (deadline, id, assignee_id, status);
CREATE INDEX task_by_updated_at ON task (updated_at, id, assignee_id, status, deadline);
CREATE INDEX task_by_assignee ON task (assignee_id, deadline, id, status);
CREATE INDEX task_by_status ON task (status, deadline, id, assignee_id);

CREATE INDEX user_by_id ON user (id, status, role, deleted_at) WHERE deleted_at IS NULL;
CREATE INDEX user_by_status ON user (status, id, role, deleted_at) WHERE deleted_at IS NULL;
CREATE INDEX user_by_role ON user (role, id, status, deleted_at) WHERE deleted_at IS NULL;

-- The words of a deleted user are not searched.
DROP TRIGGER user_text_update;
CREATE TRIGGER user_text_update AFTER UPDATE OF email, username, name, deleted_at ON user
WHEN (old.email, old.username, old.name, old.deleted_at)
    IS NOT (new.email, new.username, new.name, new.deleted_at) BEGIN
    DELETE FROM user_text WHERE rowid = old.id;
    INSERT INTO user_text (rowid, email, username, name)
    SELECT new.id, new.email, new.username, new.name WHERE new.deleted_at IS NULL;
END;
DELETE FROM user_text WHERE rowid IN (SELECT id FROM user WHERE deleted_at IS NOT NULL);

CREATE INDEX audit_by_id ON audit (id, at, action);
CREATE INDEX audit_by_action ON audit (action, id, at);

-- Each event once for each id and each folded e-mail address of its actor and its target.
DROP INDEX audit_actor_id;
DROP INDEX audit_target_id;
CREATE TABLE audit_user (
    user   TEXT    NOT NULL,
    id     INTEGER NOT NULL,
    at     INTEGER NOT NULL,
    action TEXT    NOT NULL,
    PRIMARY KEY (user, id)
) STRICT, WITHOUT ROWID;

CREATE TRIGGER audit_user_insert AFTER INSERT ON audit BEGIN
    INSERT INTO audit_user (user, id, at, action)
    SELECT user, new.id, new.at, new.action FROM (
        SELECT new.actor_id AS user UNION SELECT lower(new.actor) WHERE new.actor_id IS NOT NULL
        UNION SELECT new.target_id UNION SELECT lower(new.target)
    ) WHERE user IS NOT NULL;
END;
CREATE TRIGGER audit_user_delete AFTER DELETE ON audit BEGIN
    DELETE FROM audit_user
    WHERE user IN (old.actor_id, lower(old.actor), old.target_id, lower(old.target)) AND id = old.id;
END;
INSERT OR IGNORE INTO audit_user (user, id, at, action)
SELECT actor_id, id, at, action FROM audit WHERE actor_id IS NOT NULL
UNION ALL SELECT lower(actor), id, at, action FROM audit WHERE actor_id IS NOT NULL
UNION ALL SELECT target_id, id, at, action FROM audit WHERE target_id IS NOT NULL
UNION ALL SELECT lower(target), id, at, action FROM audit WHERE target IS NOT NULL;
