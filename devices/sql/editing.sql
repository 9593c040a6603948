-- name: patience
-- How long the locks of this transaction may be waited for.
SELECT set_config('lock_timeout', %(timeout)s, true)

-- name: number_of
-- The id of a registered row by its table and name; sites, residents and contacts have a name of one part.
SELECT id FROM site WHERE %(table)s = 'site' AND code = %(code)s AND removed_at IS NULL
UNION ALL
SELECT id FROM resident WHERE %(table)s = 'resident' AND code = %(code)s AND removed_at IS NULL
UNION ALL
SELECT id FROM contact WHERE %(table)s = 'contact' AND code = %(code)s AND removed_at IS NULL
UNION ALL
SELECT place.id FROM place JOIN site ON site.id = place.site
 WHERE %(table)s = 'place' AND site.code = %(site)s AND place.code = %(code)s AND place.removed_at IS NULL
UNION ALL
SELECT device.id FROM device JOIN site ON site.id = device.site
 WHERE %(table)s = 'device' AND site.code = %(site)s AND device.code = %(code)s AND device.removed_at IS NULL

-- name: site_before
-- Where a row was that was removed. Places and devices are of the same site for ever.
SELECT code, street FROM site WHERE %(table)s = 'site' AND code = %(code)s AND removed_at IS NOT NULL
UNION ALL
SELECT site.code, site.street
  FROM resident JOIN site ON site.id = resident.site
 WHERE %(table)s = 'resident' AND resident.code = %(code)s AND resident.removed_at IS NOT NULL
UNION ALL
SELECT site.code, site.street
  FROM contact JOIN resident ON resident.id = contact.resident JOIN site ON site.id = resident.site
 WHERE %(table)s = 'contact' AND contact.code = %(code)s AND contact.removed_at IS NOT NULL

-- name: falling
-- What goes with a removed row: all of a removed site, the contacts of a removed resident.
SELECT 'site' AS "table", id FROM site WHERE id = ANY(%(site)s)
UNION ALL
SELECT 'place', id FROM place WHERE removed_at IS NULL AND (id = ANY(%(place)s) OR site = ANY(%(site)s))
UNION ALL
SELECT 'resident', id FROM resident WHERE removed_at IS NULL AND (id = ANY(%(resident)s) OR site = ANY(%(site)s))
UNION ALL
SELECT 'device', id FROM device WHERE removed_at IS NULL AND (id = ANY(%(device)s) OR site = ANY(%(site)s))
UNION ALL
SELECT 'contact', id FROM contact WHERE removed_at IS NULL AND id = ANY(%(contact)s)
UNION ALL
SELECT 'contact', contact.id
  FROM resident JOIN contact ON contact.resident = resident.id
 WHERE contact.removed_at IS NULL AND (resident.id = ANY(%(resident)s) OR resident.site = ANY(%(site)s))
 ORDER BY 1, 2

-- name: remove_site
-- The end of sites' watch; the row stays, with all that refers to it.
UPDATE site SET removed_at = %(now)s WHERE id = ANY(%(ids)s)

-- name: remove_place
-- The end of places' watch.
UPDATE place SET removed_at = %(now)s WHERE id = ANY(%(ids)s)

-- name: remove_resident
-- The end of residents' watch.
UPDATE resident SET removed_at = %(now)s WHERE id = ANY(%(ids)s)

-- name: remove_device
-- The end of devices' watch.
UPDATE device SET removed_at = %(now)s WHERE id = ANY(%(ids)s)

-- name: remove_contact
-- Contacts who are called no longer.
UPDATE contact SET removed_at = %(now)s WHERE id = ANY(%(ids)s)

-- name: detach_residents
-- Residents who stay lose a bed that is no more.
UPDATE resident SET bed = NULL WHERE bed = ANY(%(place)s) AND removed_at IS NULL
RETURNING id

-- name: detach_devices
-- Devices that stay are watched on, without the place, resident or gateway of their site that is no more.
UPDATE device
   SET place = CASE WHEN place = ANY(%(place)s) THEN NULL ELSE place END,
       resident = CASE WHEN resident = ANY(%(resident)s) THEN NULL ELSE resident END,
       gateway = CASE WHEN gateway = ANY(%(device)s) THEN NULL ELSE gateway END
 WHERE removed_at IS NULL
   AND site IN (SELECT site FROM place WHERE id = ANY(%(place)s)
                UNION SELECT site FROM resident WHERE id = ANY(%(resident)s)
                UNION SELECT site FROM device WHERE id = ANY(%(device)s))
   AND (place = ANY(%(place)s) OR resident = ANY(%(resident)s) OR gateway = ANY(%(device)s))
RETURNING id

-- name: end_credentials
-- Removed devices log in no more, also should they be registered again: the row stays for its version alone.
UPDATE credential SET sha256 = '', bcrypt = '', version = nextval('credential_version')
 WHERE device = ANY(%(ids)s) AND bcrypt <> ''
RETURNING version

-- name: forget_states
-- What was last heard of removed devices would make them silent the moment that they are registered again.
DELETE FROM device_state WHERE device = ANY(%(ids)s)

-- name: open_alerts_about
-- How many alerts about these rows are open: on them, of these residents or at these sites.
SELECT count(*) AS n
  FROM alert
 WHERE handling <> 'closed'
   AND (site = ANY(%(site)s) OR resident = ANY(%(resident)s)
        OR (subject_kind = 'place' AND subject = ANY(%(place)s))
        OR (subject_kind = 'device' AND subject = ANY(%(device)s)))
