-- Purpose: what is to be remembered of a check until its next sample.
-- Index:   primary key of ai_alert_states.
-- Caller:  AlertStore.round.
-- Locks:   that row.
INSERT INTO ai_alert_states AS s (check_id, target, phase, folded, severity, bad, good, critical,
    penalty, slow_penalty, sampled_at)
VALUES (%(check_id)s::text, %(target)s::text, %(phase)s::text, %(folded)s::boolean,
    %(severity)s::text, %(bad)s::smallint, %(good)s::smallint, %(critical)s::smallint,
    %(penalty)s::double precision, %(slow_penalty)s::double precision, %(sampled_at)s::timestamptz)
ON CONFLICT (check_id, target) DO UPDATE
SET phase = excluded.phase, folded = excluded.folded, severity = excluded.severity,
    bad = excluded.bad, good = excluded.good, critical = excluded.critical,
    penalty = excluded.penalty, slow_penalty = excluded.slow_penalty,
    sampled_at = excluded.sampled_at
