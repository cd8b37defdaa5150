-- How true the progress monitor's forecasts were, by the month in which they were made and by metric,
-- over the last two years: whether an 80 % interval holds 80 %, and by how many days the middle misses.
--
-- A goal that is reached early is known early, one that is not reached only after a year. A month with
-- many rows in still_open is therefore judged by its quick ones alone; wait for those before trusting
-- it. A forecast of a goal that was reached already is none and is not counted.
CREATE VIEW ai_progress_calibration AS
SELECT date_trunc('month', r.as_of::timestamp)::date AS month,
    r.metric,
    count(*) AS forecasts,
    count(*) FILTER (WHERE r.matured_at IS NULL) AS still_open,
    count(r.covered80) AS judged,
    count(r.actual_date) AS reached,
    round(avg(r.covered80::integer), 4) AS covered80_share,
    round(avg(r.abs_err_days), 1) AS mae_days,
    round(avg(r.p_reach_365) FILTER (WHERE r.covered80 IS NOT NULL)::numeric, 4)
        AS p_reach_365_mean
FROM ai_progress_reports r
WHERE r.p_reach_365 IS NOT NULL AND r.status <> 'reached' AND r.as_of > current_date - 730
GROUP BY 1, 2;
