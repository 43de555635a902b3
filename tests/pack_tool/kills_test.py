"""Kills saves, prunes and restores at random moments. What was acknowledged stays. kills_test.py PROGRAM COUNT [SEED]"""
import os
import random
import shutil
import subprocess
import sys
import time

import harness

COUNT = int(sys.argv[2])
SEED = int(sys.argv[3]) if len(sys.argv) > 3 else random.randrange(1 << 30)


class Kills(harness.StoreCase):
    def killed(self, rng, *words, most=0.5):
        """Runs a command and kills it. @returns its answer if it came to its end before"""
        run = subprocess.Popen([harness.PROGRAM, "--store", self.store, "--json", *words], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        time.sleep(rng.random() * most)
        run.kill()
        out, _ = run.communicate()
        return out if run.returncode == 0 else None

    def test_nothing_acknowledged_is_lost(self):
        rng = random.Random(SEED)
        print(f"seed {SEED}")
        saved = {}
        for n in range(COUNT):
            content = rng.randbytes(rng.randrange(1, 30_000_000))
            self.write("file", content)
            self.write(f"file{n % 3}", content[: len(content) // 2])
            self.killed(rng, "save", "-m", str(n), self.tree)
            listed = {s["id"]: s for s in self.json("--wait", "10", "list")}
            for snapshot in saved:
                self.assertIn(snapshot, listed, f"seed {SEED}")
            for snapshot in listed:
                if snapshot not in saved:
                    saved[snapshot] = content
            if n % 3 == 2:
                self.killed(rng, "prune", "--dead", "0", most=0.2)
            self.pack("verify")
        for snapshot, content in saved.items():
            self.assertEqual(self.pack("cat", snapshot, "file"), content, f"seed {SEED}")
        self.pack("prune", "--dead", "0")
        self.pack("verify")
        known = len(self.json("list"))
        self.assertEqual(known, len(saved))

    def test_a_restore_is_finished_or_undone(self):
        rng = random.Random(SEED + 1)
        for n in range(300):
            self.write(f"dir{n % 7}/file{n}", rng.randbytes(2000))
        first = self.save()
        for n in range(0, 300, 2):
            self.write(f"dir{n % 7}/file{n}", rng.randbytes(2000))
        second = self.save()
        wanted = {}
        for snapshot in (first, second):
            out = self.place / snapshot
            self.pack("restore", snapshot, "--to", out)
            wanted[snapshot] = {p.relative_to(out): p.read_bytes() for p in out.rglob("*") if p.is_file()}
        for n in range(COUNT):
            self.killed(rng, "restore", (first, second)[n % 2], "--to", self.tree, "--no-save", most=0.15)
            for path in self.tree.rglob("*"):
                if path.is_file() and ".bobbin-restore" not in str(path):
                    name = path.relative_to(self.tree)
                    self.assertIn(path.read_bytes(), (wanted[first][name], wanted[second][name]), f"seed {SEED}")
        self.pack("restore", first, "--to", self.tree, "--no-save")
        there = {p.relative_to(self.tree): p.read_bytes() for p in self.tree.rglob("*") if p.is_file()}
        self.assertEqual(there, wanted[first])
        leftovers = [p.name for p in self.place.iterdir() if "bobbin" in p.name]
        self.assertEqual(leftovers, [])


harness.main()
