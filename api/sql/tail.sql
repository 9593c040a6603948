-- name: last_log_id
-- The last id of alert_log that is committed.
SELECT log_id FROM head WHERE partition = 'main'
