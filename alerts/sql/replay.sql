-- name: copy_events
-- The events of a stretch of the log, as the engine's columns, in its order of fields.
COPY (SELECT position, received_at, at, effective_at, device, type, value, seq, boot, flags
        FROM event
       WHERE position > %(after)s AND position <= %(upto)s
       ORDER BY position)
  TO STDOUT (FORMAT binary)

-- name: log_head
-- How far the log reaches.
SELECT position FROM head WHERE partition = 'main'

-- name: open_of_engine
-- What is open, as the engine knows it.
SELECT id, rule, site, subject_kind, subject, severity, condition = 'active' AS active,
       CASE handling WHEN 'inhibited' THEN parent ELSE 0 END AS parent, claimed_by IS NOT NULL AS held
  FROM alert WHERE handling <> 'closed'

-- name: newest_alert
-- The last number that was given.
SELECT id FROM alert ORDER BY id DESC LIMIT 1
