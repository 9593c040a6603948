-- Each query keeps to a scope (whole, streets, sites, residents), to the rows after an id, and to optional filters.
-- Who is scoped to a resident sees the resident's home whole; of an institution, the resident's own bed and devices.

-- name: list_site
-- Sites.
SELECT site.id, site.code, site.kind, site.name, site.street, site.community, site.provider, site.address, site.timezone
  FROM site
 WHERE (%(whole)s OR site.street = ANY(%(streets)s) OR site.code = ANY(%(sites)s)
        OR EXISTS (SELECT FROM resident
                    WHERE resident.site = site.id AND resident.code = ANY(%(residents)s)
                      AND resident.removed_at IS NULL))
   AND site.id > %(after)s AND site.removed_at IS NULL
   AND (%(code)s::text IS NULL OR site.code = %(code)s)
   AND (%(kind)s::text IS NULL OR site.kind = %(kind)s)
   AND (%(street)s::text IS NULL OR site.street = %(street)s)
 ORDER BY site.id LIMIT %(limit)s

-- name: list_place
-- Places.
SELECT place.id, site.code AS site, place.code, place.kind, place.role, place.sealed, place.open_hours
  FROM place JOIN site ON site.id = place.site
 WHERE (%(whole)s OR site.street = ANY(%(streets)s) OR site.code = ANY(%(sites)s)
        OR EXISTS (SELECT FROM resident
                    WHERE resident.code = ANY(%(residents)s) AND resident.removed_at IS NULL
                      AND (resident.bed = place.id OR (site.kind = 'home' AND resident.site = site.id))))
   AND place.id > %(after)s AND place.removed_at IS NULL AND site.removed_at IS NULL
   AND (%(site)s::text IS NULL OR site.code = %(site)s)
   AND (%(code)s::text IS NULL OR place.code = %(code)s)
   AND (%(kind)s::text IS NULL OR place.kind = %(kind)s)
 ORDER BY place.id LIMIT %(limit)s

-- name: list_resident
-- Residents, with their care records.
SELECT resident.id, resident.code, site.code AS site, bed.code AS bed, resident.name, resident.flags,
       resident.presence, resident.care
  FROM resident
  JOIN site ON site.id = resident.site
  LEFT JOIN place AS bed ON bed.id = resident.bed
 WHERE (%(whole)s OR site.street = ANY(%(streets)s) OR site.code = ANY(%(sites)s)
        OR resident.code = ANY(%(residents)s))
   AND resident.id > %(after)s AND resident.removed_at IS NULL AND site.removed_at IS NULL
   AND (%(site)s::text IS NULL OR site.code = %(site)s)
   AND (%(code)s::text IS NULL OR resident.code = %(code)s)
 ORDER BY resident.id LIMIT %(limit)s

-- name: list_device
-- Devices, with what is known of their state; heartbeat in seconds. `told`: the newest event that says how things are,
-- newest by when it happened, of the last few that came; what was redelivered without a time says nothing.
WITH chosen AS MATERIALIZED (
    SELECT device.id, site.code AS site, device.code, device.kind, device.make, place.code AS place,
           resident.code AS resident, gateway.code AS gateway, device.power,
           extract(epoch FROM device.heartbeat)::bigint AS heartbeat,
           state.last_seen, state.status, coalesce(state.liveness, 'unknown') AS liveness, state.battery, state.rssi,
           coalesce(state.battery <= %(low)s, false) AS low, coalesce(state.skewed, false) AS skewed
      FROM device
      JOIN site ON site.id = device.site
      LEFT JOIN place ON place.id = device.place
      LEFT JOIN resident ON resident.id = device.resident
      LEFT JOIN device AS gateway ON gateway.id = device.gateway
      LEFT JOIN device_state AS state ON state.device = device.id
     WHERE (%(whole)s OR site.street = ANY(%(streets)s) OR site.code = ANY(%(sites)s)
            OR resident.code = ANY(%(residents)s)
            OR EXISTS (SELECT FROM resident AS seen
                        WHERE seen.code = ANY(%(residents)s) AND seen.removed_at IS NULL
                          AND (seen.bed = device.place OR (site.kind = 'home' AND seen.site = site.id))))
       AND device.id > %(after)s AND device.removed_at IS NULL AND site.removed_at IS NULL
       AND (%(site)s::text IS NULL OR site.code = %(site)s)
       AND (%(code)s::text IS NULL OR device.code = %(code)s)
       AND (%(kind)s::text IS NULL OR device.kind = %(kind)s)
       AND (%(resident)s::text IS NULL OR resident.code = %(resident)s)
     ORDER BY device.id LIMIT %(limit)s
)
SELECT chosen.*, said.type AS told, said.effective_at AS told_at
  FROM chosen
  LEFT JOIN LATERAL (
       SELECT late.type, late.effective_at
         FROM (SELECT event.type, event.effective_at, event.position
                 FROM event
                WHERE event.device = chosen.id AND event.type = ANY(%(telling)s::smallint[])
                  AND event.flags & %(stateless)s = 0
                ORDER BY event.position DESC LIMIT 8) AS late
        ORDER BY late.effective_at DESC, late.position DESC LIMIT 1
       ) AS said ON chosen.kind = ANY(%(tellers)s)
 ORDER BY chosen.id

