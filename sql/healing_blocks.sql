-- Purpose: who waits for whom so long that it is somebody's business: ours that hold up others, and
--          others that hold up ours.
-- Index:   none; the catalogs.
-- Caller:  the rules yield_to_main_app and end_foreign_session.
-- Locks:   none.
--
-- ours: our role and our name for sessions. pg_blocking_pids takes every lock partition for a
-- moment, so it is asked only for sessions that have waited long.
WITH waiting AS MATERIALIZED (
    -- The limit also tells the planner that these are few: it would compile the whole statement.
    SELECT l.pid, l.waitstart FROM pg_locks l
    WHERE NOT l.granted
        AND l.waitstart < now() - make_interval(secs => %(waiting_seconds)s::double precision)
    ORDER BY l.waitstart LIMIT 20
)
SELECT b.pid, b.backend_start, b.usename::text AS role, b.application_name AS application,
    b.state, w.pid AS waiting_pid, w.usename::text AS waiting_role,
    extract(epoch FROM now() - l.waitstart)::double precision AS seconds,
    b.usename = current_user AND starts_with(b.application_name, 'ai-daemon/') AS ours
FROM waiting l
JOIN pg_stat_activity w ON w.pid = l.pid
JOIN pg_stat_activity b ON b.pid = ANY (pg_blocking_pids(w.pid))
WHERE w.datname = current_database() AND b.datname = w.datname
    AND (b.usename = current_user AND starts_with(b.application_name, 'ai-daemon/'))
        <> (w.usename = current_user AND starts_with(w.application_name, 'ai-daemon/'))
    AND b.usename <> w.usename
ORDER BY l.waitstart
LIMIT 10
