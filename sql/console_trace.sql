-- Purpose: what happened to a request, in order: attempts, progress, model calls, questions. What
--          agents, models and people wrote stands beside its item: it may be nested too deeply to be
--          read, and the item is shown all the same.
-- Index:   primary key of ai_attempts; ai_request_events_request; the unique keys of ai_llm_calls and
--          ai_approvals.
-- Caller:  the console's page of a request.
-- Locks:   none.
SELECT t.at, t.kind, t.fence, t.place, t.item, t.error, t.question, t.answer
FROM (
    (SELECT a.started_at AS at, 'attempt' AS kind, a.fence, 0 AS place, jsonb_build_object(
        'attempt', a.attempt, 'worker_id', a.worker_id, 'finished_at', a.finished_at,
        'outcome', a.outcome, 'cost_usd', nullif(a.cost_usd, 'NaN'),
        'seconds', CASE WHEN isfinite(a.started_at) AND isfinite(coalesce(a.finished_at, now()))
            THEN extract(epoch FROM coalesce(a.finished_at, now()) - a.started_at) END) AS item,
        a.error, NULL::jsonb AS question, NULL::jsonb AS answer
    FROM ai_attempts a WHERE a.request_id = %(request_id)s::bigint
    ORDER BY a.fence DESC LIMIT 30)
    UNION ALL
    (SELECT e.created_at, 'step', e.fence, 1, jsonb_build_object(
        'node', e.node, 'percent', e.percent, 'message', left(e.message, 300)), NULL, NULL, NULL
    FROM ai_request_events e WHERE e.request_id = %(request_id)s::bigint
    ORDER BY e.id DESC LIMIT 100)
    UNION ALL
    (SELECT c.started_at, 'call', c.fence, 2, jsonb_build_object(
        'id', c.id, 'name', c.name, 'model', coalesce(c.returned_model, c.model),
        'status', c.status, 'try', c.try, 'input_tokens', c.input_tokens,
        'cached_tokens', c.cached_tokens, 'output_tokens', c.output_tokens,
        'cost_usd', nullif(c.cost_usd, 'NaN'), 'cost_state', c.cost_state,
        'charged_usd', nullif(c.charged_usd, 'NaN'),
        'cached_from', c.cached_from, 'private', c.private, 'kept', c.prompt IS NOT NULL,
        'prompt_bytes', c.prompt_bytes,
        'seconds', CASE WHEN isfinite(c.started_at) AND isfinite(c.finished_at)
            THEN extract(epoch FROM c.finished_at - c.started_at) END), c.error, NULL, NULL
    FROM ai_llm_calls c WHERE c.request_id = %(request_id)s::bigint
    ORDER BY c.id DESC LIMIT 50)
    UNION ALL
    (SELECT q.created_at, 'question', NULL, 3, jsonb_build_object(
        'id', q.id, 'key', q.key, 'decided_by', q.decided_by, 'decided_at', q.decided_at),
        NULL, q.question, q.answer
    FROM ai_approvals q WHERE q.request_id = %(request_id)s::bigint
    ORDER BY q.id DESC LIMIT 20)
) t
ORDER BY t.at, t.place
