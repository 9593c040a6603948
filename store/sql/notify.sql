-- name: notify
-- Wake the listeners of a channel at COMMIT.
SELECT pg_notify(%(channel)s, %(payload)s)
