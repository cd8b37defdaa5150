-- Purpose: what became of an open alert: it was seen again, told again, or is over.
-- Index:   primary key of ai_alerts; ai_healing_actions_started.
-- Caller:  AlertStore.round.
-- Locks:   that row.
--
-- seen: the check was bad once more; its value and words are taken over. Over, it says what healed
-- it: the newest action that a rule took because of this check while it was open. Who does not ask a
-- model any more has no failed calls, and has mended nothing.
UPDATE ai_alerts a
SET severity = %(severity)s::text,
    state = %(state)s::text,
    resolved_at = CASE WHEN %(state)s::text = 'resolved' THEN %(now)s::timestamptz END,
    last_seen_at = CASE WHEN %(seen)s::boolean THEN %(now)s::timestamptz ELSE a.last_seen_at END,
    value = CASE WHEN %(seen)s::boolean THEN %(value)s::double precision ELSE a.value END,
    threshold = CASE WHEN %(seen)s::boolean THEN %(threshold)s::double precision
        ELSE a.threshold END,
    message = CASE WHEN %(seen)s::boolean THEN %(message)s::text ELSE a.message END,
    remedy = CASE WHEN %(seen)s::boolean THEN %(remedy)s::text ELSE a.remedy END,
    flaps = a.flaps + %(came_back)s::boolean::integer,
    notified_at = CASE WHEN %(told)s::boolean THEN %(now)s::timestamptz ELSE a.notified_at END,
    escalated_at = CASE WHEN %(escalated)s::boolean THEN %(now)s::timestamptz
        ELSE a.escalated_at END,
    healed_by = CASE
        WHEN %(state)s::text <> 'resolved' THEN NULL
        WHEN %(gone)s::boolean THEN 'nothing reports it any more'
        ELSE (SELECT h.rule || ' (action ' || h.id || ')' FROM ai_healing_actions h
            WHERE h.started_at >= a.opened_at - interval '5 minutes'
                AND h.check_id = a.check_id AND h.outcome = 'done'
                AND h.rule NOT IN ('open_breaker', 'answer_without_model')
                AND (h.target = a.target OR a.target = '' OR h.target = '')
            ORDER BY h.started_at DESC LIMIT 1) END
WHERE a.id = %(alert_id)s::bigint
RETURNING a.id, a.opened_at, a.value, a.threshold, a.message, a.remedy, a.healed_by, a.resolved_at
