-- Check:    database.role_connections
-- Unit:     percent
-- Warning:  80
-- Critical: 95
-- Every:    60 seconds
-- Needs:    nothing
-- Servers:  13 and newer
-- Says:     {value} of a connection limit of our role or database is used
-- Remedy:   raise it (ALTER ROLE or ALTER DATABASE ... CONNECTION LIMIT), or lower
--           WORKER_CONCURRENCY
SELECT max(round(100.0 * x.used / greatest(x.most, 1), 1))::float8 AS value,
    0 AS hidden,
    jsonb_build_object('limits', jsonb_agg(
        jsonb_build_object('of', x.what, 'used', x.used, 'limit', x.most))) AS detail
FROM (
    SELECT 'role' AS what, r.rolconnlimit AS most,
        (SELECT count(*) FROM pg_stat_activity a WHERE a.usename = r.rolname) AS used
    FROM pg_roles r WHERE r.rolname = current_user
    UNION ALL
    SELECT 'database', d.datconnlimit,
        (SELECT count(*) FROM pg_stat_activity a
         WHERE a.datid = d.oid AND a.usesysid IS NOT NULL)
    FROM pg_database d WHERE d.datname = current_database()
) x
WHERE x.most >= 0
