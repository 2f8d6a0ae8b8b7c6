"""What bench/yield measured, as a page and a plot."""
import statistics

MOST_OF_THE_WAY = 0.9  # From the rows a second before to those in the rest of the visit, and back.
YIELD_MAX_SECONDS = 5
BACK_MAX_SECONDS = 30
LATENCY_MAX = 1.25


def percentile(values, share):
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else 0.0


def condensed(raw):
    """Latencies of single transactions become figures of each visit and of each second; all moments count from the beginning."""
    begun = raw["begun"]

    def figures(transactions):
        latencies = [latency for _, latency in transactions]
        seconds = {}
        for moment, latency in transactions:
            seconds.setdefault(int(moment - begun), []).append(latency)
        return {"transactions": len(transactions), "p50": percentile(latencies, 0.5), "p99": percentile(latencies, 0.99),
                "seconds": [[second, len(values), round(percentile(values, 0.99), 3)] for second, values in sorted(seconds.items())]}

    looks = [{**look, "at": round(look["at"] - begun, 2)} for look in raw["mover"]]
    visits = [{"begin": visit["transactions"][0][0] - begun, "end": visit["transactions"][-1][0] - begun, **figures(visit["transactions"])}
              for visit in raw["visits"]]
    return {**raw, "alone": [figures(alone) for alone in raw["alone"]], "visits": visits, "mover": looks}


def rates(raw):
    """(moment, rows a second since the look before)."""
    looks = raw["mover"]
    return [(now["at"], (now["rows"] - before["rows"]) / (now["at"] - before["at"])) for before, now in zip(looks, looks[1:])]


def mean_between(series, begin, end):
    values = [rate for moment, rate in series if begin <= moment < end]
    return statistics.fmean(values) if values else 0.0


def first_when(series, begin, width, holds):
    """How long after `begin` the mean of the last `width` seconds holds; None if never."""
    for moment, _ in series:
        if moment >= begin + 1 and holds(mean_between(series, max(begin, moment - width), moment + 0.01)):
            return moment - begin
    return None


def judged(raw):
    series = rates(raw)
    alone = statistics.fmean(figures["p99"] for figures in raw["alone"])
    for number, visit in enumerate(raw["visits"]):
        begin, end = visit["begin"], visit["end"]
        before = mean_between(series, begin - 25, begin - 1)
        settled = mean_between(series, begin + 15, end - 1)
        following = raw["visits"][number + 1]["begin"] if number + 1 < len(raw["visits"]) else end + (end - begin)
        yielded = first_when([pair for pair in series if pair[0] < end], begin, 2,
                             lambda rate: rate <= before - MOST_OF_THE_WAY * (before - settled))
        back = first_when([pair for pair in series if pair[0] < following], end, 3, lambda rate: rate >= MOST_OF_THE_WAY * before)
        yield {"before": before, "during": settled, "yielded": yielded, "back": back, "p50": visit["p50"], "p99": visit["p99"],
               "ratio": visit["p99"] / alone}


def text(seconds):
    return f"{seconds:.0f} s" if seconds is not None else "never"


def summary(raw):
    return "; ".join(f"yielded {text(one['yielded'])}, back {text(one['back'])}, p99 {one['p99']:.1f} ms ({one['ratio']:.2f})" for one in judged(raw))


def write(raw, folder):
    with open(folder + "/yield.md", "w", encoding="utf-8") as file:
        file.write(page(raw))
    plot(raw, folder + "/yield.svg")


def page(raw):
    lines = ["# What an application notices under `--server-iops`", "",
             f"`bench/yield`, PostgreSQL {raw['postgresql']}: pgbench with {raw['rate']} transactions a second (a read and an update of random rows) "
             f"comes and goes beside",
             f"`pgsluice run --server-iops {raw['server_iops']}`, on a volume that the kernel limits to {raw['volume_iops']} reads and as many writes a "
             "second. Wanted: yielded within 5 s, room",
             "taken back within 30 s, p99 within 1.25 times what it is without pgsluice.", "",
             "| | transactions | p50 | p99 | of p99 alone | rows/s before | rows/s beside it | yielded after | taken back after | holds |",
             "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | --- |"]
    for number, alone in enumerate(raw["alone"]):
        lines.append(f"| alone, {'before' if number == 0 else 'afterwards'} | {alone['transactions']:,} | {alone['p50']:.2f} ms | {alone['p99']:.2f} ms "
                     "| | | | | | |")
    for number, (visit, one) in enumerate(zip(raw["visits"], judged(raw))):
        holds = (one["yielded"] is not None and one["yielded"] <= YIELD_MAX_SECONDS and one["back"] is not None and
                 one["back"] <= BACK_MAX_SECONDS and one["ratio"] <= LATENCY_MAX)
        lines.append(f"| visit {number + 1} | {visit['transactions']:,} | {one['p50']:.2f} ms | {one['p99']:.2f} ms | {one['ratio']:.2f} × | "
                     f"{one['before']:.0f} | {one['during']:.0f} | {text(one['yielded'])} | {text(one['back'])} | {'yes' if holds else '**no**'} |")
    lines += ["", "![Operations, rows and latency over time](yield.svg)", ""]
    return "\n".join(lines)


def plot(raw, path):
    import matplotlib
    matplotlib.use("svg")
    matplotlib.rcParams.update({"svg.fonttype": "none", "svg.hashsalt": "pgsluice", "font.size": 9, "font.family": "sans-serif",
                                "font.sans-serif": ["DejaVu Sans", "Verdana", "Arial"]})
    import matplotlib.pyplot as pyplot
    figure, (device, rows, latency) = pyplot.subplots(3, 1, figsize=(9, 6.6), sharex=True)
    at = [second["at"] for second in raw["device"]]
    device.plot(at, [(second["reads"] + second["writes"]) / second["took"] for second in raw["device"]], color="#52606d", lw=0.8)
    device.axhline(raw["server_iops"], color="#b44d12", lw=1.2)
    device.text(1, raw["server_iops"], f" --server-iops {raw['server_iops']}", va="bottom", color="#b44d12", fontsize=8)
    device.set_title("the device's operations a second, everybody's", loc="left", fontsize=9, fontweight="bold")
    series = rates(raw)
    rows.plot([moment for moment, _ in series], [rate for _, rate in series], color="#0b6e4f", lw=1)
    rows.set_title("pgsluice's rows a second", loc="left", fontsize=9, fontweight="bold")
    for figures in raw["alone"] + raw["visits"]:
        latency.plot([second for second, _, _ in figures["seconds"]], [p99 for _, _, p99 in figures["seconds"]], color="#2b59c3", lw=0.9)
    latency.set_title("the application's p99 in each second, ms", loc="left", fontsize=9, fontweight="bold")
    latency.set_xlabel("seconds; shaded: the application is there and pgsluice runs")
    for axis in (device, rows, latency):
        axis.set_ylim(bottom=0)
        axis.set_xlim(0, max(at))
        for visit in raw["visits"]:
            axis.axvspan(visit["begin"], visit["end"], color="#d9c27e", alpha=0.3, lw=0)
        for side in ("top", "right"):
            axis.spines[side].set_visible(False)
    figure.tight_layout()
    figure.savefig(path, format="svg", facecolor="white", metadata={"Date": None})
    pyplot.close(figure)
