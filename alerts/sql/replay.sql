-- name: events_page
-- The next events in the order of the log, as the engine's columns.
SELECT position, received_at, NULLIF(at, '-infinity') AS at, effective_at, device, type, value, seq, boot, flags
  FROM event
 WHERE position > %(after)s AND position <= %(upto)s
 ORDER BY position
 LIMIT %(limit)s

-- name: log_head
-- How far the log reaches.
SELECT position FROM head WHERE partition = 'main'

-- name: control_page
-- The next control entries.
SELECT position, kind, at, body FROM input_log
 WHERE position > %(after)s AND position <= %(upto)s
 ORDER BY position
 LIMIT %(limit)s

-- name: open_of_engine
-- What is open, as the engine knows it.
SELECT id, rule, site, subject_kind, subject, severity, condition FROM alert WHERE handling <> 'closed'

-- name: newest_alert
-- The last number that was given.
SELECT id FROM alert ORDER BY id DESC LIMIT 1
