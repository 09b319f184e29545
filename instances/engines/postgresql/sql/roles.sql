-- Every role with its attributes and settings. Never the password or its hash.
-- Needs: SELECT ON pg_catalog.pg_roles, pg_catalog.pg_db_role_setting, pg_catalog.pg_database
-- Since: 12
-- Source: https://www.postgresql.org/docs/current/view-pg-roles.html
WITH setting AS (
  SELECT s.setrole, json_object_agg(coalesce(d.datname, ''), s.setconfig) AS by_database
  FROM pg_db_role_setting AS s
  LEFT JOIN pg_database AS d ON d.oid = s.setdatabase
  WHERE s.setrole <> 0 AND (s.setdatabase = 0 OR d.oid IS NOT NULL)
  GROUP BY s.setrole
)
SELECT
  role.oid,
  role.rolname,
  role.rolcanlogin,
  role.rolsuper,
  role.rolinherit,
  role.rolcreatedb,
  role.rolcreaterole,
  role.rolreplication,
  role.rolbypassrls,
  role.rolconnlimit,
  -- Drivers can't hold infinity, nor years outside 1 to 9999: those never or long ago expire.
  CASE WHEN role.rolvaliduntil < '9999-01-01' THEN greatest(role.rolvaliduntil, 'epoch') END,
  coalesce(role.rolvaliduntil <= now(), false),
  -- pg_roles says '********' for everybody; only pg_authid tells.
  CASE
    WHEN role.rolpassword IS NULL THEN 'absent'
    WHEN role.rolpassword = '********' THEN 'hidden'
    WHEN role.rolpassword LIKE 'SCRAM-SHA-256$%' THEN 'scram-sha-256'
    WHEN role.rolpassword LIKE 'md5%' THEN 'md5'
    ELSE 'other'
  END,
  setting.by_database
FROM pg_roles AS role
LEFT JOIN setting ON setting.setrole = role.oid
