-- Needs: SELECT ON mysql.global_grants
-- Since: MySQL 8.0
-- Source: https://dev.mysql.com/doc/refman/8.4/en/privileges-provided.html
SELECT USER, HOST, PRIV, WITH_GRANT_OPTION
FROM mysql.global_grants
