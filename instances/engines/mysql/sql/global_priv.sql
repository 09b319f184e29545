-- Needs: SELECT ON mysql.global_priv
-- Warning: Password hashes stand in the same column; we do not read them, but this login could.
-- Since: MariaDB 10.5; the hashes themselves are never read
-- Source: https://mariadb.com/kb/en/mysqlglobal_priv-table/
SELECT
  User, Host,
  JSON_REMOVE(Priv, '$.authentication_string', '$.auth_or'),
  JSON_EXTRACT(Priv, '$.auth_or[*].plugin'),
  COALESCE(JSON_VALUE(Priv, '$.authentication_string'), '') = '',
  COALESCE(JSON_VALUE(Priv, '$.authentication_string') = 'invalid', 0),
  COALESCE(JSON_CONTAINS(JSON_EXTRACT(Priv, '$.auth_or[*].authentication_string'), '""'), 0)
FROM mysql.global_priv
