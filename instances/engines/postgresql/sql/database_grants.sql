-- Who owns, and who may do what with, everything inside one database.
--
-- What initdb made and nobody touched since is the same on every server and left out; where its
-- owner or access list deviates from pg_init_privs, it is listed in full. Extensions' objects are
-- ordinary ones, and so is the schema public: its CREATE for PUBLIC is the classic hole. The schemas
-- of the catalogs are always listed: they are the way to what is listed in them.
-- Needs: SELECT ON pg_catalog.pg_namespace, pg_catalog.pg_class, pg_catalog.pg_attribute, pg_catalog.pg_proc, pg_catalog.pg_type, pg_catalog.pg_language, pg_catalog.pg_foreign_data_wrapper, pg_catalog.pg_foreign_server, pg_catalog.pg_largeobject_metadata, pg_catalog.pg_default_acl, pg_catalog.pg_init_privs
-- Since: 12
-- Source: https://www.postgresql.org/docs/current/ddl-priv.html
-- Source: https://www.postgresql.org/docs/current/catalog-pg-init-privs.html
WITH namespace AS (
  SELECT oid, nspname, nspowner, nspacl,
    nspname IN ('pg_catalog', 'information_schema', 'pg_toast') AS is_system
  FROM pg_namespace
  WHERE nspname !~ '^pg_(toast_)?temp_'  -- these come and go with sessions
),
object AS (
  -- Objects with a number below 16384 were made by initdb.
  SELECT 'pg_namespace'::regclass AS catalog, oid, 0 AS part, nspname = 'pg_toast' AS shipped,
    'schema' AS scope, nspname AS schema, '' AS name, '' AS "column",
    'n'::"char" AS code, nspowner AS owner, nspacl AS acl
  FROM namespace

  UNION ALL
  SELECT 'pg_class'::regclass, c.oid, 0, n.is_system AND c.oid < 16384,
    CASE c.relkind WHEN 'S' THEN 'sequence' ELSE 'table' END, n.nspname, c.relname, '',
    CASE c.relkind WHEN 'S' THEN 's' ELSE 'r' END::"char", c.relowner, c.relacl
  FROM pg_class AS c
  JOIN namespace AS n ON n.oid = c.relnamespace
  WHERE c.relkind IN ('r', 'v', 'm', 'S', 'f', 'p')
    AND NOT (n.is_system AND c.oid < 16384 AND c.relowner = 10 AND c.relacl IS NULL)

  UNION ALL
  SELECT 'pg_class'::regclass, c.oid, t.attnum, n.is_system AND c.oid < 16384,
    'column', n.nspname, c.relname, t.attname, 'c', c.relowner, t.attacl
  FROM pg_attribute AS t
  JOIN pg_class AS c ON c.oid = t.attrelid
  JOIN namespace AS n ON n.oid = c.relnamespace
  WHERE t.attacl IS NOT NULL
    AND NOT t.attisdropped  -- 14 to 16 keep their access lists

  UNION ALL
  SELECT 'pg_proc'::regclass, p.oid, 0, n.is_system AND p.oid < 16384,
    'routine', n.nspname, p.proname || '(' || pg_get_function_identity_arguments(p.oid) || ')', '',
    'f', p.proowner, p.proacl
  FROM pg_proc AS p
  JOIN namespace AS n ON n.oid = p.pronamespace
  WHERE NOT (n.is_system AND p.oid < 16384 AND p.proowner = 10 AND p.proacl IS NULL)

  UNION ALL
  SELECT 'pg_type'::regclass, t.oid, 0, n.is_system AND t.oid < 16384,
    'type', n.nspname, t.typname, '', 'T', t.typowner, t.typacl
  FROM pg_type AS t
  JOIN namespace AS n ON n.oid = t.typnamespace
  LEFT JOIN pg_class AS c ON c.oid = t.typrelid
  WHERE NOT (n.is_system AND t.oid < 16384 AND t.typowner = 10 AND t.typacl IS NULL)
    -- Tables' row types, arrays and multiranges have no rights of their own.
    AND (t.typrelid = 0 OR c.relkind = 'c')
    AND NOT (t.typtype = 'm' AND t.typacl IS NULL)
    AND NOT EXISTS (SELECT FROM pg_type AS e WHERE e.typarray = t.oid)

  UNION ALL
  SELECT 'pg_language'::regclass, oid, 0, false, 'language', '', lanname, '', 'l', lanowner, lanacl
  FROM pg_language

  UNION ALL
  SELECT 'pg_foreign_data_wrapper'::regclass, oid, 0, false,
    'foreign_data_wrapper', '', fdwname, '', 'F', fdwowner, fdwacl
  FROM pg_foreign_data_wrapper

  UNION ALL
  SELECT 'pg_foreign_server'::regclass, oid, 0, false,
    'foreign_server', '', srvname, '', 'S', srvowner, srvacl
  FROM pg_foreign_server

  UNION ALL
  SELECT 'pg_largeobject'::regclass, oid, 0, false,
    'large_object', '', oid::text, '', 'L', lomowner, lomacl
  FROM pg_largeobject_metadata
),
compared AS (
  SELECT o.*, coalesce(o.acl, acldefault(o.code, o.owner)) AS acl_now,
    -- initdb makes information_schema, and grants it to PUBLIC, after filling pg_init_privs.
    coalesce(i.initprivs, acldefault(o.code, o.owner) || CASE
      WHEN o.schema <> 'information_schema' THEN '{}'
      WHEN o.scope = 'schema' THEN ARRAY[makeaclitem(0, o.owner, 'USAGE', false)]
      WHEN o.scope = 'table' THEN ARRAY[makeaclitem(0, o.owner, 'SELECT', false)]
      ELSE '{}'
    END) AS acl_then
  FROM object AS o
  LEFT JOIN pg_init_privs AS i
    ON o.shipped AND i.privtype = 'i'
    AND i.classoid = o.catalog AND i.objoid = o.oid AND i.objsubid = o.part
),
listed AS (
  SELECT scope, schema, name, "column", owner, acl_now AS acl
  FROM compared
  WHERE name IS NOT NULL  -- a routine that was dropped just now has no arguments
    AND NOT (shipped AND owner = 10 AND acl_now @> acl_then AND acl_now <@ acl_then)
)
SELECT o.scope, o.schema, o.name, o."column",
  a.grantee, a.privilege_type, a.grantor, a.is_grantable
FROM listed AS o, aclexplode(o.acl) AS a

UNION ALL
SELECT scope, schema, name, "column", owner, 'OWNER', NULL, false
FROM listed
WHERE scope <> 'column'

UNION ALL
-- Privileges on what a role will make: the role stands as the grantor.
SELECT 'default', coalesce(n.nspname, ''),
  CASE d.defaclobjtype
    WHEN 'r' THEN 'TABLES'
    WHEN 'S' THEN 'SEQUENCES'
    WHEN 'f' THEN 'FUNCTIONS'
    WHEN 'T' THEN 'TYPES'
    WHEN 'n' THEN 'SCHEMAS'
    WHEN 'L' THEN 'LARGE OBJECTS'
    ELSE d.defaclobjtype::text
  END,
  '', a.grantee, a.privilege_type, d.defaclrole, a.is_grantable
FROM pg_default_acl AS d
LEFT JOIN namespace AS n ON n.oid = d.defaclnamespace
CROSS JOIN aclexplode(d.defaclacl) AS a
