-- Purpose: wakes a sleeping daemon when work arrives, and costs nothing while every daemon is awake.
-- Caller:  deferred constraint trigger ai_doorbell on ai_requests (the main app's commit); every
--          statement of ours that makes a request claimable now calls ai_ring().
-- Index:   none.
-- Locks:   tries, never waits for, a shared transaction lock on each of the eight doorbell slots.
--
-- NOTIFY takes one lock for the whole server at commit, so an unconditional trigger makes all
-- inserting transactions of the main app queue behind each other. A daemon therefore holds one slot
-- exclusively only while it sleeps, and we notify only if some slot cannot be shared.
--
-- No wake-up is lost: a producer's shared lock is freed after its commit is visible. The sleeper
-- locks its slot (waiting for producers in flight), claims once more, and only then waits. A producer
-- before that lock is seen by that claim; one after it finds the slot taken and rings.
--
-- The ring can fail only at commit, beyond any exception handler, when the server's notification
-- queue is full: above half we stay silent, and the daemon's poll finds the row.
CREATE FUNCTION ai_ring() RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = @schema@, pg_temp AS $function$
BEGIN
    FOR slot IN 0..7 LOOP
        IF NOT pg_try_advisory_xact_lock_shared(
            hashtext('ai_doorbell:' || current_schema()), slot)
        THEN
            IF pg_notification_queue_usage() < 0.5 THEN
                PERFORM pg_notify('ai_requests', '');
            END IF;
            RETURN;
        END IF;
    END LOOP;
END
$function$;

CREATE FUNCTION ai_doorbell_v1() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = @schema@, pg_temp AS $function$
BEGIN
    PERFORM ai_ring();
    RETURN NULL;
EXCEPTION WHEN OTHERS THEN
    -- The poll will find the row; the main app's transaction must not learn of our trouble.
    RETURN NULL;
END
$function$;

CREATE CONSTRAINT TRIGGER ai_doorbell AFTER INSERT ON ai_requests
    DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION ai_doorbell_v1();

-- A cancel rings always: it is rare, and a busy daemon must hear it too. The column is durable, the
-- notification only makes it quick.
CREATE FUNCTION ai_cancelled_v1() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = @schema@, pg_temp AS $function$
BEGIN
    IF pg_notification_queue_usage() < 0.5 THEN
        PERFORM pg_notify('ai_requests', '{"cancel": ' || NEW.id || '}');
    END IF;
    RETURN NULL;
EXCEPTION WHEN OTHERS THEN
    RETURN NULL;
END
$function$;

CREATE TRIGGER ai_cancelled AFTER UPDATE OF cancel_requested_at ON ai_requests
    FOR EACH ROW
    WHEN (OLD.cancel_requested_at IS NULL AND NEW.cancel_requested_at IS NOT NULL)
    EXECUTE FUNCTION ai_cancelled_v1();
