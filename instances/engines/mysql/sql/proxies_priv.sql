-- Needs: SELECT ON mysql.proxies_priv
-- Since: MySQL 5.7, MariaDB 10.5
-- Source: https://dev.mysql.com/doc/refman/8.4/en/proxy-users.html
SELECT User, Host, Proxied_user, Proxied_host, With_grant
FROM mysql.proxies_priv
