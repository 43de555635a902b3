#!/usr/bin/python3
"""Draw what `./dev bench pack-tools --trace FILE` measured: how the times grow with the tree, and with the number of saves.

usage: plot_pack.py TRACE FOLDER

Writes FOLDER/pack-files.png and FOLDER/pack-saves.png, one line a program. Needs python3-matplotlib.
"""
import csv
import pathlib
import sys

import matplotlib

matplotlib.use("agg")
matplotlib.rcParams.update({"font.size": 8, "axes.spines.top": False, "axes.spines.right": False})
import matplotlib.pyplot as plt  # noqa: E402

COLORS = {"bobbin": "#2f6f8f", "bobbin-no-sync": "#7fb3cc", "bobbin-zstd": "#2f8f6f", "tar-lz4": "#b04a3a", "borg": "#d08a3a", "casync": "#8a6fa8",
          "git": "#555555", "restic": "#6a9a4a", "bup": "#b07a9a", "cp": "#aaaaaa"}
PANELS = {"cold": "saved into an empty store", "same": "saved again, nothing changed", "restore": "restored to an empty folder"}


def read(path):
    """{(panel, tool): [(x, seconds)]}, of trees and of saves"""
    files, saves = {}, {}
    with open(path, encoding="ascii", newline="") as file:
        for row in csv.DictReader(file):
            part, _, count = row["part"].partition("_")
            if part == "curve":
                files.setdefault((row["figure"], row["tool"]), []).append((int(count), float(row["median"])))
            elif part == "saves" and row["figure"].startswith("save_"):
                saves.setdefault(("save", row["tool"]), []).append((int(row["figure"][5:]), float(row["median"])))
    return files, saves


def draw(series, panels, label, path):
    legend = 1.2  # inches
    width = 3.2 * len(panels) + legend
    figure, axes = plt.subplots(1, len(panels), figsize=(width, 2.8), squeeze=False)
    for axis, (panel, title) in zip(axes.flat, panels.items()):
        for tool, color in COLORS.items():
            if points := sorted(series.get((panel, tool), [])):
                axis.plot(*zip(*points), color=color, label=tool, marker="o", markersize=2.5, linewidth=2 if tool == "bobbin" else 1)
        axis.set_xscale("log")
        axis.set_yscale("log")
        axis.set_title(title, fontsize=8)
        axis.set_xlabel(label)
    axes[0, 0].set_ylabel("seconds")
    handles = {name: handle for axis in axes.flat for handle, name in zip(*axis.get_legend_handles_labels())}
    figure.legend(handles.values(), handles.keys(), loc="center right", frameon=False, fontsize=7)
    figure.tight_layout(rect=(0, 0, 1 - legend / width, 1))
    figure.savefig(path, dpi=110, metadata={"Software": None})
    plt.close(figure)


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__.strip())
    (files, saves), folder = read(sys.argv[1]), pathlib.Path(sys.argv[2])
    if not files and not saves:
        sys.exit("the trace has neither the part `curve` nor the part `saves`")
    if files:
        draw(files, PANELS, "files of the tree", folder / "pack-files.png")
    if saves:
        draw(saves, {"save": "one more line saved"}, "saves before", folder / "pack-saves.png")


if __name__ == "__main__":
    main()
