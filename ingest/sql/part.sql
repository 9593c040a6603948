-- name: report_part
-- What this part says of itself.
INSERT INTO part (name, at, ok, detail) VALUES (%(name)s, %(at)s, %(ok)s, %(detail)s)
    ON CONFLICT (name) DO UPDATE SET at = excluded.at, ok = excluded.ok, detail = excluded.detail

-- name: withdraw_part
-- A part that is no more what it was.
DELETE FROM part WHERE name = %(name)s

-- name: forget_part
-- A part that has not spoken for long.
DELETE FROM part WHERE name = %(name)s AND at < %(before)s
