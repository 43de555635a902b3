#!/usr/bin/python3
"""Measure bobbin-pack and the programs that do the like, in one run and on one tree.

usage: tools.py BOBBIN_PACK [--only PART,...] [--tools NAME,...] [--tree DIR] [--place DIR] [--files N] [--repeat N] [--trace FILE]

Parts:
  tree    a tree of 78,457 files that is made (or, for a copy of DIR, is given): saved into an empty store, again with nothing changed, again with
          a line added to each of 5 files, then restored to an empty folder and compared; size and growth of the store; memory
  saves   a tree of 2,000 files: 100 saves with one more line each, in a store that grows; with bobbin-pack 500, so that there are as many packs
  large   one file of 2 GiB that no codec shrinks: saved and restored, for the memory that takes
  curve   trees of 1,000 files and more: saved, saved with nothing changed, restored

All programs take turns, so that a change of the machine's speed hits all. The cache is warm before each save, and what was written before is on disk.
A line is `PART TOOL FIGURE MEDIAN UNIT (BEST_RIVAL MEDIAN, ratio R) minimum`, with `missed` where bobbin-pack misses a gate: a figure that is
asked for on a tree like Linux 6.1 with 2 processors, or, on other machines, what the rival of that row does in the same run.
Sizes are what the disk is asked for; `size` is that of a store without what only saves time and can be made again, which is `caches`. Memory is the
largest of any process, and at least what Python has taken when it starts one.
"""
import argparse
import csv
import filecmp
import os
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time

import rivals
import tree as trees

FIVE = 5
#: Of the part `tree`: figure, the most that is allowed, and the rival whose figure is as good a gate, with what it is multiplied by.
GATES = {
    "bobbin": {"cold": (2.6, "tar-lz4", 1), "same": (0.16, "git", 1), "five": (0.21, "git", 1), "restore": (4.0, "cp", 0.92),
               "size": (380, "tar-lz4", 1.02), "growth": (0.1, None, 0), "save_memory": (200, None, 0), "restore_memory": (200, None, 0)},
    "bobbin-no-sync": {"cold": (1.9, "tar-lz4", 0.72)},
    "bobbin-zstd": {"size": (270, "restic", 0.98)},
}
LARGE_GATES = {"bobbin": {"save_memory": (200, None, 0), "restore_memory": (200, None, 0)}}
MEGABYTES = ("size", "growth", "save_memory", "restore_memory", "store_100", "growth_each", "caches")
ORDER = ("cold", "same", "five", "restore", "size", "caches", "growth", "save_memory", "restore_memory")
CURVE = [1_000, 3_000, 10_000, 30_000, 78_457]


class Failed(Exception):
    pass


def run(program, command, ok=(0,)):
    """Seconds, and MB of its largest process."""
    if command is None:
        return 0.0, 0.0
    words = ["/bin/sh", "-e", "-c", command] if isinstance(command, str) else command
    with tempfile.TemporaryFile() as output:
        start = time.monotonic()
        with subprocess.Popen(words, env=program.environment(), stdin=subprocess.DEVNULL, stdout=output, stderr=output) as child:
            _, status, usage = os.wait4(child.pid, 0)
            child.returncode = os.waitstatus_to_exitcode(status)
        took = time.monotonic() - start
        if child.returncode not in ok:
            output.seek(0)
            raise Failed(f"{words} ended with {child.returncode}: {output.read()[-500:].decode(errors='replace').strip()}")
    return took, usage.ru_maxrss * 1024 / 1e6


def walk(folder):
    for path, directories, files in os.walk(folder):
        directories.sort()
        for name in sorted(files):
            yield os.path.join(path, name)


def size_of(*places):
    """MB on disk of files and folders, each file once."""
    seen, sum_of = set(), 0
    for path in [path for place in places for path in ([place] if os.path.isfile(place) else walk(place))]:
        status = os.lstat(path)
        if (status.st_dev, status.st_ino) not in seen:
            seen.add((status.st_dev, status.st_ino))
            sum_of += status.st_blocks * 512
    return sum_of / 1e6


def read_all(folder):
    for path in walk(folder):
        if not os.path.islink(path):
            with open(path, "rb", buffering=0) as file:
                while file.read(1 << 20):
                    pass


