-- name: note_deletion
-- What was deleted for its age.
INSERT INTO deletion (what, before, amount, detail) VALUES (%(what)s, %(before)s, %(amount)s, %(detail)s)

-- name: uncounted
-- How far events are counted and how far the log is; one counter at a time.
SELECT c.upto, h.position FROM event_counted c, head h WHERE h.partition = 'main' FOR UPDATE OF c

-- name: count_events
-- Count the events of a stretch of the log by device, type and hour.
INSERT INTO event_hour_kept AS kept (hour, device, type, events)
SELECT date_trunc('hour', received_at, 'UTC'), device, type, count(*)
  FROM event
 WHERE position > %(after)s AND position <= %(upto)s
 GROUP BY 1, 2, 3
    ON CONFLICT (device, type, hour) DO UPDATE SET events = kept.events + excluded.events

-- name: counted_upto
-- Events are counted up to here.
UPDATE event_counted SET upto = %(upto)s

-- name: delete_old_counts
-- Counts of hours that are over for long.
DELETE FROM event_hour_kept WHERE hour < %(before)s

-- name: delete_old_heartbeats
-- Counts of heartbeats of hours that are over for long.
DELETE FROM heartbeat_hour WHERE hour < %(before)s

-- name: delete_old_quarantine
-- Messages that waited in quarantine for long.
DELETE FROM quarantine WHERE received_at < %(before)s

-- name: delete_old_deletions
-- What was told of deletions long ago.
DELETE FROM deletion WHERE at < %(before)s

-- name: allow_deletion
-- To the end of the transaction, rows of alert_log from before this moment may go.
SELECT set_config('shouwang.delete_before', %(before)s::timestamptz::text, true)

-- name: expired_alerts
-- Alerts closed long ago that were not touched since and explain none that stays; the newest number is never one.
WITH RECURSIVE held (id) AS (
    SELECT parent FROM alert
     WHERE parent IS NOT NULL AND NOT (handling = 'closed' AND closed_at < %(before)s)
     UNION
    SELECT a.parent FROM held h JOIN alert a ON a.id = h.id WHERE a.parent IS NOT NULL
)
SELECT a.id
  FROM alert a
 WHERE a.handling = 'closed' AND a.closed_at < %(before)s
   AND a.id < (SELECT max(id) FROM alert)
   AND NOT EXISTS (SELECT FROM held WHERE held.id = a.id)
   AND NOT EXISTS (SELECT FROM alert_log l WHERE l.alert = a.id AND l.at >= %(before)s)
 ORDER BY a.id
 LIMIT %(most)s

-- name: delete_notes
-- What people wrote to these alerts.
DELETE FROM alert_note n USING alert_log l WHERE l.log_id = n.log_id AND l.alert = ANY(%(alerts)s)

-- name: delete_log
-- The log of these alerts; returns what the chain needs to go on.
DELETE FROM alert_log WHERE alert = ANY(%(alerts)s) RETURNING log_id, chain

-- name: delete_occurrences
-- Each time these alerts happened.
DELETE FROM occurrence WHERE alert = ANY(%(alerts)s)

-- name: orphan_alerts
-- What these alerts explained has expired as well and goes later.
UPDATE alert SET parent = NULL WHERE parent = ANY(%(alerts)s) AND NOT id = ANY(%(alerts)s)

-- name: delete_alerts
-- The alerts themselves.
DELETE FROM alert WHERE id = ANY(%(alerts)s)

-- name: lock_gaps
-- One deleter at a time; readers go on.
LOCK TABLE alert_log_gap IN SHARE ROW EXCLUSIVE MODE

-- name: log_gaps
-- Stretches of the log that were deleted for their age.
SELECT first, upto, chain FROM alert_log_gap ORDER BY first

-- name: delete_gaps
-- They are written anew.
DELETE FROM alert_log_gap

-- name: insert_gaps
-- Stretches of the log that were deleted for their age.
INSERT INTO alert_log_gap (first, upto, chain)
SELECT * FROM unnest(%(first)s::bigint[], %(upto)s::bigint[], %(chain)s::bytea[])
