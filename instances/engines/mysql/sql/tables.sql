-- Needs: SHOW VIEW ON *.* or another right on each table, or it holds less without an error
-- Since: MySQL 5.7, MariaDB 10.5; in MySQL 8 with information_schema_stats_expiry = 0
-- Source: https://dev.mysql.com/doc/refman/8.4/en/information-schema-tables-table.html
SELECT TABLE_SCHEMA, TABLE_NAME, ENGINE, TABLE_ROWS, DATA_LENGTH, INDEX_LENGTH
FROM information_schema.TABLES
WHERE TABLE_TYPE NOT IN ('VIEW', 'SYSTEM VIEW') AND COALESCE(ENGINE, '') <> 'PERFORMANCE_SCHEMA'
-- The collation of names may take Shop for shop.
ORDER BY CAST(TABLE_SCHEMA AS BINARY)
