-- Sessions of browsers live on while they are used.

-- Until when the life of the session can be extended; NULL for that of an API client, and for those that exist already.
ALTER TABLE session ADD COLUMN renewable_until INTEGER;
