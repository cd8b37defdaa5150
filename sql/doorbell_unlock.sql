-- Purpose: gives a doorbell slot back: a daemon that is awake needs no ring.
-- Index:   none.
-- Caller:  daemon.store.doorbell_unlock, on the listener's session.
-- Locks:   frees the slot.
SELECT pg_advisory_unlock(hashtext('ai_doorbell:' || n.nspname), %(slot)s::integer)
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.oid = 'ai_requests'::regclass
