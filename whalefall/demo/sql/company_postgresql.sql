-- Lantern Books, which sells books by post: what its own servers run on, planted problems included.
-- Each part runs in the database that its "-- in" line names, as the superuser.
-- {password} is made up anew for every server, so that nobody can sign in as these people.

-- in postgres
CREATE DATABASE shop;
-- in postgres
CREATE DATABASE billing;
-- in postgres
CREATE DATABASE warehouse;

-- in postgres
-- Roles that own things and roles that people and programs get their rights from.
CREATE ROLE shop_owner NOLOGIN;
CREATE ROLE billing_owner NOLOGIN;
CREATE ROLE warehouse_owner NOLOGIN;
CREATE ROLE shop_reader NOLOGIN;
CREATE ROLE shop_writer NOLOGIN;
CREATE ROLE billing_clerk NOLOGIN;
CREATE ROLE warehouse_staff NOLOGIN;
CREATE ROLE analysts NOLOGIN;
CREATE ROLE developers NOLOGIN;
CREATE ROLE dba NOLOGIN CREATEDB CREATEROLE;
GRANT shop_reader TO shop_writer, analysts, developers;
GRANT pg_monitor TO dba;
GRANT pg_signal_backend TO developers;
ALTER DATABASE shop OWNER TO shop_owner;
ALTER DATABASE billing OWNER TO billing_owner;
ALTER DATABASE warehouse OWNER TO warehouse_owner;

-- Programs.
CREATE ROLE shop_web LOGIN CONNECTION LIMIT 60 PASSWORD '{password}';
CREATE ROLE shop_search LOGIN PASSWORD '{password}';
CREATE ROLE billing_worker LOGIN PASSWORD '{password}' VALID UNTIL '2035-01-01 00:00+00';
CREATE ROLE warehouse_scanner LOGIN PASSWORD '{password}' VALID UNTIL 'infinity';
CREATE ROLE migrations LOGIN NOINHERIT PASSWORD '{password}';
CREATE ROLE backup LOGIN REPLICATION PASSWORD '{password}';
GRANT shop_writer TO shop_web;
GRANT shop_reader TO shop_search;
GRANT billing_clerk TO billing_worker;
GRANT warehouse_staff TO warehouse_scanner;

-- People. The dashboard's password has expired, and nobody noticed that it stopped working.
CREATE ROLE ada LOGIN PASSWORD '{password}' VALID UNTIL '2035-01-01 00:00+00';
CREATE ROLE mia LOGIN PASSWORD '{password}' VALID UNTIL '2035-01-01 00:00+00';
CREATE ROLE tomasz LOGIN PASSWORD '{password}' VALID UNTIL '2035-01-01 00:00+00';
CREATE ROLE "Jörg Weiß" LOGIN PASSWORD '{password}';
CREATE ROLE freelancer LOGIN PASSWORD '{password}';
CREATE ROLE dashboard LOGIN PASSWORD '{password}' VALID UNTIL '2024-06-30 00:00+00';
GRANT dba TO ada WITH ADMIN OPTION;
GRANT analysts TO mia, dashboard;
GRANT developers TO tomasz, "Jörg Weiß";
GRANT warehouse_staff TO "Jörg Weiß";

-- The one who left: a superuser made for the move of 2019, its password valid for ever.
CREATE ROLE move_2019 LOGIN SUPERUSER PASSWORD '{password}';
-- Reporting was slow behind the row policies, so they were switched off for it.
ALTER ROLE dashboard BYPASSRLS;

-- Migrations become an owner by SET ROLE and have nothing before; ada can become move_2019, which
-- makes her all-powerful although no attribute of hers says so. Before 16 a membership could not
-- say this itself: there the member's NOINHERIT does.
DO $do$
DECLARE
  only_set text := CASE
    WHEN current_setting('server_version_num')::int >= 160000 THEN ' WITH INHERIT FALSE, SET TRUE'
    ELSE ''
  END;
