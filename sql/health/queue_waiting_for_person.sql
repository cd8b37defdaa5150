-- Check:    queue.waiting_for_person
-- Unit:     seconds
-- Warning:  86400
-- Critical: never
-- Notice:   yes
-- Every:    900 seconds
-- Needs:    SELECT on ai_requests
-- Servers:  13 and newer
-- Says:     requests that wait for a person's answer: {waiting}, the first for {value}
-- Remedy:   python -m daemon approvals list, then answer
SELECT extract(epoch FROM now() - min(r.started_at))::float8 AS value, 0 AS hidden,
    jsonb_build_object('waiting', count(*)) AS detail
FROM ai_requests r
WHERE r.status IN ('running', 'waiting') AND r.status = 'waiting'
HAVING count(*) > 0
