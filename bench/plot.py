"""Draws raw figures as SVG: bars for the tables, lines for the studies. Needs matplotlib; says so when it is missing."""
from report import SECTION_TITLES, medians

OURS, THEIRS, LIMIT = "#0b6e4f", "#9aa5b1", "#d9c27e"
WIDTH_INCHES = 9.0


class NoPlot(Exception):
    """Nothing can be drawn here; the message says why."""


def draw(raw, path):
    try:
        import matplotlib
    except ImportError as missing:
        raise NoPlot("matplotlib is not installed for this python3; see bench/setup") from missing
    matplotlib.use("svg")
    matplotlib.rcParams.update({"svg.fonttype": "none", "svg.hashsalt": "pgsluice", "font.size": 9, "font.family": "sans-serif",
                                "font.sans-serif": ["DejaVu Sans", "Verdana", "Arial"]})
    import matplotlib.pyplot as pyplot
    figure = _bars(raw, pyplot) if raw["tables"] else _lines(raw, pyplot)
    figure.savefig(path, format="svg", facecolor="white", metadata={"Date": None})
    pyplot.close(figure)


def _rate_text(rate):
    return f"{rate / 1e6:.2f} M rows/s" if rate >= 1e6 else f"{rate / 1e3:.1f} k rows/s"


def _bars(raw, pyplot):
    """A panel a table, a group a section, the quickest first; bars are rows per second of the whole job."""
    panels = []
    for table in raw["tables"]:
        rows = []
        for section, title in SECTION_TITLES.items():
            group = [(entry, medians(entry)) for entry in table["contenders"] if entry["section"] == section and entry["rounds"]]
            if group:
                rows.append((title, None))
                rows += sorted(group, key=lambda pair: -pair[1]["rate"])
        if rows:
            panels.append((table, rows))
    if not panels:
        raise NoPlot("nothing was measured")
    heights = [len(rows) + 2 for _, rows in panels]
    figure, axes = pyplot.subplots(len(panels), 1, figsize=(WIDTH_INCHES, 0.24 * sum(heights) + 0.5), squeeze=False,
                                   gridspec_kw={"height_ratios": heights})
    for (table, rows), axis in zip(panels, axes[:, 0]):
        _panel(axis, table, rows)
    figure.tight_layout()
    return figure


def _panel(axis, table, rows):
    most = max(figures["rate"] for _, figures in rows if figures)
    names = []
    for place, (entry, figures) in enumerate(rows):
        if figures is None:
            names.append("")
            axis.text(0, place, f" {entry}", va="center", style="italic", color="#52606d")
            continue
        names.append(entry["label"])
        color = OURS if entry["is_ours"] else LIMIT if entry["section"] == "LIMIT" else THEIRS
        axis.barh(place, figures["rate"], color=color, height=0.78)
        axis.text(figures["rate"] + most * 0.008, place, f"{_rate_text(figures['rate'])}, {figures['seconds']:.1f} s", va="center",
                  fontsize=8, fontweight="bold" if entry["is_ours"] else "normal")
    axis.set_yticks(range(len(rows)), names)
    for label, (entry, figures) in zip(axis.get_yticklabels(), rows):
        if figures and entry["is_ours"]:
            label.set_fontweight("bold")
            label.set_color(OURS)
    axis.set_ylim(len(rows) - 0.4, -0.6)
    axis.set_xlim(0, most * 1.25)
    axis.annotate(f"{table['label']}: {table['what']} ({table['rows']:,} rows)", (0, 1), (4, 0), xycoords=("figure fraction", "axes fraction"),
                  textcoords="offset points", fontsize=10, fontweight="bold", va="bottom")
    axis.tick_params(axis="y", length=0)
    axis.set_xticks([])
    for side in ("top", "right", "bottom"):
        axis.spines[side].set_visible(False)


def _lines(raw, pyplot):
    """A panel a study; microseconds of the whole job for a row, from zero."""
    figure, axes = pyplot.subplots(1, len(raw["studies"]), figsize=(WIDTH_INCHES, 3.0), squeeze=False)
    for study, axis in zip(raw["studies"], axes[0]):
        for method in dict.fromkeys(point["method"] for point in study["points"]):
            measured = [(point["value"], medians(point)) for point in study["points"] if point["method"] == method and point["rounds"]]
            axis.plot([value for value, _ in measured], [1e6 / figures["rate"] for _, figures in measured], marker="o", label=method)
        axis.set_xscale("log")
        values = sorted({point["value"] for point in study["points"]})
        axis.set_xticks(values, [f"{value / 1e6:g} M" if value >= 1e6 else f"{value:g}" for value in values])
        axis.minorticks_off()
        axis.set_ylim(bottom=0)
        axis.set_xlabel(study["axis"])
        axis.set_ylabel("µs a row, whole job")
        axis.legend(frameon=False)
        for side in ("top", "right"):
            axis.spines[side].set_visible(False)
    figure.tight_layout()
    return figure