BEGIN
  EXECUTE 'GRANT shop_owner, billing_owner, warehouse_owner TO migrations' || only_set;
  EXECUTE 'GRANT move_2019 TO ada' || only_set;
  IF current_setting('server_version_num')::int >= 160000 THEN
    EXECUTE 'GRANT developers TO dashboard WITH INHERIT TRUE, SET FALSE';
  END IF;
  IF current_setting('server_version_num')::int >= 150000 THEN
    EXECUTE 'GRANT SET ON PARAMETER log_min_duration_statement TO developers';
  END IF;
  IF current_setting('server_version_num')::int >= 140000 THEN
    EXECUTE 'GRANT pg_read_all_data TO backup';
  END IF;
END
$do$;

-- Billing is nobody's business but its own, and Whalefall's login was forgotten here.
REVOKE ALL ON DATABASE billing FROM PUBLIC;
GRANT CONNECT ON DATABASE billing TO billing_clerk, dba, backup;
REVOKE TEMPORARY ON DATABASE shop FROM PUBLIC;
GRANT TEMPORARY ON DATABASE shop TO analysts;

-- Our own login, with no more than docs ask for.
CREATE ROLE whalefall LOGIN CONNECTION LIMIT 5 PASSWORD '{password}';
GRANT pg_read_all_stats TO whalefall;

-- in shop
SET ROLE shop_owner;
CREATE SCHEMA catalog;
CREATE SCHEMA sales;
CREATE TYPE sales.state AS ENUM ('open', 'paid', 'sent', 'returned');
CREATE TABLE catalog.books (
  id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, isbn text NOT NULL, title text NOT NULL,
  price_cents int NOT NULL
);
CREATE TABLE sales.customers (
  id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name text NOT NULL, email text NOT NULL,
  country text NOT NULL, birthday date
);
CREATE SEQUENCE sales.order_number START 20001;
CREATE TABLE sales.orders (
  id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, number int DEFAULT nextval('sales.order_number'),
  customer_id int NOT NULL REFERENCES sales.customers, state sales.state NOT NULL DEFAULT 'open',
  placed_at timestamptz NOT NULL
);
CREATE TABLE sales.order_lines (
  order_id int NOT NULL REFERENCES sales.orders, book_id int NOT NULL REFERENCES catalog.books,
  amount int NOT NULL, PRIMARY KEY (order_id, book_id)
);
CREATE VIEW sales.daily_revenue AS
  SELECT placed_at::date AS day, sum(amount * price_cents) AS cents
  FROM sales.orders JOIN sales.order_lines ON order_id = orders.id JOIN catalog.books ON book_id = books.id
  GROUP BY 1;
CREATE FUNCTION sales.close_order(number int) RETURNS void LANGUAGE sql
  AS 'UPDATE sales.orders SET state = ''sent'' WHERE orders.number = close_order.number';
INSERT INTO catalog.books (isbn, title, price_cents)
  SELECT '978-0-00-' || lpad(n::text, 6, '0'), 'Volume ' || n, 900 + n % 40 * 50
  FROM generate_series(1, 400) n;
INSERT INTO sales.customers (name, email, country, birthday)
  SELECT 'Reader ' || n, 'reader' || n || '@example.org', (ARRAY['DE', 'FR', 'PL', 'SE'])[n % 4 + 1],
    date '1950-01-01' + n * 11
  FROM generate_series(1, 1500) n;
INSERT INTO sales.orders (customer_id, state, placed_at)
  SELECT n % 1500 + 1, 'sent', timestamptz '2024-01-01 08:00+00' + n * interval '3 hours'
  FROM generate_series(1, 4000) n;
INSERT INTO sales.order_lines SELECT n, n % 400 + 1, n % 3 + 1 FROM generate_series(1, 4000) n;

