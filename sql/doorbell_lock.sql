-- Purpose: takes one doorbell slot, waiting for the producers that share it to commit.
-- Index:   none.
-- Caller:  daemon.store.doorbell_lock, on the listener's session, with a lock_timeout.
-- Locks:   that slot, exclusively, until doorbell_unlock or the end of the session.
SELECT pg_advisory_lock(hashtext('ai_doorbell:' || n.nspname), %(slot)s::integer)
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.oid = 'ai_requests'::regclass
