-- The number that initdb gave to the cluster; its standbys and physical copies have the same.
SELECT system_identifier FROM pg_catalog.pg_control_system()
