-- The InnoDB tables with their files: the name as the file system has it, and the file's decoded.
-- Needs: PROCESS ON *.*
-- Since: MySQL 8.0; the system tablespace has no row of its own
-- Source: https://dev.mysql.com/doc/refman/8.4/en/information-schema-innodb-tablespaces-table.html
SELECT t.NAME, s.NAME, t.TABLE_ID, t.SPACE, t.SPACE_TYPE, s.FILE_SIZE
FROM information_schema.INNODB_TABLES AS t
-- Grouped, so that it gets an index: without one the join takes the square of the tables.
LEFT JOIN (
  SELECT SPACE, MAX(NAME) AS NAME, MAX(FILE_SIZE) AS FILE_SIZE
  FROM information_schema.INNODB_TABLESPACES
  GROUP BY SPACE
) AS s ON s.SPACE = t.SPACE
WHERE t.NAME LIKE '%/%'
-- Full-text files come first, and then the tables that they are part of.
ORDER BY t.NAME NOT LIKE '%/fts\_%'
