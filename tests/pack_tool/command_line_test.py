"""What the program says to a wrong command line, and what it prints."""
import datetime
import io
import json
import os
import shutil
import subprocess
import tarfile

import harness


class CommandLine(harness.StoreCase):
    def refused(self, code, text, *words, **kw):
        self.pack(*words, code=code, **kw)
        self.assertIn(text, self.errors)

    def test_usage(self):
        done = subprocess.run([harness.PROGRAM, "bogus"], capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, 2)
        self.assertIn("there is no command 'bogus'", done.stderr)
        self.refused(2, "path is required", "save")
        self.refused(2, "is no snapshot", "show", "lat")
        self.refused(2, "is no snapshot", "show", "%%%%")
        self.refused(1, "no snapshot yet", "show", "latest")
        self.refused(1, "is a store already", "init")
        self.refused(1, "there is no store in", "list", store=self.place / "none")
        self.refused(1, "No such file", "save", self.place / "none")
        self.write("file")
        self.refused(2, "is no directory", "save", self.tree / "file")
        self.refused(1, "is not empty", "init", store=self.tree)
        clean = {k: v for k, v in os.environ.items() if k != "BOBBIN_PACK_STORE"}
        done = subprocess.run([harness.PROGRAM, "list"], capture_output=True, text=True, env=clean, check=False)
        self.assertEqual(done.returncode, 2)
        self.assertIn("--store STORE is missing", done.stderr)

    def test_an_empty_value_is_no_default(self):
        self.write("a", "1")
        snapshot = self.save("-m", "")
        for option, *words in [("--to", "restore", snapshot, "--to", ""), ("--to", "restore", snapshot, "--to="),
                               ("--path", "restore", snapshot, "--path", ""), ("--threads", "restore", snapshot, "--threads", ""),
                               ("snapshot", "restore", ""), ("snapshot", "show", ""), ("path", "save", ""),
                               ("--tag", "save", "--tag", "", self.tree), ("--exclude", "save", "--exclude", "", self.tree),
                               ("path", "ls", snapshot, ""), ("path", "cat", snapshot, ""), ("to", "diff", snapshot, ""),
                               ("--path", "list", "--path", ""), ("--tag", "list", "--tag", ""),
                               ("--path", "export", snapshot, "--path", ""), ("--to", "export", snapshot, "--to", ""),
                               ("--sample", "verify", "--sample", ""), ("--from", "repair", "--from", ""),
                               ("snapshots", "delete", ""), ("snapshots", "delete", snapshot, ""), ("--keep-tag", "prune", "--keep-tag", ""),
                               ("--keep-last", "prune", "--keep-last", ""), ("--wait", "--wait", "", "list"), ("--store", "--store", "", "list")]:
            self.refused(2, option, *words)
            self.assertTrue(self.errors.startswith(option), words)
        self.assertEqual([s["id"] for s in self.json("list")], [snapshot])

    def test_help_has_examples_and_exit_codes(self):
        done = subprocess.run([harness.PROGRAM, "--help"], capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, 0)
        for text in ["Exit codes", "Examples", "not encrypted"]:
            self.assertIn(text, done.stdout)

    def test_help_is_in_words(self):
        commands = ["init", "save", "list", "show", "ls", "cat", "diff", "export", "stats", "restore", "verify", "repair", "delete", "prune"]
        for words in [[], *[[c] for c in commands]]:
            text = subprocess.run([harness.PROGRAM, *words, "--help"], capture_output=True, text=True, check=True).stdout
            self.assertNotRegex(text, r"[{}]|:INT|:FLOAT|\[\d|=\d", words)
        self.refused(2, "not in range 1 to 19", "save", "--zstd", "20", self.tree)
        self.refused(2, "not in range 0 to 100", "verify", "--sample", "101")

    def test_what_a_dry_run_says(self):
        self.write("a", "1")
        snapshot = self.save()
        out = self.place / "out"
        said = self.pack("restore", snapshot, "--to", out, "--dry-run").decode().splitlines()
        self.assertEqual([line.split() for line in said[:-1]], [["create", "."], ["create", "a"]])
        self.assertTrue(said[-1].startswith(f"would restore {out}: 2 created"), said)
        self.assertNotIn("written", said[-1])
        [root, *_] = self.pack("--json", "restore", snapshot, "--to", out, "--dry-run").splitlines()
        self.assertEqual(json.loads(root), {"action": "create", "path": "."})
        self.assertIn(b"; 1 B written", self.pack("restore", snapshot, "--to", out))

    def test_a_snapshot_is_deleted_once(self):
        self.write("a", "1")
        first, second = self.save(), self.save()
        said = self.pack("delete", first, first[:8], second, first).decode().splitlines()
        self.assertEqual(said[:-1], [f"deleted snapshot {first[:8]}", f"deleted snapshot {second[:8]}"])

    def test_ids_are_no_patterns(self):
        self.write("a", "1")
        first = self.save("-m", "one")
        self.refused(2, "is no snapshot", "show", "____")
        self.refused(2, "is no snapshot", "show", first[:3])
        self.assertEqual(self.json("show", first[:8])["message"], "one")
        self.assertEqual(self.json("show", first.upper())["id"], first)
        other = "0" if first[0] != "0" else "1"
        self.refused(1, "there is no snapshot", "show", other + first[1:])

    def test_names_do_not_reach_the_terminal(self):
        self.write(b"tree/\x1b[31mred\xff".decode("utf-8", "surrogateescape"), "x")
        self.save("-m", "line\nfeed \x1b[0m")
        out = self.pack("ls", "-r", "latest") + self.pack("list") + self.pack("show", "latest")
        self.assertNotIn(b"\x1b", out)
        self.assertIn(b"\\x1b[31mred\\xff", out)
        for line in self.pack("--json", "ls", "-r", "latest").splitlines():
            json.loads(line)

    def test_colours_on_a_terminal_only(self):
        self.write("a")
        self.save()
        self.assertNotIn(b"\x1b", self.pack("list"))

    def test_a_pipe_that_is_full_is_an_error(self):
        self.write("a", "x" * 100000)
        self.save()
        with open("/dev/full", "wb") as full:
            done = subprocess.run([harness.PROGRAM, "--store", self.store, "cat", "latest", "a"], stdout=full, stderr=subprocess.PIPE, check=False)
        self.assertNotEqual(done.returncode, 0)
        self.assertTrue(done.stderr)

    def test_prune_rules(self):
        self.write("a", "1")
        ids = []
        for n in range(5):
            self.write("a", str(n))
            ids.append(self.save(*(["--tag", "keep"] if n == 0 else [])))
        would = self.json("prune", "--keep-last", "2", "--keep-tag", "keep", "--dry-run")
        self.assertEqual(would["snapshots_deleted"], ids[1:3])
        self.assertEqual(len(self.json("list")), 5)
        done = self.json("prune", "--keep-last", "2", "--keep-tag", "keep")
        self.assertEqual(done["snapshots_deleted"], ids[1:3])
        self.assertEqual([s["id"] for s in self.json("list")], [ids[0], *ids[3:]])
        self.refused(2, "not 'latest'", "delete", "latest")
        self.pack("delete", ids[0])
        self.assertEqual(len(self.json("list")), 2)

    def test_times_far_from_now(self):
        for seconds in [13_569_465_600, -9_300_000_000, -1]:  # 2400, 1675
            path = self.write("a")
            os.utime(path, ns=(0, seconds * 10**9 + 5))
            if path.stat().st_mtime_ns != seconds * 10**9 + 5:
                continue  # the file system has no such times
            self.save()
            [entry] = [json.loads(line) for line in self.pack("--json", "ls", "latest").splitlines()]
            expected = datetime.datetime(1970, 1, 1) + datetime.timedelta(seconds=seconds)
            self.assertEqual(entry["modified"], expected.strftime("%Y-%m-%dT%H:%M:%S") + ".000000005Z")
            env = {**os.environ, "TZ": "UTC"}
            self.assertIn(expected.strftime("%Y-%m-%d %H:%M:%S").encode(), self.pack("ls", "latest", env=env))

    def diff(self, before, after):
        return self.pack("diff", before, after).decode().splitlines()

    def test_a_restore_is_no_difference(self):
        for name in ["a", "dir/b", "dir/c", "other"]:
            self.write(name, name)
        os.link(self.tree / "a", self.tree / "dir/a")
        os.link(self.tree / "dir/b", self.tree / "dir/deep")
        first = self.save()
        shutil.rmtree(self.tree)
        self.pack("restore", first, "--to", self.tree)
        self.assertEqual(self.diff(first, self.save()), [])

    def test_links_that_differ_are_told(self):
        for name in ["a", "b", "c", "d"]:
            self.write(name, "the same")
            os.utime(self.tree / name, ns=(0, 0))
        os.link(self.tree / "a", self.tree / "a2")
        os.link(self.tree / "b", self.tree / "b2")
        os.link(self.tree / "d", self.tree / "d2")
        first = self.save()
        out = self.place / "out"
        self.pack("restore", first, "--to", out)
        os.unlink(out / "b2")  # now with a, and b by itself
        os.link(out / "a", out / "b2")
        os.unlink(out / "d2")  # now by itself
        shutil.copy2(out / "d", out / "d2")
        os.unlink(out / "c")  # now with a
        os.link(out / "a", out / "c")
        os.utime(out, ns=(0, self.tree.stat().st_mtime_ns))
        self.assertEqual(self.diff(first, self.save(tree=out)), ["m b", "m b2", "m c", "m d", "m d2"])

    def test_export_is_a_tar_archive(self):
        self.write("dir/a", "content", 0o640)
        os.link(self.tree / "dir/a", self.tree / "b")
        os.symlink("dir/a", self.tree / "c")
        self.save()
        out = self.place / "out"
        out.mkdir()
        archive = self.pack("export", "latest")
        subprocess.run(["tar", "-x", "-C", out], input=archive, check=True)
        if harness.has_rsync():
            self.assert_same(self.tree, out, options="-aHn")

    def test_ls_prints_paths_that_cat_takes(self):
        self.write("d/sub/x", "deep")
        self.write("d/y", "1")
        snapshot = self.save()
        for words, expected in [(["d"], ["d/sub", "d/y"]), (["-r", "d"], ["d/sub", "d/y", "d/sub/x"]), (["d/sub/x"], ["d/sub/x"]),
                                (["./d//sub/"], ["d/sub/x"]), (["."], ["d"])]:
            listed = self.pack("--json", "ls", snapshot, *words).splitlines()
            self.assertEqual([json.loads(line)["path"] for line in listed], expected)
            listed = self.pack("ls", snapshot, *words).decode().splitlines()
            self.assertEqual([line.split()[-1] for line in listed], expected)
        self.assertEqual(self.pack("cat", snapshot, "d/sub/x"), b"deep")

    def test_paths_of_a_snapshot(self):
        self.write("d/f", "content")
        snapshot = self.save()
        out = self.place / "out"
        for path in "d/f", "./d/f", "d//f", "d/./f", ".//d///f":
            self.assertEqual(self.pack("cat", snapshot, path), b"content")
            self.assertIn(b"d/f", self.pack("ls", snapshot, path))
            self.pack("export", snapshot, "--path", path)
            self.pack("restore", snapshot, "--path", path, "--to", out)
            self.assertEqual((out / "d/f").read_text(), "content")
            shutil.rmtree(out)
        self.pack("restore", snapshot, "--path", "./d/", "--to", out)
        self.assertEqual((out / "d/f").read_text(), "content")
        shutil.rmtree(out)
        commands = [["cat", snapshot], ["ls", snapshot], ["export", snapshot, "--path"], ["restore", snapshot, "--to", out, "--path"]]
        for command in commands:
            for path in "../d", "d/../f", "..", "/d":
                self.refused(2, path, *command, path)
            self.refused(1, f"snapshot {snapshot[:8]} has no nope", *command, "nope")
            self.refused(1, "has no d/f/none", *command, "d/f/none")
            self.refused(1, "d/f of snapshot", *command, "d/f/")
        for path in ".", "./", "/":
            self.refused(2, path, "restore", snapshot, "--to", out, "--path", path)
        self.assertFalse(out.exists())
        for path in ".", "./":
            self.assertEqual(self.pack("export", snapshot, "--path", path), self.pack("export", snapshot))

    def test_tar_gives_all_times_back(self):
        for folder in ["a/b/c", "a/d", "e", "a/empty"]:
            for name in ["1", "2"]:
                self.write(f"{folder}/{name}", name)
        self.write("a/z", "z")
        (self.tree / "a/empty/1").unlink()
        (self.tree / "a/empty/2").unlink()
        os.link(self.tree / "a/z", self.tree / "e/z")
        os.symlink("a", self.tree / "link")
        paths = sorted([*self.tree.rglob("*"), self.tree], reverse=True)
        times = [-1_500_000_000, -2_000_000_001, -1_000_000_000, -3 * 10**9 + 1, 1_500_000_000, 10**18 + 1, 0, 999_999_999]
        for n, path in enumerate(paths):
            os.utime(path, ns=(0, times[n % len(times)] + n // len(times) * 3600 * 10**9), follow_symlinks=False)
        expected = {p.relative_to(self.tree): p.lstat().st_mtime_ns for p in paths}
        self.save()
        out = self.place / "out"
        out.mkdir()
        archive = self.pack("export", "latest")
        subprocess.run(["tar", "-xp", "--warning=no-timestamp", "-C", out], input=archive, check=True)
        self.assertEqual({p.relative_to(out): p.lstat().st_mtime_ns for p in [*out.rglob("*"), out]}, expected)
        os.utime(self.tree / "a/z", ns=(0, -500_000_000))  # which libarchive has no way to say
        self.save()
        with tarfile.open(fileobj=io.BytesIO(self.pack("export", "latest"))) as tar:
            self.assertEqual(tar.getmember("a/z").mtime, -1)

    def test_tar_gives_attributes_back(self):
        path = self.write("a", "1")
        try:
            os.setxattr(path, "user.note", b"\0 binary\n\xff=")
        except OSError:
            self.skipTest("the file system has no attributes")
        self.save()
        out = self.place / "out"
        out.mkdir()
        done = subprocess.run(["tar", "-xp", "--xattrs", "-C", out], input=self.pack("export", "latest"), capture_output=True, check=True)
        self.assertEqual(done.stderr, b"")
        self.assertEqual(os.getxattr(out / "a", "user.note"), b"\0 binary\n\xff=")


harness.main()
