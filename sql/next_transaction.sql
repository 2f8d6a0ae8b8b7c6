-- The first transaction that has no id yet: whatever is committed by now has an earlier one.
SELECT pg_catalog.pg_snapshot_xmax(pg_catalog.pg_current_snapshot())::xid
