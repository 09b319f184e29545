-- The databases, and what our login may do: on each row, so that it is one statement.
-- Needs: SELECT ON pg_catalog.pg_database
-- Since: 12
-- Source: https://www.postgresql.org/docs/current/catalog-pg-database.html
SELECT
  datname,
  datallowconn,
  datconnlimit,
  -- Connecting is judged by who logged in, whatever ALTER ROLE … SET role made of it since.
  coalesce(has_database_privilege(session_user, oid, 'CONNECT'), false),
  session_user,
  current_user,
  pg_has_role('pg_read_all_stats', 'USAGE'),
  has_table_privilege('pg_catalog.pg_authid', 'SELECT'),
  oid
FROM pg_database
ORDER BY datname
