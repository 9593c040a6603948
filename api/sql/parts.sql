-- name: parts
-- What each running part last said of itself, and the server's time to judge its age by.
SELECT name, at, ok, detail, extract(epoch FROM clock_timestamp() - at)::float8 AS age FROM part ORDER BY name

-- name: last_event
-- The newest event's position and receive time.
SELECT position, received_at FROM event ORDER BY position DESC LIMIT 1

-- name: events_by_minute
-- How many events each minute brought, after a position and a moment; nothing of either is counted twice.
SELECT date_trunc('minute', received_at) AS minute, count(*) AS events, max(position) AS last
  FROM event
 WHERE position > %(after)s AND received_at >= %(since)s
 GROUP BY 1

-- name: open_alerts
-- Open alerts by severity and handling, and for how many seconds the oldest has had its severity.
SELECT severity, handling, count(*) AS alerts,
       extract(epoch FROM clock_timestamp() - min(severity_since))::float8 AS waiting
  FROM alert
 WHERE handling <> 'closed'
 GROUP BY severity, handling
