-- Purpose: what model calls cost in the last seven UTC days by agent and model, as JSON, for an agent;
--          never by client.
-- Index:   ai_llm_calls_day.
-- Caller:  Store.view.
-- Locks:   none.
SELECT jsonb_build_object('day', v.day, 'task_type', v.task_type, 'model', v.model,
    'calls', sum(v.calls), 'failed_calls', sum(v.failed_calls),
    'input_tokens', sum(v.input_tokens), 'output_tokens', sum(v.output_tokens),
    'cost_usd', sum(v.cost_usd), 'unpriced_usd', sum(v.unpriced_usd),
    'uncertain_usd', sum(v.uncertain_usd)) AS value
FROM ai_cost_daily v
WHERE v.day > (now() AT TIME ZONE 'UTC')::date - 7
GROUP BY v.day, v.task_type, v.model
ORDER BY v.day DESC, v.task_type, v.model LIMIT 200
