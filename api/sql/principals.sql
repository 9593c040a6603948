-- name: principal_of_token
-- Whoever holds this bearer token, in force or not.
SELECT id, name, role, scope, expires_at, revoked_at FROM principal WHERE token_hash = %(hash)s

-- name: principal_of_session
-- Whoever signed in with this session, in force or not; the session may end before the principal.
SELECT p.id, p.name, p.role, p.scope, p.revoked_at, s.csrf, s.ended_at,
       least(s.expires_at, p.expires_at) AS expires_at
  FROM session s JOIN principal p ON p.id = s.principal
 WHERE s.hash = %(hash)s

-- name: insert_principal
-- A new principal; nothing is returned where the name is taken.
INSERT INTO principal (name, role, scope, token_hash, created_at, expires_at)
VALUES (%(name)s, %(role)s, %(scope)s, %(token_hash)s, %(now)s, %(expires_at)s)
ON CONFLICT (name) DO NOTHING
RETURNING id, name, role, scope, expires_at

-- name: insert_link
-- A sign-in link that works once.
INSERT INTO signin_link (hash, principal, expires_at) VALUES (%(hash)s, %(principal)s, %(expires_at)s)

-- name: use_link
-- Consume a link: of two at once, one gets the row.
UPDATE signin_link l SET used_at = %(now)s
  FROM principal p
 WHERE l.hash = %(hash)s AND l.used_at IS NULL AND l.expires_at > %(now)s AND p.id = l.principal
RETURNING p.id, p.name, p.role, p.scope, p.expires_at, p.revoked_at

-- name: insert_session
-- A browser's session; one that is there stays as it is.
INSERT INTO session (hash, principal, csrf, expires_at) VALUES (%(hash)s, %(principal)s, %(csrf)s, %(expires_at)s)
ON CONFLICT (hash) DO NOTHING

-- name: end_session
-- Sign out.
UPDATE session SET ended_at = %(now)s WHERE hash = %(hash)s AND ended_at IS NULL
