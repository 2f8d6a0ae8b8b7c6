-- Whether the table ($1) is published without being named.
SELECT EXISTS (SELECT FROM pg_publication p WHERE p.puballtables) AND $1::oid IS NOT NULL
