"""Turns raw figures into Markdown: medians, ratios, and in what circumstances they were measured. Draws nothing and measures nothing."""
import json
import statistics

SECTION_TITLES = {"COPY": "the source keeps its rows", "MOVE": "the rows leave the source", "ACROSS": "into another database",
                  "LIMIT": "limits: no leaves, no indexes"}


def medians(entry):
    """The median of every figure over the rounds; None where nothing was measured."""
    rounds = entry["rounds"]
    if not rounds:
        return None

    def middle(pick):
        values = [value for value in map(pick, rounds) if value is not None]
        return statistics.median(values) if values else None

    found = {key: middle(lambda figures, key=key: figures.get(key))
             for key in ("rows", "seconds", "wal", "server_cpu", "mover_cpu", "memory", "verify_seconds")}
    found["rate"] = found["rows"] / found["seconds"]
    found["spread"] = (min(f["seconds"] for f in rounds), max(f["seconds"] for f in rounds))
    for kind in ("phases", "phases_server_cpu"):
        names = [name for name in rounds[0][kind]]
        found[kind] = {name: middle(lambda figures, kind=kind, name=name: figures[kind].get(name)) for name in names}
    found["rate_indexed"] = found["rows"] / (found["seconds"] - (found["phases"].get("analyze") or 0))
    return found


def best_rate(entries, chosen, kind="rate"):
    """Rows/s of the quickest of those that `chosen` takes, or None. The kind `rate_indexed` leaves ANALYZE out."""
    return max((medians(entry)[kind] for entry in entries if entry["rounds"] and chosen(entry)), default=None)


def is_by_hand(entry):
    return entry["label"].startswith("by hand")


def reference_rate(entries, section, kind):
    """What a section's ratios refer to: the best by hand that does the same; where there is none, the best by hand that copies."""
    same = best_rate(entries, lambda entry: is_by_hand(entry) and entry["section"] == section, kind)
    return same or best_rate(entries, lambda entry: is_by_hand(entry) and entry["section"] == "COPY", kind)


def _number(value, pattern="{:.1f}"):
    return "–" if value is None else pattern.format(value)


def circumstances(raw):
    machine, options = raw["machine"], raw["options"]
    warm_up = "one warm-up round before them"
    return (f"{raw['versions']['pgsluice']} on PostgreSQL {raw['versions']['postgresql']}; {machine['cores']} cores ({machine['cpu']}), "
            f"{machine['memory_gb']} GB; scale {options['scale']:g}, {options['rounds']} counted rounds, {warm_up}, interleaved in an order "
            f"that changes; {options['workers']} workers, {options['sessions']} sessions for everybody else; {raw['date']}.\n"
            + "".join(f"{name} {version}. " for name, version in raw["versions"].items() if name not in ("pgsluice", "postgresql")).strip())


def markdown(raw, plot):
    lines = ["# The whole job, side by side" if raw["tables"] else "# What a row costs as things grow", "",
             "Made by `bench/run`; `bench/run --from` makes this page and the plot again from the raw file beside it.", "",
             circumstances(raw), ""]
    if plot:
        lines += [f"![]({plot})", ""]
    if raw["tables"]:
        lines += ["The job is from the plain table to the filled, fully indexed and analyzed target; pgsluice's includes `plan`. After every "
                  "job the target's rows were compared with the source's by count and checksum, and its constraints looked up in every leaf, "
                  "outside the clock.", ""]
        lines += glance(raw) + [line for table in raw["tables"] for line in table_section(raw, table)]
    for study in raw["studies"]:
        lines += study_section(study)
    if raw["tables"]:
        lines += how_to_read()
    return "\n".join(lines).rstrip() + "\n"


