#!/usr/bin/env python3
"""Plant good and bad trees and see what check_floors.py says to them. usage: check_floors_test.py <check_floors.py>"""
import pathlib
import subprocess
import sys
import tempfile
import unittest

CHECK = pathlib.Path(sys.argv.pop()).resolve()
GOOD = {
    "bobbin/core/a.hpp": "#include <vector>\n",
    "bobbin/core/b.hpp": '#include "a.hpp"\n#include <bobbin/core/a.hpp>\n',
    "bobbin/index/i.hpp": "#include <bobbin/core/a.hpp>\n",
    "bobbin/store/detail/s.hpp": "#include <bobbin/index/i.hpp>\n",
    "bobbin/writer.hpp": "#include <bobbin/detail/w.hpp>\n#include <bobbin/store/detail/s.hpp>\n",
    "bobbin/detail/w.hpp": "#include <bobbin/core/a.hpp>\n",
    "bobbin/media/m.hpp": "#include <bobbin/writer.hpp>\n",
    "bobbin/pack/p.hpp": "#include <bobbin/writer.hpp>\n",
    "bobbin/testing/t.hpp": "#include <bobbin/media/m.hpp>\n",
    "bobbin/core.hpp": "// all\n#ifndef G\n#define G\n#include <bobbin/core/a.hpp>\n#endif\n",
    "bobbin/bobbin.hpp": "/* all\n of it */\n#include <bobbin/core.hpp>\n",
}
BAD = {  # what is planted, and what the message names
    "a higher floor": ("bobbin/core/x.hpp", "#include <bobbin/fs/f.hpp>\n", "does not exist"),
    "core to store": ("bobbin/core/x.hpp", "#include <bobbin/store/detail/s.hpp>\n", "may not use store"),
    "store to engine": ("bobbin/store/x.hpp", "# include <bobbin/writer.hpp>\n", "may not use engine"),
    "store to engine detail": ("bobbin/store/x.hpp", "#include <bobbin/detail/w.hpp>\n", "may not use engine"),
    "same floor": ("bobbin/digest/x.hpp", "#include <bobbin/index/i.hpp>\n", "may not use index"),
    "media to pack": ("bobbin/media/x.hpp", "#include <bobbin/pack/p.hpp>\n", "may not use pack"),
    "pack to testing": ("bobbin/pack/x.hpp", "#include <bobbin/testing/t.hpp>\n", "may not use testing"),
    "by a relative path": ("bobbin/core/x.hpp", '#include "../index/i.hpp"\n', "may not use index"),
    "an umbrella": ("bobbin/media/x.hpp", "#include <bobbin/core.hpp>\n", "an umbrella"),
    "the whole": ("bobbin/writer2.hpp", "#include <bobbin/bobbin.hpp>\n", "an umbrella"),
    "an umbrella with code": ("bobbin/index.hpp", "#include <bobbin/index/i.hpp>\nint x;\n", "only includes"),
    "no floor": ("bobbin/misc/x.hpp", "\n", "has no floor"),
    "in a source": ("bobbin/core/x.cpp", "#include <bobbin/writer.hpp>\n", "may not use engine"),
}


def run(tree):
    with tempfile.TemporaryDirectory() as folder:
        for name, text in tree.items():
            file = pathlib.Path(folder, name)
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8")
        return subprocess.run([sys.executable, CHECK, folder], capture_output=True, text=True, check=False)


class Floors(unittest.TestCase):
    def test_good_tree(self):
        result = run(GOOD)
        self.assertEqual((result.returncode, result.stderr), (0, ""))

    def test_bad_trees(self):
        for what, (name, text, message) in BAD.items():
            with self.subTest(what):
                result = run(GOOD | {name: text})
                self.assertEqual(result.returncode, 1)
                self.assertIn(name, result.stderr)
                self.assertIn(message, result.stderr)
                self.assertEqual(len(result.stderr.splitlines()), 1)

    def test_nothing_to_check(self):
        self.assertNotEqual(run({}).returncode, 0)


if __name__ == "__main__":
    unittest.main()
