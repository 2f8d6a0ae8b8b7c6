-- Whether this role may create schemas in this database.
SELECT pg_catalog.current_database() AS database,
       pg_catalog.has_database_privilege(pg_catalog.current_database(), 'CREATE') AS held
