-- name: event_types
-- Types beyond the contract's, with their numbers.
SELECT id, name FROM event_type

-- name: insert_event_type
-- A number for a type; whoever has it keeps it.
INSERT INTO event_type (id, name) VALUES (%(id)s, %(name)s) ON CONFLICT DO NOTHING

-- name: claim_identities
-- Take these identities for 7 days, and return those that an earlier event still holds.
WITH given AS (SELECT key FROM unnest(%(keys)s::uuid[]) AS key),
     claimed AS (
         INSERT INTO event_identity AS known (key, received_at)
         SELECT key, %(now)s FROM given
             ON CONFLICT (key) DO UPDATE SET received_at = excluded.received_at
          WHERE known.received_at < %(horizon)s
         RETURNING key)
SELECT replace(key::text, '-', '') AS key FROM given WHERE key NOT IN (SELECT key FROM claimed)

-- name: copy_events
-- Events from binary rows.
COPY event (position, received_at, at, effective_at, device, type, value, seq, boot, flags, detail)
FROM STDIN (FORMAT BINARY)

-- name: drop_old_identities
-- Identities whose time is over, some at a time.
DELETE FROM event_identity
 WHERE key IN (SELECT key FROM event_identity WHERE received_at < %(horizon)s LIMIT %(most)s)
