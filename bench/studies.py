"""What a row costs as one thing grows: the table, the number of leaves, of workers, of rows in a batch. Only pgsluice is studied."""
import dataclasses

from contenders.contender import Place, Section
from contenders.ours import Pgsluice
from measuring import Entry, source, take_turns
from tables import EVENTS, narrow_hashed, narrow_long

SIZES = (1_000_000, 10_000_000, 50_000_000)
LEAVES = (4, 16, 64, 256, 1024)
WORKERS = (1, 2, 4, 8)
BATCHES = (1_000, 10_000, 100_000)
ORDERS = ("ctid", "key")


def _entry(table, rows, method, fingerprint, options, server, workers, contender=None):
    return Entry(f"{table.label}, {method}" if workers is None else f"{workers} workers, {method}",
                 contender or Pgsluice(method, Section.COPY),
                 Place(server=server, table=table, rows=rows, workers=str(workers or options.workers), sessions=options.sessions,
                       program=options.program, folder="", fingerprint=fingerprint))


def _points(entries, values):
    return [{"value": value, "method": entry.contender.note.split(":")[0].removeprefix("--method "), **entry.document()}
            for entry, value in zip(entries, values)]


def size(server, options):
    points = []
    for wanted in SIZES:
        table = narrow_long(wanted)
        rows = table.rows(options.scale)
        with source(server, table, rows) as fingerprint:
            entry = _entry(table, rows, "auto", fingerprint, options, server, None)
            take_turns([entry], options.rounds)
            points += _points([entry], [rows])
    return {"what": "cost of a row against the number of rows (T2's rows and leaves)", "axis": "rows", "points": points}


def leaves(server, options):
    tables = [narrow_hashed(count) for count in LEAVES]
    rows = tables[0].rows(options.scale)
    with source(server, dataclasses.replace(tables[0], label="leaves"), rows) as fingerprint:
        pairs = [(table, count, method) for table, count in zip(tables, LEAVES) for method in ("insert", "stream")]
        entries = [_entry(table, rows, method, fingerprint, options, server, None) for table, _, method in pairs]
        take_turns(entries, options.rounds)
    return {"what": f"cost of a row against the number of hash leaves ({rows:,} narrow rows)", "axis": "leaves",
            "points": _points(entries, [count for _, count, _ in pairs])}


def workers(server, options):
    rows = EVENTS.rows(options.scale)
    with source(server, EVENTS, rows) as fingerprint:
        pairs = [(count, method) for count in WORKERS for method in ("auto", "stream")]
        entries = [_entry(EVENTS, rows, method, fingerprint, options, server, count) for count, method in pairs]
        take_turns(entries, options.rounds)
    return {"what": f"cost of a row against the number of workers (T2, {rows:,} rows)", "axis": "workers",
            "points": _points(entries, [count for count, _ in pairs])}


def batches(server, options):
    rows = EVENTS.rows(options.scale)
    with source(server, EVENTS, rows) as fingerprint:
        pairs = [(count, order) for count in BATCHES for order in ORDERS]
        entries = [_entry(dataclasses.replace(EVENTS, label=f"{count} rows"), rows, f"by {order}", fingerprint, options, server, None,
                          Pgsluice("insert", Section.COPY, ("--split", order, "--range-rows", str(count)), f"insert by {order}"))
                   for count, order in pairs]
        take_turns(entries, options.rounds)
    return {"what": f"cost of a row against the rows of a batch and their order (T2, {rows:,} rows)", "axis": "rows a batch",
            "points": _points(entries, [count for count, _ in pairs])}


STUDIES = {"size": size, "leaves": leaves, "workers": workers, "batches": batches}
