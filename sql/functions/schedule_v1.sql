-- Purpose: notes when a schedule's times were edited, by whatever program: slots before that moment
--          are not missed ones, so an edit never starts yesterday's work.
-- Caller:  trigger ai_schedule_edited on ai_schedules.
-- Index:   none.
-- Locks:   none beyond the row being written.
CREATE FUNCTION ai_schedule_edited_v1() RETURNS trigger
    LANGUAGE plpgsql SET search_path = @schema@, pg_temp AS $function$
BEGIN
    NEW.updated_at := clock_timestamp();
    RETURN NEW;
END
$function$;

CREATE TRIGGER ai_schedule_edited BEFORE UPDATE ON ai_schedules
    FOR EACH ROW
    WHEN ((OLD.trigger, OLD.time_zone, OLD.enabled)
        IS DISTINCT FROM (NEW.trigger, NEW.time_zone, NEW.enabled))
    EXECUTE FUNCTION ai_schedule_edited_v1();