def add_line(path, text):
    with open(path, "a", encoding="ascii") as file:
        file.write(text)


def differences(tree, restored):
    """What a restored tree lacks: of `bytes`, `modes`, `times`."""
    found = set()
    for path in walk(tree):
        other = restored + path[len(tree):]
        if os.path.islink(path):
            if not os.path.islink(other) or os.readlink(path) != os.readlink(other):
                found.add("bytes")
            continue
        if not os.path.isfile(other) or not filecmp.cmp(path, other, shallow=False):
            found.add("bytes")
            continue
        one, two = os.stat(path), os.stat(other)
        if one.st_mode != two.st_mode:
            found.add("modes")
        if one.st_mtime_ns != two.st_mtime_ns:
            found.add("times")
    return found


class Bench:
    def __init__(self, arguments, tools, place):
        self.arguments, self.tools, self.place = arguments, tools, place
        self.found = {}  # (part, tool, figure): values
        self.notes = {}
        self.broken = set()
        self.gone = 0
        self.tree = None

    # Each figure of each run.
    def add(self, part, program, figure, value):
        self.found.setdefault((part, program.name, figure), []).append(value)

    def put_away(self, path):
        """Removed at the end of a part only: for a minute after many files were removed ext4 makes new ones slowly, as it takes up no inode that
        has just become free, and that would count for whoever comes next."""
        os.rename(path, os.path.join(self.place, f"gone-{self.gone}"))
        self.gone += 1

    def remove_gone(self):
        for n in range(self.gone):
            shutil.rmtree(os.path.join(self.place, f"gone-{n}"))
        self.gone = 0
        os.sync()
        time.sleep(90)

    def fresh(self, tool):
        for name in ("store", "store.home", "store.index", "restored"):
            path = os.path.join(self.place, name)
            if os.path.isdir(path):
                self.put_away(path)
        os.sync()
        return tool(os.path.join(self.place, "store"))

    def guarded(self, part, tool, measure):
        """A program that fails is left out from then on, and said to have failed."""
        if (part, tool.name) in self.broken:
            return
        program = self.fresh(tool)
        print(f"{part}: {tool.name}", file=sys.stderr, flush=True)
        try:
            measure(program)
        except Failed as failed:
            self.broken.add((part, tool.name))
            self.found = {key: values for key, values in self.found.items() if key[:2] != (part, tool.name)}
            print(f"{part} {tool.name} failed: {failed}", flush=True)

    def save(self, program, tree):
        return run(program, program.save(tree))

    def restore(self, program, tree):
        restored = os.path.join(self.place, "restored")
        os.makedirs(restored)
        os.sync()
        took = run(program, program.restore(tree, restored))
        return *took, restored

    def big_tree(self):
        if self.tree is None:
            self.tree = os.path.join(self.place, "tree")
            if self.arguments.tree:
                subprocess.run(["cp", "-a", self.arguments.tree, self.tree], check=True)
            else:
                self.make_tree(self.tree, self.arguments.files)
        return self.tree

    def make_tree(self, folder, files):
        # In another process: what is measured starts with the memory of this one.
        script = os.path.join(os.path.dirname(os.path.abspath(__file__)), "tree.py")
        subprocess.run([sys.executable, "-B", script, folder, str(files)], check=True)

    def part_tree(self):
        tree = self.big_tree()
        files = [path for path in walk(tree) if not os.path.islink(path)]
        print(f"tree of {len(files)} files, {sum(os.path.getsize(path) for path in files) / 1e6:.0f} MB", flush=True)
        for turn in range(self.arguments.repeat):
            for tool in self.tools:
                self.guarded("tree", tool, lambda program: self.measure_tree(program, tree, files, turn))

    def measure_tree(self, program, tree, files, turn):
        part = "tree"
        run(program, program.init())
        read_all(tree)
        took, memory = self.save(program, tree)
        self.add(part, program, "cold", took)
        caches = program.cache_paths()
        self.add(part, program, "size", size_of(program.store, *caches) - size_of(*caches))
        self.add(part, program, "caches", size_of(*caches))
        if program.is_incremental:
            os.sync()
            self.add(part, program, "same", self.save(program, tree)[0])
        before = size_of(program.store)
        for n in range(FIVE):
            add_line(files[(n * 2 + 1) * len(files) // (2 * FIVE)], f"/* {program.name} {turn} */\n")
        os.sync()
        five, again = self.save(program, tree)
        self.add(part, program, "five", five)
        if program.keeps_all:
            self.add(part, program, "growth", size_of(program.store) - before)
        self.add(part, program, "save_memory", max(memory, again))
        took, memory, restored = self.restore(program, tree)
        self.add(part, program, "restore", took)
        self.add(part, program, "restore_memory", memory)
        if turn == 0:
            self.compare(program, tree, restored)

    def compare(self, program, tree, restored):
        lacks = differences(tree, restored)
        self.notes[program.name] = ", ".join(sorted(lacks)) or "nothing"
        if "bytes" in lacks:
            raise Failed("what it restored is not what it saved")

    def part_saves(self):
        tree = os.path.join(self.place, "small-tree")
        self.make_tree(tree, 2_000)
        files = [path for path in walk(tree) if not os.path.islink(path)]
        for tool in self.tools:
            self.guarded("saves", tool, lambda program: self.measure_saves(program, tree, files))
        self.put_away(tree)

    def measure_saves(self, program, tree, files):
        run(program, program.init())
        self.save(program, tree)
        start, times = size_of(program.store), []
        for n in range(1, 501 if isinstance(program, rivals.Bobbin) else 101):
            add_line(files[n * 37 % len(files)], f"/* {program.name} {n} */\n")
            times.append(self.save(program, tree)[0])
            if n in (10, 50, 100, 500):
                self.add("saves", program, f"save_{n}", statistics.median(times[-10:]))
            if n == 100:
                self.add("saves", program, "store_100", size_of(program.store))
                if program.keeps_all:
                    self.add("saves", program, "growth_each", (size_of(program.store) - start) / n)
        _, _, restored = self.restore(program, tree)
        if lacks := differences(tree, restored) & {"bytes"}:
            raise Failed(f"what it restored after many saves lacks {lacks}")

    def part_large(self):
        tree = os.path.join(self.place, "large-tree")
        os.makedirs(tree)
        with open(os.path.join(tree, "file"), "wb") as file:
            for _ in range(2048):
                file.write(os.urandom(1 << 20))
        for tool in self.tools:
            self.guarded("large", tool, lambda program: self.measure_large(program, tree))
        self.put_away(tree)

    def measure_large(self, program, tree):
        run(program, program.init())
        took, memory = self.save(program, tree)
        self.add("large", program, "save", took)
        self.add("large", program, "save_memory", memory)
        took, memory, _ = self.restore(program, tree)
        self.add("large", program, "restore", took)
        self.add("large", program, "restore_memory", memory)

    def part_curve(self):
        for files in [files for files in CURVE if files <= self.arguments.files]:
            tree = os.path.join(self.place, "curve-tree")
            self.make_tree(tree, files)
            for tool in self.tools:
                self.guarded(f"curve_{files}", tool, lambda program: self.measure_curve(program, tree, f"curve_{files}"))
            self.put_away(tree)

    def measure_curve(self, program, tree, part):
        run(program, program.init())
        read_all(tree)
        self.add(part, program, "cold", self.save(program, tree)[0])
        if program.is_incremental:
            self.add(part, program, "same", self.save(program, tree)[0])
        self.add(part, program, "restore", self.restore(program, tree)[0])

    def median(self, part, tool, figure):
        values = self.found.get((part, tool, figure))
        return statistics.median(values) if values else None

    def is_missed(self, gates, part, tool, figure, value):
        if figure not in gates.get(tool, {}):
            return False
        most, rival, factor = gates[tool][figure]
        other = self.median(part, rival, figure) if rival else None
        return value > max(most, other * factor if other is not None else 0)

    def print_figures(self, part, gates):
        ours = {tool.name for tool in rivals.ALL if issubclass(tool, rivals.Bobbin)}
        figures = list(dict.fromkeys(figure for at, _, figure in self.found if at == part))
        figures.sort(key=lambda figure: ORDER.index(figure) if figure in ORDER else 0)
        missed = []
        for figure in figures:
            values = {tool: self.median(part, tool, figure) for at, tool, what in self.found if at == part and what == figure}
            others = {tool: value for tool, value in values.items() if tool not in ours}
            best = min(others, key=others.get) if others else None
            for tool, value in values.items():
                rival = f"({best} {others[best]:.4g}, ratio {value / others[best]:.3g})" if best and others[best] else "(no rival)"
                least = min(self.found[part, tool, figure])
                is_missed = self.is_missed(gates, part, tool, figure, value)
                missed += [f"{part} {tool} {figure}"] if is_missed else []
                print(f"{part} {tool} {figure} {value:.4g} {'MB' if figure in MEGABYTES else 's'} {rival} "
                      f"minimum {least:.4g}{' missed' if is_missed else ''}", flush=True)
        self.print_table(part, figures)
        return missed

    def print_table(self, part, figures):
        print(f"\n| {part} | {' | '.join(figures)} |\n|{'---|' * (len(figures) + 1)}")
        for tool in self.tools:
            values = [self.median(part, tool.name, figure) for figure in figures]
            if any(value is not None for value in values):
                print(f"| {tool.name} | {' | '.join('–' if value is None else f'{value:.3g}' for value in values)} |")
        print(flush=True)

    def print_notes(self):
        print("| | what it does | what its restored tree lacks |\n|---|---|---|")
        for tool in self.tools:
            print(f"| {tool.name} | {tool.does} | {self.notes.get(tool.name, 'not looked at')} |")
        print(flush=True)

    def write_trace(self, path):
        with open(path, "w", encoding="ascii", newline="") as file:
            rows = csv.writer(file)
            rows.writerow(["part", "tool", "figure", "median", "minimum"])
            for (part, tool, figure), values in self.found.items():
                rows.writerow([part, tool, figure, f"{statistics.median(values):.6g}", f"{min(values):.6g}"])


def main():
    parser = argparse.ArgumentParser(usage=__doc__.split("usage: ")[1].split("\n")[0], description=__doc__.split("\n\n")[2],
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bobbin_pack")
    parser.add_argument("--only", default="tree,saves,large,curve", help="parts, separated by commas")
    parser.add_argument("--tools", default=",".join(tool.name for tool in rivals.ALL))
    parser.add_argument("--tree", help="use a copy of this one")
    parser.add_argument("--place", help="where all is made: a folder on the disk to be measured, with 2 GB free for each program and turn")
    parser.add_argument("--files", type=int, default=trees.FILES, help="of the tree that is made")
    parser.add_argument("--repeat", type=int, default=5, help="turns of the part `tree`")
    parser.add_argument("--trace", help="write the figures to this file, for plot_pack.py")
    arguments = parser.parse_args()

    parts = {"tree": GATES, "saves": {}, "large": LARGE_GATES, "curve": {}}
    wanted, names = arguments.only.split(","), arguments.tools.split(",")
    if unknown := set(wanted) - set(parts) or set(names) - {tool.name for tool in rivals.ALL}:
        parser.error(f"there is no {', '.join(sorted(unknown))}")
    rivals.Bobbin.program = os.path.abspath(arguments.bobbin_pack)
    asked = [tool for tool in rivals.ALL if tool.name in names]
    tools = [tool for tool in asked if tool.is_there()]
    if missing := [tool.name for tool in asked if tool not in tools]:
        print(f"not measured, as it is not there: {', '.join(missing)}", flush=True)

    missed = []
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that what was made is removed
    with tempfile.TemporaryDirectory(prefix="bobbin-pack-bench-", dir=arguments.place) as place:
        bench = Bench(arguments, tools, os.path.realpath(place))
        for part in wanted:
            getattr(bench, f"part_{part}")()
            for at in dict.fromkeys(at for at, _, _ in bench.found if at.split("_")[0] == part):
                missed += bench.print_figures(at, parts[part])
            if part != wanted[-1]:
                bench.remove_gone()
        bench.print_notes()
        if arguments.trace:
            bench.write_trace(arguments.trace)
    for what in missed:
        print(f"missed: {what}")


if __name__ == "__main__":
    main()
