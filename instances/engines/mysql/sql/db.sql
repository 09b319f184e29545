-- Needs: SELECT ON mysql.db
-- Since: MySQL 5.7, MariaDB 10.5; every version has its own privilege columns
-- Source: https://dev.mysql.com/doc/refman/8.4/en/grant-tables.html
SELECT *
FROM mysql.db
