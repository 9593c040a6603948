-- name: directory_page
-- Watched devices in the order of their ids; heartbeat in microseconds.
SELECT device.id, device.site, site.code AS site_code, device.code, device.kind, device.gateway,
       (extract(epoch FROM device.heartbeat) * 1000000)::bigint AS heartbeat
  FROM device JOIN site ON site.id = device.site
 WHERE device.id > %(after)s AND device.removed_at IS NULL AND site.removed_at IS NULL
 ORDER BY device.id
 LIMIT %(limit)s

-- name: directory_names
-- The same for devices named as site/device.
SELECT device.id, device.site, site.code AS site_code, device.code, device.kind, device.gateway,
       (extract(epoch FROM device.heartbeat) * 1000000)::bigint AS heartbeat
  FROM unnest(%(names)s::text[]) AS asked (name)
  JOIN site ON site.code = split_part(asked.name, '/', 1)
  JOIN device ON device.site = site.id AND device.code = split_part(asked.name, '/', 2)
 WHERE device.removed_at IS NULL AND site.removed_at IS NULL
