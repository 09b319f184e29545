-- Needs: SELECT (Host, User, User_attributes) ON mysql.user
-- Since: MySQL 8.0.16; the second password is a hash and is never read
-- Source: https://dev.mysql.com/doc/refman/8.4/en/grant-tables.html
SELECT
  Host, User,
  JSON_EXTRACT(User_attributes, '$.Restrictions'),
  JSON_EXTRACT(User_attributes, '$.metadata'),
  JSON_EXTRACT(User_attributes, '$.Password_locking'),
  JSON_CONTAINS_PATH(User_attributes, 'one', '$.additional_password')
FROM mysql.user
WHERE User_attributes IS NOT NULL
