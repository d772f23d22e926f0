-- What there is to do, by assignee: the agenda and the filter `open` neither walk through what is done, nor through one
-- status to count another.
CREATE INDEX task_open ON task (assignee_id, status, deadline, id) WHERE status = 'pending' OR status = 'in_progress';
