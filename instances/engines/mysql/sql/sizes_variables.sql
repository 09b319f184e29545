-- Needs: nothing
-- Since: MySQL 5.7, MariaDB 10.5; partial_revokes MySQL 8.0.16
-- Source: https://dev.mysql.com/doc/refman/8.4/en/server-system-variables.html
SHOW GLOBAL VARIABLES WHERE Variable_name IN ('log_bin', 'lower_case_table_names', 'partial_revokes')
