-- How long things are kept: what was deleted is told, the alert log stays verifiable, events are counted before they go.

-- What was deleted for its age, and when.
CREATE TABLE deletion (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at         timestamptz NOT NULL DEFAULT clock_timestamp(),
    what       text NOT NULL CHECK (what IN ('events', 'counts', 'heartbeats', 'quarantine', 'alerts', 'deletions')),
    before     timestamptz NOT NULL,             -- all that went was older
    amount     bigint NOT NULL,                  -- rows; of events, days
    detail     jsonb NOT NULL DEFAULT '{}'
);
CREATE INDEX deletion_at ON deletion (at);

CREATE INDEX quarantine_received_at ON quarantine USING brin (received_at) WITH (autosummarize = on);
CREATE INDEX alert_closed_at ON alert (closed_at) WHERE handling = 'closed';

-- Stretches of alert_log that were deleted for their age: the chain goes on after `upto` from `chain`.
CREATE TABLE alert_log_gap (
    first      bigint PRIMARY KEY,
    upto       bigint NOT NULL CHECK (upto >= first),
    chain      bytea NOT NULL
);

-- Only rows older than what the transaction names may be deleted, and only from alert_log.
CREATE OR REPLACE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN
    IF TG_OP = 'DELETE' AND TG_TABLE_NAME = 'alert_log'
       AND OLD.at < nullif(current_setting('shouwang.delete_before', true), '')::timestamptz THEN
        RETURN OLD;
    END IF;
    RAISE EXCEPTION '% is append-only', TG_TABLE_NAME;
END $$;

-- Events by device, type and hour or day. TimescaleDB keeps continuous aggregates of the same names and columns instead.
-- A row counts an event once, in the order of positions, whenever it was received.
CREATE TABLE event_hour_kept (
    hour       timestamptz NOT NULL,
    device     integer NOT NULL,
    type       smallint NOT NULL,
    events     bigint NOT NULL,
    PRIMARY KEY (device, type, hour)
);
CREATE INDEX event_hour_kept_hour ON event_hour_kept (hour);
CREATE TABLE event_counted (
    only_row   boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    upto       bigint NOT NULL DEFAULT 0
);
INSERT INTO event_counted DEFAULT VALUES;
CREATE VIEW event_hour AS
SELECT hour, device, type, sum(events)::bigint AS events
  FROM (SELECT hour, device, type, events FROM event_hour_kept
         UNION ALL
        SELECT date_trunc('hour', received_at, 'UTC'), device, type, 1
          FROM event WHERE position > (SELECT upto FROM event_counted)) AS counted
 GROUP BY hour, device, type;
-- Days are those of the zone that sites have by default; whoever needs another zone's adds up hours.
CREATE VIEW event_day AS
SELECT date_trunc('day', hour, 'Asia/Shanghai') AS day, device, type, sum(events)::bigint AS events
  FROM event_hour
 GROUP BY 1, device, type;
