-- Who may set which configuration parameter; those that nobody was granted have no row.
-- Needs: SELECT ON pg_catalog.pg_parameter_acl
-- Since: 15
-- Source: https://www.postgresql.org/docs/current/catalog-pg-parameter-acl.html
SELECT 'parameter', '', p.parname, '', a.grantee, a.privilege_type, a.grantor, a.is_grantable
FROM pg_parameter_acl AS p, aclexplode(p.paracl) AS a
