-- name: lock_registry
-- One writer of the registry at a time.
SELECT pg_advisory_xact_lock(7421000190634)

-- name: known_sites
-- Which of these sites are registered.
SELECT code FROM site WHERE code = ANY(%(sites)s) AND removed_at IS NULL

-- name: known_places
-- The kinds of those of these places that are registered.
SELECT site.code AS site, place.code, place.kind
  FROM unnest(%(sites)s::text[], %(codes)s::text[]) AS asked (site, code)
  JOIN site ON site.code = asked.site
  JOIN place ON place.site = site.id AND place.code = asked.code
 WHERE place.removed_at IS NULL

-- name: known_residents
-- The sites of those of these residents that are registered.
SELECT resident.code, site.code AS site
  FROM resident JOIN site ON site.id = resident.site
 WHERE resident.code = ANY(%(residents)s) AND resident.removed_at IS NULL

-- name: known_devices
-- The kinds of those of these devices that are registered.
SELECT site.code AS site, device.code, device.kind
  FROM unnest(%(sites)s::text[], %(codes)s::text[]) AS asked (site, code)
  JOIN site ON site.code = asked.site
  JOIN device ON device.site = site.id AND device.code = asked.code
 WHERE device.removed_at IS NULL

-- name: update_site
-- Registered sites that a file changes. An upsert would use up a number for every row that stays as it is.
UPDATE site
   SET kind = new.kind, name = new.name, street = new.street, community = new.community, provider = new.provider,
       address = new.address, timezone = new.timezone, removed_at = NULL
  FROM jsonb_to_recordset(%(rows)s) AS new (code text, kind text, name text, street text, community text,
       provider text, address text, timezone text)
 WHERE site.code = new.code
   AND (site.kind, site.name, site.street, site.community, site.provider, site.address, site.timezone,
        site.removed_at)
       IS DISTINCT FROM
       (new.kind, new.name, new.street, new.community, new.provider, new.address, new.timezone, NULL::timestamptz)
RETURNING site.id

-- name: insert_site
-- Sites that are new, numbered in the order of the file.
INSERT INTO site (code, kind, name, street, community, provider, address, timezone)
SELECT new.code, new.kind, new.name, new.street, new.community, new.provider, new.address, new.timezone
  FROM jsonb_to_recordset(%(rows)s) AS new (n integer, code text, kind text, name text, street text, community text,
       provider text, address text, timezone text)
 WHERE NOT EXISTS (SELECT FROM site WHERE site.code = new.code)
 ORDER BY new.n
RETURNING id

-- name: update_place
-- Registered places that a file changes.
UPDATE place
   SET kind = new.kind, role = new.role, sealed = new.sealed, open_hours = nullif(new.open_hours, 'null'),
       removed_at = NULL
  FROM jsonb_to_recordset(%(rows)s) AS new (site text, code text, kind text, role text, sealed boolean,
       open_hours jsonb)
  JOIN site ON site.code = new.site
 WHERE place.site = site.id AND place.code = new.code
   AND (place.kind, place.role, place.sealed, place.open_hours, place.removed_at)
       IS DISTINCT FROM
       (new.kind, new.role, new.sealed, nullif(new.open_hours, 'null'), NULL::timestamptz)
RETURNING place.id

-- name: insert_place
-- Places that are new.
INSERT INTO place (site, code, kind, role, sealed, open_hours)
SELECT site.id, new.code, new.kind, new.role, new.sealed, nullif(new.open_hours, 'null')
  FROM jsonb_to_recordset(%(rows)s) AS new (n integer, site text, code text, kind text, role text, sealed boolean,
       open_hours jsonb)
  JOIN site ON site.code = new.site
 WHERE NOT EXISTS (SELECT FROM place WHERE place.site = site.id AND place.code = new.code)
 ORDER BY new.n
RETURNING id

-- name: update_resident
-- Registered residents whom a file changes.
UPDATE resident
   SET site = site.id, bed = place.id, name = new.name, flags = new.flags, presence = new.presence,
       care = new.care, removed_at = NULL
  FROM jsonb_to_recordset(%(rows)s) AS new (code text, site text, bed text, name text, flags text[], presence text,
       care jsonb)
  JOIN site ON site.code = new.site
  LEFT JOIN place ON place.site = site.id AND place.code = new.bed
 WHERE resident.code = new.code
   AND (resident.site, resident.bed, resident.name, resident.flags, resident.presence, resident.care,
        resident.removed_at)
       IS DISTINCT FROM
       (site.id, place.id, new.name, new.flags, new.presence, new.care, NULL::timestamptz)
RETURNING resident.id

-- name: insert_resident
-- Residents who are new.
INSERT INTO resident (code, site, bed, name, flags, presence, care)
SELECT new.code, site.id, place.id, new.name, new.flags, new.presence, new.care
  FROM jsonb_to_recordset(%(rows)s) AS new (n integer, code text, site text, bed text, name text, flags text[],
       presence text, care jsonb)
  JOIN site ON site.code = new.site
  LEFT JOIN place ON place.site = site.id AND place.code = new.bed
 WHERE NOT EXISTS (SELECT FROM resident WHERE resident.code = new.code)
 ORDER BY new.n
RETURNING id

