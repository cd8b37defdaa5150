-- Purpose: where findings of an analysis are decided on: their fingerprints and ids.
-- Index:   primary key of ai_code_suggestions.
-- Caller:  the console's page of a request.
-- Locks:   none.
SELECT s.fingerprint, s.id
FROM ai_code_suggestions s WHERE s.id = ANY (%(ids)s::bigint[]) AND s.fingerprint IS NOT NULL
