-- Every table that has bytes of its own; NULL bytes where it was dropped meanwhile.
-- Needs: SELECT ON pg_catalog.pg_class, pg_catalog.pg_namespace
-- Since: 12
-- Source: https://www.postgresql.org/docs/current/catalog-pg-class.html
SELECT
  n.nspname,
  c.relname,
  pg_table_size(c.oid),
  pg_indexes_size(c.oid),
  -- Never counted is -1; before 14 it is 0, as is an empty table, which has no pages either.
  CASE
    WHEN c.reltuples > 0 THEN c.reltuples::bigint
    WHEN c.reltuples = 0 AND (c.relpages > 0 OR current_setting('server_version_num')::int >= 140000)
    THEN 0
  END
FROM pg_class AS c
JOIN pg_namespace AS n ON n.oid = c.relnamespace
-- Partitioned tables have no bytes, their partitions do; others' temporary tables come and go.
WHERE c.relkind IN ('r', 'm') AND NOT c.relisshared AND c.relpersistence <> 't'
