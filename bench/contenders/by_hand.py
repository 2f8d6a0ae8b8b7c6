"""SQL as a person writes it and runs it with psql: the best recipe that is known, and the naive ones."""
from contenders.contender import Contender, Section, analyze, index_leaves

PAGES_PER_BATCH_MAX = 2_000
BATCHES_PER_SESSION_MIN = 10
INTERLEAVED = "INSERT … SELECT of at most 2,000 pages by ctid, dealt out in turn; indexes per leaf afterwards, attached"


def batches(place):
    """Half-open ranges of heap pages; the last one is open."""
    pages = int(place.server.sql(f"SELECT pg_relation_size('{place.table.name}') / current_setting('block_size')::int"))
    size = max(1, min(PAGES_PER_BATCH_MAX, pages // (BATCHES_PER_SESSION_MIN * place.sessions)))
    edges = list(range(0, max(pages, 1), size))
    return [f"ctid >= '({edge},0)'" + (f" AND ctid < '({edge + size},0)'" if edge != edges[-1] else "") for edge in edges]


def insert_sql(table, target, where=""):
    return f"INSERT INTO {target} ({table.columns}) SELECT {table.columns} FROM {table.name}" + (f" WHERE {where}" if where else "")


class Statements(Contender):
    """The target is made, sessions run their statements at once, and indexes come before or after."""

    def __init__(self, name, note, scripts, indexes_first, section=Section.COPY):
        self.name = name
        self.note = note
        self.section = section
        self.empties_source = section is Section.MOVE
        self._scripts = scripts  # From the place to the text of each session.
        self._indexes_first = indexes_first

    def work(self, place, clock):
        with clock.phase("create"):
            clock.run_scripts([place.table.target_sql(self.target, with_constraints=self._indexes_first)])
        with clock.phase("fill"):
            clock.run_scripts(self._scripts(place))
        if not self._indexes_first:
            index_leaves(place, clock, self.target, self.database())
        analyze(place, clock, self.target, self.database())


def whole_table(place):
    return [insert_sql(place.table, Statements.target)]


def id_ranges(place):
    edges = [place.rows * i // place.sessions + 1 for i in range(place.sessions)] + [place.rows + 1]
    return [insert_sql(place.table, Statements.target, f"id >= {edges[i]} AND id < {edges[i + 1]}") for i in range(place.sessions)]


def page_batches(place):
    statements = [insert_sql(place.table, Statements.target, batch) for batch in batches(place)]
    return [";\n".join(statements[session::place.sessions]) for session in range(place.sessions)]


def page_moves(place):
    statements = [f"BEGIN ISOLATION LEVEL REPEATABLE READ;\n{insert_sql(place.table, Statements.target, batch)};\n"
                  f"DELETE FROM {place.table.name} WHERE {batch};\nCOMMIT" for batch in batches(place)]
    return [";\n".join(statements[session::place.sessions]) for session in range(place.sessions)]


def page_moves_in_one_statement(place):
    table = place.table
    statements = [f"WITH gone AS (DELETE FROM {table.name} WHERE {batch} RETURNING {table.columns}) "
                  f"INSERT INTO {Statements.target} ({table.columns}) SELECT {table.columns} FROM gone" for batch in batches(place)]
    return [";\n".join(statements[session::place.sessions]) for session in range(place.sessions)]


def contenders():
    return [
        Statements("by hand, the best recipe known", INTERLEAVED, page_batches, indexes_first=False),
        Statements("by hand, two ranges of ids, indexes first", "one INSERT … SELECT a session, each half of the ids", id_ranges,
                   indexes_first=True),
        Statements("by hand, one statement, indexes first", "INSERT … SELECT of the whole table in one session", whole_table,
                   indexes_first=True),
        Statements("by hand, the best recipe known, moving",
                   "as the best recipe, each batch INSERT … SELECT and DELETE in one REPEATABLE READ transaction", page_moves,
                   indexes_first=False, section=Section.MOVE),
        Statements("by hand, moving in one statement", "as the best recipe, each batch DELETE … RETURNING that feeds an INSERT",
                   page_moves_in_one_statement, indexes_first=False, section=Section.MOVE),
    ]
