-- Needs: nothing
-- Since: MySQL 5.7, MariaDB 10.5; active roles are part of the answer
-- Source: https://dev.mysql.com/doc/refman/8.4/en/show-grants.html
SHOW GRANTS
