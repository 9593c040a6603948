-- name: lock_partitions
-- One maker of partitions at a time.
SELECT pg_advisory_xact_lock(7421000190632)

-- name: partition_state
-- Is the partition there, and do rows of its range lie in the default one?
SELECT to_regclass(%(name)s) IS NOT NULL AS present,
       EXISTS (SELECT FROM event_default WHERE received_at >= %(start)s AND received_at < %(end)s) AS in_default

-- name: absent_tables
-- Which of these tables are not there, in their order.
SELECT name
  FROM unnest(%(names)s::text[]) WITH ORDINALITY AS wanted (name, place)
 WHERE to_regclass(name) IS NULL
 ORDER BY place

-- name: event_partitions
-- The daily partitions that there are, the oldest first.
SELECT c.relname AS name
  FROM pg_inherits i
  JOIN pg_class c ON c.oid = i.inhrelid
 WHERE i.inhparent = 'event'::regclass AND c.relname ~ '^event_[0-9]{8}$'
 ORDER BY c.relname

-- name: trim_default_partition
-- Old events of days that had no partition in time.
DELETE FROM event_default WHERE received_at < %(before)s
