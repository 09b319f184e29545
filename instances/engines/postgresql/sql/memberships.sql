-- Who is a member of which role: one row per grantor, each with its own options.
-- Needs: SELECT ON pg_catalog.pg_auth_members
-- Since: 16
-- Source: https://www.postgresql.org/docs/current/catalog-pg-auth-members.html
SELECT member, roleid, grantor, admin_option, inherit_option, set_option
FROM pg_auth_members
