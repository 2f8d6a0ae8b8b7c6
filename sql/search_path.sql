-- Where this session looks for names without a schema.
SELECT pg_catalog.current_setting('search_path')
