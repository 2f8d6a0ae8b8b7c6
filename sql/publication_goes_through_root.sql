-- Whether a publication ($1) publishes partitions as their root; no row where there is none.
SELECT pubviaroot FROM pg_catalog.pg_publication WHERE pubname = $1
