-- Purpose: which findings a person rejected and which have a proposal, per repository, as JSON, for the
--          agent that reads code.
-- Index:   none: one row per finding, some thousands.
-- Caller:  Store.view.
-- Locks:   none.
SELECT jsonb_build_object('repository', v.repository,
    'rejected', to_jsonb(v.rejected_fingerprints[1:5000]),
    'proposed', to_jsonb(v.proposed_fingerprints[1:5000])) AS value
FROM ai_code_repositories v
ORDER BY v.last_seen_at DESC LIMIT 50
