-- name: alert_in_scope
-- The alert, where it exists for somebody of this scope: whether its condition ends only with its closing by a person.
SELECT coalesce(v.definition->>'clear' = 'person', false) AS person_clears
  FROM alert a
  LEFT JOIN rule_version v ON v.rule = a.rule AND v.version = a.rule_version
  JOIN site s ON s.id = a.site
  LEFT JOIN resident r ON r.id = a.resident
 WHERE a.id = %(id)s
   AND (%(whole)s OR s.street = ANY(%(streets)s) OR s.code = ANY(%(sites)s) OR r.code = ANY(%(residents)s))

-- name: as_of
-- The last row of the log that a reader of this snapshot sees.
SELECT log_id FROM head WHERE partition = 'main'

-- name: snapshot
-- All that the transaction reads is of one moment.
SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY

-- name: open_alerts
-- The queue, without what others explain unless that is asked for: severity, time left of the response target (nobody waits for a response to what is held), risk.
WITH queue AS (
    SELECT t.*,
           CASE t.handling WHEN 'new' THEN greatest(0, extract(epoch FROM t.severity_since - %(now)s)::bigint
                                                       + (%(targets)s::bigint[])[t.severity])
                           ELSE 4000000000 END AS time_left
      FROM alert_told t
     WHERE t.handling <> 'closed'
       AND (t.handling <> 'inhibited' OR 'inhibited' = ANY(%(handling)s::text[]))
       AND (%(whole)s OR t.street = ANY(%(streets)s) OR t.site = ANY(%(sites)s) OR t.resident = ANY(%(residents)s))
       AND (%(handling)s::text[] IS NULL OR t.handling = ANY(%(handling)s))
       AND (%(condition)s::text IS NULL OR t.condition = %(condition)s)
       AND (%(severity)s::smallint[] IS NULL OR t.severity = ANY(%(severity)s))
       AND (%(site)s::text IS NULL OR t.site = %(site)s)
       AND (%(rule)s::text IS NULL OR t.rule = %(rule)s)
       AND (%(since)s::timestamptz IS NULL OR t.received_at >= %(since)s)
)
SELECT * FROM queue
 WHERE %(after)s::bigint[] IS NULL
    OR (severity, time_left, -risk, id)
       > ((%(after)s::bigint[])[1], (%(after)s::bigint[])[2], (%(after)s::bigint[])[3], (%(after)s::bigint[])[4])
 ORDER BY severity, time_left, -risk, id
 LIMIT %(limit)s

-- name: closed_alerts
-- What is closed, the newest first.
SELECT t.*
  FROM alert_told t
 WHERE t.handling = 'closed'
   AND (%(before)s::bigint IS NULL OR t.id < %(before)s)
   AND (%(whole)s OR t.street = ANY(%(streets)s) OR t.site = ANY(%(sites)s) OR t.resident = ANY(%(residents)s))
   AND (%(condition)s::text IS NULL OR t.condition = %(condition)s)
   AND (%(severity)s::smallint[] IS NULL OR t.severity = ANY(%(severity)s))
   AND (%(site)s::text IS NULL OR t.site = %(site)s)
   AND (%(rule)s::text IS NULL OR t.rule = %(rule)s)
   AND (%(since)s::timestamptz IS NULL OR t.received_at >= %(since)s)
 ORDER BY t.id DESC
 LIMIT %(limit)s

-- name: one_alert
-- One alert within a scope.
SELECT t.*
  FROM alert_told t
 WHERE t.id = %(id)s
   AND (%(whole)s OR t.street = ANY(%(streets)s) OR t.site = ANY(%(sites)s) OR t.resident = ANY(%(residents)s))

-- name: evidence
-- For pairs of an alert and how often it had happened: the events behind the first and the newest occurrences.
SELECT asked.alert, asked.upto, array_agg(o.position ORDER BY o.n) AS positions
  FROM unnest(%(alerts)s::bigint[], %(upto)s::integer[]) AS asked (alert, upto)
  JOIN occurrence o ON o.alert = asked.alert AND o.position IS NOT NULL
                   AND (o.n = 1 OR o.n BETWEEN asked.upto - %(newest)s + 1 AND asked.upto)
 GROUP BY asked.alert, asked.upto

-- name: inhibited
-- The alerts that others explain, by the one that explains them.
SELECT parent, array_agg(id ORDER BY id) AS ids
  FROM alert
 WHERE parent = ANY(%(alerts)s)
 GROUP BY parent

-- name: occurrences
-- The newest occurrences of an alert.
SELECT n, at, received_at, position FROM occurrence WHERE alert = %(id)s ORDER BY n DESC LIMIT %(limit)s

-- name: alert_history
-- All that became of an alert, with what people wrote where it is still there.
SELECT l.log_id, l.change, l.at, l.by, l.body, n.text
  FROM alert_log l
  LEFT JOIN alert_note n ON n.log_id = l.log_id
 WHERE l.alert = %(id)s
 ORDER BY l.log_id

-- name: evidence_events
-- Events by position, with the names of site, device and type.
SELECT e.position, e.received_at, NULLIF(e.at, '-infinity') AS at, e.type, k.name AS type_name,
       NULLIF(e.value, 'NaN') AS value, e.flags, e.detail ->> 'id' AS device_event_id, e.detail ->> 'unit' AS unit,
       d.code AS device, s.code AS site, s.timezone
  FROM event e
  JOIN device d ON d.id = e.device
  JOIN site s ON s.id = d.site
  LEFT JOIN event_type k ON k.id = e.type
 WHERE e.position = ANY(%(positions)s)
 ORDER BY e.position

-- name: feed_rows
-- The log after an id, with what never changes of each alert.
SELECT l.log_id, l.change, l.at AS changed_at, l.by AS changed_by, l.body, t.*
  FROM alert_log l
  JOIN alert_told t ON t.id = l.alert
 WHERE l.log_id > %(after)s
   AND (%(whole)s OR t.street = ANY(%(streets)s) OR t.site = ANY(%(sites)s) OR t.resident = ANY(%(residents)s))
 ORDER BY l.log_id
 LIMIT %(limit)s
