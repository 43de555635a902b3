#!/usr/bin/env python3
"""Check that each include below include/bobbin points to the same folder or to a lower floor.

usage: check_floors.py <include folder>
"""
import pathlib
import re
import sys

FLOORS = {
    "core": 1,
    "fs": 2,
    "file": 3, "digest": 3, "codec": 3, "index": 3,
    "store": 4,
    "engine": 5,  # the headers at the top, and detail/
    "media": 6, "pack": 6,
    "testing": 7,
}
INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*([<"])([^>"]+)[>"]', re.M)
COMMENT = re.compile(r"//[^\n]*|/\*.*?\*/", re.S)
INCLUDES_ONLY = re.compile(r"^\s*(#\s*(include|ifndef|define|endif|pragma once)\b.*)?$")


def is_umbrella(path):
    """bobbin/bobbin.hpp, and bobbin/<folder>.hpp."""
    return len(path.parts) == 2 and (path.stem == "bobbin" or path.stem in FLOORS)


def area_of(path):
    return "engine" if len(path.parts) == 2 or path.parts[1] == "detail" else path.parts[1]


def check(root):
    for file in sorted((*root.glob("bobbin/**/*.hpp"), *root.glob("bobbin/**/*.cpp"))):
        path = file.relative_to(root)
        text = file.read_text(encoding="utf-8")
        area = area_of(path)
        if area not in FLOORS:
            yield f"{path}: the folder {area} has no floor"
            continue
        if is_umbrella(path):
            code = COMMENT.sub("", text)
            yield from (f"{path}: an umbrella only includes, but has: {line.strip()}"
                        for line in code.splitlines() if not INCLUDES_ONLY.match(line))
        for match in INCLUDE.finditer(text):
            quote, name = match.groups()
            beside = file.parent / name
            if quote == '"' and beside.is_file():
                target = beside.resolve().relative_to(root)
            elif name.startswith("bobbin/"):
                target = pathlib.PurePath(name)
            elif quote == '"':
                yield f'{path}: includes "{name}", which is not beside it'
                continue
            else:
                continue
            line = text.count("\n", 0, match.start()) + 1
            where = f"{path}:{line}: includes {target}"
            if not (root / target).is_file():
                yield f"{where}, which does not exist"
            elif is_umbrella(path):
                continue
            elif is_umbrella(target):
                yield f"{where}, an umbrella"
            else:
                to = area_of(target)
                if to != area and FLOORS.get(to, 99) >= FLOORS[area]:
                    yield f"{where}: {area} (floor {FLOORS[area]}) may not use {to} (floor {FLOORS.get(to, '?')})"


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    root = pathlib.Path(sys.argv[1]).resolve()
    if not (root / "bobbin").is_dir():
        sys.exit(f"error: {root} has no folder bobbin")
    problems = list(check(root))
    for problem in problems:
        print(problem, file=sys.stderr)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
