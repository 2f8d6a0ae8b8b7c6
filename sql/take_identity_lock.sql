-- Takes the advisory lock ($1, $2) until the transaction's end, to be looked for by another session; says who holds it.
SELECT pg_catalog.pg_backend_pid() AS pid, pg_catalog.pg_try_advisory_xact_lock($1::integer, $2::integer) AS taken
