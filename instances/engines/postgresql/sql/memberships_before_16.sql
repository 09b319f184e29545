-- Who is a member of which role: whether it inherits is an attribute of the member, for all its
-- roles alike, and every member may SET ROLE.
-- Needs: SELECT ON pg_catalog.pg_auth_members, pg_catalog.pg_roles
-- Since: 12
-- Source: https://www.postgresql.org/docs/15/catalog-pg-auth-members.html
SELECT m.member, m.roleid, m.grantor, m.admin_option, r.rolinherit, true
FROM pg_auth_members AS m
JOIN pg_roles AS r ON r.oid = m.member
