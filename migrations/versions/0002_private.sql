-- PostgreSQL lets everybody execute a new function. Ours that run with our rights must not be lent
-- out: a trigger function, attached to a table of one's own, would write into ours.
DO $private$
DECLARE
    v_function regprocedure;
BEGIN
    FOR v_function IN
        SELECT p.oid FROM pg_proc p
        WHERE p.pronamespace = quote_ident(current_schema())::regnamespace AND p.proname LIKE 'ai\_%'
            AND p.prosecdef
    LOOP
        EXECUTE format('REVOKE EXECUTE ON FUNCTION %s FROM PUBLIC', v_function);
    END LOOP;
END
$private$;
