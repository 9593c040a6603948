-- name: newest_versions
-- The newest version of every rule.
SELECT DISTINCT ON (rule) rule, version, definition, overrides, at, by, position
  FROM rule_version
 ORDER BY rule, version DESC

-- name: insert_version
-- A new version of a rule.
INSERT INTO rule_version (rule, version, definition, overrides, at, by, position)
VALUES (%(rule)s, %(version)s, %(definition)s, %(overrides)s, %(at)s, %(by)s, %(position)s)

-- name: find_site
-- The id of a site by its code.
SELECT id FROM site WHERE code = %(code)s AND removed_at IS NULL

-- name: find_place
-- The id of a place by `site/code`.
SELECT p.id FROM place p JOIN site s ON s.id = p.site
 WHERE s.code = split_part(%(code)s, '/', 1) AND p.code = split_part(%(code)s, '/', 2) AND p.removed_at IS NULL

-- name: find_device
-- The id of a device by `site/code`.
SELECT d.id FROM device d JOIN site s ON s.id = d.site
 WHERE s.code = split_part(%(code)s, '/', 1) AND d.code = split_part(%(code)s, '/', 2) AND d.removed_at IS NULL

-- name: find_resident
-- The id of a resident by code.
SELECT id FROM resident WHERE code = %(code)s AND removed_at IS NULL
