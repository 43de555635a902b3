"""A store in a temporary directory, and the program on it."""
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest
import zlib

PROGRAM = pathlib.Path(sys.argv[1]).resolve() if len(sys.argv) > 1 else None
SKIPPED = 77


def skip(why):
    print(f"skipped: {why}")
    sys.exit(SKIPPED)


def main():
    """Runs the tests of the caller; the first argument was the program."""
    unittest.main(argv=sys.argv[:1])


class StoreCase(unittest.TestCase):
    def setUp(self):
        self.place = pathlib.Path(tempfile.mkdtemp(prefix="bobbin-pack-test-"))
        self.addCleanup(self.remove)
        self.store = self.place / "store"
        self.tree = self.place / "tree"
        self.tree.mkdir()
        self.pack("init")

    def remove(self):
        for folder, _, _ in os.walk(self.place):
            os.chmod(folder, 0o700)
        shutil.rmtree(self.place, ignore_errors=not self.place.exists())

    def run_program(self, *words, store=None, **kw):
        return subprocess.run([PROGRAM, "--store", store or self.store, *words], capture_output=True, timeout=800, check=False, **kw)

    def pack(self, *words, code=0, store=None, **kw):
        """Standard output of a command that has to end with `code`."""
        done = self.run_program(*words, store=store, **kw)
        self.assertEqual(done.returncode, code, f"{words}\n{done.stdout.decode(errors='replace')}{done.stderr.decode(errors='replace')}")
        self.errors = done.stderr.decode(errors="replace")
        return done.stdout

    def json(self, *words, code=0):
        return json.loads(self.pack("--json", *words, code=code))

    def save(self, *words, code=0, tree=None):
        """The id of a new snapshot."""
        return self.json("save", *words, tree or self.tree, code=code)["snapshot"]

    def write(self, name, content=b"", mode=None):
        path = self.tree / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        if mode is not None:
            path.chmod(mode)
        return path

    def preloaded(self, source, **variables):
        """An environment in which a library of this C text stands before the system's."""
        library = self.place / f"{zlib.crc32(source.encode()):x}.so"
        if not library.exists():
            if shutil.which("cc") is None:
                self.skipTest("there is no cc")
            subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-x", "c", "-", "-o", library, "-ldl"], input=source, text=True, check=True)
        env = {**os.environ, "LD_PRELOAD": str(library), **variables}
        if self.run_program("--help", env=env).returncode != 0:
            self.skipTest("this program takes no preloaded library")
        return env

    def packs(self):
        return sorted(p for p in (self.store / "packs").iterdir() if not p.name.startswith("bobbin-"))

    def files_of_store(self):
        return sorted(str(p.relative_to(self.store)) for p in self.store.rglob("*") if p.is_file())

    def assert_same(self, a, b, message="", options="-aHAXn"):
        """As rsync judges: contents, kinds, links, modes, times, owners, attributes."""
        done = subprocess.run(["rsync", options, "--checksum", "--itemize-changes", "--delete", f"{a}/", f"{b}/"],
                              capture_output=True, text=True, check=False)
        self.assertEqual((done.returncode, done.stdout, done.stderr), (0, "", ""), message)


def has_rsync():
    return shutil.which("rsync") is not None
