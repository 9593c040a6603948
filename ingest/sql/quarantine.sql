-- name: insert_quarantine
-- One message that could not be stored as what it claims to be.
INSERT INTO quarantine (received_at, topic, source, reason, detail, payload, payload_size)
VALUES (%(received_at)s, %(topic)s, %(source)s, %(reason)s, %(detail)s, %(payload)s, %(payload_size)s)

-- name: cap_quarantine
-- Keep the newest rows of each of these sources.
DELETE FROM quarantine AS old
 USING (SELECT source, (SELECT id FROM quarantine AS q WHERE q.source = s.source
                         ORDER BY id DESC OFFSET %(kept)s LIMIT 1) AS last_dropped
          FROM unnest(%(sources)s::text[]) AS s (source)) AS cap
 WHERE old.source = cap.source AND old.id <= cap.last_dropped

-- name: trim_quarantine
-- Keep the newest rows altogether, however many sources were made up.
DELETE FROM quarantine WHERE id <= (SELECT max(id) FROM quarantine) - %(kept)s

-- name: codes_in_use
-- Which of these device codes some site uses.
SELECT DISTINCT code FROM device WHERE code = ANY(%(codes)s) AND removed_at IS NULL
