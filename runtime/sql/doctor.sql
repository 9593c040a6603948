-- name: doctor_read_only
-- From here on this session sees one moment a transaction and can change nothing.
SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY

-- name: doctor_clock
-- The server's clock.
SELECT clock_timestamp() AS now

-- name: doctor_head
-- The head row, how long ago it was known to watch, and the epoch that ingest reports.
SELECT h.epoch, h.position, h.log_id, extract(epoch FROM clock_timestamp() - h.alive_at)::float8 AS watched_ago,
       (p.detail ->> 'epoch')::bigint AS reported
  FROM head h
  LEFT JOIN part p ON p.name = 'ingest'
 WHERE h.partition = 'main'

-- name: doctor_holders
-- Connections of ingest to this database.
SELECT pid, host(client_addr) AS address, backend_start
  FROM pg_stat_activity
 WHERE application_name = 'shouwang-ingest' AND datname = current_database()
 ORDER BY backend_start

-- name: doctor_credentials
-- Credentials that changed a while ago and that the embedded broker has not taken up.
SELECT count(*) AS waiting
  FROM credential c, broker_users b
 WHERE c.version > b.applied AND c.issued_at < clock_timestamp() - %(patience)s::interval

-- name: doctor_default_partition
-- Do events lie in the partition of last resort?
SELECT EXISTS (SELECT FROM event_default) AS used

-- name: doctor_quarantine
-- What went to quarantine since a moment, by reason; of the newest 10,000 rows, which is enough to see it grow.
SELECT reason, count(*) AS messages
  FROM (SELECT reason, received_at FROM quarantine ORDER BY id DESC LIMIT 10000) AS newest
 WHERE received_at >= %(since)s
 GROUP BY reason
 ORDER BY messages DESC, reason

-- name: doctor_quarantine_size
-- How many messages are kept in quarantine.
SELECT count(*) AS kept FROM quarantine

-- name: doctor_tokens
-- Tokens that were made for long and end soon.
SELECT name, role, expires_at
  FROM principal
 WHERE token_hash IS NOT NULL AND revoked_at IS NULL AND expires_at > %(now)s AND expires_at <= %(until)s
   AND expires_at - created_at > %(made_for)s::interval
 ORDER BY expires_at
