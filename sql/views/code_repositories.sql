-- What is known of the findings in each repository: how many there are in which state, which ones a
-- person rejected (their fingerprints stay silent) and which already have a proposal (no model is
-- asked again). Empty repository: single snippets, and an older service's rows.
CREATE VIEW ai_code_repositories AS
SELECT s.repository,
    count(*) FILTER (WHERE s.gone_at IS NULL AND s.status IN ('pending', 'accepted')) AS open,
    count(*) FILTER (WHERE s.gone_at IS NULL AND s.status IN ('pending', 'accepted')
        AND s.severity IN ('critical', 'high')) AS open_severe,
    count(*) FILTER (WHERE s.status = 'accepted') AS accepted,
    count(*) FILTER (WHERE s.status = 'rejected') AS rejected,
    count(*) FILTER (WHERE s.status = 'applied') AS applied,
    count(*) FILTER (WHERE s.gone_at IS NOT NULL) AS gone,
    max(s.last_seen_at) AS last_seen_at,
    coalesce(array_agg(s.fingerprint ORDER BY s.last_seen_at DESC)
        FILTER (WHERE s.status = 'rejected'), '{}') AS rejected_fingerprints,
    coalesce(array_agg(s.fingerprint ORDER BY s.last_seen_at DESC)
        FILTER (WHERE s.gate IS NOT NULL AND s.gone_at IS NULL AND s.status <> 'rejected'), '{}')
        AS proposed_fingerprints
FROM ai_code_suggestions s
GROUP BY s.repository;
