-- When each role opened the newest of its present sessions. Not our own login's, which would be
-- news at every reading.
-- Needs: pg_read_all_stats
-- Since: 12
-- Source: https://www.postgresql.org/docs/current/monitoring-stats.html#MONITORING-PG-STAT-ACTIVITY-VIEW
SELECT usesysid, max(backend_start)
FROM pg_stat_activity
WHERE usename <> session_user
  AND application_name <> 'whalefall'
  AND backend_type IN ('client backend', 'walsender')
GROUP BY usesysid
