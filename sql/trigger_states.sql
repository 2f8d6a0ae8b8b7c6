-- How the triggers that somebody made on a table ($1, as regclass text) are enabled.
SELECT t.tgname AS name, t.tgenabled AS enabled
FROM pg_catalog.pg_trigger t
WHERE t.tgrelid = pg_catalog.to_regclass($1) AND NOT t.tgisinternal
