-- Purpose: begins a healing action, if its rule may act now.
-- Index:   see ai_heal_begin_v1.
-- Caller:  HealingStore.begin.
-- Locks:   see ai_heal_begin_v1.
SELECT b.id, b.verdict
FROM ai_heal_begin_v1(%(rule)s::text, %(check_id)s::text, %(target)s::text, %(mode)s::text,
    %(reason)s::text, %(command)s::text, %(before)s::jsonb, %(worker_id)s::text,
    %(cool_down_seconds)s::double precision, %(cap)s::integer, %(counted)s::text[],
    %(total)s::integer, %(action_id)s::bigint, %(now)s::timestamptz) b
