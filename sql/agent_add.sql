-- Purpose: a new agent, with its row of limits.
-- Index:   ai_agents by name and by type; primary key of ai_control.
-- Caller:  daemon.web.actions.
-- Locks:   none beyond the new rows.
WITH limits AS (
    INSERT INTO ai_control (task_type) VALUES (%(type)s::text) ON CONFLICT DO NOTHING
)
INSERT INTO ai_agents (name, type, description, config, enabled, updated_by)
VALUES (%(name)s::text, %(type)s::text, %(description)s::text, %(config)s::jsonb,
    %(enabled)s::boolean, %(by)s::text)
RETURNING id, version
