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

-- name: database_id
-- What no other database has.
SELECT database_id FROM head WHERE partition = 'main'

-- name: checkpoint_fits
-- What a checkpoint must agree with: the head, the moment of the entry at its position, the chain at its log id.
SELECT h.database_id, h.epoch, h.position,
       coalesce((SELECT e.received_at FROM event e WHERE e.position = %(position)s),
                (SELECT i.at FROM input_log i WHERE i.position = %(position)s)) AS at,
       (SELECT l.chain FROM alert_log l WHERE l.log_id = %(log_id)s) AS chain
  FROM head h WHERE h.partition = 'main'
