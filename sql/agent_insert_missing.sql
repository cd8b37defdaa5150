-- Purpose: gives an agent of the code its row of configuration and its row of limits, where it has
--          none; and with the limits its schedule, so that one an admin deleted stays deleted. An
--          agent that was archived stays archived. A name that another agent has gets the type
--          behind it.
-- Index:   ai_agents by type and by name; primary keys of ai_control and ai_schedules.
-- Caller:  Store.agent_insert_missing.
-- Locks:   none beyond the new rows.
WITH agent AS (
    INSERT INTO ai_agents (name, type, description, config, enabled, updated_by)
    SELECT CASE WHEN EXISTS (SELECT FROM ai_agents a WHERE a.name = %(name)s::text)
            THEN format('%%s (%%s)', %(name)s::text, %(type)s::text)
            ELSE %(name)s::text END,
        %(type)s::text, %(description)s::text, %(config)s::jsonb,
        %(enabled)s::boolean, 'daemon'
    WHERE NOT EXISTS (SELECT FROM ai_agents a WHERE a.type = %(type)s::text)
    ON CONFLICT DO NOTHING
    RETURNING id
),
control AS (
    INSERT INTO ai_control (task_type, on_lost) VALUES (%(type)s::text, %(on_lost)s::text)
    ON CONFLICT DO NOTHING
    RETURNING task_type
),
scheduled AS (
    INSERT INTO ai_schedules (name, task_type, trigger, input_data)
    SELECT c.task_type, c.task_type, %(schedule)s::text, %(schedule_input)s::jsonb
    FROM control c WHERE %(schedule)s::text <> ''
    ON CONFLICT DO NOTHING
)
SELECT EXISTS (SELECT FROM agent) AS inserted
