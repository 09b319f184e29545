-- Needs: nothing
-- Since: MySQL 5.7, MariaDB 10.5
-- Source: https://dev.mysql.com/doc/refman/8.4/en/information-functions.html
SELECT VERSION(), CURRENT_USER()
