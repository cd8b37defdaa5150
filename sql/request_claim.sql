-- Purpose: takes due requests for a worker, within all limits; see functions/claim_v1.sql.
-- Index:   ai_requests_fair, ai_requests_claim.
-- Caller:  Store.claim.
-- Locks:   the advisory lock of the claim; the requests taken.
SELECT id, fence, task_type, attempt, input_data::text AS input_text, requested_by, fair_key,
    created_at, max_usd, on_unavailable, agent_version
FROM ai_claim_v1(%(worker_id)s::text, %(types)s::text[], %(slots)s::integer,
    make_interval(secs => %(lease_seconds)s::double precision), %(now)s::timestamptz)
