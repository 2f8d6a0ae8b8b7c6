-- Whether this role may create in the tablespace $1, which it always may in the database's own; no row where there is none.
SELECT pg_catalog.has_tablespace_privilege(s.oid, 'CREATE')
       OR s.oid = (SELECT d.dattablespace FROM pg_catalog.pg_database d
                   WHERE d.datname = pg_catalog.current_database()) AS held
FROM pg_catalog.pg_tablespace s
WHERE s.spcname = $1::text
