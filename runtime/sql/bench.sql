-- name: bench_copy_site
-- Made-up sites.
COPY site (id, code, kind, street, timezone) FROM STDIN

-- name: bench_copy_place
-- Made-up places.
COPY place (id, site, code, kind, role, sealed) FROM STDIN

-- name: bench_copy_resident
-- Made-up residents.
COPY resident (id, site, code, bed, flags, presence) FROM STDIN

-- name: bench_copy_device
-- Made-up devices.
COPY device (id, site, code, kind, place, resident, gateway, power, heartbeat) FROM STDIN

-- name: bench_analyze
-- What the planner knows of tables that were just filled.
ANALYZE site, place, resident, device, input_log

-- name: bench_stored
-- How many events of a boot are stored.
SELECT count(*) AS stored FROM event WHERE boot = %(boot)s

-- name: bench_identities
-- Of each device, counted from 1: its rows of a boot, how many different ones, the first and the last.
SELECT device, count(*) AS stored, count(DISTINCT seq) AS different, min(seq) AS first, max(seq) AS last
  FROM event WHERE boot = %(boot)s GROUP BY device

-- name: bench_head
-- How far the log is.
SELECT position FROM head

-- name: bench_bytes
-- What events take on disk, with their indexes; identities beside them.
SELECT (SELECT coalesce(sum(pg_total_relation_size(relid)), 0) FROM pg_partition_tree('event'))::bigint AS events,
       pg_total_relation_size('event_identity') AS identities,
       (SELECT count(*) FROM event) AS stored
