-- name: issue_credential
-- New credentials of a watched device, which end its old ones; no row where there is no such device.
INSERT INTO credential (device, username, sha256, bcrypt, version, issued_at)
SELECT device.id, site.code || ':' || device.code, %(sha256)s, %(bcrypt)s, nextval('credential_version'), %(now)s
  FROM device JOIN site ON site.id = device.site
 WHERE site.code = %(site)s AND device.code = %(device)s
   AND device.removed_at IS NULL AND site.removed_at IS NULL
    ON CONFLICT (device) DO UPDATE
   SET sha256 = excluded.sha256, bcrypt = excluded.bcrypt, version = excluded.version, issued_at = excluded.issued_at
RETURNING username, version

-- name: lock_credentials
-- One writer at a time: versions become visible in their order.
SELECT pg_advisory_xact_lock(7421000190633)

-- name: broker_users
-- Everybody whom the broker must know; the credentials of a device that was removed once are blank.
SELECT credential.username, credential.bcrypt, credential.version, site.code AS site, device.code AS device
  FROM credential
  JOIN device ON device.id = credential.device
  JOIN site ON site.id = device.site
 WHERE device.removed_at IS NULL AND site.removed_at IS NULL AND credential.bcrypt <> ''
 ORDER BY credential.username

-- name: credential_version
-- The newest version, also of devices that are no longer watched.
SELECT coalesce(max(version), 0) AS version FROM credential

-- name: set_applied
-- The broker has taken up everything to this version.
UPDATE broker_users SET applied = %(version)s WHERE applied < %(version)s

-- name: applied
-- Up to which version the broker has taken up what was issued.
SELECT applied FROM broker_users