def glance(raw):
    """The comparisons that matter, as ratios of rows/s."""
    labels = [f"{table['label']}{what}" for table in raw["tables"] for what in ("", ", no ANALYZE")]
    rows = []

    def add(title, ours, others):
        cells = []
        for table in raw["tables"]:
            for kind in ("rate", "rate_indexed"):
                mine, theirs = best_rate(table["contenders"], ours, kind), best_rate(table["contenders"], others, kind)
                cells.append(f"{mine / theirs:.2f}" if mine and theirs else "–")
        if any(cell != "–" for cell in cells):
            rows.append("| " + " | ".join([title] + cells) + " |")

    def named(*labels):
        return lambda entry: entry["label"] in labels

    def starts(text):
        return lambda entry: entry["label"].startswith(text)

    def fixed(entry):
        return entry["is_ours"] and entry["section"] in ("COPY", "MOVE") and entry["label"] != "pgsluice auto"

    def across(entry):
        return entry["is_ours"] and entry["section"] == "ACROSS"

    auto = named("pgsluice auto")
    add("auto : best recipe by hand", auto, lambda entry: is_by_hand(entry) and entry["section"] == "COPY")
    add("auto : best fixed method", auto, fixed)
    add("auto : PL/pgSQL loop, indexes first", auto, named("PL/pgSQL loop, indexes first"))
    add("auto : PL/pgSQL loop, indexes last", auto, named("PL/pgSQL loop, indexes last"))
    add("auto : pgcopydb, indexes first", auto, named("pgcopydb, indexes first"))
    add("across (best) : pgcopydb, indexes first", across, named("pgcopydb, indexes first"))
    add("across (best) : pgcopydb, indexes last", across, named("pgcopydb, indexes last"))
    add("across (best) : pgloader", across, starts("pgloader"))
    add("move : best recipe by hand, moving", named("pgsluice move"), lambda entry: is_by_hand(entry) and entry["section"] == "MOVE")
    add("move : pg_partman, indexes first", named("pgsluice move"), named("pg_partman, indexes first"))
    add("move : pg_partman, indexes last", named("pgsluice move"), named("pg_partman, indexes last"))
    if not rows:
        return []
    return ["## At a glance: how many times as fast", "", "| " + " | ".join(["rows/s of the whole job"] + labels) + " |",
            "| --- |" + " ---: |" * len(labels), *rows, ""]


HEADINGS = ("contender", "seconds", "min–max", "rows/s", "to the best by hand", "same, no ANALYZE", "fill s", "fill rows/s", "fill, share of its CPU ceiling", "index s",
            "analyze s", "other s", "WAL MB", "server CPU s", "mover CPU s", "mover peak MB", "verify s (share of the job)")


def table_section(raw, table):
    lines = [f"## {table['label']}: {table['what']}", "", f"{table['rows']:,} rows, {table['bytes'] / table['rows']:.0f} bytes a row.", "",
             "| " + " | ".join(HEADINGS) + " |", "| --- |" + " ---: |" * (len(HEADINGS) - 1)]
    remarks = []
    for section, title in SECTION_TITLES.items():
        entries = [entry for entry in table["contenders"] if entry["section"] == section]
        if not entries:
            continue
        lines.append(f"| *{title}* |" + " |" * (len(HEADINGS) - 1))
        reference = {kind: reference_rate(table["contenders"], section, kind) for kind in ("rate", "rate_indexed")}
        for entry in entries:
            remarks += [f"- {entry['label']}: {kind}: {' '.join(entry[kind].split())}" for kind in ("skipped", "failed") if entry[kind]]
            figures = medians(entry)
            if figures:
                lines.append(contender_line(entry, figures, reference, raw["machine"]["cores"]))
    return lines + [""] + remarks + ([""] if remarks else []) + decisions(table)


