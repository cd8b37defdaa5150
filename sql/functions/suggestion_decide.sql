-- Purpose: a person's decision on a suggestion, with a line in the audit log.
-- Caller:  suggestion_decide.sql; admins: SELECT * FROM ai_suggestion_decide(7, 'rejected', 'test data').
-- Index:   primary key of ai_code_suggestions.
-- Locks:   the suggestion.
--
-- Not versioned: people call it. verdict is one of: decided; repeated (it has that status already,
-- nothing was written); forbidden (the life cycle knows no such step); unknown (no such suggestion);
-- no_such_status. status is what it was before. SECURITY DEFINER: only who was granted EXECUTE may call
-- it, and the audit log is not theirs to write.
CREATE FUNCTION ai_suggestion_decide(
    suggestion_id bigint,
    status text,
    reason text DEFAULT NULL,
    actor text DEFAULT session_user,
    channel text DEFAULT 'sql',
    OUT verdict text,
    OUT status_before text
)
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = @schema@, pg_temp AS $function$
#variable_conflict use_column
BEGIN
    IF ai_suggestion_decide.status IS NULL
        OR ai_suggestion_decide.status NOT IN ('pending', 'accepted', 'rejected', 'applied')
    THEN
        verdict := 'no_such_status';
        RETURN;
    END IF;
    SELECT s.status INTO status_before FROM ai_code_suggestions s
    WHERE s.id = ai_suggestion_decide.suggestion_id FOR UPDATE;
    IF NOT FOUND THEN
        verdict := 'unknown';
        RETURN;
    END IF;
    IF status_before = ai_suggestion_decide.status THEN
        verdict := 'repeated';
        RETURN;
    END IF;
    IF NOT ai_suggestion_step_v1(status_before, ai_suggestion_decide.status) THEN
        verdict := 'forbidden';
        RETURN;
    END IF;
    UPDATE ai_code_suggestions s
    SET status = ai_suggestion_decide.status, decided_by = ai_suggestion_decide.actor,
        decision_reason = left(ai_suggestion_decide.reason, 2000)
    WHERE s.id = ai_suggestion_decide.suggestion_id;
    INSERT INTO ai_audit_log (actor, channel, action, target, before, after)
    VALUES (ai_suggestion_decide.actor, ai_suggestion_decide.channel, 'decide_suggestion',
        'suggestion:' || ai_suggestion_decide.suggestion_id,
        jsonb_build_object('status', status_before),
        jsonb_build_object('status', ai_suggestion_decide.status,
            'reason', left(ai_suggestion_decide.reason, 2000)));
    verdict := 'decided';
END
$function$;
