-- name: lock_head
-- The head row, locked to the end of the transaction.
SELECT epoch, position, log_id, chain, batch, alive_at, judged FROM head WHERE partition = 'main' FOR UPDATE

-- name: save_head
-- What the transaction made of the head.
UPDATE head
   SET position = %(position)s, log_id = %(log_id)s, chain = %(chain)s, batch = %(batch)s, alive_at = %(alive_at)s,
       judged = %(judged)s
 WHERE partition = 'main'

-- name: raise_epoch
-- A new holder of the partition.
UPDATE head SET epoch = epoch + 1 WHERE partition = 'main' RETURNING epoch

-- name: set_lock_timeout
-- How long the next lock may be waited for; ends with the transaction.
SELECT set_config('lock_timeout', %(timeout)s, true)

-- name: insert_input
-- One control entry.
INSERT INTO input_log (position, kind, at, body) VALUES (%(position)s, %(kind)s, %(at)s, %(body)s)

-- name: read_input
-- The control entries of a stretch of the log.
SELECT position, kind, at, body
  FROM input_log
 WHERE position > %(after)s AND (%(upto)s::bigint IS NULL OR position <= %(upto)s)
 ORDER BY position
