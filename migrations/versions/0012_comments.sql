-- What the functions are for, for the admin who looks at them with \df+ or any SQL client.

COMMENT ON FUNCTION ai_edges_v1() IS 'Edges of the histograms in ai_hours, in seconds.';
COMMENT ON FUNCTION ai_histogram_v1(integer[]) IS 'Counts bucket numbers into a histogram as ai_hours keeps it.';
COMMENT ON FUNCTION ai_count_hour_v1(timestamptz) IS 'Counts one hour of ai_hours and ai_call_hours again; false when somebody else is counting.';
