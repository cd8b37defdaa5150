-- Check:    database.deadlocks
-- Shape:    rate
-- Unit:     per minute
-- Warning:  5
-- Critical: 20
-- Every:    60 seconds
-- Needs:    nothing
-- Servers:  13 and newer
-- Says:     deadlocks break transactions off, {value}
-- Remedy:   the server's log names both statements; let all writers take rows in the same order
SELECT d.deadlocks::float8 AS value, 0 AS hidden,
    jsonb_build_object('rollbacks', d.xact_rollback, 'commits', d.xact_commit,
        'temp_bytes', d.temp_bytes) AS detail
FROM pg_stat_database d
WHERE d.datname = current_database()
