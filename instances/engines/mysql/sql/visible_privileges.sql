-- Needs: nothing
-- Since: MySQL 5.7, MariaDB 10.5; without SELECT on mysql.* it holds hardly more than our own rights
-- Source: https://dev.mysql.com/doc/refman/8.4/en/information-schema-user-privileges-table.html
SELECT GRANTEE, 'server', '', '', '', PRIVILEGE_TYPE, IS_GRANTABLE
FROM information_schema.USER_PRIVILEGES
UNION ALL
SELECT GRANTEE, 'database', TABLE_SCHEMA, '', '', PRIVILEGE_TYPE, IS_GRANTABLE
FROM information_schema.SCHEMA_PRIVILEGES
UNION ALL
SELECT GRANTEE, 'table', TABLE_SCHEMA, TABLE_NAME, '', PRIVILEGE_TYPE, IS_GRANTABLE
FROM information_schema.TABLE_PRIVILEGES
UNION ALL
SELECT GRANTEE, 'column', TABLE_SCHEMA, TABLE_NAME, COLUMN_NAME, PRIVILEGE_TYPE, IS_GRANTABLE
FROM information_schema.COLUMN_PRIVILEGES
