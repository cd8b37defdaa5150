-- Purpose: a person's decision on a suggestion about code. verdict: decided, repeated, forbidden,
--          unknown or no_such_status; status_before: what it was.
-- Index:   primary key of ai_code_suggestions.
-- Caller:  the actions of API and console.
-- Locks:   the suggestion; see ai_suggestion_decide.
SELECT d.verdict, d.status_before
FROM ai_suggestion_decide(%(id)s::bigint, %(status)s::text, %(reason)s::text, %(actor)s::text,
    %(channel)s::text) AS d
