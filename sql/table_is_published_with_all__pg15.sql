-- Whether the table ($1) is published without being named: FOR ALL TABLES, or FOR TABLES IN its SCHEMA.
SELECT EXISTS (SELECT FROM pg_publication p WHERE p.puballtables)
       OR EXISTS (SELECT FROM pg_publication_namespace s JOIN pg_class c ON c.relnamespace = s.pnnspid WHERE c.oid = $1::oid)
