-- Who owns, and who may do what with, the databases and tablespaces.
-- Needs: SELECT ON pg_catalog.pg_database, pg_catalog.pg_tablespace
-- Since: 12
-- Source: https://www.postgresql.org/docs/current/ddl-priv.html
WITH object AS (
  SELECT 'database' AS scope, datname AS name, datdba AS owner,
    coalesce(datacl, acldefault('d', datdba)) AS acl
  FROM pg_database
  UNION ALL
  SELECT 'tablespace', spcname, spcowner, coalesce(spcacl, acldefault('t', spcowner))
  FROM pg_tablespace
)
SELECT o.scope, '', o.name, '', a.grantee, a.privilege_type, a.grantor, a.is_grantable
FROM object AS o, aclexplode(o.acl) AS a
UNION ALL
SELECT scope, '', name, '', owner, 'OWNER', NULL, false
FROM object
