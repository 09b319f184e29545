-- How big the write-ahead log of the whole server is.
-- Needs: EXECUTE ON FUNCTION pg_catalog.pg_ls_waldir()
-- Since: 12
-- Source: https://www.postgresql.org/docs/current/functions-admin.html#FUNCTIONS-ADMIN-GENFILE
SELECT coalesce(sum(size), 0)::bigint
FROM pg_ls_waldir()
