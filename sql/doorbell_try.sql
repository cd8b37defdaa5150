-- Purpose: takes the first doorbell slot that is free, without waiting; NULL if none is.
-- Index:   none.
-- Caller:  daemon.store.doorbell_lock, on the listener's session.
-- Locks:   one slot, exclusively, until doorbell_unlock or the end of the session.
SELECT min(taken.slot) AS slot
FROM (
    SELECT s.slot
    FROM pg_class c
    JOIN pg_namespace n ON n.oid = c.relnamespace
    CROSS JOIN generate_series(0, 7) AS s(slot)
    WHERE c.oid = 'ai_requests'::regclass
        AND pg_try_advisory_lock(hashtext('ai_doorbell:' || n.nspname), s.slot)
    LIMIT 1
) taken
