-- Purpose: a person's answer to an agent's question: the request goes on by itself. False if there is
--          no open question of that key, or its request has ended; the first answer counts.
-- Index:   ai_approvals by request_id and key; primary key of ai_requests.
-- Caller:  admins: SELECT ai_answer(7, 'publish', '{"decision": "approve"}', 'sam'); approval_answer.sql.
-- Locks:   the approval, then, in the trigger on it, the request.
--
-- Not versioned: people call it. {"decision": "reject"} ends the request with approval_rejected;
-- whatever else the object says is handed to the agent. SECURITY DEFINER for the line in the audit
-- log; only who was granted EXECUTE may call it.
CREATE FUNCTION ai_answer(
    request_id bigint,
    key text,
    answer jsonb DEFAULT '{"decision": "approve"}',
    by text DEFAULT session_user,
    channel text DEFAULT 'sql'
) RETURNS boolean
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = @schema@, pg_temp AS $function$
#variable_conflict use_column
BEGIN
    IF jsonb_typeof(ai_answer.answer) IS DISTINCT FROM 'object' THEN
        RAISE EXCEPTION 'ai_answer: answer is no JSON object'
            USING HINT = 'for example {"decision": "approve"} or {"decision": "reject"}';
    END IF;
    UPDATE ai_approvals a
    SET answer = ai_answer.answer, decided_by = ai_answer.by, decided_at = clock_timestamp()
    WHERE a.request_id = ai_answer.request_id AND a.key = ai_answer.key AND a.decided_at IS NULL
        AND EXISTS (SELECT FROM ai_requests r WHERE r.id = a.request_id AND r.finished_at IS NULL);
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    INSERT INTO ai_audit_log (actor, channel, action, target, after)
    VALUES (ai_answer.by, ai_answer.channel, 'answer',
        format('request:%s:%s', ai_answer.request_id, ai_answer.key),
        jsonb_build_object('decision', ai_answer.answer -> 'decision'));
    RETURN true;
END
$function$;