-- name: update_device
-- Registered devices that a file changes; runs after the insert, since a gateway may be as new as its children.
UPDATE device
   SET kind = new.kind, make = new.make, place = place.id, resident = resident.id, gateway = gateway.id,
       power = new.power, heartbeat = new.heartbeat,
       since = CASE WHEN device.removed_at IS NULL THEN device.since ELSE %(now)s END, removed_at = NULL
  FROM jsonb_to_recordset(%(rows)s) AS new (site text, code text, kind text, make text, place text, resident text,
       gateway text, power text, heartbeat interval)
  JOIN site ON site.code = new.site
  LEFT JOIN place ON place.site = site.id AND place.code = new.place
  LEFT JOIN resident ON resident.code = new.resident
  LEFT JOIN device AS gateway ON gateway.site = site.id AND gateway.code = new.gateway
 WHERE device.site = site.id AND device.code = new.code
   AND (device.kind, device.make, device.place, device.resident, device.gateway, device.power, device.heartbeat,
        device.removed_at)
       IS DISTINCT FROM
       (new.kind, new.make, place.id, resident.id, gateway.id, new.power, new.heartbeat, NULL::timestamptz)
RETURNING device.id

-- name: insert_device
-- Devices that are new, without their gateway.
INSERT INTO device (site, code, kind, make, place, resident, power, heartbeat, since)
SELECT site.id, new.code, new.kind, new.make, place.id, resident.id, new.power, new.heartbeat, %(now)s
  FROM jsonb_to_recordset(%(rows)s) AS new (n integer, site text, code text, kind text, make text, place text,
       resident text, power text, heartbeat interval)
  JOIN site ON site.code = new.site
  LEFT JOIN place ON place.site = site.id AND place.code = new.place
  LEFT JOIN resident ON resident.code = new.resident
 WHERE NOT EXISTS (SELECT FROM device WHERE device.site = site.id AND device.code = new.code)
 ORDER BY new.n
RETURNING id

-- name: update_contact
-- Registered contacts whom a file changes.
UPDATE contact
   SET resident = resident.id, name = new.name, relation = new.relation, sequence = new."order", phone = new.phone,
       channels = new.channels, language = new.language, removed_at = NULL
  FROM jsonb_to_recordset(%(rows)s) AS new (id text, resident text, name text, relation text, "order" integer,
       phone text, channels text[], language text)
  JOIN resident ON resident.code = new.resident
 WHERE contact.code = new.id
   AND (contact.resident, contact.name, contact.relation, contact.sequence, contact.phone, contact.channels,
        contact.language, contact.removed_at)
       IS DISTINCT FROM
       (resident.id, new.name, new.relation, new."order", new.phone, new.channels, new.language, NULL::timestamptz)
RETURNING contact.id

-- name: insert_contact
-- Contacts who are new.
INSERT INTO contact (code, resident, name, relation, sequence, phone, channels, language)
SELECT new.id, resident.id, new.name, new.relation, new."order", new.phone, new.channels, new.language
  FROM jsonb_to_recordset(%(rows)s) AS new (n integer, id text, resident text, name text, relation text,
       "order" integer, phone text, channels text[], language text)
  JOIN resident ON resident.code = new.resident
 WHERE NOT EXISTS (SELECT FROM contact WHERE contact.code = new.id)
 ORDER BY new.n
RETURNING id

-- name: contradictions
-- Rows that the file does not name but that no longer agree with those it changed.
SELECT 'device' AS "table", 'resident' AS key,
       format('the device %%s of site %%s belongs to resident %%s, who would live at another site',
              device.code, site.code, resident.code) AS message
  FROM device
  JOIN site ON site.id = device.site
  JOIN resident ON resident.id = device.resident
 WHERE device.resident = ANY(%(resident)s) AND device.site <> resident.site AND device.removed_at IS NULL
UNION ALL
SELECT 'device', 'gateway',
       format('the device %%s of site %%s is behind %%s, which would be no gateway', device.code, site.code, gateway.code)
  FROM device
  JOIN site ON site.id = device.site
  JOIN device AS gateway ON gateway.id = device.gateway
 WHERE device.gateway = ANY(%(device)s) AND gateway.kind <> 'gateway' AND device.removed_at IS NULL
UNION ALL
SELECT 'resident', 'bed',
       format('the place %%s of site %%s is the bed of resident %%s, and would be no bed',
              place.code, site.code, resident.code)
  FROM resident
  JOIN place ON place.id = resident.bed
  JOIN site ON site.id = place.site
 WHERE resident.bed = ANY(%(place)s) AND place.kind <> 'bed' AND resident.removed_at IS NULL

-- name: site_entries
-- What the engine needs of sites.
SELECT id, code, kind, street, timezone FROM site WHERE id = ANY(%(ids)s) ORDER BY id

-- name: place_entries
-- What the engine needs of places.
SELECT id, site, code, kind, role, sealed, open_hours FROM place WHERE id = ANY(%(ids)s) ORDER BY id

-- name: resident_entries
-- What the engine needs of residents.
SELECT id, site, code, bed, flags, presence FROM resident WHERE id = ANY(%(ids)s) ORDER BY id

-- name: device_entries
-- What engine and ingest need of devices; heartbeat and since in microseconds.
SELECT id, site, code, kind, place, resident, gateway, power,
       (extract(epoch FROM heartbeat) * 1000000)::bigint AS heartbeat,
       (extract(epoch FROM since) * 1000000)::bigint AS since
  FROM device WHERE id = ANY(%(ids)s) ORDER BY id
