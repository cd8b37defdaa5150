-- Purpose: what people thought of each agent's answers lately: of its newest 100 opinions.
-- Index:   ai_feedback_task.
-- Caller:  the console: agents.
-- Locks:   none.
SELECT a.type, count(*) AS opinions,
    count(*) FILTER (WHERE heard.verdict = 'helpful') AS helpful
FROM ai_agents a
CROSS JOIN LATERAL (
    SELECT f.verdict FROM ai_feedback f
    WHERE f.task_type = a.type AND f.problem IS NULL
    ORDER BY f.created_at DESC LIMIT 100
) heard
GROUP BY a.type
