-- name: put_part
-- What a part that does not speak to the database itself is known to be.
INSERT INTO part (name, at, ok, detail) VALUES (%(name)s, clock_timestamp(), %(ok)s, %(detail)s)
ON CONFLICT (name) DO UPDATE SET at = excluded.at, ok = excluded.ok, detail = excluded.detail;

-- name: ingest_has_session
-- Whether ingest said that its durable session with the broker exists, since this run began.
SELECT 1 FROM part WHERE name = 'ingest' AND at >= %(since)s AND detail -> 'session' = 'true';

-- name: ages
-- How long ago ingest spoke, and until how long ago its rules are known to have watched, by this server's clock.
SELECT extract(epoch FROM clock_timestamp() - p.at)::float8 AS reported,
       extract(epoch FROM clock_timestamp() - h.alive_at)::float8 AS watched
  FROM head h
  LEFT JOIN part p ON p.name = 'ingest'
 WHERE h.partition = 'main';
