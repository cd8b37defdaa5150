-- Purpose: a doorbell slot that no other sleeper has or waits for, or NULL; producers in flight may
--          share it.
-- Index:   none.
-- Caller:  daemon.store.doorbell_lock.
-- Locks:   none.
SELECT min(s.slot)::integer AS slot
FROM pg_class c
JOIN pg_namespace n ON n.oid = c.relnamespace
CROSS JOIN generate_series(0, 7) AS s(slot)
WHERE c.oid = 'ai_requests'::regclass AND NOT EXISTS (
    SELECT FROM pg_locks l
    WHERE l.locktype = 'advisory' AND l.mode = 'ExclusiveLock' AND l.objsubid = 2
        AND l.database = (SELECT d.oid FROM pg_database d WHERE d.datname = current_database())
        AND l.classid::bigint = (hashtext('ai_doorbell:' || n.nspname)::bigint & 4294967295)
        AND l.objid::bigint = s.slot)
