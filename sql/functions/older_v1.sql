-- Purpose: mends what the older AI service still inserts: NULLs it used to leave, and words of its own.
-- Caller:  triggers ai_health_mended on ai_system_health and ai_suggestion_mended on
--          ai_code_suggestions, for rows without a request, which are nobody's but the older
--          service's. Ours meet the CHECKs unmended.
-- Index:   none.
-- Locks:   none.
--
-- What was said stays beside the word we use: metrics.older_status, older_words. Rows that were there
-- before us got the same words when their tables were adopted.
CREATE FUNCTION ai_health_mended_v1() RETURNS trigger
    LANGUAGE plpgsql SET search_path = @schema@, pg_temp AS $function$
DECLARE
    v_word text := lower(trim(NEW.status));
BEGIN
    v_word := CASE
        WHEN v_word IN ('healthy', 'ok', 'up', 'good', 'pass', 'passed') THEN 'healthy'
        WHEN v_word IN ('critical', 'error', 'down', 'unhealthy', 'fail', 'failed', 'fatal')
            THEN 'critical'
        ELSE 'warning' END;
    NEW.metrics := CASE
        WHEN coalesce(NEW.metrics, 'null') = 'null' THEN '{}'
        WHEN jsonb_typeof(NEW.metrics) = 'object' THEN NEW.metrics
        ELSE jsonb_build_object('older_metrics', NEW.metrics) END;
    IF v_word IS DISTINCT FROM NEW.status THEN
        NEW.metrics := NEW.metrics || jsonb_build_object('older_status', NEW.status);
        NEW.status := v_word;
    END IF;
    NEW.checked_at := coalesce(NEW.checked_at, now());
    RETURN NEW;
END
$function$;

CREATE TRIGGER ai_health_mended BEFORE INSERT OR UPDATE ON ai_system_health
    FOR EACH ROW WHEN (NEW.request_id IS NULL)
    EXECUTE FUNCTION ai_health_mended_v1();

CREATE FUNCTION ai_suggestion_mended_v1() RETURNS trigger
    LANGUAGE plpgsql SET search_path = @schema@, pg_temp AS $function$
DECLARE
    v_type text := lower(trim(NEW.issue_type));
    v_severity text := lower(trim(NEW.severity));
    v_status text := lower(trim(NEW.status));
    v_said jsonb := jsonb_build_object('issue_type', NEW.issue_type, 'severity', NEW.severity,
        'status', NEW.status);
BEGIN
    v_type := CASE
        WHEN v_type IN ('bug', 'logic', 'correctness') THEN 'bug'
        WHEN v_type IN ('security', 'vulnerability') THEN 'security'
        WHEN v_type IN ('performance', 'perf', 'optimization') THEN 'performance'
        WHEN v_type IN ('error', 'exception', 'crash') THEN 'error'
        ELSE 'style' END;
    v_severity := CASE
        WHEN v_severity IN ('critical', 'severe', 'blocker') THEN 'critical'
        WHEN v_severity IN ('high', 'major', 'error') THEN 'high'
        WHEN v_severity IN ('low', 'minor', 'info', 'trivial', 'hint') THEN 'low'
        ELSE 'medium' END;
    v_status := CASE WHEN v_status IN ('accepted', 'rejected', 'applied') THEN v_status
        ELSE 'pending' END;
    IF (v_type, v_severity, v_status)
        IS DISTINCT FROM (NEW.issue_type::text, NEW.severity::text, NEW.status::text)
    THEN
        NEW.older_words := v_said;
        NEW.issue_type := v_type;
        NEW.severity := v_severity;
        NEW.status := v_status;
    END IF;
    NEW.created_at := coalesce(NEW.created_at, now());
    RETURN NEW;
END
$function$;

CREATE TRIGGER ai_suggestion_mended BEFORE INSERT OR UPDATE ON ai_code_suggestions
    FOR EACH ROW WHEN (NEW.request_id IS NULL)
    EXECUTE FUNCTION ai_suggestion_mended_v1();
