-- The last backup that was made and checked. In a backup, it is the backup itself.
CREATE TABLE backup (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    made_at INTEGER NOT NULL,
    -- The version of widgetd that made it.
    version TEXT NOT NULL,
    -- NULL if it was written to standard output.
    file TEXT,
    bytes INTEGER NOT NULL
) STRICT;
