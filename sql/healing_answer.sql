-- Purpose: a person approves or declines a proposed healing action; the first answer counts.
-- Index:   primary key of ai_healing_actions.
-- Caller:  Actions.answer_healing.
-- Locks:   see ai_heal_answer.
SELECT ai_heal_answer(%(action_id)s::bigint, %(approve)s::boolean, %(by)s::text,
    %(channel)s::text) AS changed
