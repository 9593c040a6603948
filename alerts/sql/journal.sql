-- name: log_page
-- The next rows of the log, with what people wrote where it is still there.
SELECT l.log_id, l.alert, l.change, l.at, l.by, l.body, l.chain, n.salt, n.text
  FROM alert_log l
  LEFT JOIN alert_note n ON n.log_id = l.log_id
 WHERE l.log_id > %(after)s
 ORDER BY l.log_id
 LIMIT %(limit)s

-- name: chain_head
-- Where the head says that the log ends.
SELECT log_id, chain FROM head WHERE partition = 'main'
