-- Check:    database.connections
-- Unit:     percent
-- Warning:  80
-- Critical: 90
-- Every:    60 seconds
-- Needs:    nothing
-- Servers:  13 and newer
-- Says:     {value} of the usable connections are taken: {used} of {usable}, {ours} of them ours
-- Remedy:   find the holder with SELECT usename, application_name, count(*) FROM pg_stat_activity
--           GROUP BY 1, 2 ORDER BY 3 DESC, and lower its pool; put a pooler in between; raise
--           max_connections last
--
-- datid and usesysid are visible to every role. backend_type is not: it is NULL for sessions that one
-- may not see, and those NULLs are not the server's own processes, which have no datid.
SELECT round(100.0 * count(*) / greatest(max(room.usable), 1), 1)::float8 AS value,
    0 AS hidden,
    jsonb_build_object(
        'used', count(*),
        'usable', max(room.usable),
        'ours', count(*) FILTER (WHERE a.usename = current_user),
        'top', (
            SELECT jsonb_agg(jsonb_build_object('role', t.usename, 'application', t.application_name,
                'sessions', t.sessions))
            FROM (
                SELECT s.usename, s.application_name, count(*) AS sessions
                FROM pg_stat_activity s
                WHERE s.datid IS NOT NULL AND s.usesysid IS NOT NULL
                GROUP BY 1, 2 ORDER BY 3 DESC LIMIT 3
            ) t
        )
    ) AS detail
FROM pg_stat_activity a
CROSS JOIN (
    SELECT current_setting('max_connections')::int
        - current_setting('superuser_reserved_connections')::int
        - coalesce(current_setting('reserved_connections', true)::int, 0) AS usable
) room
WHERE a.datid IS NOT NULL AND a.usesysid IS NOT NULL
    AND coalesce(a.backend_type, 'client backend') = 'client backend'
