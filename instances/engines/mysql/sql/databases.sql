-- Needs: SHOW DATABASES ON *.*, or it holds less without an error
-- Since: MySQL 5.7, MariaDB 10.5
-- Source: https://dev.mysql.com/doc/refman/8.4/en/information-schema-schemata-table.html
SELECT SCHEMA_NAME
FROM information_schema.SCHEMATA
