-- How far the index builds of these sessions ($1, their process ids) are, from 0 to 1, as far as the server says. Of a btree's build,
-- reading the table counts for one half, sorting for little, since it goes on while the table is read, and writing for the rest; the
-- other kinds say only how much of the table they read.
SELECT p.pid,
       CASE WHEN p.phase LIKE '%sorting%' THEN 0.5
            WHEN p.phase LIKE '%loading%' THEN 0.6 + 0.4 * coalesce(p.tuples_done::float8 / nullif(p.tuples_total, 0), 0)
            WHEN p.phase LIKE '%scanning%' THEN 0.5 * coalesce(p.blocks_done::float8 / nullif(p.blocks_total, 0), 0)
            ELSE 0.9 * coalesce(p.blocks_done::float8 / nullif(p.blocks_total, 0), 0) END AS share
FROM pg_catalog.pg_stat_progress_create_index p
WHERE p.pid = ANY ($1::int[])
  AND p.phase IS NOT NULL
