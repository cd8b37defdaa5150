-- Purpose: somebody takes care of an open alert: no more repeats, no escalation. False if it is not
--          open.
-- Index:   primary key of ai_alerts.
-- Caller:  admins: SELECT ai_acknowledge(7, 'sam'); sql/alert_acknowledge.sql.
-- Locks:   the alert.
--
-- Not versioned: people call it. SECURITY DEFINER for the line in the audit log; only who was
-- granted EXECUTE may call it.
CREATE FUNCTION ai_acknowledge(
    alert_id bigint,
    by text DEFAULT session_user,
    channel text DEFAULT 'sql'
) RETURNS boolean
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = @schema@, pg_temp AS $function$
#variable_conflict use_column
BEGIN
    UPDATE ai_alerts a
    SET acknowledged_by = ai_acknowledge.by, acknowledged_at = clock_timestamp()
    WHERE a.id = ai_acknowledge.alert_id AND a.resolved_at IS NULL;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    INSERT INTO ai_audit_log (actor, channel, action, target)
    VALUES (ai_acknowledge.by, ai_acknowledge.channel, 'acknowledge',
        'alert:' || ai_acknowledge.alert_id);
    RETURN true;
END
$function$;

-- ai_silence: no messages about an open alert until then; a time that is over ends the silence, and
-- one that never comes becomes the last that every client can read. False if it is not open.
-- Caller:  admins: SELECT ai_silence(7, now() + interval '2 hours', 'sam'); sql/alert_silence.sql.
CREATE FUNCTION ai_silence(
    alert_id bigint,
    until timestamptz,
    by text DEFAULT session_user,
    channel text DEFAULT 'sql'
) RETURNS boolean
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = @schema@, pg_temp AS $function$
#variable_conflict use_column
BEGIN
    UPDATE ai_alerts a
    SET silenced_until = CASE WHEN ai_silence.until IS NOT NULL THEN
            greatest('1970-01-02 00:00+00', least('9999-12-30 00:00+00', ai_silence.until)) END,
        silenced_by = ai_silence.by
    WHERE a.id = ai_silence.alert_id AND a.resolved_at IS NULL;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    INSERT INTO ai_audit_log (actor, channel, action, target, after)
    VALUES (ai_silence.by, ai_silence.channel, 'silence', 'alert:' || ai_silence.alert_id,
        jsonb_build_object('until', ai_silence.until));
    RETURN true;
END
$function$;
