-- Check:    database.replication_slots
-- Unit:     bytes
-- Warning:  1e9
-- Critical: 1e10
-- Every:    60 seconds
-- Needs:    nothing
-- Servers:  13 and newer
-- Says:     replication slots that nobody reads ({slots}): {trouble}
-- Remedy:   SELECT pg_drop_replication_slot(name) once its owner is known to be gone: an abandoned
--           slot keeps WAL until the disk is full
--
-- A slot that has lost its WAL already is of no use to anybody: it counts as the worst, as more bytes
-- than any disk holds.
SELECT max(CASE WHEN s.wal_status = 'lost' THEN 1e15 ELSE kept.bytes END)::float8 AS value,
    0 AS hidden,
    jsonb_build_object('slots', jsonb_agg(s.slot_name), 'trouble', coalesce(
        'the WAL that they need is lost, they can only be dropped: '
            || string_agg(s.slot_name, ', ') FILTER (WHERE s.wal_status = 'lost'),
        pg_size_pretty(max(kept.bytes)) || ' of WAL are held back')) AS detail
FROM pg_replication_slots s
CROSS JOIN LATERAL (
    SELECT CASE WHEN pg_is_in_recovery() THEN 0
        ELSE coalesce(pg_wal_lsn_diff(pg_current_wal_lsn(), s.restart_lsn), 0) END AS bytes
) kept
WHERE NOT s.active
HAVING count(*) > 0
