-- Check:    database.xmin_horizon
-- Unit:     transactions
-- Warning:  1e6
-- Critical: 2e7
-- Every:    60 seconds
-- Needs:    nothing
-- Servers:  13 and newer
-- Says:     a {kind} ({holder}) keeps vacuum from removing what died in the last {value}
-- Remedy:   end that transaction, drop that slot, or settle that prepared transaction
--
-- backend_xmin is visible without a grant, so the holder can always be named.
SELECT h.age::float8 AS value, 0 AS hidden,
    jsonb_build_object('kind', h.kind, 'holder', h.holder) AS detail
FROM (
    SELECT 'session' AS kind,
        'pid ' || a.pid || ' ' || coalesce(a.usename, '') || ' '
            || coalesce(a.application_name, '') AS holder,
        age(a.backend_xmin) AS age
    FROM pg_stat_activity a WHERE a.backend_xmin IS NOT NULL AND a.pid <> pg_backend_pid()
    UNION ALL
    SELECT 'replication slot', s.slot_name,
        greatest(coalesce(age(s.xmin), 0), coalesce(age(s.catalog_xmin), 0))
    FROM pg_replication_slots s
    UNION ALL
    SELECT 'prepared transaction', p.gid, age(p.transaction) FROM pg_prepared_xacts p
) h
ORDER BY h.age DESC LIMIT 1
