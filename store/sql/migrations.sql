-- name: lock_migrations
-- Held to the end of the session, so that programs that start together migrate one after another.
SELECT pg_advisory_lock(7421000190631)

-- name: create_migration_table
-- What was applied, and when.
CREATE TABLE IF NOT EXISTS schema_migration (
    version    integer PRIMARY KEY,
    name       text NOT NULL,
    checksum   text NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now()
)

-- name: has_migration_table
-- Was this database ever migrated?
SELECT to_regclass('schema_migration') IS NOT NULL AS present

-- name: applied_migrations
-- Versions and checksums of what was applied.
SELECT version, checksum FROM schema_migration ORDER BY version

-- name: record_migration
-- One applied migration.
INSERT INTO schema_migration (version, name, checksum) VALUES (%(version)s, %(name)s, %(checksum)s)
