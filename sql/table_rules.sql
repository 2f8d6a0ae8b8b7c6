-- The rewrite rules on the table ($1).
SELECT 'rule' AS kind, quote_ident(r.rulename) AS name, pg_get_ruledef(r.oid) AS definition
FROM pg_rewrite r
WHERE r.ev_class = $1::oid AND r.rulename <> '_RETURN'
ORDER BY r.rulename COLLATE "C"
