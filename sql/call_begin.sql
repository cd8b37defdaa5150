-- Purpose: asks whether model calls may be made, or are known already, and reserves their money.
-- Index:   ai_llm_calls_done; see functions/call_begin_v1.sql.
-- Caller:  daemon.llm.journal, before each physical model call, with those that wait for it too.
-- Locks:   buckets, budgets, the calls' journal rows, breaker, in that order.
--
-- A call is known by its own hash. One that answered the same question in other words on the wire
-- (another model, temperature or form than would be taken now) is found by the question's, which
-- is kept with the answer, and offered after the others.
SELECT place, verdict, model, returned_model, response, usage, wait_seconds, detail
FROM ai_calls_begin_v1(
    p_calls => (
        SELECT jsonb_agg(
            jsonb_set(c.call, '{hashes}', (c.call -> 'hashes') || known.hashes) ORDER BY c.place)
        FROM jsonb_array_elements(%(calls)s::jsonb) WITH ORDINALITY AS c (call, place)
        CROSS JOIN LATERAL (
            SELECT coalesce(jsonb_agg(encode(l.call_hash, 'hex') ORDER BY l.id), '[]') AS hashes
            FROM ai_llm_calls l
            WHERE l.request_id = (c.call ->> 'request_id')::bigint AND l.status = 'done'
                AND l.n = (c.call ->> 'n')::smallint AND l.name = c.call #>> '{call,name}'
                AND l.response ->> 'question' = c.call ->> 'question') known),
    p_probe_seconds => %(probe_seconds)s::float8
)
