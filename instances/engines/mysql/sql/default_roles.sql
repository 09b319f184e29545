-- Needs: SELECT ON mysql.default_roles
-- Since: MySQL 8.0
-- Source: https://dev.mysql.com/doc/refman/8.4/en/grant-tables.html
SELECT USER, HOST, DEFAULT_ROLE_USER, DEFAULT_ROLE_HOST
FROM mysql.default_roles
