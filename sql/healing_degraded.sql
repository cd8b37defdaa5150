-- Purpose: requests of the last minute that were answered without the model, by reason.
-- Index:   ai_requests_degraded.
-- Caller:  the rule answer_without_model.
-- Locks:   none.
SELECT coalesce(r.degraded_reason, 'unknown') AS reason, count(*)::integer AS requests
FROM ai_requests r
WHERE r.mode = 'degraded' AND r.finished_at > now() - interval '1 minute'
GROUP BY 1
