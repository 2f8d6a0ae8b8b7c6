"""What bench/budget measured, as a page and a plot."""
import statistics

WINDOW_SECONDS = 60
ALLOWED = 0.10  # Of the budget, above or below.


def windows(run):
    """Operations a second of each whole minute, the first one included."""
    rates = []
    operations = seconds = 0.0
    for second in run["seconds"]:
        operations += second["reads"] + second["writes"]
        seconds += second["took"]
        if seconds >= WINDOW_SECONDS - 0.5:
            rates.append(operations / seconds)
            operations = seconds = 0.0
    return rates


def judged(run):
    return windows(run)[1:]


def holds(run):
    return bool(judged(run)) and all(abs(rate / run["budget"] - 1) <= ALLOWED for rate in judged(run))


def summary(run):
    return f"{run['name']}: " + ", ".join(f"{rate:.0f}" for rate in windows(run)) + (" (holds)" if holds(run) else " (does not hold)")


def write(raw, folder):
    with open(folder + "/budget.md", "w", encoding="utf-8") as file:
        file.write(page(raw))
    plot(raw, folder + "/budget.svg")


def page(raw):
    lines = ["# What the volume served under `--max-iops`", "",
             f"`bench/budget`, PostgreSQL {raw['postgresql']}. Operations a second that the block device completed (reads and writes, "
             "/proc/diskstats), by",
             "whole minutes; the first minute, in which the gate learns, is shown and not judged. A budget holds when every other minute is within",
             "10 % of it, above and below. `--meter diskstats:DEVICE`, two workers, 16 hash leaves, `shared_buffers` 64 MB, sources of "
             + " and ".join(f"{raw[key]['mb']:,} MB ({key.split(' ', 1)[1]})" for key in sorted(raw) if key.startswith("source "))
             + ",", "the kernel's cache emptied every second; the device itself is a file with direct I/O and has no limit of its own. In order, an "
             "operation carries up to 256 kB; the peaks of its seconds are this benchmark's emptying of the cache, which has all that is dirty "
             "written every five.", "",
             "| run | budget | minute 1 | then | smallest | largest | most in a second | kB an operation | rows | holds |",
             "| --- | ---: | ---: | --- | ---: | ---: | ---: | ---: | ---: | --- |"]
    for run in raw["runs"]:
        rates = windows(run)
        budget = run["budget"]
        late = [second for second in run["seconds"] if second["at"] > WINDOW_SECONDS]
        peak = max(((second["reads"] + second["writes"]) / second["took"] for second in late), default=0)
        operations = sum(second["reads"] + second["writes"] for second in late)
        size = sum(second["sectors"] for second in late) * 0.512 / max(1, operations)
        then = rates[1:]
        extremes = [f"{100 * (edge(then) / budget - 1):+.0f} %" if then else "–" for edge in (min, max)]
        lines.append(f"| {run['order']}, {run['method']} | {budget:,} | {rates[0]:.0f} | {', '.join(f'{rate:.0f}' for rate in then)} | "
                     f"{extremes[0]} | {extremes[1]} | {peak / budget:.1f} × | {size:.0f} | {run['rows'] or 0:,} | "
                     f"{'yes' if holds(run) else '**no**'} |")
    lines += ["", "![Operations a second of the device, and the budget](budget.svg)", ""]
    return "\n".join(lines)


def plot(raw, path):
    import matplotlib
    matplotlib.use("svg")
    matplotlib.rcParams.update({"svg.fonttype": "none", "svg.hashsalt": "pgsluice", "font.size": 9, "font.family": "sans-serif",
                                "font.sans-serif": ["DejaVu Sans", "Verdana", "Arial"]})
    import matplotlib.pyplot as pyplot
    runs = raw["runs"]
    if not runs:
        return
    figure, axes = pyplot.subplots(len(runs), 1, figsize=(9, 1.9 * len(runs) + 0.6), squeeze=False)
    for run, axis in zip(runs, axes[:, 0]):
        at = [second["at"] for second in run["seconds"]]
        rate = [(second["reads"] + second["writes"]) / second["took"] for second in run["seconds"]]
        smooth = [statistics.fmean(rate[max(0, i - 9):i + 1]) for i in range(len(rate))]
        budget = run["budget"]
        axis.axhspan(budget * (1 - ALLOWED), budget * (1 + ALLOWED), color="#d9c27e", alpha=0.35, lw=0, label="budget ± 10 %")
        axis.plot(at, rate, color="#9aa5b1", lw=0.7, label="each second")
        axis.plot(at, smooth, color="#0b6e4f", lw=1.6, label="mean of 10 s")
        axis.set_ylim(0, budget * 2)
        axis.set_xlim(0, max(at))
        axis.set_title(f"{run['order']}, method {run['method']}: --max-iops {budget:,}", loc="left", fontsize=9, fontweight="bold")
        axis.set_ylabel("operations/s")
        for side in ("top", "right"):
            axis.spines[side].set_visible(False)
    axes[0, 0].legend(frameon=False, ncols=3, loc="upper right", fontsize=8)
    axes[-1, 0].set_xlabel("seconds since the run began")
    figure.tight_layout()
    figure.savefig(path, format="svg", facecolor="white", metadata={"Date": None})
    pyplot.close(figure)
