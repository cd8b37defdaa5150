-- Purpose: whether a session is still there.
-- Index:   none; the catalogs.
-- Caller:  the rules that end sessions, to see what came of it.
-- Locks:   none.
SELECT EXISTS (SELECT FROM pg_stat_activity a
    WHERE a.pid = %(pid)s::integer AND a.backend_start = %(backend_start)s::timestamptz) AS left
