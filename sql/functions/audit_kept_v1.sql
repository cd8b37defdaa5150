-- Purpose: keeps the audit log as it was written: no line is changed, none deleted within a year.
-- Index:   none.
-- Caller:  triggers ai_audit_kept and ai_audit_emptied on ai_audit_log.
-- Locks:   none.
--
-- It binds the daemon and admins, who own the table or not, against mistakes and quiet corrections.
-- Whoever owns the table can take the trigger away, which leaves its own traces in the catalogue.
CREATE FUNCTION ai_audit_kept_v1() RETURNS trigger
    LANGUAGE plpgsql SET search_path = @schema@, pg_temp AS $function$
BEGIN
    IF TG_OP = 'DELETE' AND OLD.at < clock_timestamp() - interval '365 days' THEN
        RETURN OLD;
    END IF;
    RAISE EXCEPTION 'ai_audit_log is append-only: % refused', TG_OP
        USING HINT = 'lines older than 400 days are removed by the daemon';
END
$function$;
