-- What happened at Lantern Books since the last look.

-- in postgres
-- Lena was hired, Mia married, the freelancer's contract ended.
CREATE ROLE lena LOGIN PASSWORD '{password}' VALID UNTIL '2035-01-01 00:00+00';
GRANT analysts TO lena;
ALTER ROLE mia RENAME TO mia_lindqvist;
-- Tomasz is on call this week, and nobody wrote down until when.
GRANT dba TO tomasz;
ALTER ROLE shop_search CONNECTION LIMIT 20;

-- in shop
SET ROLE mia_lindqvist;
REVOKE SELECT ON sales.daily_revenue FROM freelancer;
RESET ROLE;
DROP ROLE freelancer;
-- A quick fix on a Friday.
GRANT UPDATE ON sales.orders TO PUBLIC;
CREATE TABLE sales.vouchers (code text PRIMARY KEY, cents int NOT NULL);
ALTER TABLE sales.vouchers OWNER TO shop_owner;
GRANT SELECT ON sales.vouchers TO shop_reader;

-- in warehouse
-- The shop no longer reads single movements.
REVOKE SELECT ON stock.movements FROM shop_writer;
