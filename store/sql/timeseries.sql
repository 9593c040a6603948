-- name: timescaledb_probe
-- What this server has of TimescaleDB. Its loader, when preloaded, defines the setting that is looked for.
SELECT (SELECT coalesce(installed_version, default_version)
          FROM pg_available_extensions WHERE name = 'timescaledb') AS version,
       EXISTS (SELECT FROM pg_extension WHERE extname = 'timescaledb') AS installed,
       EXISTS (SELECT FROM pg_settings WHERE name = 'timescaledb.max_background_workers') AS preloaded,
       current_setting('timescaledb.license', true) AS licence

-- name: create_timescaledb
-- The extension, in this database.
CREATE EXTENSION IF NOT EXISTS timescaledb

-- name: events_partitioned
-- Are events stored in native partitions?
SELECT relkind = 'p' AS native FROM pg_class WHERE oid = 'event'::regclass

-- name: events_present
-- Is there any event?
SELECT EXISTS (SELECT FROM event) AS present

-- name: make_hypertable
-- The empty, partitioned table of events made anew as a hypertable, a chunk a day.
DROP VIEW event_day;
DROP VIEW event_hour;
DROP TABLE event_counted;
DROP TABLE event_hour_kept;
CREATE TABLE event_plain (LIKE event INCLUDING DEFAULTS INCLUDING CONSTRAINTS);
DROP TABLE event;
ALTER TABLE event_plain RENAME TO event;
CREATE INDEX event_position ON event (position);
CREATE INDEX event_device ON event (device, position);
CREATE INDEX event_received_at ON event USING brin (received_at) WITH (autosummarize = on);
SELECT create_hypertable('event', 'received_at', chunk_time_interval => interval '1 day',
                         create_default_indexes => false);

-- name: compress_events
-- Compressed after 7 days: batches of one device's neighbours, found by device and, less closely, by position.
ALTER TABLE event SET (timescaledb.compress, timescaledb.compress_segmentby = '',
                       timescaledb.compress_orderby = 'device, position');
SELECT add_compression_policy('event', interval '7 days');

-- name: count_by_hour
-- Events by device, type and hour; what is not materialised yet is counted when asked.
CREATE MATERIALIZED VIEW event_hour WITH (timescaledb.continuous, timescaledb.materialized_only = false) AS
SELECT time_bucket(interval '1 hour', received_at) AS hour, device, type, count(*) AS events
  FROM event
 GROUP BY 1, 2, 3
  WITH NO DATA

-- name: count_by_day
-- The same by the days of the zone that sites have by default.
CREATE MATERIALIZED VIEW event_day WITH (timescaledb.continuous, timescaledb.materialized_only = false) AS
SELECT time_bucket(interval '1 day', hour, 'Asia/Shanghai') AS day, device, type, sum(events)::bigint AS events
  FROM event_hour
 GROUP BY 1, 2, 3
  WITH NO DATA

-- name: refresh_days
-- Materialised in the background, from the first hour that is counted; only what has changed is counted anew.
SELECT add_continuous_aggregate_policy('event_day', start_offset => NULL, end_offset => interval '1 day',
                                       schedule_interval => interval '6 hours')

-- name: retention_job
-- The job that drops old events, and the age from which on.
SELECT job_id, (config ->> 'drop_after')::interval AS drop_after
  FROM timescaledb_information.jobs
 WHERE proc_name = 'policy_retention' AND hypertable_name = 'event'

-- name: end_retention
-- No dropping of old events, no counting in the background.
SELECT remove_retention_policy('event', if_exists => true),
       remove_continuous_aggregate_policy('event_hour', if_exists => true)

-- name: begin_retention
-- A job that drops old events. It is not scheduled: ingest runs it, so that what goes is counted and told.
-- Hours are counted as far back as events are kept, and no further: where events are gone, counting would erase.
SELECT alter_job(add_retention_policy('event', %(keep)s::interval), scheduled => false),
       add_continuous_aggregate_policy('event_hour', start_offset => %(keep)s::interval - interval '1 day',
           end_offset => interval '1 hour', schedule_interval => interval '1 hour')

-- name: old_chunks
-- What the job would drop.
SELECT c.chunk_name AS name, c.range_start, c.range_end
  FROM timescaledb_information.chunks c
  JOIN show_chunks('event', older_than => %(keep)s::interval) AS old (chunk)
    ON old.chunk = format('%%I.%%I', c.chunk_schema, c.chunk_name)::regclass
 WHERE c.hypertable_name = 'event'
 ORDER BY c.range_start

-- name: refresh_hours
-- Count what is about to be dropped.
CALL refresh_continuous_aggregate('event_hour', %(start)s::timestamptz, %(end)s::timestamptz)

-- name: run_job
-- Run a job now, in this session.
CALL run_job(%(job)s)

-- name: drop_old_counts
-- Counts of hours and days that are over for long; returns a row a chunk.
SELECT drop_chunks('event_hour', older_than => %(keep)s::interval) AS chunk
 UNION ALL
SELECT drop_chunks('event_day', older_than => %(keep)s::interval)
