-- Purpose: completes a new word of feedback from its request, and takes the place of what the same
--          person said of the same item before.
-- Caller:  trigger ai_feedback_guard, BEFORE INSERT ON ai_feedback, inside the main app's transaction.
-- Index:   primary key of ai_requests, ai_feedback_once.
-- Locks:   an advisory transaction lock on request, item and person, so that two words at once come
--          one after the other, as they would at the unique key.
--
-- Refuses nothing that the columns' types can hold: what cannot count is kept with its problem, for
-- people to see. What a request says of itself wins over what is sent. A request's number is the
-- part of the item's id before the dash, so callers that know nothing else may send just that.
--
-- SECURITY DEFINER so that a role with only INSERT may have an id drawn, an older word replaced and
-- the request looked up.
CREATE FUNCTION ai_feedback_v1() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = @schema@, pg_temp AS $function$
DECLARE
    v_request record;
BEGIN
    NEW.id := nextval('ai_feedback_id_seq');
    NEW.item_id := ai_key_v1(btrim(coalesce(NEW.item_id, '')));
    NEW.given_by := ai_key_v1(btrim(coalesce(NEW.given_by, '')));
    NEW.reason := nullif(btrim(left(NEW.reason, 2000)), '');
    NEW.verdict := btrim(regexp_replace(lower(left(NEW.verdict, 200)), '[^a-z]+', '_', 'g'), '_');
    NEW.created_at := clock_timestamp();
    IF coalesce(NEW.request_id, 0) = 0 THEN
        NEW.request_id := coalesce(substring(NEW.item_id FROM '^([0-9]{1,18})(?:-|$)')::bigint, 0);
    END IF;
    SELECT q.task_type, q.agent_version, q.status,
        substring(q.input_data ->> 'client_id' FROM '^[0-9]{1,18}$')::bigint AS client_id
    INTO v_request FROM ai_requests q WHERE q.id = NEW.request_id;
    NEW.task_type := left(coalesce(v_request.task_type, NEW.task_type, ''), 200);
    NEW.agent_version := v_request.agent_version;
    NEW.client_id := v_request.client_id;
    NEW.problem := CASE
        WHEN v_request.status IS NULL THEN 'unknown_request'
        WHEN v_request.status <> 'completed' THEN 'not_answered'
        WHEN NEW.verdict IS NULL
            OR NEW.verdict NOT IN ('helpful', 'not_helpful', 'incorrect') THEN 'unknown_verdict'
        END;
    IF NEW.verdict NOT IN ('helpful', 'not_helpful', 'incorrect') THEN
        NEW.verdict := NULL;
    END IF;
    PERFORM pg_advisory_xact_lock(hashtextextended(
        concat_ws('|', 'ai_feedback', current_schema(), NEW.request_id, NEW.item_id, NEW.given_by),
        0));
    DELETE FROM ai_feedback f
    WHERE f.request_id = NEW.request_id AND f.item_id = NEW.item_id
        AND f.given_by = NEW.given_by;
    RETURN NEW;
END
$function$;

REVOKE EXECUTE ON FUNCTION ai_feedback_v1() FROM PUBLIC;

CREATE TRIGGER ai_feedback_guard BEFORE INSERT ON ai_feedback
    FOR EACH ROW EXECUTE FUNCTION ai_feedback_v1();
