-- Purpose: tells running daemons that prices changed; they read them again at once.
-- Index:   none.
-- Caller:  trigger ai_price_changed on ai_model_prices.
-- Locks:   none.
--
-- Once per statement: a sync writes a hundred rows. SECURITY INVOKER: to notify needs no right.
CREATE FUNCTION ai_price_changed_v1() RETURNS trigger
    LANGUAGE plpgsql SET search_path = @schema@, pg_temp AS $function$
BEGIN
    -- A full queue would fail the commit; the daemons also look by themselves every five minutes.
    IF pg_notification_queue_usage() < 0.5 THEN
        PERFORM pg_notify('ai_config', '');
    END IF;
    RETURN NULL;
END
$function$;

CREATE TRIGGER ai_price_changed AFTER INSERT OR UPDATE OR DELETE ON ai_model_prices
    FOR EACH STATEMENT EXECUTE FUNCTION ai_price_changed_v1();
