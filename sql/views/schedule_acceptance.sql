-- Whether proposed times are taken, and taken ones kept, by the month of the proposal, kind and version
-- of the agent, over the last two years.
--
-- A request proposes several times of which a client can take one, so acceptance_rate counts requests:
-- those of which a time was booked, among those that are decided. p_attend_mean and attended_share
-- are over the same sessions, completed and missed, and should be alike.
CREATE VIEW ai_schedule_acceptance AS
WITH asked AS (
    SELECT s.request_id, s.kind, s.agent_version,
        date_trunc('month', min(s.created_at) AT TIME ZONE 'UTC')::date AS month,
        count(*) AS proposals,
        count(s.accepted_session_id) AS taken,
        count(*) FILTER (WHERE s.outcome IS NULL) AS still_open,
        count(*) FILTER (WHERE s.outcome IS NULL AND s.accepted_session_id IS NULL) AS undecided,
        count(*) FILTER (WHERE s.outcome = 'completed') AS completed,
        count(*) FILTER (WHERE s.outcome = 'no_show') AS no_show,
        count(*) FILTER (WHERE s.outcome = 'cancelled') AS cancelled,
        count(*) FILTER (WHERE s.outcome = 'unrecorded') AS unrecorded,
        count(*) FILTER (WHERE s.outcome = 'not_taken') AS not_taken,
        sum(s.p_attend) FILTER (WHERE s.outcome IN ('completed', 'no_show')) AS expected
    FROM ai_schedule_suggestions s
    WHERE s.created_at > now() - interval '730 days'
    GROUP BY s.request_id, s.kind, s.agent_version
)
SELECT a.month, a.kind, a.agent_version,
    count(*) AS requests,
    round(avg((a.taken > 0)::integer) FILTER (WHERE a.taken > 0 OR a.undecided = 0), 4)
        AS acceptance_rate,
    sum(a.proposals)::bigint AS proposals,
    sum(a.still_open)::bigint AS still_open,
    sum(a.taken)::bigint AS taken,
    sum(a.completed)::bigint AS completed,
    sum(a.no_show)::bigint AS no_show,
    sum(a.cancelled)::bigint AS cancelled,
    sum(a.unrecorded)::bigint AS unrecorded,
    sum(a.not_taken)::bigint AS not_taken,
    round((sum(a.expected) / nullif(sum(a.completed + a.no_show), 0))::numeric, 4)
        AS p_attend_mean,
    round(sum(a.completed) / nullif(sum(a.completed + a.no_show), 0), 4) AS attended_share
FROM asked a
GROUP BY a.month, a.kind, a.agent_version;
