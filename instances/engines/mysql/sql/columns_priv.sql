-- Needs: SELECT ON mysql.columns_priv
-- Since: MySQL 5.7, MariaDB 10.5
-- Source: https://dev.mysql.com/doc/refman/8.4/en/grant-tables.html
SELECT User, Host, Db, Table_name, Column_name, Column_priv
FROM mysql.columns_priv
