"""The popular procedure: keyset batches of 10,000 rows in a PL/pgSQL loop, with a COMMIT after each."""
from contenders.contender import Contender, analyze, index_root

BATCH_ROWS = 10_000


class Loop(Contender):
    note = f"one session, {BATCH_ROWS:,} rows by id and COMMIT, again and again"

    def __init__(self, indexes_first):
        self.name = "PL/pgSQL loop, indexes " + ("first" if indexes_first else "last")
        self._indexes_first = indexes_first

    def prepare(self, place):
        table = place.table
        place.server.sql(f"""
            CREATE PROCEDURE fill_in_batches(batch_rows int) LANGUAGE plpgsql AS $body$
            DECLARE
              done bigint := 0;
              upper bigint;
            BEGIN
              LOOP
                SELECT max(id) INTO upper FROM (SELECT id FROM {table.name} WHERE id > done ORDER BY id LIMIT batch_rows) next_rows;
                EXIT WHEN upper IS NULL;
                INSERT INTO {self.target} ({table.columns}) SELECT {table.columns} FROM {table.name} WHERE id > done AND id <= upper;
                COMMIT;
                done := upper;
              END LOOP;
            END
            $body$""")

    def work(self, place, clock):
        with clock.phase("create"):
            clock.run_scripts([place.table.target_sql(self.target, with_constraints=self._indexes_first)])
        with clock.phase("fill"):
            clock.run_scripts([f"CALL fill_in_batches({BATCH_ROWS})"])
        if not self._indexes_first:
            index_root(place, clock, self.target, self.database())
        analyze(place, clock, self.target, self.database())

    def clean_up(self, place):
        super().clean_up(place)
        place.server.sql("DROP PROCEDURE IF EXISTS fill_in_batches")


def contenders():
    return [Loop(indexes_first=True), Loop(indexes_first=False)]
