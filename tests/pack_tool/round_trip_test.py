"""Random trees are saved and restored, and rsync compares them. round_trip_test.py PROGRAM [SEED]"""
import os
import random
import socket
import sys

import harness

if not harness.has_rsync():
    harness.skip("rsync is not installed")
SEED = int(sys.argv[2]) if len(sys.argv) > 2 else random.randrange(1 << 30)


class RoundTrip(harness.StoreCase):
    def random_name(self, rng):
        length = rng.choice([1, 3, 8, 30, 200])
        name = bytes(rng.choice([*range(1, 47), *range(48, 256)]) for _ in range(length))
        return name if name not in (b".", b"..", b".bobbinignore") else b"x"

    def random_content(self, rng):
        size = rng.choice([0, 1, 100, 4096, 5000, 100_000, 300_000, 2_000_000])
        kind = rng.randrange(3)
        return rng.randbytes(size) if kind == 0 else (b"text %d\n" % rng.randrange(10)) * (size // 7) if kind == 1 else bytes(size)

    def fill(self, rng, folder, depth, files):
        for _ in range(rng.randrange(1, 12)):
            path = folder + b"/" + self.random_name(rng)
            if os.path.lexists(path):
                continue
            kind = rng.randrange(10)
            if kind < 5:
                with open(path, "wb") as file:
                    if rng.randrange(6) == 0:
                        file.seek(rng.randrange(1_000_000))
                    file.write(self.random_content(rng))
                os.chmod(path, rng.choice([0o644, 0o600, 0o755, 0o4755, 0o2711, 0o444, 0o000]))
                files.append(path)
                if rng.randrange(4) == 0:
                    try:
                        os.setxattr(path, b"user.note", rng.randbytes(rng.randrange(60)))
                    except OSError:
                        pass
            elif kind < 6:
                os.symlink(self.random_name(rng), path)
            elif kind < 7 and files:
                os.link(rng.choice(files), path)
            elif depth > 0:
                os.mkdir(path)
                self.fill(rng, path, depth - 1, files)
                os.chmod(path, rng.choice([0o755, 0o700, 0o1777, 0o2755]))
            if not os.path.islink(path) and os.path.exists(path):
                os.utime(path, ns=(0, rng.randrange(-10**17, 2 * 10**18)))

    def check(self, rng):
        tree = os.fsencode(self.tree)
        self.fill(rng, tree, 4, [])
        self.save()
        out = self.place / "out"
        self.pack("restore", "latest", "--to", out)
        self.assert_same(self.tree, out, f"seed {SEED}")
        # Some of it changes, and comes back.
        names = [os.path.join(folder, name) for folder, _, files in os.walk(tree) for name in files]
        for path in rng.sample(names, len(names) // 3):
            os.unlink(path)
        for path in rng.sample(names, len(names) // 4):
            if not os.path.lexists(path):
                with open(path, "wb") as file:
                    file.write(b"something else")
        self.pack("restore", "latest", "--to", self.tree, "--no-save", "--delete")
        self.assert_same(out, self.tree, f"in place, seed {SEED}")

    def test_random_trees(self):
        for n in range(6):
            with self.subTest(n):
                self.check(random.Random(SEED + n))
                self.remove()
                self.setUp()

    def test_depth(self):
        path = self.tree
        for n in range(200):
            path = path / f"d{n}"
        path.mkdir(parents=True)
        (path / "deep").write_text("deep")
        self.save()
        self.pack("restore", "latest", "--to", self.place / "out")
        self.assert_same(self.tree, self.place / "out")

    def test_special_files_are_told_and_left_out(self):
        os.mkfifo(self.tree / "fifo")
        with socket.socket(socket.AF_UNIX) as s:
            s.bind(str(self.tree / "socket"))
        self.write("file", "x")
        self.pack("save", self.tree)
        self.assertIn("fifo: special file", self.errors)
        self.assertIn("socket: special file", self.errors)
        self.pack("restore", "latest", "--to", self.place / "out")
        self.assertEqual([p.name for p in (self.place / "out").iterdir()], ["file"])


if os.geteuid() != 0:
    harness.skip("owners and odd modes need root")
harness.main()
