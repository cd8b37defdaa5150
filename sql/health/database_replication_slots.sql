-- Check:    database.replication_slots
-- Unit:     bytes
-- Warning:  1e9
-- Critical: 1e10
-- Every:    60 seconds
-- Needs:    nothing
-- Servers:  13 and newer
-- Says:     replication slots that nobody reads ({slots}) hold back {value} of WAL
-- Remedy:   SELECT pg_drop_replication_slot(name) once its owner is known to be gone: an abandoned
--           slot keeps WAL until the disk is full
--
-- A slot that has lost its WAL already is of no use to anybody and counts as the worst.
SELECT max(CASE
        WHEN s.wal_status = 'lost' THEN 1e15
        WHEN pg_is_in_recovery() THEN 0
        ELSE pg_wal_lsn_diff(pg_current_wal_lsn(), coalesce(s.restart_lsn, pg_current_wal_lsn()))
    END)::float8 AS value,
    0 AS hidden,
    jsonb_build_object('slots', jsonb_agg(s.slot_name)) AS detail
FROM pg_replication_slots s
WHERE NOT s.active
HAVING count(*) > 0
