-- Purpose: model calls, tokens and cost in each step of a window, by agent or by model. Hours
--          that a price of NaN once spoilt cost nothing.
-- Index:   primary key of ai_call_hours.
-- Caller:  the console: metrics, budgets.
-- Locks:   none.
SELECT to_timestamp(extract(epoch FROM %(step)s::interval)
    * floor(extract(epoch FROM h.hour) / extract(epoch FROM %(step)s::interval))) AS at,
    CASE WHEN %(by)s::text = 'model' THEN h.model ELSE h.task_type END AS name,
    sum(h.calls) AS calls, sum(h.failed) AS failed, sum(h.cached_answers) AS cached_answers,
    sum(h.input_tokens) AS input_tokens, sum(h.cached_tokens) AS cached_tokens,
    sum(h.output_tokens) AS output_tokens,
    coalesce(sum(nullif(h.cost_usd, 'NaN')), 0) AS cost_usd,
    coalesce(sum(nullif(h.unpriced_usd, 'NaN')), 0) AS unpriced_usd,
    coalesce(sum(nullif(h.uncertain_usd, 'NaN')), 0) AS uncertain_usd
FROM ai_call_hours h
WHERE h.hour >= %(since)s::timestamptz
    AND (%(task_type)s::text IS NULL OR h.task_type = %(task_type)s::text)
GROUP BY 1, 2 ORDER BY 1, 2