GRANT USAGE ON SCHEMA catalog, sales TO shop_reader;
GRANT SELECT ON ALL TABLES IN SCHEMA catalog TO shop_reader;
GRANT SELECT ON sales.orders, sales.order_lines, sales.daily_revenue TO shop_reader;
GRANT INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA sales TO shop_writer;
GRANT SELECT ON sales.customers TO shop_writer;
GRANT UPDATE (price_cents) ON catalog.books TO shop_writer;
GRANT USAGE, SELECT ON SEQUENCE sales.order_number TO shop_writer;
-- Analysts see where customers live, not who they are.
GRANT SELECT (id, country) ON sales.customers TO analysts;
REVOKE EXECUTE ON FUNCTION sales.close_order(int) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION sales.close_order(int) TO shop_writer;
ALTER DEFAULT PRIVILEGES IN SCHEMA sales GRANT SELECT ON TABLES TO shop_reader;
ALTER DEFAULT PRIVILEGES IN SCHEMA sales GRANT INSERT, UPDATE, DELETE ON TABLES TO shop_writer;
-- Mia may hand on what she reads, and did.
GRANT USAGE ON SCHEMA sales TO mia;
GRANT SELECT ON sales.daily_revenue TO mia WITH GRANT OPTION;
RESET ROLE;
SET ROLE mia;
GRANT SELECT ON sales.daily_revenue TO freelancer;
RESET ROLE;

-- The oldest hole there is: everybody may put things into the schema that everybody looks in first.
GRANT CREATE ON SCHEMA public TO PUBLIC;
CREATE TABLE public.import_tmp (line text);
INSERT INTO public.import_tmp SELECT 'customer;' || n FROM generate_series(1, 300) n;
GRANT ALL ON public.import_tmp TO PUBLIC;
-- Runs as the superuser who made it, and everybody may run it.
CREATE FUNCTION public.unlock_customer(id int) RETURNS void LANGUAGE sql SECURITY DEFINER
  AS 'UPDATE sales.customers SET birthday = NULL WHERE customers.id = unlock_customer.id';
ALTER FUNCTION public.unlock_customer(int) OWNER TO move_2019;
ALTER TABLE sales.customers ENABLE ROW LEVEL SECURITY;
CREATE POLICY everyone ON sales.customers TO shop_writer USING (true);
CREATE POLICY europe ON sales.customers FOR SELECT TO analysts USING (country IN ('DE', 'FR'));

-- in billing
SET ROLE billing_owner;
CREATE SCHEMA ledger;
CREATE TABLE ledger.invoices (
  id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, order_number int NOT NULL, cents int NOT NULL,
  paid_on date
);
CREATE TABLE ledger.cards (customer_id int PRIMARY KEY, token text NOT NULL);
INSERT INTO ledger.invoices (order_number, cents, paid_on)
  SELECT 20000 + n, 1000 + n % 700, date '2024-01-02' + n / 8 FROM generate_series(1, 4000) n;
INSERT INTO ledger.cards SELECT n, md5(n::text) FROM generate_series(1, 900) n;
GRANT USAGE ON SCHEMA ledger TO billing_clerk;
GRANT SELECT, INSERT, UPDATE ON ledger.invoices TO billing_clerk;
GRANT SELECT (customer_id) ON ledger.cards TO billing_clerk;

-- in warehouse
SET ROLE warehouse_owner;
CREATE SCHEMA stock;
CREATE TABLE stock.bins (id int PRIMARY KEY, place text NOT NULL);
CREATE TABLE stock.movements (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, bin_id int NOT NULL REFERENCES stock.bins,
  isbn text NOT NULL, amount int NOT NULL
);
INSERT INTO stock.bins SELECT n, 'aisle ' || n / 10 || ', bin ' || n % 10 FROM generate_series(1, 120) n;
INSERT INTO stock.movements (bin_id, isbn, amount)
  SELECT n % 120 + 1, '978-0-00-' || lpad((n % 400 + 1)::text, 6, '0'), n % 7 - 3
  FROM generate_series(1, 9000) n;
GRANT USAGE ON SCHEMA stock TO warehouse_staff, shop_writer;
GRANT SELECT, INSERT ON stock.movements TO warehouse_staff;
GRANT SELECT ON stock.bins TO warehouse_staff;
GRANT SELECT ON stock.bins, stock.movements TO shop_writer;
RESET ROLE;
CREATE FOREIGN DATA WRAPPER carrier;
CREATE SERVER parcels FOREIGN DATA WRAPPER carrier;
GRANT USAGE ON FOREIGN SERVER parcels TO warehouse_owner;
SELECT lo_create(4711);
GRANT SELECT ON LARGE OBJECT 4711 TO warehouse_staff;
