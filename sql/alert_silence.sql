-- Purpose: no messages about an open alert for so many seconds; 0 ends the silence.
-- Index:   primary key of ai_alerts.
-- Caller:  Actions.silence.
-- Locks:   see ai_silence.
SELECT ai_silence(%(alert_id)s::bigint, now() + make_interval(secs => %(seconds)s::double precision),
    %(by)s::text, %(channel)s::text) AS changed
