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
-- What a statement of plpgsql costs is its first run in a transaction, and the main app's transactions
-- hold one insert each: so all the slots are tried in one expression, into which the planner inlines
-- this function. AND stops at the first slot that somebody sleeps on.
CREATE FUNCTION ai_awake_v1(p_class integer) RETURNS boolean
    LANGUAGE sql VOLATILE AS $function$
    SELECT pg_catalog.pg_try_advisory_xact_lock_shared(p_class, 0)
        AND pg_catalog.pg_try_advisory_xact_lock_shared(p_class, 1)
        AND pg_catalog.pg_try_advisory_xact_lock_shared(p_class, 2)
        AND pg_catalog.pg_try_advisory_xact_lock_shared(p_class, 3)
        AND pg_catalog.pg_try_advisory_xact_lock_shared(p_class, 4)
        AND pg_catalog.pg_try_advisory_xact_lock_shared(p_class, 5)
        AND pg_catalog.pg_try_advisory_xact_lock_shared(p_class, 6)
        AND pg_catalog.pg_try_advisory_xact_lock_shared(p_class, 7)
$function$;

CREATE FUNCTION ai_ring() RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = @schema@, pg_temp AS $function$
DECLARE
    v_class integer := hashtext('ai_doorbell:' || current_schema());
BEGIN
    IF NOT ai_awake_v1(v_class) AND pg_notification_queue_usage() < 0.5 THEN
        PERFORM pg_notify('ai_requests', '');
    END IF;
END
$function$;

CREATE FUNCTION ai_doorbell_v1() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = @schema@, pg_temp AS $function$
DECLARE
    v_class integer := hashtext('ai_doorbell:' || current_schema());
BEGIN
    IF NOT ai_awake_v1(v_class) AND pg_notification_queue_usage() < 0.5 THEN
        PERFORM pg_notify('ai_requests', '');
    END IF;
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
