-- name: directory_sites
-- Every site as two columns: ids as big-endian integers, codes as lines.
SELECT string_agg(int4send(id), ''::bytea) AS ids, string_agg(code, E'\n') AS codes
  FROM site WHERE removed_at IS NULL

-- name: directory_page
-- Watched devices behind an id as columns, one value for a hundred thousand rows: numbers as big-endian integers,
-- codes as lines. The aggregates of one query see their rows in one order. `last` is null on the last page.
SELECT CASE WHEN count(*) = %(limit)s THEN max(id) END AS last,
       string_agg(int4send(id), ''::bytea) AS ids,
       string_agg(int4send(site), ''::bytea) AS sites,
       string_agg(int4send(array_position(%(kinds)s::text[], kind)), ''::bytea) AS kinds,
       string_agg(int4send(coalesce(gateway, 0)), ''::bytea) AS gateways,
       string_agg(int4send(coalesce(array_position(%(powers)s::text[], power), 0)), ''::bytea) AS powers,
       string_agg(int8send(coalesce((date_part('epoch', heartbeat) * 1000000)::bigint, 0)), ''::bytea) AS heartbeats,
       string_agg(code, E'\n') AS codes
  FROM (SELECT id, site, kind, gateway, power, heartbeat, code
          FROM device
         WHERE id > %(after)s AND removed_at IS NULL
           AND site NOT IN (SELECT id FROM site WHERE removed_at IS NOT NULL)
         ORDER BY id LIMIT %(limit)s) AS page

-- name: directory_names
-- Watched devices named as site/device; heartbeat in microseconds.
SELECT device.id, device.site, site.code AS site_code, device.code, device.kind, device.gateway,
       device.power,
       (extract(epoch FROM device.heartbeat) * 1000000)::bigint AS heartbeat
  FROM unnest(%(names)s::text[]) AS asked (name)
  JOIN site ON site.code = split_part(asked.name, '/', 1)
  JOIN device ON device.site = site.id AND device.code = split_part(asked.name, '/', 2)
 WHERE asked.name = site.code || '/' || device.code AND device.removed_at IS NULL AND site.removed_at IS NULL
