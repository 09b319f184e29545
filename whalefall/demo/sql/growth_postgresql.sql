-- A busy day: more orders, and more books that moved in the warehouse.

-- in shop
INSERT INTO sales.orders (customer_id, state, placed_at)
  SELECT n % 1500 + 1, 'sent', timestamptz '2025-06-01 08:00+00' + n * interval '1 minute'
  FROM generate_series(1, 3000) n;
ANALYZE sales.orders;

-- in warehouse
INSERT INTO stock.movements (bin_id, isbn, amount)
  SELECT n % 120 + 1, '978-0-00-' || lpad((n % 400 + 1)::text, 6, '0'), n % 7 - 3
  FROM generate_series(1, 4000) n;
ANALYZE stock.movements;
