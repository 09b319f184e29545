-- Needs: nothing
-- Since: MySQL 5.7, MariaDB 10.5; which of the names exist depends on the version
-- Source: https://dev.mysql.com/doc/refman/8.4/en/server-system-variables.html
SHOW GLOBAL VARIABLES WHERE Variable_name IN (
  'activate_all_roles_on_login', 'activate_mandatory_roles', 'default_password_lifetime',
  'lower_case_table_names', 'mandatory_roles', 'partial_revokes'
)
