-- The table itself ($1, its oid): everything that is one value.
SELECT n.nspname AS schema,
       c.relname AS name,
       c.oid,
       coalesce(pg_relation_filenode(c.oid), 0) AS file_node,
       c.relkind AS kind,
       c.relpersistence AS persistence,
       c.relispartition AS is_partition,
       EXISTS (SELECT FROM pg_inherits i WHERE i.inhparent = c.oid) AS has_children,
       NOT c.relispartition AND EXISTS (SELECT FROM pg_inherits i WHERE i.inhrelid = c.oid) AS has_parents,
       c.relrowsecurity AS row_security,
       c.relforcerowsecurity AS force_row_security,
       row_security_active(c.oid) AS row_security_active,
       pg_get_userbyid(c.relowner) AS owner,
       (SELECT a.amname FROM pg_am a WHERE a.oid = c.relam) AS access_method,
       (SELECT s.spcname FROM pg_tablespace s WHERE s.oid = c.reltablespace) AS tablespace,
       CASE WHEN c.reloftype <> 0 THEN format_type(c.reloftype, NULL) END AS of_type,
       coalesce(c.reloptions, '{}')
         || ARRAY(SELECT 'toast.' || o.option
                  FROM pg_class t, unnest(t.reloptions) WITH ORDINALITY AS o (option, position)
                  WHERE t.oid = c.reltoastrelid
                  ORDER BY o.position) AS reloptions,
       c.relreplident AS replica_identity,
       obj_description(c.oid, 'pg_class') AS comment
FROM pg_class c
JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.oid = $1::oid
