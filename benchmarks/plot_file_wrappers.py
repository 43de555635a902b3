#!/usr/bin/python3
"""Draw what `bench_file_wrappers --trace FILE` recorded: what was dirty, and how long each write took, over time.

usage: plot_file_wrappers.py TRACE FOLDER

Writes FOLDER/dirty.png and FOLDER/latency.png, one panel a mode. Needs python3-matplotlib.
"""
import csv
import pathlib
import sys

import matplotlib

matplotlib.use("agg")
matplotlib.rcParams.update({"font.size": 8, "axes.spines.top": False, "axes.spines.right": False})
import matplotlib.pyplot as plt  # noqa: E402

MODES = ["plain", "older", "kick_only", "o_direct", "nfs_skip", "writeback", "uncached", "auto", "background", "ring"]
RIVALS = MODES[:4]
COLUMNS = 5


def read(path):
    """{(mode, what): ([seconds], [values])}"""
    series = {}
    with open(path, encoding="ascii", newline="") as file:
        for row in csv.DictReader(file):
            seconds, values = series.setdefault((row["mode"], row["what"]), ([], []))
            seconds.append(float(row["seconds"]))
            values.append(float(row["value"]))
    return series


def draw(series, what, title, limit, limit_name, path):
    modes = [mode for mode in MODES if (mode, what) in series]
    if not modes:
        sys.exit(f"the trace has no {what}")
    rows = -(-len(modes) // COLUMNS)
    figure, panels = plt.subplots(rows, COLUMNS, figsize=(10, 1.9 * rows), sharex=True, sharey=True, squeeze=False)
    for panel in panels.flat[len(modes):]:
        panel.set_visible(False)
    for panel, mode in zip(panels.flat, modes):
        seconds, values = series[mode, what]
        color = "#b04a3a" if mode in RIVALS else "#2f6f8f"
        if what == "dirty_mib":
            # Of what lies close together only the largest is seen.
            step = max(1, len(values) // 400)
            parts = range(0, len(values), step)
            panel.fill_between([seconds[i] for i in parts], [max(values[i:i + step]) for i in parts], color=color, linewidth=0)
        else:
            seen = [i for i, value in enumerate(values) if value > 0.5]
            panel.vlines([seconds[i] for i in seen], 0.3, [values[i] for i in seen], color=color, linewidth=0.8)
        panel.axhline(limit, color="#888888", linewidth=0.7, linestyle="--")
        panel.set_title(f"{mode}: {max(values):.0f} at most", fontsize=8)
    panels[0, 0].set_yscale("log")
    panels[0, 0].set_ylim(0.3, 2 * max(max(series[mode, what][1]) for mode in modes))
    panels[0, 0].set_xlim(0, max(series[mode, what][0][-1] for mode in modes))
    figure.suptitle(f"{title}; dashed: {limit_name}", fontsize=9)
    figure.supxlabel("seconds", fontsize=8)
    figure.tight_layout()
    figure.savefig(path, dpi=110, metadata={"Software": None})
    plt.close(figure)


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__.strip())
    series, folder = read(sys.argv[1]), pathlib.Path(sys.argv[2])
    draw(series, "dirty_mib", "MiB that are not on disk, at 80 MB/s", 32, "the cap, 32 MiB", folder / "dirty.png")
    draw(series, "call_ms", "ms that a write of 1 MiB took, at 80 MB/s", 250, "250 ms", folder / "latency.png")


if __name__ == "__main__":
    main()
