"""More than fits into the buffers: a large file, and many files in a directory. large_test.py PROGRAM"""
import os

import harness

if not harness.has_rsync():
    harness.skip("rsync is not installed")


class Large(harness.StoreCase):
    def test_a_file_of_a_gib(self):
        with open(self.tree / "file", "wb") as file:
            for _ in range(1024):
                file.write(os.urandom(1 << 20))
        self.save()
        self.pack("restore", "latest", "--to", self.place / "out")
        self.assert_same(self.tree, self.place / "out")

    def test_many_files_in_a_directory(self):
        for n in range(100_000):
            (self.tree / f"file {n}").write_bytes(b"%d" % n)
        self.save()
        self.pack("restore", "latest", "--to", self.place / "out")
        self.assert_same(self.tree, self.place / "out")


harness.main()
