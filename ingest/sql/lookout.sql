-- name: lookout_devices
-- Devices that are watched, among those of some sites and codes.
SELECT s.code || '/' || d.code AS name, d.id
  FROM device d JOIN site s ON s.id = d.site
 WHERE d.removed_at IS NULL AND s.code = ANY(%(sites)s) AND d.code = ANY(%(devices)s)

-- name: lookout_identities
-- Which of these identities an event holds.
SELECT replace(key::text, '-', '') AS key
  FROM event_identity
 WHERE key = ANY(%(keys)s::uuid[]) AND received_at >= %(horizon)s

-- name: lookout_rows
-- Events that a press without identity may be: of its device, type and time, received since it was heard.
SELECT asked.n, e.position
  FROM unnest(%(ns)s::int[], %(devices)s::int[], %(types)s::smallint[], %(ats)s::timestamptz[],
              %(since)s::timestamptz[]) AS asked (n, device, type, at, since)
 CROSS JOIN LATERAL (
       SELECT position FROM event
        WHERE event.device = asked.device AND event.type = asked.type AND event.at = asked.at
          AND event.received_at >= asked.since
        ORDER BY position LIMIT %(most)s) AS e
 ORDER BY e.position

-- name: lookout_quarantined
-- What quarantine holds of some senders since a moment, by its digest.
SELECT source, encode(sha256(payload), 'hex') AS digest, received_at
  FROM quarantine
 WHERE source = ANY(%(sources)s) AND received_at >= %(since)s

-- name: lookout_end
-- How far the alert log is.
SELECT log_id FROM head WHERE partition = 'main'
