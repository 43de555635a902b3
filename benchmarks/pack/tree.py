#!/usr/bin/python3
"""Make a tree that is like a kernel's source tree: text that compresses as source does, many small files, a few large ones.

usage: tree.py FOLDER [FILES]

The same bytes each time. With 78,457 files, which is the default, it has 5,086 directories and 1,296 MB, as Linux 6.1 has.
"""
import bisect
import itertools
import math
import os
import random
import sys

FILES, DIRECTORIES, BYTES = 78_457, 5_086, 1_296_000_000
EXTENSIONS = [".c"] * 42 + [".h"] * 33 + [".rst"] * 6 + [".txt"] * 5 + [".dts"] * 6 + ["", ".S", ".yaml", ".json", ".sh"]
TIME = 1_670_000_000  # of the oldest file, seconds
SELF = "@"  # in a line: a name that only this file has


def make_lines(rng, count):
    syllables = [a + b for a in "bcdfghklmnprstvw" for b in "aeiou"]
    words = ["".join(rng.choices(syllables, k=rng.randint(1, 4))) for _ in range(6000)] + [SELF] * 400
    weights = list(itertools.accumulate(1 / (n + 10) for n in range(len(words))))
    rng.shuffle(words)

    def word():
        return words[bisect.bisect(weights, rng.random() * weights[-1])]

    shapes = [
        lambda: f"\tif ({word()}->{word()} != {word()}_{word()})",
        lambda: f"\t\treturn -{word().upper()};",
        lambda: f"\t{word()}_{word()}({word()}, &{word()}->{word()});",
        lambda: f"#define {word().upper()}_{word().upper()}\t0x{rng.getrandbits(16):04x}",
        lambda: f"\tstruct {word()}_{word()} *{word()} = {word()}_to_{word()}({word()});",
        lambda: f"static int {word()}_{word()}_{word()}(struct {word()} *{word()}, u{rng.choice((8, 16, 32, 64))} {word()})",
        lambda: f" * {word()} {word()} {word()} {word()} {word()} {word()} {word()}",
        lambda: f"\t\t.{word()} = {word()}_{word()},",
        lambda: f"\tunsigned long {word()} = {rng.randint(0, 4096)};",
        lambda: f"\t\t{word()}->{word()} |= BIT({rng.randint(0, 31)});",
        lambda: "{", lambda: "}", lambda: "", lambda: "\tbreak;", lambda: "\t}",
    ]
    return [rng.choice(shapes)() + "\n" for _ in range(count)]


def make_text(rng, lines, name, size):
    """A file says much of what it says again, and some of it nowhere else."""
    count = size // 22 + 4
    own = rng.choices(lines, k=count // 5 + 3)
    text = "".join(itertools.chain(rng.choices(own, k=count * 4 // 5 + 2), own)).replace(SELF, name)
    while len(text) < size:
        text += "".join(rng.choices(own, k=200)).replace(SELF, name)
    return text[:size - 1] + "\n" if size else ""


def make_sizes(rng, files, total):
    sizes = [rng.lognormvariate(0, 1.45) for _ in range(files)]
    scale = total / sum(sizes)
    return [max(int(size * scale), 1) for size in sizes]


def make_tree(folder, files=FILES):
    rng = random.Random(1)
    lines = make_lines(rng, 60_000)
    directories = [""]
    for n in range(1, max(math.ceil(DIRECTORIES * files / FILES), 2)):
        # Flat and deep ones, but no path as long as the depth of a random tree would make it.
        parent = directories[rng.randrange(len(directories))]
        if parent.count("/") >= 7:
            parent = ""
        directories.append(f"{parent}{rng.choice(('arch', 'drivers', 'include', 'lib', 'net', 'sound', 'tools'))}{n}/")
    for directory in directories:
        os.makedirs(os.path.join(folder, directory), exist_ok=True)
    for n, size in enumerate(make_sizes(rng, files, BYTES * files // FILES)):
        # Each directory has a file, as not every tool keeps empty ones.
        directory = directories[n] if n < len(directories) else rng.choice(directories)
        path = os.path.join(folder, directory, f"file{n}{rng.choice(EXTENSIONS)}")
        with open(path, "w", encoding="ascii") as file:
            file.write(make_text(rng, lines, f"f{n}_{rng.getrandbits(24):x}", size))
        os.chmod(path, 0o755 if rng.random() < 0.01 else 0o644)
        os.utime(path, (TIME + n, TIME + n))
    for n in range(50 * files // FILES):
        os.symlink(f"file{n}.c", os.path.join(folder, directories[n % len(directories)], f"link{n}"))


if __name__ == "__main__":
    if len(sys.argv) not in (2, 3):
        sys.exit(__doc__.strip())
    make_tree(sys.argv[1], int(sys.argv[2]) if len(sys.argv) == 3 else FILES)
