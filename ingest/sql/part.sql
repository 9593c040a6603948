-- name: report_part
-- What this part says of itself.
INSERT INTO part (name, at, ok, detail) VALUES ('ingest', %(at)s, %(ok)s, %(detail)s)
    ON CONFLICT (name) DO UPDATE SET at = excluded.at, ok = excluded.ok, detail = excluded.detail
