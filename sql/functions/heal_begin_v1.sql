-- Purpose: lets exactly one daemon begin a healing action, within its rule's cool-down and caps.
-- Index:   ai_healing_actions_rule, ai_healing_actions_started.
-- Caller:  sql/healing_begin.sql, before every action, proposal and dry run.
-- Locks:   two advisory locks to the end of the transaction: the rule's (only tried), then the one
--          of all rules; the proposal that is carried out.
--
-- Each lock is a statement of its own: what counts the rows then has a snapshot younger than the
-- lock, and sees what its last holder wrote. Session locks would not do: behind a transaction
-- pooler two clients both get them.
--
-- verdict: go (act, then healing_end), proposed, dry_run, or why nothing is to be done: busy (another
-- daemon decides about this rule just now), cooling, open (proposed, or declined, within a day), capped (the row of
-- outcome skipped is written once per cool-down), declined (the proposal is not open any more).
-- Three actions in a day without effect, none with: from then on the rule only proposes, for that
-- target. p_action: an approved proposal to carry out; it is counted by the caps like any other.
-- p_counted: the rules that share p_total actions an hour; a rule that is not among them is as free
-- as p_cap allows.
CREATE FUNCTION ai_heal_begin_v1(
    p_rule text,
    p_check text,
    p_target text,
    p_mode text,
    p_reason text,
    p_command text,
    p_before jsonb,
    p_worker text,
    p_cool_down_seconds double precision,
    p_cap integer,
    p_counted text[],
    p_total integer,
    p_action bigint DEFAULT NULL,
    p_now timestamptz DEFAULT NULL
) RETURNS TABLE (id bigint, verdict text)
    LANGUAGE plpgsql SET search_path = @schema@, pg_temp AS $function$
#variable_conflict use_column
DECLARE
    v_prefix text := 'ai_heal:' || current_schema();
    v_now timestamptz;
    v_mode text := p_mode;
    v_reason text := p_reason;
    v_cool interval := make_interval(secs => p_cool_down_seconds);
    v_capped text;
    v_tries integer;
    v_effects integer;
    v_id bigint;
BEGIN
    IF NOT pg_try_advisory_xact_lock(hashtextextended(v_prefix || ':' || p_rule, 0)) THEN
        RETURN QUERY SELECT NULL::bigint, 'busy';
        RETURN;
    END IF;
    PERFORM pg_advisory_xact_lock(hashtextextended(v_prefix, 0));
    v_now := coalesce(p_now, clock_timestamp());

    IF p_action IS NOT NULL THEN
        PERFORM FROM ai_healing_actions a
        WHERE a.id = p_action AND a.rule = p_rule AND a.outcome = 'proposed'
            AND a.approved_by IS NOT NULL
        FOR UPDATE;
        IF NOT FOUND THEN
            RETURN QUERY SELECT NULL::bigint, 'declined';
            RETURN;
        END IF;
    ELSE
        SELECT count(*), count(*) FILTER (WHERE l.outcome = 'done') INTO v_tries, v_effects
        FROM (SELECT a.outcome FROM ai_healing_actions a
            WHERE a.rule = p_rule AND a.target = p_target
                AND a.outcome IN ('done', 'no_effect', 'failed')
                AND a.started_at > v_now - interval '1 day'
            ORDER BY a.started_at DESC LIMIT 3) l;
        IF v_mode = 'auto' AND v_tries = 3 AND v_effects = 0 THEN
            v_mode := 'propose';
            v_reason := concat_ws('; ', nullif(p_reason, ''),
                'three times without effect, so it waits for a person');
        END IF;
        IF v_mode <> 'auto' THEN
            -- What nobody answers is not said again and again.
            v_cool := greatest(v_cool, interval '1 hour');
            PERFORM FROM ai_healing_actions a
            WHERE a.rule = p_rule AND a.target = p_target AND a.proposed_at > v_now - interval '1 day'
                AND a.outcome IN ('proposed', 'skipped');
            IF FOUND THEN
                RETURN QUERY SELECT NULL::bigint, 'open';
                RETURN;
            END IF;
        END IF;
        PERFORM FROM ai_healing_actions a
        WHERE a.rule = p_rule AND a.target = p_target
            AND a.outcome IS DISTINCT FROM 'skipped' AND a.started_at > v_now - v_cool
            AND (v_mode = p_mode OR a.outcome IN ('proposed', 'dry_run'));
        IF FOUND THEN
            RETURN QUERY SELECT NULL::bigint, 'cooling';
            RETURN;
        END IF;
    END IF;

    IF p_cap <= (SELECT count(*) FROM ai_healing_actions a
            WHERE a.rule = p_rule AND a.outcome IS DISTINCT FROM 'skipped'
                AND a.started_at > v_now - interval '1 hour'
                AND a.id IS DISTINCT FROM p_action) THEN
        v_capped := format('%s actions of this rule within the last hour are its most', p_cap);
    ELSIF v_mode = 'auto' OR p_action IS NOT NULL THEN
        IF p_rule = ANY (p_counted) AND p_total <= (SELECT count(*) FROM ai_healing_actions a
                WHERE a.started_at > v_now - interval '1 hour' AND a.rule = ANY (p_counted)
                    AND (a.outcome IS NULL OR a.outcome IN ('done', 'no_effect', 'failed'))) THEN
            v_capped := format('%s actions of all rules within the last hour are the most',
                p_total);
        END IF;
    END IF;
    IF v_capped IS NOT NULL THEN
        INSERT INTO ai_healing_actions (rule, check_id, target, mode, outcome, reason, command,
            before, started_at, finished_at, worker_id)
        SELECT p_rule, p_check, p_target, v_mode, 'skipped', v_capped, p_command, p_before,
            v_now, v_now, p_worker
        WHERE p_action IS NULL AND NOT EXISTS (SELECT FROM ai_healing_actions a
            WHERE a.rule = p_rule AND a.target = p_target AND a.outcome = 'skipped'
                AND a.started_at > v_now - greatest(v_cool, interval '10 minutes'));
        RETURN QUERY SELECT NULL::bigint, 'capped';
        RETURN;
    END IF;

    IF p_action IS NOT NULL THEN
        UPDATE ai_healing_actions a
        SET outcome = NULL, finished_at = NULL, started_at = v_now, worker_id = p_worker,
            before = p_before
        WHERE a.id = p_action;
        RETURN QUERY SELECT p_action, 'go';
        RETURN;
    END IF;
    INSERT INTO ai_healing_actions (rule, check_id, target, mode, outcome, reason, command, before,
        started_at, finished_at, proposed_at, worker_id)
    VALUES (p_rule, p_check, p_target, v_mode,
        CASE v_mode WHEN 'propose' THEN 'proposed' WHEN 'dry_run' THEN 'dry_run' END,
        v_reason, p_command, p_before, v_now,
        CASE WHEN v_mode <> 'auto' THEN v_now END,
        CASE WHEN v_mode = 'propose' THEN v_now END, p_worker)
    RETURNING ai_healing_actions.id INTO v_id;
    RETURN QUERY SELECT v_id,
        CASE v_mode WHEN 'auto' THEN 'go' WHEN 'propose' THEN 'proposed' ELSE 'dry_run' END;
END
$function$;
