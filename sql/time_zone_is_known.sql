-- Whether $1 is a time zone's name. AT TIME ZONE takes more: "Europe/Berlin2" is a POSIX zone to it, west of Greenwich.
SELECT EXISTS (SELECT FROM pg_catalog.pg_timezone_names z WHERE lower(z.name) = lower($1::text))
