-- Purpose: takes the next message of a channel out of the outbox, for one daemon to send.
-- Index:   ai_alert_deliveries_due, ai_alert_deliveries_recent.
-- Caller:  sql/delivery_take.sql.
-- Locks:   an advisory lock of the channel to the end of the transaction, only tried; the rows, but
--          none that somebody holds.
--
-- A message is what was written for the channel until its first row became due, half a minute after
-- it was written: what happens together is told together. It keeps its rows and its id through all
-- attempts. While it is being sent nobody else takes it; after p_lease_seconds without news somebody
-- does. Nothing is taken while the channel had p_per_minute messages within the last minute.
CREATE FUNCTION ai_delivery_take_v1(
    p_channel text,
    p_worker text,
    p_lease_seconds double precision,
    p_per_minute integer,
    p_limit integer,
    p_now timestamptz DEFAULT NULL
) RETURNS TABLE (id bigint, message_id uuid, attempts smallint, content jsonb)
    LANGUAGE plpgsql SET search_path = @schema@, pg_temp AS $function$
#variable_conflict use_column
DECLARE
    v_now timestamptz;
    v_first record;
BEGIN
    IF NOT pg_try_advisory_xact_lock(hashtextextended(
            'ai_delivery:' || current_schema() || ':' || p_channel, 0)) THEN
        RETURN;
    END IF;
    v_now := coalesce(p_now, clock_timestamp());
    IF p_per_minute <= (SELECT count(DISTINCT d.message_id) FROM ai_alert_deliveries d
            WHERE d.attempted_at > v_now - interval '1 minute' AND d.channel = p_channel) THEN
        RETURN;
    END IF;
    SELECT d.message_id AS message INTO v_first FROM ai_alert_deliveries d
    WHERE d.channel = p_channel AND d.state = 'pending' AND d.next_at <= v_now
    ORDER BY d.next_at, d.id LIMIT 1;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    RETURN QUERY
    WITH taken AS (
        SELECT d.id FROM ai_alert_deliveries d
        WHERE d.channel = p_channel AND d.state = 'pending'
            AND d.message_id IS NOT DISTINCT FROM v_first.message
        ORDER BY d.id LIMIT p_limit
        FOR UPDATE SKIP LOCKED
    ), message AS MATERIALIZED (
        SELECT coalesce(v_first.message, gen_random_uuid()) AS message_id
    )
    UPDATE ai_alert_deliveries d
    SET attempts = d.attempts + 1, attempted_at = v_now, worker_id = p_worker,
        next_at = v_now + make_interval(secs => p_lease_seconds),
        message_id = (SELECT m.message_id FROM message m)
    WHERE d.id IN (SELECT t.id FROM taken t)
    RETURNING d.id, d.message_id, d.attempts, d.content;
END
$function$;
