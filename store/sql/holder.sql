-- name: look_at_holder
-- Take the partition's lock where it is free, and see what its holder last left, by the server's clock.
SELECT pg_try_advisory_lock(7421000190635) AS mine, epoch, batch, clock_timestamp() AS at
  FROM head WHERE partition = 'main'

-- name: end_holder
-- End the session that has the partition's lock. Of a bigint's lock, classid is the upper half and objid the lower.
SELECT count(pg_terminate_backend(pid)) AS ended
  FROM pg_locks
 WHERE locktype = 'advisory' AND granted AND objsubid = 1 AND pid <> pg_backend_pid()
   AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
   AND classid::bigint = 7421000190635 >> 32 AND objid::bigint = 7421000190635 & 4294967295

-- name: end_writers
-- End what an earlier holder has open on the log, for whoever has the partition's lock now.
SELECT count(pg_terminate_backend(pid)) AS ended
  FROM pg_stat_activity
 WHERE application_name = %(name)s AND datname = current_database() AND pid <> pg_backend_pid()
   AND xact_start IS NOT NULL

-- name: prove_holding
-- A new batch id, where there is nothing to commit yet: the holder lives. No row where its epoch has passed.
UPDATE head SET batch = %(batch)s WHERE partition = 'main' AND epoch = %(epoch)s

-- name: epoch
-- Who holds the partition, as of now.
SELECT epoch FROM head WHERE partition = 'main'
