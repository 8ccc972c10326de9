"""One figure for each trace, as PNG and SVG: miss ratios over the cache's size, and over time.

The same results give the same SVG, byte for byte.
"""

import os
import shutil

import matplotlib

matplotlib.use("Agg")
from matplotlib import pyplot  # noqa: E402  pyplot asks which backend there is

from tables import byte_miss, object_miss  # noqa: E402

LINES = (("ideal_lru", "ideal LRU", "#444444", "-"), ("pfoo_l", "PFOO-L", "#999999", "--"),
         ("store", "store in-process", "#d62728", ":"))
SERVERS = {"cacheismo": ("#d62728", "o"), "memcached": ("#1f77b4", "s"),
           "no_slab_automove": ("#17becf", "^"), "redis": ("#ff7f0e", "D")}
NAMES = {"no_slab_automove": "memcached, no automove", "redis": "Redis"}


def draw(result, folder):
    """Writes TRACE.png and TRACE.svg."""
    settings = {"svg.hashsalt": result["trace"], "svg.fonttype": "none", "font.size": 8}
    with matplotlib.rc_context(settings):
        figure, axes = pyplot.subplots(1, 3, figsize=(13, 3.8), constrained_layout=True)
        draw_sizes(axes[0], result, object_miss, "object miss ratio")
        draw_sizes(axes[1], result, byte_miss, "byte miss ratio")
        draw_time(axes[2], result)
        axes[0].legend(fontsize=6.5)
        figure.suptitle(f"{result['trace']} ({result['copies']} x on the wire)")
        figure.savefig(os.path.join(folder, result["trace"] + ".png"), dpi=110)
        figure.savefig(os.path.join(folder, result["trace"] + ".svg"), metadata={"Date": None})
        pyplot.close(figure)


def draw_sizes(axis, result, ratio, title):
    for name, label, colour, style in LINES:
        sizes = [(size["percent"], ratio(size[name]["measured"])) for size in result["curve"]
                 if size.get(name)]
        if sizes:
            axis.plot(*zip(*sizes), style, color=colour, label=label, linewidth=1.2)
    labelled = set()
    for wire in result["wire"]:
        for run in wire["runs"]:
            colour, marker = SERVERS[run["server"]]
            name = NAMES.get(run["server"], run["server"])
            hollow = run["equal"] == "rss"
            label = name + (", equal RSS" if hollow else "")
            axis.plot([wire["percent"]], [ratio(run["measured"])], marker, color=colour,
                      markersize=5, markerfacecolor="none" if hollow else colour,
                      label=None if label in labelled else label)
            labelled.add(label)
    axis.set_xscale("log")
    axis.set_xlabel("cache, % of the footprint (key + value bytes)")
    axis.set_title(title + " after warm-up")
    axis.set_ylim(bottom=0)
    axis.grid(alpha=0.3)


def draw_time(axis, result):
    """Object miss ratio in each hundredth of the trace, warm-up included, at the smallest -m."""
    wire = result["wire"][0]
    for run in wire["runs"]:
        if run["equal"] != "m":
            continue
        colour, _ = SERVERS[run["server"]]
        count = len(run["windows"])
        axis.plot([100 * (i + 1) / count for i in range(count)],
                  [object_miss(window) for window in run["windows"]], color=colour,
                  linewidth=0.9)
    end = 100 * wire["lines"]["warmup_requests"] / result["requests"]
    axis.axvline(end, color="#999999", linewidth=0.8, linestyle="--")
    axis.text(end, 0.01, " warm-up ends", fontsize=6.5, color="#666666")
    axis.set_xlabel("% of the requests")
    axis.set_title(f"object miss ratio at -m {wire['megabytes']}")
    axis.set_ylim(0, 1)
    axis.grid(alpha=0.3)


def copy(results, folder, target):
    """The SVGs into a document's folder."""
    os.makedirs(target, exist_ok=True)
    for result in results:
        name = result["trace"] + ".svg"
        shutil.copyfile(os.path.join(folder, name), os.path.join(target, name))
