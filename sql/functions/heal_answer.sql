-- Purpose: a person's answer to a proposed healing action: approved, a daemon carries it out within
--          seconds; declined, it is over. False if no such proposal is open; the first answer counts.
-- Index:   primary key of ai_healing_actions.
-- Caller:  admins: SELECT ai_heal_answer(7, true, 'sam'); sql/healing_answer.sql.
-- Locks:   the action.
--
-- Not versioned: people call it. A proposal is open for a day. SECURITY DEFINER for the line in the
-- audit log; only who was granted EXECUTE may call it.
CREATE FUNCTION ai_heal_answer(
    action_id bigint,
    approve boolean,
    by text DEFAULT session_user,
    channel text DEFAULT 'sql'
) RETURNS boolean
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = @schema@, pg_temp AS $function$
#variable_conflict use_column
DECLARE
    v_rule text;
    v_target text;
BEGIN
    UPDATE ai_healing_actions a
    SET approved_by = CASE WHEN approve THEN ai_heal_answer.by END,
        approved_at = CASE WHEN approve THEN clock_timestamp() END,
        outcome = CASE WHEN approve THEN 'proposed' ELSE 'skipped' END,
        reason = CASE WHEN approve THEN a.reason
            ELSE concat_ws('; ', nullif(a.reason, ''), 'declined by ' || ai_heal_answer.by) END
    WHERE a.id = ai_heal_answer.action_id AND a.outcome = 'proposed' AND a.approved_by IS NULL
        AND a.proposed_at > clock_timestamp() - interval '1 day'
    RETURNING a.rule, a.target INTO v_rule, v_target;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    INSERT INTO ai_audit_log (actor, channel, action, target, after)
    VALUES (ai_heal_answer.by, ai_heal_answer.channel,
        CASE WHEN approve THEN 'approve' ELSE 'decline' END,
        'healing:' || ai_heal_answer.action_id,
        jsonb_build_object('rule', v_rule, 'target', v_target));
    RETURN true;
END
$function$;