def contender_line(entry, figures, reference, cores):
    phases, cpu = figures["phases"], figures["phases_server_cpu"]
    fill = phases.get("fill")
    other = sum(seconds for name, seconds in phases.items() if name not in ("fill", "index", "analyze"))
    job, verify = figures["seconds"], figures["verify_seconds"]
    name = f"**{entry['label']}**" if entry["is_ours"] else entry["label"]
    cells = [name, f"{job:.2f}", "–".join(f"{seconds:.2f}" for seconds in figures["spread"]), f"{figures['rate']:,.0f}",
             *(_number(rate and figures[kind] / rate, "{:.2f}") for kind, rate in reference.items()), _number(fill, "{:.2f}"),
             _number(fill and figures["rows"] / fill, "{:,.0f}"), _number(100 * cpu["fill"] / cores / fill if fill and "fill" in cpu else None, "{:.0f} %"),
             _number(phases.get("index"), "{:.2f}"), _number(phases.get("analyze"), "{:.2f}"), f"{other:.2f}", f"{figures['wal'] / 1e6:,.0f}",
             f"{figures['server_cpu']:.1f}", f"{figures['mover_cpu']:.2f}", f"{figures['memory'] / 1e6:.0f}",
             "–" if verify is None else f"{verify:.2f} ({100 * verify / job:.0f} %)"]
    return "| " + " | ".join(cells) + " |"


def decisions(table):
    """How auto decided, in the words of the run itself; nothing where it said nothing."""
    lines = []
    for entry in table["contenders"]:
        told = [figures["calibration"] for figures in entry["rounds"] if figures.get("calibration")]
        if told:
            last = told[-1]
            text = last.get("text") if isinstance(last, dict) else None
            lines += [f"How {entry['label']} decided, in its last round:", "", "```",
                      text.rstrip() if text else json.dumps(last, indent=1, ensure_ascii=False), "```", ""]
    return lines


def how_to_read():
    return ["## How to read it", "",
            "- Ratios are of rows/s, to the best by hand of the same section; into another database, to the best by hand that copies. "
            "ANALYZE is the same statement for everybody and takes what it takes; so each ratio is given without it too.",
            "- The share of its CPU ceiling: the server's processor seconds while filling, over the cores, over the seconds of filling. "
            "100 % means that no core had time left for more rows by this way of filling.",
            "- Other seconds: making the target; for pgsluice also `plan`, connections, guard, ledger and attaching.",
            "- The mover is whatever program does the job from outside: pgsluice, psql, pgcopydb. Memory is its peak, children included.",
            "- pgloader gets a part of the rows only; look at its rows/s.", ""]


def study_section(study):
    methods = list(dict.fromkeys(point["method"] for point in study["points"]))
    values = list(dict.fromkeys(point["value"] for point in study["points"]))
    headings = [study["axis"]] + [f"{method}: {what}" for method in methods
                                  for what in ("seconds", "µs/row", "to the first", "fill rows/s", "to the first", "peak MB")]
    lines = [f"## {study['what'][0].upper()}{study['what'][1:]}", "", "| " + " | ".join(headings) + " |",
             "|" + " ---: |" * len(headings)]
    firsts = {}
    remarks = []
    for value in values:
        cells = [f"{value:,}"]
        for method in methods:
            point = next(p for p in study["points"] if p["value"] == value and p["method"] == method)
            figures = medians(point)
            if figures is None:
                remarks.append(f"- {point['label']}: {' '.join((point['failed'] or point['skipped']).split())}")
                cells += ["–"] * 6
                continue
            fill_rate = figures["rows"] / figures["phases"].get("fill", figures["seconds"])
            first_rate, first_fill_rate = firsts.setdefault(method, (figures["rate"], fill_rate))
            cells += [f"{figures['seconds']:.2f}", f"{1e6 / figures['rate']:.3f}", f"{figures['rate'] / first_rate:.2f}", f"{fill_rate:,.0f}",
                      f"{fill_rate / first_fill_rate:.2f}", f"{figures['memory'] / 1e6:.0f}"]
        lines.append("| " + " | ".join(cells) + " |")
    return lines + [""] + remarks + ([""] if remarks else [])
