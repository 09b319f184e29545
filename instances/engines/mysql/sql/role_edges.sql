-- Needs: SELECT ON mysql.role_edges
-- Since: MySQL 8.0
-- Source: https://dev.mysql.com/doc/refman/8.4/en/grant-tables.html
SELECT TO_USER, TO_HOST, FROM_USER, FROM_HOST, WITH_ADMIN_OPTION
FROM mysql.role_edges
