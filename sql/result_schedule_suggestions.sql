-- Purpose: proposed times as typed rows, one per slot, placement or move.
-- Index:   ai_schedule_suggestions by (request_id, rank).
-- Caller:  Store.complete, behind a savepoint; Store.redo_projections.
-- Locks:   none beyond the new rows.
--
-- rows is an array of objects with the columns' names. request_id, agent_version and the id are ours.
-- A row that is there already stays as it is.
INSERT INTO ai_schedule_suggestions (request_id, client_id, trainer_id, status, llm_used,
    agent_version, kind, rank, slot_start_utc, slot_local, tz, duration_minutes, p_attend, p_lo,
    p_hi, basis_sessions, session_id, gain)
SELECT %(request_id)s::bigint, x.client_id, x.trainer_id, x.status, coalesce(x.llm_used, false),
    %(agent_version)s::integer, x.kind, x.rank, x.slot_start_utc, x.slot_local, x.tz,
    x.duration_minutes, x.p_attend, x.p_lo, x.p_hi, x.basis_sessions, x.session_id, x.gain
FROM jsonb_to_recordset(%(rows)s::jsonb) AS x(client_id bigint, trainer_id bigint, status text,
    llm_used boolean, kind text, rank smallint, slot_start_utc timestamptz, slot_local timestamp,
    tz text, duration_minutes smallint, p_attend real, p_lo real, p_hi real,
    basis_sessions integer, session_id bigint, gain real)
ON CONFLICT (request_id, rank) DO NOTHING
