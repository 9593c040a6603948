-- name: load_states
-- What was last known of each watched device; last_seen in microseconds.
SELECT state.device, (extract(epoch FROM state.last_seen) * 1000000)::bigint AS last_seen,
       state.status, state.liveness, state.battery, state.rssi, state.skewed
  FROM device_state AS state JOIN device ON device.id = state.device
 WHERE device.removed_at IS NULL

-- name: keep_states
-- What is known of some devices; a null keeps what is stored.
INSERT INTO device_state AS known (device, last_seen, status, liveness, battery, rssi, skewed)
SELECT device, timestamptz 'epoch' + seen * interval '1 microsecond', status, liveness, battery, rssi, skewed
  FROM unnest(%(devices)s::int[], %(seen)s::bigint[], %(statuses)s::text[], %(liveness)s::text[],
              %(batteries)s::smallint[], %(rssis)s::smallint[], %(skewed)s::boolean[])
    AS given (device, seen, status, liveness, battery, rssi, skewed)
    ON CONFLICT (device) DO UPDATE
   SET last_seen = greatest(excluded.last_seen, known.last_seen),
       status = coalesce(excluded.status, known.status),
       liveness = excluded.liveness,
       battery = coalesce(excluded.battery, known.battery),
       rssi = coalesce(excluded.rssi, known.rssi),
       skewed = excluded.skewed

-- name: mark_states
-- What the log says of some devices; a null says nothing.
INSERT INTO device_state AS known (device, status, liveness)
SELECT device, status, coalesce(liveness, 'unknown')
  FROM unnest(%(devices)s::int[], %(statuses)s::text[], %(liveness)s::text[]) AS given (device, status, liveness)
    ON CONFLICT (device) DO UPDATE
   SET status = coalesce(excluded.status, known.status),
       liveness = CASE WHEN excluded.liveness = 'unknown' THEN known.liveness ELSE excluded.liveness END

-- name: keep_beats
-- More beats of some devices in one hour.
INSERT INTO heartbeat_hour AS known (device, hour, beats)
SELECT device, %(hour)s, beats FROM unnest(%(devices)s::int[], %(beats)s::int[]) AS given (device, beats)
    ON CONFLICT (device, hour) DO UPDATE SET beats = known.beats + excluded.beats
