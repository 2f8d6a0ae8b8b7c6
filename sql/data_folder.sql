-- Where the server keeps its data on its own machine. Only some roles may know.
SELECT pg_catalog.current_setting('data_directory') AS folder
