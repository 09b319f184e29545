-- The wiki took over the old handbook.
INSERT INTO wiki.pages (title, body)
  WITH RECURSIVE n AS (SELECT 1 AS i UNION ALL SELECT i + 1 FROM n WHERE i < 8)
  SELECT concat('Handbook, page ', i), repeat('How we pack books. ', 300) FROM n;
ANALYZE TABLE wiki.pages;
