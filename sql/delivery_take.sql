-- Purpose: takes the next message of a channel, to send it.
-- Index:   see ai_delivery_take_v1.
-- Caller:  AlertStore.take.
-- Locks:   see ai_delivery_take_v1.
SELECT t.id, t.message_id, t.attempts, t.content
FROM ai_delivery_take_v1(%(channel)s::text, %(worker_id)s::text,
    %(lease_seconds)s::double precision, %(per_minute)s::integer, %(limit)s::integer,
    %(now)s::timestamptz) t
ORDER BY t.id
