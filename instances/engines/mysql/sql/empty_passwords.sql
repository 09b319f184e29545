-- Needs: SELECT (Host, User, authentication_string) ON mysql.user
-- Since: MySQL 5.7; the hashes themselves are never read
-- Source: https://dev.mysql.com/doc/refman/8.4/en/grant-tables.html
SELECT Host, User
FROM mysql.user
WHERE COALESCE(authentication_string, '') = ''
