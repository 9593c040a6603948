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
-- Devices, with what is known of their state; heartbeat in seconds.
SELECT device.id, site.code AS site, device.code, device.kind, device.make, place.code AS place,
       resident.code AS resident, gateway.code AS gateway, device.power,
       extract(epoch FROM device.heartbeat)::bigint AS heartbeat,
       state.last_seen, state.status, coalesce(state.liveness, 'unknown') AS liveness, state.battery, state.rssi,
       coalesce(state.skewed, false) AS skewed
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
