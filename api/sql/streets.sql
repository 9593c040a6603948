-- name: sites_of_streets
-- The sites that lie in some streets.
SELECT code FROM site WHERE street = ANY(%(streets)s) AND removed_at IS NULL
