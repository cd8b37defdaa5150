-- Purpose: writes what became of proposed times: first the session, then its end. An end stays.
-- Index:   primary key of ai_schedule_suggestions.
-- Caller:  Store.suggestion_settle.
-- Locks:   those rows.
--
-- outcomes is an array of objects with the columns' names. What says nothing new is not written.
WITH settled AS (
    UPDATE ai_schedule_suggestions s
    SET accepted_session_id = x.accepted_session_id, outcome = x.outcome
    FROM jsonb_to_recordset(%(outcomes)s::jsonb)
        AS x(id bigint, accepted_session_id bigint, outcome text)
    WHERE s.id = x.id AND s.outcome IS NULL
        AND (s.accepted_session_id IS DISTINCT FROM x.accepted_session_id
            OR x.outcome IS NOT NULL)
    RETURNING s.id
)
SELECT count(*)::integer AS settled FROM settled
