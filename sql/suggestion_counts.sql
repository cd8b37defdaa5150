-- Purpose: how many suggestions about code stand, by severity and a person's word; what is no longer
--          found does not count.
-- Index:   none; there are some hundreds.
-- Caller:  HealthStore.suggestion_counts, each minute.
-- Locks:   none.
SELECT s.severity, s.status, count(*)::integer AS n
FROM ai_code_suggestions s
WHERE s.gone_at IS NULL
GROUP BY 1, 2
