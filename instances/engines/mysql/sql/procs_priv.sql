-- Needs: SELECT ON mysql.procs_priv
-- Since: MySQL 5.7, MariaDB 10.5
-- Source: https://dev.mysql.com/doc/refman/8.4/en/grant-tables.html
SELECT User, Host, Db, Routine_type, Routine_name, Proc_priv
FROM mysql.procs_priv
