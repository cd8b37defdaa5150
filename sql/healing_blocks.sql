-- Purpose: who waits for whom so long that it is somebody's business: ours that hold up others, and
--          others that hold up ours.
-- Index:   none; the catalogs.
-- Caller:  the rules yield_to_main_app and end_foreign_session.
-- Locks:   none.
--
-- ours: our role and our name for sessions. pg_blocking_pids takes every lock partition for a
-- moment, so it is asked only for sessions that have waited long. PostgreSQL 13 does not say since
-- when they wait (the row has no waitstart), so nothing is found there and nobody is ended.
WITH waiting AS MATERIALIZED (
    -- The limit also tells the planner that these are few: it would compile the whole statement.
    SELECT k.pid, k.waitstart
    FROM (
        SELECT l.pid, (to_jsonb(l) ->> 'waitstart')::timestamptz AS waitstart
        FROM pg_locks l WHERE NOT l.granted
    ) k
    WHERE k.waitstart < now() - make_interval(secs => %(waiting_seconds)s::double precision)
    ORDER BY k.waitstart LIMIT 20
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
