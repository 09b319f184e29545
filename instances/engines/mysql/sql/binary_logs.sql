-- Needs: REPLICATION CLIENT ON *.*, in MariaDB BINLOG MONITOR
-- Since: MySQL 5.7, MariaDB 10.5; fails where the binary log is off
-- Source: https://dev.mysql.com/doc/refman/8.4/en/show-binary-logs.html
SHOW BINARY LOGS
