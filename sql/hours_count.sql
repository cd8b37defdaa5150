-- Purpose: counts one hour of ai_hours and ai_call_hours again.
-- Index:   see functions/hours_v1.sql.
-- Caller:  the roll-up of the console.
-- Locks:   see functions/hours_v1.sql.
SELECT ai_count_hour_v1(%(hour)s::timestamptz) AS counted
