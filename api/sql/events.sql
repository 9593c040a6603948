-- name: events_of_devices
-- The newest events of a site or device, each device by its own index.
SELECT e.position, e.detail ->> 'id' AS device_event_id, s.code AS site, s.timezone, d.code AS device, e.type AS type_id, t.name AS type_name,
       nullif(e.at, '-infinity') AS at, e.received_at, nullif(e.value, 'NaN') AS value,
       e.detail ->> 'unit' AS unit, e.flags
  FROM device d
  JOIN site s ON s.id = d.site
  LEFT JOIN resident r ON r.id = d.resident
 CROSS JOIN LATERAL (
       SELECT * FROM event
        WHERE event.device = d.id
          AND (%(before)s::bigint IS NULL OR position < %(before)s)
          AND (%(since)s::timestamptz IS NULL OR received_at >= %(since)s)
          AND (%(until)s::timestamptz IS NULL OR received_at < %(until)s)
        ORDER BY position DESC LIMIT %(limit)s) e
  LEFT JOIN event_type t ON t.id = e.type
 WHERE (%(whole)s OR s.street = ANY(%(streets)s) OR s.code = ANY(%(sites)s) OR r.code = ANY(%(residents)s))
   AND (%(site)s::text IS NULL OR s.code = %(site)s)
   AND (%(device)s::text IS NULL OR d.code = %(device)s)
 ORDER BY e.position DESC LIMIT %(limit)s

-- name: events
-- The newest events of all that is in scope, along the log.
SELECT e.position, e.detail ->> 'id' AS device_event_id, s.code AS site, s.timezone, d.code AS device, e.type AS type_id, t.name AS type_name,
       nullif(e.at, '-infinity') AS at, e.received_at, nullif(e.value, 'NaN') AS value,
       e.detail ->> 'unit' AS unit, e.flags
  FROM event e
  JOIN device d ON d.id = e.device
  JOIN site s ON s.id = d.site
  LEFT JOIN resident r ON r.id = d.resident
  LEFT JOIN event_type t ON t.id = e.type
 WHERE (%(whole)s OR s.street = ANY(%(streets)s) OR s.code = ANY(%(sites)s) OR r.code = ANY(%(residents)s))
   AND (%(before)s::bigint IS NULL OR e.position < %(before)s)
   AND (%(since)s::timestamptz IS NULL OR e.received_at >= %(since)s)
   AND (%(until)s::timestamptz IS NULL OR e.received_at < %(until)s)
 ORDER BY e.position DESC LIMIT %(limit)s

-- name: quarantine
-- The newest messages that could not be taken; narrower scopes see those whose topic names a site of theirs.
SELECT q.id, q.received_at, q.topic, q.reason, q.detail, q.payload, q.payload_size
  FROM quarantine q
  LEFT JOIN site s ON s.code = split_part(q.source, '/', 1)
 WHERE (%(whole)s OR s.street = ANY(%(streets)s) OR s.code = ANY(%(sites)s))
   AND (%(before)s::bigint IS NULL OR q.id < %(before)s)
   AND (%(reason)s::text IS NULL OR q.reason = %(reason)s)
 ORDER BY q.id DESC LIMIT %(limit)s
