-- The InnoDB tables with their files: the name as the file system has it, and decoded.
-- Needs: PROCESS ON *.*
-- Since: MySQL 5.7 and MariaDB 10.5; the system tablespace has no row in MySQL 5.7
-- Source: https://mariadb.com/kb/en/information-schema-innodb_sys_tablespaces-table/
SELECT
  t.NAME,
  CONVERT(CONVERT(CAST(t.NAME AS BINARY) USING filename) USING utf8mb4),
  t.TABLE_ID,
  t.SPACE,
  t.SPACE_TYPE,
  s.FILE_SIZE
FROM information_schema.INNODB_SYS_TABLES AS t
-- Grouped, so that it gets an index: without one the join takes the square of the tables.
LEFT JOIN (
  SELECT SPACE, MAX(FILE_SIZE) AS FILE_SIZE
  FROM information_schema.INNODB_SYS_TABLESPACES
  GROUP BY SPACE
) AS s ON s.SPACE = t.SPACE
WHERE t.NAME LIKE '%/%'
-- Full-text files come first, and then the tables that they are part of.
ORDER BY t.NAME NOT LIKE '%/fts\_%'
