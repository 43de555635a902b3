#!/usr/bin/env python3
"""Plant good and bad pages and see what check_snippets.py says to them. usage: check_snippets_test.py <check_snippets.py>"""
import pathlib
import subprocess
import sys
import tempfile
import unittest

CHECK = pathlib.Path(sys.argv.pop()).resolve()
CODE = "int before;\n    // [one]\n    int a;\n    // [inner]\n    if (a)\n        a = 1;\n    // [inner]\n    // [one]\n"
GOOD_BLOCK = "<!-- region: x/a.cpp one -->\n```cpp\nint a;\nif (a)\n    a = 1;\n```\n"
GOOD = {
    "x/a.cpp": CODE,
    "README.md": f"# Title\n\n{GOOD_BLOCK}\n[a page](docs/b.md#part), [far](https://example.org/x), [here](#part)\n",
    "docs/b.md": "<!-- region: x/a.cpp inner -->\n```cpp\nif (a)\n    a = 1;\n```\n\n```sh\n./dev help [x](y)\n```\n[back](../README.md)\n",
}
BAD = {  # what is planted, and what the message names
    "changed code": ("README.md", GOOD_BLOCK.replace("int a", "int b"), "differs"),
    "a line less": ("README.md", GOOD_BLOCK.replace("int a;\n", ""), "differs"),
    "other indentation": ("README.md", GOOD_BLOCK.replace("    a = 1", "a = 1"), "differs"),
    "no region": ("README.md", "text\n```cpp\nint a;\n```\n", "without"),
    "no region at the start": ("README.md", "```cpp\nint a;\n```\n", "without"),
    "a region further above": ("README.md", GOOD_BLOCK.replace("-->\n", "-->\n\n"), "without"),
    "no such region": ("README.md", GOOD_BLOCK.replace(" one", " two"), "has 0 lines"),
    "a region that does not end": ("x/a.cpp", CODE + "// [one]\n", "has 3 lines"),
    "no such file": ("README.md", GOOD_BLOCK.replace("a.cpp", "b.cpp"), "no such file"),
    "a dead link": ("docs/c.md", "[dead](d.md)\n", "does not exist"),
}


def run(tree):
    with tempfile.TemporaryDirectory() as folder:
        for name, text in tree.items():
            file = pathlib.Path(folder, name)
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8")
        return subprocess.run([sys.executable, CHECK, folder], capture_output=True, text=True, check=False)


class Snippets(unittest.TestCase):
    def test_good_pages(self):
        result = run(GOOD)
        self.assertEqual((result.returncode, result.stderr), (0, ""))

    def test_bad_pages(self):
        for what, (name, text, message) in BAD.items():
            with self.subTest(what):
                result = run(GOOD | {name: text})
                self.assertEqual(result.returncode, 1)
                self.assertIn(message, result.stderr)
                self.assertEqual(len(result.stderr.splitlines()), 1)

    def test_nothing_to_check(self):
        self.assertNotEqual(run({}).returncode, 0)


if __name__ == "__main__":
    unittest.main()
