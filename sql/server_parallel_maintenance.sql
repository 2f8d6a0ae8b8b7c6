-- This transaction builds indexes with as many parallel workers as the server's own setting allows.
SET LOCAL max_parallel_maintenance_workers TO DEFAULT