-- name: watched_sites
-- Sites with how the devices of each kind do, each device in one state and besides perhaps low or skewed; counted is
-- what the scope reaches. Cameras tell by their own events that they are off. Trouble: something is known against a
-- device, or one that should be heard (it has a heartbeat) never was.
SELECT site.id, site.code, site.kind, site.name, site.street, site.community, site.provider, site.address,
       site.timezone, counted.kinds, counted.trouble, counted.last_seen
  FROM site
 CROSS JOIN LATERAL (
       SELECT coalesce(jsonb_agg(to_jsonb(each) - '{trouble,last_seen}'::text[] ORDER BY each.kind), '[]') AS kinds,
              coalesce(bool_or(each.trouble), false) AS trouble, max(each.last_seen) AS last_seen
         FROM (SELECT d.kind, count(*) AS total,
                      count(*) FILTER (WHERE d.state = 'ok') AS ok,
                      count(*) FILTER (WHERE d.state = 'suspect') AS suspect,
                      count(*) FILTER (WHERE d.state = 'offline') AS offline,
                      count(*) FILTER (WHERE d.state = 'unheard') AS unheard,
                      count(*) FILTER (WHERE d.state = 'unwatched') AS unwatched,
                      count(*) FILTER (WHERE d.state = 'disabled') AS disabled,
                      count(*) FILTER (WHERE d.low) AS low,
                      count(*) FILTER (WHERE d.skewed) AS skewed,
                      bool_or(d.state IN ('suspect', 'offline') OR d.low OR d.skewed
                              OR (d.state = 'unheard' AND d.beats)) AS trouble,
                      max(d.last_seen) AS last_seen
                 FROM (SELECT device.kind, device.heartbeat IS NOT NULL AS beats, state.last_seen,
                              CASE WHEN said.type = %(camera_disabled)s THEN 'disabled'
                                   WHEN said.type = %(camera_offline)s THEN 'offline'
                                   WHEN state.liveness IN ('ok', 'suspect', 'offline') THEN state.liveness
                                   WHEN state.last_seen IS NULL THEN 'unheard'
                                   ELSE 'unwatched' END AS state,
                              coalesce(state.battery <= %(low)s, false) AS low, coalesce(state.skewed, false) AS skewed
                         FROM device
                         LEFT JOIN resident ON resident.id = device.resident
                         LEFT JOIN device_state AS state ON state.device = device.id
                         LEFT JOIN LATERAL (
                              SELECT event.type FROM event
                               WHERE event.device = device.id AND event.type = ANY(%(telling)s::smallint[])
                                 AND event.flags & %(stateless)s = 0
                               ORDER BY event.position DESC LIMIT 1
                              ) AS said ON device.kind = 'camera'
                        WHERE device.site = site.id AND device.removed_at IS NULL
                          AND (%(whole)s OR site.street = ANY(%(streets)s) OR site.code = ANY(%(sites)s)
                               OR resident.code = ANY(%(residents)s)
                               OR EXISTS (SELECT FROM resident AS seen
                                           WHERE seen.code = ANY(%(residents)s) AND seen.removed_at IS NULL
                                             AND (seen.bed = device.place
                                                  OR (site.kind = 'home' AND seen.site = site.id))))
                      ) AS d
                GROUP BY d.kind) AS each
       ) AS counted
 WHERE (%(whole)s OR site.street = ANY(%(streets)s) OR site.code = ANY(%(sites)s)
        OR EXISTS (SELECT FROM resident
                    WHERE resident.site = site.id AND resident.code = ANY(%(residents)s)
                      AND resident.removed_at IS NULL))
   AND site.id > %(after)s AND site.removed_at IS NULL
   AND (%(kind)s::text IS NULL OR site.kind = %(kind)s)
   AND (%(street)s::text IS NULL OR site.street = %(street)s)
   AND (%(trouble)s::boolean IS NULL OR counted.trouble = %(trouble)s)
 ORDER BY site.id LIMIT %(limit)s

-- name: streets
-- The streets that have sites.
SELECT DISTINCT site.street
  FROM site
 WHERE (%(whole)s OR site.street = ANY(%(streets)s) OR site.code = ANY(%(sites)s)
        OR EXISTS (SELECT FROM resident
                    WHERE resident.site = site.id AND resident.code = ANY(%(residents)s)
                      AND resident.removed_at IS NULL))
   AND site.removed_at IS NULL AND site.street <> ''
 ORDER BY site.street

-- name: list_contact
-- Contacts.
SELECT contact.id AS number, contact.code AS id, resident.code AS resident, contact.name, contact.relation,
       contact.sequence AS "order", contact.phone, contact.channels, contact.language
  FROM contact
  JOIN resident ON resident.id = contact.resident
  JOIN site ON site.id = resident.site
 WHERE (%(whole)s OR site.street = ANY(%(streets)s) OR site.code = ANY(%(sites)s)
        OR resident.code = ANY(%(residents)s))
   AND contact.id > %(after)s AND contact.removed_at IS NULL AND resident.removed_at IS NULL
   AND site.removed_at IS NULL
   AND (%(code)s::text IS NULL OR contact.code = %(code)s)
   AND (%(resident)s::text IS NULL OR resident.code = %(resident)s)
 ORDER BY contact.id LIMIT %(limit)s

-- name: one_moment
-- What follows in the transaction sees the registry as of one moment.
SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY
