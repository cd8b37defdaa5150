-- What model calls cost, by UTC day, agent, model and client: one place for every question of money.
--
-- cost_usd is measured. Beside it stands what was counted but is not known for sure: `unpriced`
-- (no price for the model; counted at the worst case) and `uncertain` (the answer never came).
CREATE VIEW ai_cost_daily AS
SELECT
    (c.started_at AT TIME ZONE 'UTC')::date AS day,
    c.task_type,
    coalesce(c.returned_model, c.model) AS model,
    coalesce(r.input_data ->> 'client_id', nullif(c.fair_key, ''), '-') AS client,
    count(*) FILTER (WHERE c.cached_from IS NULL) AS calls,
    count(*) FILTER (WHERE c.status = 'failed') AS failed_calls,
    count(*) FILTER (WHERE c.cached_from IS NOT NULL) AS cached_answers,
    coalesce(sum(c.input_tokens), 0) AS input_tokens,
    coalesce(sum(c.cached_tokens), 0) AS cached_tokens,
    coalesce(sum(c.output_tokens), 0) AS output_tokens,
    coalesce(sum(c.reasoning_tokens), 0) AS reasoning_tokens,
    coalesce(sum(c.cost_usd), 0) AS cost_usd,
    coalesce(sum(c.charged_usd) FILTER (WHERE c.cost_state = 'unpriced'), 0) AS unpriced_usd,
    coalesce(sum(c.charged_usd) FILTER (WHERE c.cost_state = 'uncertain'), 0) AS uncertain_usd
FROM ai_llm_calls c
LEFT JOIN ai_requests r ON r.id = c.request_id
GROUP BY 1, 2, 3, 4;
