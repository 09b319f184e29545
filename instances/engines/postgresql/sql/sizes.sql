-- The databases with their sizes, and what our login may do: the columns of databases.sql, then more.
-- Needs: SELECT ON pg_catalog.pg_database
-- Since: 12
-- Source: https://www.postgresql.org/docs/current/functions-admin.html#FUNCTIONS-ADMIN-DBSIZE
SELECT
  datname,
  datallowconn,
  datconnlimit,
  coalesce(has_database_privilege(session_user, oid, 'CONNECT'), false),
  session_user,
  current_user,
  pg_has_role('pg_read_all_stats', 'USAGE'),
  has_table_privilege('pg_catalog.pg_authid', 'SELECT'),
  oid,
  -- Where our login may not ask, the function would fail the whole statement.
  CASE
    WHEN has_database_privilege(oid, 'CONNECT') OR pg_has_role('pg_read_all_stats', 'USAGE')
    THEN pg_database_size(oid)
  END,
  has_function_privilege('pg_catalog.pg_ls_waldir()', 'EXECUTE')
FROM pg_database
ORDER BY datname
