-- Whether a subscription of this database writes into the table ($1, as regclass text).
SELECT EXISTS (SELECT FROM pg_catalog.pg_subscription_rel WHERE srrelid = $1::pg_catalog.regclass)
