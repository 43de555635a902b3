"""What other tools get wrong: each is a test that names it (docs/pack.md says what is promised)."""
import os
import shutil
import subprocess
import time

import harness


REFUSE = """
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
static int is_refused(int file, size_t size, off_t at) {
    char link[64], path[4096];
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length < 0) return 0;
    path[length] = 0;
    return strstr(path, getenv("REFUSE_FILE")) && at < atoll(getenv("REFUSE_END")) && at + (off_t)size > atoll(getenv("REFUSE_BEGIN"));
}
#define WRAP(name) ssize_t name(int file, void* to, size_t size, off_t at) { \\
    static ssize_t (*next)(int, void*, size_t, off_t); \\
    if (!next) next = dlsym(RTLD_NEXT, #name); \\
    if (is_refused(file, size, at)) { errno = EIO; return -1; } \\
    return next(file, to, size, at); }
WRAP(pread)
WRAP(pread64)
"""


class Faults(harness.StoreCase):
    def restored(self, snapshot="latest", name="out", *words):
        out = self.place / name
        self.pack("restore", snapshot, "--to", out, *words)
        return out

    def test_saving_after_restoring_records_what_is_there(self):
        self.write("a", "one")
        first = self.save()
        self.write("a", "two!")
        self.save()
        self.pack("restore", first)
        self.assertEqual((self.tree / "a").read_text(), "one")
        third = self.save()
        self.assertEqual(self.pack("cat", third, "a"), b"one")
        self.assertEqual((self.restored(third) / "a").read_text(), "one")

    def test_saving_after_deleting_can_be_restored(self):
        self.write("a", os.urandom(100_000))
        first = self.save()
        self.pack("delete", first)
        self.pack("prune")
        second = self.save()
        self.assertEqual((self.restored(second) / "a").read_bytes(), (self.tree / "a").read_bytes())
        self.pack("verify")

    def test_a_flipped_bit_is_found_and_never_restored(self):
        content = os.urandom(50_000)
        self.write("a", content)
        self.save()
        [pack] = self.packs()
        whole = pack.read_bytes()
        out = self.place / "out"
        for at in range(0, len(whole), len(whole) // 40):
            pack.write_bytes(whole[:at] + bytes([whole[at] ^ 0x10]) + whole[at + 1:])
            self.pack("verify", code=4)
            done = self.run_program("restore", "latest", "--to", out)
            if done.returncode == 0:  # it is in what the restore does not read
                self.assertEqual((out / "a").read_bytes(), content)
                shutil.rmtree(out)
            else:
                self.assertEqual(done.returncode, 4, done.stderr)
                self.assertFalse(out.exists(), "half a tree is left")
        pack.write_bytes(whole)
        self.pack("verify")

    def test_a_damaged_export_is_no_archive(self):
        for n in range(60):
            self.write(f"dir/{n:03}", os.urandom(1 + n * n % 5 * 40_000))
        self.save()
        [pack] = self.packs()
        whole = pack.read_bytes()
        out = self.place / "out.tar"
        for at in range(150, len(whole), len(whole) // 30):
            pack.write_bytes(whole[:at] + bytes([whole[at] ^ 0x10]) + whole[at + 1:])
            done = self.run_program("export", "latest")
            if done.returncode == 0:  # it is in the index, of which a good half is enough
                continue
            self.assertEqual(done.returncode, 4, done.stderr)
            read = subprocess.run(["tar", "-t"], input=done.stdout, capture_output=True, check=False)
            self.assertNotEqual(read.returncode, 0, f"byte {at}: {len(done.stdout)} bytes are taken for an archive")
            self.pack("export", "latest", "--to", out, code=4)
            self.assertFalse(out.exists(), "half an archive is left")
        pack.write_bytes(whole)
        self.pack("export", "latest", "--to", out)
        listed = subprocess.run(["tar", "-t", "-f", out], capture_output=True, text=True, check=True).stdout
        self.assertEqual(len(listed.splitlines()), 62)

    def bad_disk(self, file, begin, end):
        """An environment in which the bytes of a file, by a part of its path, can't be read."""
        return self.preloaded(REFUSE, REFUSE_FILE=str(file), REFUSE_BEGIN=str(begin), REFUSE_END=str(end))

    def test_a_bad_sector_costs_what_is_in_it(self):
        names = ["a", "b", "c", "d"]
        for name in names:
            self.write(name, os.urandom(300_000))
        self.save()
        [pack] = self.packs()
        bad = self.bad_disk(pack.name, 700_000, 700_001)
        out = self.place / "out"
        told = self.pack("verify", code=4, env=bad).decode()
        self.assertIn("chunks that the disk refuses to read", told)
        lost = [name for name in names if f": {name}: " in told]
        self.assertEqual(len(lost), 1, told)
        self.pack("restore", "latest", "--to", out, code=1, env=bad)
        told = self.pack("repair", code=4, env=bad).decode()
        self.assertEqual([line for line in told.splitlines() if line.startswith("LOST")][0].split()[-1], lost[0], told)
        self.assertIn("1 set aside", told)
        self.assertTrue(pack.exists())
        self.assertIn(f": {lost[0]}: ", self.pack("verify", code=4, env=bad).decode())
        self.pack("repair", "--from", self.tree, env=bad)
        self.pack("verify", env=bad)
        self.pack("restore", "latest", "--to", out, env=bad)
        for name in names:
            self.assertEqual((out / name).read_bytes(), (self.tree / name).read_bytes())

    def test_a_disk_that_gives_nothing_makes_no_repair_give_anything_up(self):
        for name in "ab":
            self.write(name, os.urandom(100_000))
            self.save()
        packs = self.packs()
        dead = self.bad_disk("/packs/0", 0, 1 << 60)
        self.pack("verify", code=4, env=dead)
        told = self.pack("repair", code=4, env=dead).decode()
        self.assertIn("is left as it is", told)
        self.assertIn("NOT READ: snapshot", told)
        self.assertNotIn("LOST", told)
        self.assertEqual(self.packs(), packs)
        self.pack("verify")

        # One of them can be opened, and the tree has what was in it.
        index = int.from_bytes(packs[0].read_bytes()[-64:-56], "little")
        bad = self.bad_disk(packs[0].name, 128, index)
        self.assertIn("is left as it is", self.pack("repair", code=4, env=bad).decode())
        self.assertEqual(self.packs(), packs)
        (self.tree / "b").unlink()
        self.pack("repair", "--from", self.tree, env=bad)
        self.assertNotIn(packs[0], self.packs())
        self.pack("verify", env=bad)

    def test_a_pack_that_shrinks_ends_nothing_with_a_signal(self):
        self.write("a", os.urandom(300_000))
        self.save()
        [pack] = self.packs()
        os.truncate(pack, 1000)
        self.pack("verify", code=4)
        self.pack("restore", "latest", "--to", self.place / "out", code=4)

    def test_a_failing_restore_leaves_the_tree_as_it_was(self):
        self.write("a", "old a")
        self.write("z", os.urandom(20_000))
        snapshot = self.save()
        for pack in self.packs():
            pack.write_bytes(pack.read_bytes()[:200])
        self.write("a", "newer")
        self.pack("restore", snapshot, "--no-save", code=4)
        self.assertEqual((self.tree / "a").read_text(), "newer")
        self.assertEqual(sorted(p.name for p in self.tree.iterdir()), ["a", "z"])

    def test_a_symlink_leads_no_restore_out_of_the_tree(self):
        self.write("dir/file", "inside")
        snapshot = self.save()
        outside = self.place / "outside"
        outside.mkdir()
        shutil.rmtree(self.tree / "dir")
        os.symlink(outside, self.tree / "dir")
        self.pack("restore", snapshot)
        self.assertEqual(list(outside.iterdir()), [])
        self.assertFalse((self.tree / "dir").is_symlink())
        self.assertEqual((self.tree / "dir/file").read_text(), "inside")

    def test_a_restore_writes_through_no_hard_link(self):
        self.write("file", "saved")
        snapshot = self.save()
        other = self.place / "other"
        self.write("file", "changed")
        os.link(self.tree / "file", other)
        self.pack("restore", snapshot)
        self.assertEqual((self.tree / "file").read_text(), "saved")
        self.assertEqual(other.read_text(), "changed")

    def test_file_and_directory_change_places(self):
        self.write("a", "file")
        self.write("b/inner", "in b")
        snapshot = self.save()
        (self.tree / "a").unlink()
        shutil.rmtree(self.tree / "b")
        self.write("a/inner", "in a")
        self.write("b", "now a file")
        self.pack("restore", snapshot)
        self.assertEqual((self.tree / "a").read_text(), "file")
        self.assertEqual((self.tree / "b/inner").read_text(), "in b")

    def test_modes_times_and_empty_directories_come_back(self):
        self.write("run.sh", "#!/bin/sh\n", 0o755)
        self.write("secret", "x", 0o600)
        (self.tree / "empty").mkdir(mode=0o711)
        os.utime(self.tree / "secret", ns=(1, 1_234_567_890_123_456_789))
        os.utime(self.tree / "empty", ns=(1, 987_654_321_987_654_321))
        self.save()
        out = self.restored()
        self.assertEqual((out / "run.sh").stat().st_mode & 0o7777, 0o755)
        self.assertEqual((out / "secret").stat().st_mtime_ns, 1_234_567_890_123_456_789)
        self.assertEqual((out / "empty").stat().st_mtime_ns, 987_654_321_987_654_321)
        self.assertEqual((out / "empty").stat().st_mode & 0o7777, 0o711)

    def test_a_directory_named_target_is_saved(self):
        for name in ["target", "node_modules", "__pycache__", ".git", "build"]:
            self.write(f"{name}/file", name)
        self.save()
        out = self.restored()
        self.assertEqual(sorted(p.name for p in out.iterdir()), sorted(p.name for p in self.tree.iterdir()))

    def test_names_are_bytes(self):
        name = os.fsencode(self.tree) + b"/\xff\xfe not utf-8 \n"
        with open(name, "wb") as file:
            file.write(b"x")
        self.save()
        out = self.restored()
        self.assertEqual(os.listdir(os.fsencode(out)), os.listdir(os.fsencode(self.tree)))

    def test_a_file_that_is_written_in_the_second_of_its_save(self):
        self.mount_coarse()
        first = self.write("file", "old")
        self.assertEqual(first.stat().st_mtime_ns % 10**9, 0, "this file system tells fractions")
        time.sleep(1.05 - time.time() % 1)
        self.write("file", "old")
        time.sleep(0.3)
        self.save()
        self.write("file", "new")
        self.write("another", "new")
        for _ in range(2):
            time.sleep(1.2)
            snapshot = self.save()
            self.assertEqual(self.pack("cat", snapshot, "file"), b"new")
            self.assertEqual(self.pack("cat", snapshot, "another"), b"new")
        time.sleep(2)
        self.save()
        self.assertEqual(self.json("save", self.tree)["unchanged"], 2)

    def mount_coarse(self):
        """Makes the tree a file system whose inodes have no room for fractions of a second."""
        image = self.place / "image"
        with open(image, "wb") as file:
            file.truncate(16 << 20)
        for words in (["mkfs.ext4", "-q", "-I", "128", image], ["mount", "-o", "loop", image, self.tree]):
            if shutil.which(words[0]) is None:
                self.skipTest(f"there is no {words[0]}")
            done = subprocess.run(words, capture_output=True, text=True, check=False)
            if done.returncode != 0:
                self.skipTest(f"{words[0]}: {done.stderr.strip()}")
        self.addCleanup(subprocess.run, ["umount", self.tree], check=True)

    def test_one_unreadable_file_stops_no_save(self):
        if os.geteuid() == 0 and shutil.which("setpriv") is None:
            self.skipTest("root can read all files")
        self.write("good", "good")
        self.write("bad", "bad", 0)
        words = [harness.PROGRAM, "--store", self.store, "--json", "save", self.tree]
        if os.geteuid() == 0:
            for folder, folders, files in os.walk(self.place):
                for name in [*folders, *files, "."]:
                    os.lchown(os.path.join(folder, name), 65534, 65534)
            words = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", *words]
            self.place.chmod(0o755)
        done = subprocess.run(words, capture_output=True, text=True, check=False)
        if "Permission denied" in done.stderr and "good" not in done.stderr and done.returncode not in (0, 3):
            self.skipTest("the program can't be run by another user")
        self.assertEqual(done.returncode, 3, done.stderr)
        self.assertIn("bad: unreadable", done.stderr)
        out = self.restored()
        self.assertEqual([p.name for p in out.iterdir()], ["good"])

    def test_killed_saves_leave_nothing_behind(self):
        self.write("small", "x")
        self.save()
        before = self.files_of_store()
        self.write("large", os.urandom(60_000_000))
        for delay in [0.02, 0.05, 0.1]:
            run = subprocess.Popen([harness.PROGRAM, "--store", self.store, "save", self.tree])
            time.sleep(delay)
            run.kill()
            run.wait()
        (self.tree / "large").unlink()
        self.pack("prune", "--dead", "0")
        after = [name for name in self.files_of_store() if not name.startswith("cache/")]
        self.assertLessEqual(len(after), len(before) + 3, after)
        self.pack("verify")
        size = sum(p.stat().st_size for p in self.packs())
        self.assertLess(size, 1_000_000, "what was killed still takes room")

    def test_one_line_saves_grow_the_store_by_little(self):
        for n in range(200):
            self.write(f"dir{n % 20}/file{n}", f"line {n}\n" * 50)
        self.save()
        size = lambda: sum(p.stat().st_size for p in self.store.rglob("*") if p.is_file() and "cache" not in p.parts)
        before = size()
        for n in range(10):
            self.write("dir3/file3", f"changed {n}\n")
            self.save()
        self.assertLess((size() - before) / 10, 30_000)

    def test_dead_bytes_are_given_back(self):
        self.write("keep", os.urandom(2_000_000))
        self.write("drop", os.urandom(4_000_000))
        first = self.save()
        (self.tree / "drop").unlink()
        self.save()
        self.pack("delete", first)
        self.pack("prune")
        size = sum(p.stat().st_size for p in self.packs())
        self.assertLess(size, 2_300_000)
        self.assertEqual((self.restored() / "keep").read_bytes(), (self.tree / "keep").read_bytes())

    def test_holes_stay_holes(self):
        with open(self.tree / "sparse", "wb") as file:
            file.seek(300_000_000)
            file.write(b"end")
            file.truncate(1_000_000_000)
        if (self.tree / "sparse").stat().st_blocks * 512 > 10_000_000:
            self.skipTest("this file system keeps no holes")
        self.save()
        out = self.restored()
        self.assertEqual((out / "sparse").stat().st_size, 1_000_000_000)
        self.assertLess((out / "sparse").stat().st_blocks * 512, 1_000_000)
        with open(out / "sparse", "rb") as file:
            file.seek(300_000_000)
            self.assertEqual(file.read(4), b"end\0")

    def test_a_foreign_tree_is_refused(self):
        self.write("a", "1")
        self.save()
        other = self.place / "other"
        other.mkdir()
        (other / "precious").write_text("mine")
        self.pack("restore", "latest", "--to", other, code=1)
        self.assertIn("--force", self.errors)
        self.assertEqual([p.name for p in other.iterdir()], ["precious"])
        self.pack("restore", "latest", "--to", other, "--force", "--delete")
        self.assertEqual([p.name for p in other.iterdir()], ["a"])

    def test_unsaved_work_is_saved_before_a_restore(self):
        self.write("a", "old")
        snapshot = self.save()
        self.write("a", "hours of work")
        self.pack("restore", snapshot)
        self.assertEqual((self.tree / "a").read_text(), "old")
        [saved] = [s for s in self.json("list") if "before-restore" in s["tags"]]
        self.assertEqual(self.pack("cat", saved["id"], "a"), b"hours of work")

    def test_two_saves_take_turns(self):
        self.write("a", os.urandom(30_000_000))
        runs = [subprocess.Popen([harness.PROGRAM, "--store", self.store, "--wait", "60", "save", self.tree],
                                 stdout=subprocess.DEVNULL) for _ in range(3)]
        self.assertEqual([run.wait(120) for run in runs], [0, 0, 0])
        self.assertEqual(len(self.json("list")), 3)
        self.pack("verify")

    def test_readers_run_beside_a_save(self):
        self.write("a", os.urandom(40_000_000))
        self.save()
        self.write("b", os.urandom(40_000_000))
        run = subprocess.Popen([harness.PROGRAM, "--store", self.store, "save", self.tree], stdout=subprocess.DEVNULL)
        reads = 0
        while run.poll() is None:
            self.pack("--wait", "10", "ls", "latest")
            reads += 1
        self.assertEqual(run.returncode, 0)
        self.assertGreater(reads, 0)


harness.main()
