-- How much of a database is tables (with TOAST), and how much is indexes.
-- Needs: SELECT ON pg_catalog.pg_class
-- Since: 12
-- Source: https://www.postgresql.org/docs/current/functions-admin.html#FUNCTIONS-ADMIN-DBSIZE
SELECT
  coalesce(sum(pg_table_size(oid)), 0)::bigint,
  coalesce(sum(pg_indexes_size(oid)), 0)::bigint
FROM pg_class
-- Shared catalogs lie outside of every database.
WHERE relkind IN ('r', 'm', 'S') AND NOT relisshared
