-- Check:    database.blocked
-- Shape:    seen
-- Unit:     seconds
-- Warning:  5
-- Critical: 60
-- Every:    60 seconds
-- Needs:    nothing
-- Servers:  13 only
-- Says:     pid {pid} waits for a lock on {table} for {value} at least; held up by {blockers}
-- Remedy:   end the transaction of one of those that itself waits for nobody: by whoever holds it, or
--           with SELECT pg_terminate_backend(pid)
--
-- This server does not know when a wait began; the checker's memory of the waiting lock stands in.
SELECT l.pid || '/' || l.virtualtransaction || '/' || l.locktype || '/' || l.mode AS key,
    jsonb_build_object('pid', l.pid, 'mode', l.mode,
        'table', coalesce(l.relation, (
            SELECT t.relation FROM pg_locks t
            WHERE t.pid = l.pid AND t.locktype = 'tuple' LIMIT 1))::regclass::text,
        'blockers', to_jsonb(pg_blocking_pids(l.pid))) AS detail
FROM pg_locks l
WHERE NOT l.granted
