-- Check:    database.writable
-- Unit:     flag
-- Warning:  1
-- Critical: 1
-- Every:    60 seconds
-- Needs:    nothing
-- Servers:  13 and newer
-- Says:     the database takes no writes (standby: {standby}, read-only by default: {read_only})
-- Remedy:   point DATABASE_URL at the primary; ALTER DATABASE or ALTER SYSTEM RESET
--           default_transaction_read_only
--
-- The checker's own session is read-only on purpose, so the default is asked for, not the session.
SELECT (pg_is_in_recovery() OR s.reset_val = 'on')::int::float8 AS value, 0 AS hidden,
    jsonb_build_object('standby', pg_is_in_recovery(), 'read_only', s.reset_val,
        'version', current_setting('server_version')) AS detail
FROM pg_settings s
WHERE s.name = 'default_transaction_read_only'
