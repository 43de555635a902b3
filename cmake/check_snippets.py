#!/usr/bin/env python3
"""Check the code and the links of the documentation.

usage: check_snippets.py <root of the tree>

In README.md, CONTRIBUTING.md and docs/*.md each block of C++ must be preceded by a line <!-- region: <path> <name> --> and equal
what stands between the two lines "// [name]" of that file, less its indentation. Each relative link must lead to a file.
"""
import pathlib
import re
import sys
import textwrap

BLOCK = re.compile(r"(?P<before>(?:^[^\n]*\n)?)^```(?:cpp|c\+\+)[ \t]*\n(?P<code>.*?)^```[ \t]*$", re.M | re.S)
REGION = re.compile(r"<!-- region: (\S+) (\S+) -->\s*")
LINK = re.compile(r"\]\(([^)\s#]+)[^)]*\)")
FENCE = re.compile(r"^```.*?^```[ \t]*$", re.M | re.S)


def region_of(file, name):
    """The text of a region; LookupError says what is wrong."""
    if not file.is_file():
        raise LookupError("there is no such file")
    parts = re.split(rf"^[ \t]*// \[{re.escape(name)}\][ \t]*\n", file.read_text(encoding="utf-8"), flags=re.M)
    if len(parts) != 3:
        raise LookupError(f"it has {len(parts) - 1} lines '// [{name}]', not 2")
    inner = re.sub(r"^[ \t]*// \[\w+\][ \t]*\n", "", parts[1], flags=re.M)  # regions may nest
    return textwrap.dedent(inner)


def check(root):
    pages = [root / "README.md", root / "CONTRIBUTING.md", *sorted(root.glob("docs/*.md"))]
    for page in (p for p in pages if p.is_file()):
        text = page.read_text(encoding="utf-8")
        where = page.relative_to(root)
        for block in BLOCK.finditer(text):
            line = text.count("\n", 0, block.start("code"))
            named = REGION.fullmatch(block["before"])
            if not named:
                yield f"{where}:{line}: a block of C++ without <!-- region: path name --> before it"
                continue
            path, name = named.groups()
            try:
                if region_of(root / path, name) != block["code"]:
                    yield f"{where}:{line}: differs from region '{name}' of {path}"
            except LookupError as why:
                yield f"{where}:{line}: region '{name}' of {path}: {why}"
        for link in LINK.finditer(FENCE.sub(lambda m: re.sub(r"[^\n]", " ", m[0]), text)):
            line = text.count("\n", 0, link.start()) + 1
            if "://" not in link[1] and not link[1].startswith("mailto:") and not (page.parent / link[1]).exists():
                yield f"{where}:{line}: links to {link[1]}, which does not exist"


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    root = pathlib.Path(sys.argv[1]).resolve()
    if not (root / "README.md").is_file():
        sys.exit(f"error: {root} has no README.md")
    problems = list(check(root))
    for problem in problems:
        print(problem, file=sys.stderr)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
