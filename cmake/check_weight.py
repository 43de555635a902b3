#!/usr/bin/env python3
"""Print how many lines each header is after preprocessing; fail if one exceeds its bound or the core needs a third party."""
import argparse
import os
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

THIRD_PARTY = re.compile(r"/(boost|range/v3|fmt|openssl|spdlog|nlohmann)/|/(sqlite3|xxhash|lz4\w*|zstd\w*|zlib)\.h$")
MARKER = re.compile(r'^# \d+ "([^"]+)"')


def preprocess(compiler, include, header):
    run = subprocess.run(
        [compiler, "-std=c++20", "-E", "-x", "c++", *(f"-I{folder}" for folder in include), "-"],
        input=f"#include <{header}>\n", capture_output=True, text=True, check=False)
    if run.returncode != 0:
        return 0, set(), run.stderr
    lines, foreign = 0, set()
    for line in run.stdout.splitlines():
        marker = MARKER.match(line)
        if marker and THIRD_PARTY.search(marker[1]):
            foreign.add(marker[1])
        elif line and not line.startswith("#"):
            lines += 1
    return lines, foreign, ""


def main():
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--compiler", required=True)
    options.add_argument("--include", required=True, help="folders, separated by ':'")
    options.add_argument("--headers", required=True, help="file with lines <component>:<header>")
    options.add_argument("--bounds", required=True, help="file with lines <header> <lines>, and one `default`")
    args = options.parse_args()

    bounds = {}
    with open(args.bounds, encoding="utf-8") as file:
        for line in file:
            words = line.split("#")[0].split()
            if words:
                bounds[words[0]] = int(words[1])
    with open(args.headers, encoding="utf-8") as file:
        headers = sorted(line.strip().split(":", 1)[::-1] for line in file if line.strip())

    include = [folder for folder in args.include.split(":") if folder]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        results = list(pool.map(lambda entry: preprocess(args.compiler, include, entry[0]), headers))

    problems = []
    for (header, component), (lines, foreign, error) in zip(headers, results):
        print(f"{lines:8}  {header}")
        bound = bounds.get(header, bounds["default"])
        if error:
            problems.append(f"{header}: does not preprocess:\n{error}")
        if lines > bound:
            problems.append(f"{header}: {lines} lines, the bound is {bound}")
        if component == "bobbin" and foreign:
            problems.append(f"{header}: a core header that includes {sorted(foreign)[0]}")
    known = {header for header, _ in headers} | {"default"}
    problems += [f"{header}: has a bound, but is no header" for header in bounds if header not in known]
    for problem in problems:
        print(f"error: {problem}", file=sys.stderr)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
