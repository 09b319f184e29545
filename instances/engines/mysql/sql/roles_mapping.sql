-- Needs: SELECT ON mysql.roles_mapping
-- Since: MariaDB 10.5
-- Source: https://mariadb.com/kb/en/mysqlroles_mapping-table/
SELECT User, Host, Role, Admin_option
FROM mysql.roles_mapping
