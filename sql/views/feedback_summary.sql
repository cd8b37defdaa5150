-- How answers were received, by agent and version of its configuration, over the last two years.
--
-- acceptance_low, acceptance_high: the Wilson score interval at 95 % (z = 1.96), which stays within
-- 0..1 and is honest about three thumbs. Opinions of one person about several items of one answer
-- are counted each.
CREATE VIEW ai_feedback_summary AS
WITH counted AS (
    SELECT f.task_type, f.agent_version,
        count(*) AS opinions,
        count(DISTINCT f.request_id) AS requests,
        count(*) FILTER (WHERE f.verdict = 'helpful') AS helpful,
        count(*) FILTER (WHERE f.verdict = 'not_helpful') AS not_helpful,
        count(*) FILTER (WHERE f.verdict = 'incorrect') AS incorrect,
        max(f.created_at) AS last_at
    FROM ai_feedback f
    WHERE f.problem IS NULL AND f.created_at > now() - interval '730 days'
    GROUP BY f.task_type, f.agent_version
),
-- 3.8416 = z^2; half of it, a quarter of it and z itself below.
share AS (
    SELECT c.*, c.helpful::double precision / c.opinions AS p,
        c.opinions + 3.8416::double precision AS weight
    FROM counted c
)
SELECT s.task_type, s.agent_version, s.opinions, s.requests, s.helpful, s.not_helpful, s.incorrect,
    round(s.p::numeric, 4) AS acceptance_rate,
    round(greatest(0, (s.helpful + 1.9208
        - 1.96 * sqrt(s.opinions * s.p * (1 - s.p) + 0.9604)) / s.weight)::numeric, 4)
        AS acceptance_low,
    round(least(1, (s.helpful + 1.9208
        + 1.96 * sqrt(s.opinions * s.p * (1 - s.p) + 0.9604)) / s.weight)::numeric, 4)
        AS acceptance_high,
    s.last_at
FROM share s;
