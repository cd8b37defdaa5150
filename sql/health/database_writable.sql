-- Check:    database.writable
-- Unit:     flag
-- Warning:  1
-- Critical: 1
-- Every:    60 seconds
-- Needs:    nothing
-- Servers:  13 and newer
-- Says:     the database takes no writes (standby: {standby}, read-only by default: {read_only})
-- Remedy:   point DATABASE_URL at the primary; ALTER ROLE, DATABASE or SYSTEM RESET
--           default_transaction_read_only: doctor says which
--
-- The checker's own session is read-only on purpose, so the default is asked for, not the session;
-- and what was set for the database or our role lately, which only new sessions notice.
SELECT (x.standby OR x.read_only)::int::float8 AS value, 0 AS hidden,
    jsonb_build_object('standby', x.standby, 'read_only', x.read_only,
        'version', current_setting('server_version')) AS detail
FROM (
    SELECT pg_is_in_recovery() AS standby,
        s.reset_val = 'on' OR EXISTS (
            SELECT FROM pg_db_role_setting r
            WHERE r.setdatabase IN
                    (0, (SELECT d.oid FROM pg_database d WHERE d.datname = current_database()))
                AND r.setrole IN (0, (SELECT u.oid FROM pg_roles u WHERE u.rolname = current_user))
                AND 'default_transaction_read_only=on' = ANY (r.setconfig)) AS read_only
    FROM pg_settings s
    WHERE s.name = 'default_transaction_read_only'
) x
