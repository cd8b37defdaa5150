-- Check:    database.blocked
-- Unit:     seconds
-- Warning:  5
-- Critical: 60
-- Every:    60 seconds
-- Needs:    nothing
-- Servers:  14 and newer
-- Says:     sessions that wait for locks: {waiting}, the first for {value}, on {table}; held up by pid {blocker} ({blocker_role})
-- Remedy:   end that transaction first, the head of the chain: by whoever holds it, or with SELECT
--           pg_terminate_backend(pid)
--
-- A wait for a row shows as a wait for a transaction; the tuple lock beside it tells the table. The
-- blocker named first is one that waits for nobody, where there is one.
SELECT max(greatest(0, extract(epoch FROM now() - w.waitstart)))::float8 AS value,
    0 AS hidden,
    jsonb_build_object('waiting', count(DISTINCT w.pid)) || (array_agg(
        jsonb_build_object('pid', w.pid, 'role', w.role, 'mode', w.mode, 'table', w.relation,
            'blockers', b.blockers, 'blocker', b.blockers -> 0 ->> 'pid',
            'blocker_role', b.blockers -> 0 ->> 'role',
            'blocker_state', b.blockers -> 0 ->> 'state')
        ORDER BY w.waitstart, w.pid))[1] AS detail
FROM (
    SELECT l.pid, l.mode, l.waitstart, a.usename AS role,
        coalesce(l.relation, (
            SELECT t.relation FROM pg_locks t
            WHERE t.pid = l.pid AND t.locktype = 'tuple' LIMIT 1))::regclass::text AS relation
    FROM pg_locks l
    LEFT JOIN pg_stat_activity a ON a.pid = l.pid
    WHERE NOT l.granted AND (l.database IS NULL OR l.database IN (0,
            (SELECT d.oid FROM pg_database d WHERE d.datname = current_database())))
        AND (l.database IS NOT NULL OR a.datname = current_database())
    ORDER BY l.waitstart LIMIT 200
) w
LEFT JOIN LATERAL (
    SELECT jsonb_agg(
        jsonb_build_object('pid', s.pid, 'role', s.usename, 'application', s.application_name,
            'state', s.state)
        ORDER BY cardinality(pg_blocking_pids(s.pid)), s.pid) AS blockers
    FROM pg_stat_activity s WHERE s.pid = ANY (pg_blocking_pids(w.pid))
) b ON true
HAVING count(*) > 0
