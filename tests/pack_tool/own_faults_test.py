"""What reviews of bobbin-pack have found: each fault was here once."""
import fcntl
import hashlib
import os
import pathlib
import re
import shutil
import sqlite3
import subprocess
import sys
import threading
import time

import harness


class OwnFaults(harness.StoreCase):
    def test_a_reader_undoes_the_commit_in_which_a_writer_was_killed(self):
        self.write("a", "one")
        snapshot = self.save()
        killed = """
import os, sqlite3, sys
db = sqlite3.connect(sys.argv[1], isolation_level=None)
db.execute("pragma cache_size = 1")
db.execute("begin immediate")
db.execute("delete from snapshot")
db.execute("create table junk (x)")
db.executemany("insert into junk values (?)", [("x" * 1000,)] * 2000)
os._exit(0)
"""
        for command in ("list",), ("restore", "latest", "--to", self.place / "out"), ("verify",):
            subprocess.run([sys.executable, "-c", killed, self.store / "catalog.db"], check=True)
            self.assertTrue((self.store / "catalog.db-journal").exists())
            self.pack(*command)
        self.assertEqual([s["id"] for s in self.json("list")], [snapshot])
        self.assertEqual((self.place / "out/a").read_text(), "one")

    def test_a_restore_leaves_its_own_store_alone(self):
        inside = self.tree / "backups" / "store"
        self.write("a", "1")
        self.pack("save", self.tree)
        first = self.json("list")[0]["id"]
        shutil.move(self.store, self.place / "moved")
        inside.parent.mkdir()
        shutil.move(self.place / "moved", inside)
        self.pack("restore", first, "--delete", "--no-save", store=inside)
        self.pack("cat", first, "a", store=inside)
        self.pack("restore", first, "--to", inside, "--force", "--delete", store=inside, code=2)
        self.pack("restore", first, "--to", inside / "packs", "--force", store=inside, code=2)
        self.pack("verify", store=inside)

    def test_a_file_does_not_take_the_place_of_the_store(self):
        self.write("backups", "a file once")
        self.pack("save", self.tree)
        first = self.json("list")[0]["id"]
        (self.tree / "backups").unlink()
        (self.tree / "backups").mkdir()
        inside = self.tree / "backups" / "store"
        shutil.move(self.store, inside)
        self.pack("restore", first, store=inside, code=1)
        self.assertIn("the store itself lies there", self.errors)
        self.pack("verify", store=inside)

    def test_what_is_ignored_is_saved_before_a_restore_deletes_it(self):
        self.write(".bobbinignore", "*.env\n")
        self.write("a", "1")
        snapshot = self.save()
        self.write("secret.env", "only here")
        self.pack("restore", snapshot, "--delete")
        self.assertFalse((self.tree / "secret.env").exists())
        [saved] = [s for s in self.json("list") if "before-restore" in s["tags"]]
        self.assertEqual(self.pack("cat", saved["id"], "secret.env"), b"only here")

    def test_what_a_restore_has_staged_is_not_saved(self):
        self.write("a", "1")
        self.write("sub/.bobbin-restore/new/0", "half")
        self.write(".other.bobbin-restore/new/0", "half")
        self.write(".bobbin-restore-kept-1/old/0", "somebody's")
        snapshot = self.save(code=3)
        names = self.pack("ls", "--recursive", snapshot).decode()
        self.assertNotIn("new", names)
        self.assertIn(".bobbin-restore-kept-1/old/0", names)

    def test_a_small_file_beside_a_large_one_survives_pruning(self):
        self.write("zeros", bytes(100_000))
        self.write("small", "8 bytes!")
        self.save()
        (self.tree / "zeros").unlink()
        self.save()
        self.pack("prune", "--keep-last", "1")
        self.pack("verify")
        self.assertEqual(self.pack("cat", "latest", "small"), b"8 bytes!")

    def test_a_save_that_waits_stops_no_prune(self):
        self.write("a", "1")
        self.save()
        with open(self.store / "packs" / "bobbin-lock", "rb") as writer:
            fcntl.flock(writer, fcntl.LOCK_EX)
            waits = subprocess.Popen([harness.PROGRAM, "--store", self.store, "--wait", "60", "save", self.tree],
                                     stdout=subprocess.DEVNULL)
            time.sleep(0.5)
            with open(self.store / "readers.lock", "rb") as readers:
                fcntl.flock(readers, fcntl.LOCK_EX | fcntl.LOCK_NB)
        self.assertEqual(waits.wait(60), 0)

    def rows(self, sql):
        catalog = sqlite3.connect(self.store / "catalog.db", isolation_level=None)
        try:
            return catalog.execute(sql).fetchall()
        finally:
            catalog.close()

    def test_a_synced_save_syncs_what_it_rests_on(self):
        self.write("a", os.urandom(100_000))
        self.pack("save", "--no-sync", self.tree)
        self.assertEqual(len(self.rows("select 1 from unsynced")), 1)
        self.pack("save", self.tree)
        self.assertEqual(self.rows("select 1 from unsynced"), [])

    def test_what_a_loss_of_power_took_is_saved_again(self):
        self.write("kept", os.urandom(100_000))
        self.save()
        [before] = self.packs()
        content = os.urandom(100_000)
        self.write("a", content)
        self.pack("save", "--no-sync", self.tree)
        [pack] = set(self.packs()) - {before}
        whole = pack.read_bytes()
        pack.write_bytes(whole[:5000] + bytes(60_000) + whole[65_000:])
        self.rows("update unsynced set boot = 'another'")
        self.pack("save", self.tree)
        self.assertIn("loss of power", self.errors)
        self.assertEqual(self.pack("cat", "latest", "a"), content)
        self.assertEqual(self.rows("select 1 from unsynced"), [])

    def shim(self, **variables):
        return self.preloaded(pathlib.Path(__file__).with_name("shim.c").read_text(encoding="utf-8"), **variables)

    def test_what_two_starts_of_the_machine_have_left_is_synced_too(self):
        self.write("a", os.urandom(1000))
        self.pack("save", "--no-sync", self.tree)
        self.rows("update unsynced set boot = 'another'")
        self.write("b", os.urandom(1000))
        self.pack("save", "--no-sync", self.tree)
        syncs = self.place / "syncs"
        self.pack("save", self.tree, env=self.shim(SHIM_SYNCS=str(syncs)))
        self.assertEqual(syncs.read_bytes(), b"s")
        self.assertEqual(self.rows("select 1 from unsynced"), [])

    def test_after_a_sync_that_failed_what_was_left_is_read(self):
        self.write("a", os.urandom(100_000))
        self.pack("save", "--no-sync", self.tree)
        [pack] = self.packs()
        self.pack("save", self.tree, code=1, env=self.shim(SHIM_FAILS="1"))
        self.assertIn("no-sync", self.errors)
        pack.write_bytes(bytes(pack.stat().st_size))
        self.pack("save", self.tree)
        self.assertIn("loss of power", self.errors)
        self.assertEqual(self.pack("cat", "latest", "a"), (self.tree / "a").read_bytes())

    def test_a_pack_that_was_synced_and_is_away_is_not_given_up(self):
        self.write("a", os.urandom(1000))
        self.save()
        [first] = self.packs()
        self.write("b", os.urandom(1000))
        self.pack("save", "--no-sync", self.tree)
        self.rows("update unsynced set boot = 'another'")
        first.rename(self.place / "found")
        self.write("c", os.urandom(1000))
        self.pack("save", self.tree)
        (self.place / "found").rename(first)
        self.pack("save", self.tree)
        self.pack("verify")
        self.assertTrue(first.exists())

    def test_latest_is_what_somebody_saved(self):
        path = self.write("a", "good")
        good = self.save()
        path.write_text("bad")
        for _ in range(4):
            self.pack("restore", "latest")
            self.assertEqual(path.read_text(), "good")
            path.write_text("bad")
        automatic = [s["id"] for s in self.json("list") if s["tags"]]
        self.assertEqual(len(automatic), 4)
        path.write_text("worse")
        self.pack("restore", "latest")
        self.pack("prune", "--keep-last", "1")
        kept = [s["id"] for s in self.json("list")]
        self.assertEqual(len(kept), 2)
        self.assertEqual(kept[0], good)
        self.assertNotIn(automatic[0], kept)

    def test_the_last_save_stays_whatever_the_clock_said(self):
        self.write("a", "1")
        self.pack("save", self.tree, env=self.shim(SHIM_LATER=str(10 * 365 * 86400)))
        self.write("a", "2")
        self.save()
        self.write("a", "3")
        last = self.save()
        self.pack("prune", "--keep-last", "1")
        self.assertEqual([s["id"] for s in self.json("list")], [last])
        self.write("a", "4")
        self.pack("save", self.tree, env=self.shim(SHIM_LATER=str(10 * 365 * 86400)))
        future = self.json("list")[-1]["id"]
        self.write("a", "5")
        last = self.save()
        self.pack("prune", "--keep-daily", "1")
        self.assertEqual([s["id"] for s in self.json("list")], [future, last])

    def test_a_restore_that_is_done_says_so_whoever_writes(self):
        self.write("a", "1")
        self.save()
        to = self.place / "to"
        with open(self.store / "packs" / "bobbin-lock", "rb") as writer:
            fcntl.flock(writer, fcntl.LOCK_EX)
            self.assertIn(b"restored", self.pack("restore", "latest", "--to", to, "--no-save"))
            self.assertIn("the restore is done", self.errors)
        self.assertEqual((to / "a").read_text(), "1")
        self.pack("restore", "latest", "--to", to, "--no-save", code=1)
        self.pack("restore", "latest", "--to", to, "--no-save", "--force")

    def test_a_store_that_cannot_be_read_changes_nothing(self):
        self.write("a", "1")
        self.save()
        shutil.rmtree(self.store / "packs")
        self.pack("restore", "latest", "--to", self.place / "to", "--no-save", code=1)
        self.assertFalse((self.place / "to").exists())

    def test_verify_beside_saves_finds_nothing(self):
        self.write("a", os.urandom(300_000))
        self.save()
        done = False

        def save():
            for n in range(40):
                self.write(f"b{n}", os.urandom(3000))
                harness.StoreCase.run_program(self, "--wait", "60", "save", self.tree)

        saves = threading.Thread(target=save)
        saves.start()
        while not done:
            done = not saves.is_alive()
            self.pack("--wait", "60", "verify")
        saves.join()

    def test_an_id_is_the_digest_of_its_row(self):
        self.write("a", "1")
        snapshot = self.save("-m", "näme", "--tag", "x", "--tag", "y")
        [row] = self.rows("select time_ns, host, path, message, tags, files, directories, bytes, added, problems, root from snapshot")

        def integer(value):
            rest = value >> 7
            return integer_and(value & 0x7f | 0x80, rest) if rest else bytes([value])

        def integer_and(byte, rest):
            return bytes([byte]) + integer(rest)

        def text(words):
            raw = words.encode(errors="surrogateescape")
            return integer(len(raw)) + raw

        said = text("bobbin snapshot 1") + integer(2 * row[0]) + b"".join(map(text, row[1:5])) + b"".join(map(integer, row[5:10])) + row[10]
        self.assertEqual(hashlib.sha256(said).hexdigest()[:32], snapshot)

    def test_what_comes_from_an_older_copy_is_adopted(self):
        self.write("a", "1")
        first = self.save()
        older = (self.store / "catalog.db").read_bytes()
        self.write("b", os.urandom(1000))
        self.save()
        (self.store / "catalog.db").write_bytes(older)
        self.pack("save", self.tree, code=1)
        self.assertIn("repair --adopt", self.errors)
        self.pack("repair", "--adopt", "--dry-run")
        self.pack("save", self.tree, code=1)
        self.pack("repair", "--adopt")
        self.assertEqual([s["id"] for s in self.json("list")], [first])
        self.save()
        self.pack("verify")
        self.pack("restore", "latest", "--to", self.place / "to")
        self.assertEqual((self.place / "to/b").read_bytes(), (self.tree / "b").read_bytes())

    def test_packs_that_have_lost_their_identity_are_adopted(self):
        self.write("a", "1")
        self.save()
        identity = self.store / "packs" / "bobbin-directory"
        for damage in (identity.unlink, lambda: identity.write_bytes(b"no"), lambda: identity.write_bytes(bytes(128))):
            damage()
            done = self.run_program("restore", "latest", "--to", self.place / "to", "--no-save")
            self.assertIn(done.returncode, (1, 4))
            self.assertIn(b"repair --adopt", done.stderr)
            self.pack("repair", "--adopt")
            self.pack("verify")
            self.save()

    def test_another_file_system_is_another_tree(self):
        self.write("a", "1")
        self.save()
        self.rows("update tree set born = born + 1")
        self.pack("restore", "latest", code=1)
        self.assertIn("--force", self.errors)

    def test_an_id_stands_for_what_was_saved(self):
        self.write("a", "1")
        first = self.save()
        self.write("a", "2")
        second = self.save()
        for change in ("root = (select root from snapshot where number = 2)", "path = '/elsewhere'", "message = 'x'", "time_ns = 1",
                       "host = 'x'", "tags = 'x' || char(10)", "files = 3", "directories = 3", "bytes = 3", "added = 3", "problems = 3",
                       "root = x'00'"):
            before = (self.store / "catalog.db").read_bytes()
            self.rows(f"update snapshot set {change} where number = 1")
            self.assertEqual([s["id"] for s in self.json("list", code=4)], [second])
            self.assertIn(first[:8], self.errors)
            self.pack("verify", code=4)
            self.pack("restore", first, "--to", self.place / "no", code=4)
            for command in ("cat", "latest", "a"), ("stats",):
                self.pack(*command)
                self.assertIn(first[:8], self.errors)
            self.assertEqual(self.pack("cat", "latest", "a"), b"2")
            (self.store / "catalog.db").write_bytes(before)
        self.assertEqual(self.pack("cat", first, "a"), b"1")
        self.rows("update snapshot set path = '/elsewhere' where number = 1")
        self.pack("repair", code=4)
        self.pack("prune", "--keep-last", "1", code=4)
        self.assertEqual(self.json("delete", first, first)["deleted"], [first])
        self.pack("prune", "--keep-last", "1")
        self.pack("verify")

    def test_an_init_that_failed_is_gone_on_with(self):
        shutil.rmtree(self.store / "packs")
        for table in ("usage", "stream", "directory"):
            self.rows(f"delete from {table}")
        self.write("a", "1")
        self.pack("save", self.tree, code=1)
        self.pack("init")
        self.pack("save", self.tree)
        self.pack("init", code=1)

    def test_what_an_init_that_was_killed_leaves_is_no_content(self):
        new = self.place / "new"
        new.mkdir()
        names = ["catalog.db.new" + end for end in ("", "-journal", "-wal", "-shm")]
        for name in names:
            (new / name).write_bytes(b"half")
        (new / "mine").write_text("not of an init")
        self.pack("init", store=new, code=1)
        self.assertIn("is not empty", self.errors)
        self.assertEqual(sorted(p.name for p in new.iterdir()), [*sorted(names), "mine"])
        (new / "mine").unlink()
        self.pack("init", store=new)
        self.assertFalse([p.name for p in new.iterdir() if p.name.startswith("catalog.db.new")])
        self.write("a", "1")
        self.pack("save", self.tree, store=new)

    def test_a_sample_is_at_least_one_pack_and_says_no_more_than_was_read(self):
        for n in range(2):
            self.write("a", os.urandom(30_000))
            self.save()
        said = self.pack("verify", "--sample", "1").decode()
        self.assertRegex(said, r"^2 packs, 1 of them read \(\d+ kB of \d+ kB, \d+ chunks\): what was read is well\n$")
        self.assertEqual(self.json("verify", "--sample", "1")["packs_read"], 1)
        self.assertRegex(self.pack("verify").decode(), r"^2 packs, 2 of them read .*: all is well\n$")

    def test_rules_that_keep_nothing_are_a_mistake(self):
        self.write("a", "1")
        self.save()
        self.pack("prune", "--keep-tag", "relaese", code=2)
        self.assertEqual(len(self.json("list")), 1)

    def test_repair_takes_what_is_ignored(self):
        content = os.urandom(50_000)
        self.write("a", content)
        snapshot = self.save()
        [pack] = self.packs()
        whole = pack.read_bytes()
        pack.write_bytes(whole[:2000] + bytes(4000) + whole[6000:])
        self.write(".bobbinignore", "a\n")
        self.pack("repair", "--from", self.tree)
        self.assertEqual(self.pack("cat", snapshot, "a"), content)

    def test_rules_that_can_t_be_read_are_told_by_the_exit_code(self):
        self.write("a", "1")
        self.write(".bobbinignore", "x" * 2_000_000)
        self.pack("save", self.tree, code=3)

    def run_in_shell(self, redirection, *words):
        """Runs the program by a shell, which closes what it is told to close."""
        return subprocess.run(["sh", "-c", f'exec "$@" {redirection}', "sh", harness.PROGRAM, "--store", self.store, *words],
                              capture_output=True, text=True, timeout=60, check=False)

    def test_what_is_printed_where_nothing_is_open_goes_into_no_file_of_the_store(self):
        content = "the content " * 5000
        self.write("f", content)
        self.save()
        shutil.rmtree(self.store / "cache")
        commands = [("cat", "latest", "f"), ("export", "latest"), ("list",), ("--json", "ls", "latest"), ("--help",), ("cat", "latest", "none")]
        before = {name: (self.store / name).read_bytes() for name in self.files_of_store()}
        for closed in "1>&-", "1>&- 2>&-", "0<&- 1>&- 2>&-", "2>&-":
            for command in commands:
                done = self.run_in_shell(closed, *command)
                fails = "1>&-" in closed or "none" in command
                self.assertEqual(done.returncode != 0, fails, (closed, command, done))
                if closed == "1>&-" and "none" not in command:
                    self.assertIn("cannot write standard output", done.stderr)
                after = {name: (self.store / name).read_bytes() for name in self.files_of_store()}
                self.assertEqual(before, after, (closed, command))
            self.run_in_shell(closed, "save", self.tree)
            for name in self.files_of_store():
                self.assertNotIn(b"snapshot ", (self.store / name).read_bytes()[:200], (closed, name))
            self.pack("verify")
            before = {name: (self.store / name).read_bytes() for name in self.files_of_store()}
        self.assertEqual(len(self.json("list")), 5)

    def test_an_output_that_takes_nothing_is_an_error(self):
        self.write("f", "1")
        self.write("large", os.urandom(3_000_000))
        self.save()
        for command in ("cat", "latest", "f"), ("cat", "latest", "large"), ("export", "latest"), ("export", "latest", "--path", "f"), \
                 ("--help",), ("--version",), ("list",), ("--json", "stats"), ("save", "--help"):
            done = self.run_in_shell(">/dev/full", *command)
            self.assertEqual(done.returncode, 1, command)
            self.assertEqual("bobbin-pack: cannot write standard output: No space left on device\n", done.stderr)

    def test_a_disk_without_room_for_an_archive_is_not_the_store_s(self):
        self.write("large", os.urandom(3_000_000))
        self.save()
        out = self.place / "out.tar"
        done = subprocess.run(["sh", "-c", 'trap "" XFSZ; ulimit -f 100; exec "$@"', "sh", harness.PROGRAM, "--store", self.store,
                               "export", "latest", "--to", out], capture_output=True, text=True, check=False)
        self.assertEqual((done.returncode, done.stderr), (1, f"bobbin-pack: cannot write {out}: File too large\n"))
        self.assertFalse(out.exists())

    def as_nobody(self):
        """How to run the program so that permissions count, on what there is now."""
        if os.geteuid() != 0:
            return {}
        program = shutil.copy(harness.PROGRAM, self.place / "bobbin-pack")
        for path in [self.place, *self.place.rglob("*")]:
            os.lchown(path, 65534, 65534)
        return {"executable": program, "user": 65534, "group": 65534, "extra_groups": []}

    def test_what_may_not_be_opened_is_named(self):
        self.write("a", "1")
        self.save()
        closed = self.place / "closed"
        closed.mkdir()
        nobody = self.as_nobody()

        def refused(path, *words, why="Permission denied", **kw):
            self.pack(*words, code=1, **nobody, **kw)
            self.assertEqual(self.errors, f"bobbin-pack: cannot open {path}: {why}\n", words)

        closed.chmod(0)
        inside = closed / "x"
        refused(inside / "catalog.db", "list", store=inside)
        for words in ("restore", "latest", "--to"), ("restore", "--dry-run", "latest", "--to"), ("list", "--path"), ("save",), ("repair", "--from"):
            refused(inside, *words, inside)
        catalog = self.store / "catalog.db"
        catalog.chmod(0)
        for words in ("list",), ("save", self.tree), ("init",):
            refused(catalog, *words)
        catalog.chmod(0o400)
        self.pack("list", **nobody)
        refused(catalog, "save", self.tree)
        catalog.chmod(0o600)
        packs = self.store / "packs"
        packs.rename(self.store / "elsewhere")
        for words in ("verify",), ("save", self.tree), ("cat", "latest", "a"), ("restore", "latest", "--to", self.place / "out"):
            refused(packs, *words, why="No such file or directory")
        self.assertFalse((self.place / "out").exists())
        self.pack("list", store=self.store / "catalog.db", code=1)
        self.assertIn("there is no store in", self.errors)

    def test_a_store_that_is_in_use_is_waited_for_by_all(self):
        text = f"bobbin-pack: another bobbin-pack is working on the store {self.store}; --wait SECONDS waits for it\n"
        self.write("a", "1")
        self.save()
        with open(self.store / "packs" / "bobbin-lock", "rb") as writer:
            fcntl.flock(writer, fcntl.LOCK_EX)
            self.pack("save", self.tree, code=5)
            self.assertEqual(self.errors, text)
        catalog = sqlite3.connect(self.store / "catalog.db", isolation_level=None)
        catalog.execute("begin exclusive")
        for words in ("list",), ("save", self.tree), ("init",):
            self.pack(*words, code=5)
            self.assertEqual(self.errors, text)
        catalog.close()
        new = self.place / "new"
        new.mkdir()
        handle = os.open(new, os.O_RDONLY)
        fcntl.flock(handle, fcntl.LOCK_EX)
        self.pack("init", store=new, code=5)
        waits = subprocess.Popen([harness.PROGRAM, "--store", new, "--wait", "60", "init"], stdout=subprocess.DEVNULL)
        time.sleep(0.2)
        os.close(handle)
        self.assertEqual(waits.wait(60), 0)

    def test_a_pack_that_may_not_be_read_is_not_damaged(self):
        if os.geteuid() != 0:
            self.skipTest("only root runs programs as another user")
        self.write("a", os.urandom(100_000))
        first = self.save()
        self.write("b", os.urandom(100_000))
        self.save()
        self.place.chmod(0o755)
        for path in [self.store, *self.store.rglob("*")]:
            path.chmod(0o755 if path.is_dir() else 0o644)
        other = {"preexec_fn": lambda: os.setuid(65534)}
        if self.run_program("list", **other).returncode != 0:
            self.skipTest("the program can't be run by another user")
        self.pack("cat", first, "a", **other)
        pack = self.packs()[0]
        pack.chmod(0)
        for words in [("cat", first, "a"), ("export", first), ("restore", first, "--to", self.place / "out", "--dry-run"),
                      ("verify",), ("prune", "--dry-run")]:
            told = self.pack(*words, code=1, **other).decode(errors="replace") + self.errors
            self.assertIn("Permission denied", told)
            self.assertIn(pack.name, told)
            self.assertNotIn("no pack has this chunk", told)
        pack.chmod(0o644)
        self.pack("verify", **other)

    def lose(self, content):
        """Bends the stored bytes of a file that nothing can shrink."""
        [(pack, at)] = [(p, p.read_bytes().find(content[:100])) for p in self.packs() if content[:100] in p.read_bytes()]
        whole = pack.read_bytes()
        pack.write_bytes(whole[:at] + b"damage" + whole[at + 6:])

    def test_what_is_lost_stops_nothing_when_asked_to(self):
        for name in "ab":
            self.write(name, os.urandom(200_000))
            self.save()
        content = os.urandom(200_000)
        self.write("dir/lost", content)
        os.link(self.tree / "dir/lost", self.tree / "other")
        self.write("dir/kept", "kept")
        snapshot = self.save()
        self.lose(content)
        out, tar = self.place / "out", self.place / "out.tar"
        for words in ("restore", "--to", out), ("export", "--to", tar):
            self.pack(words[0], snapshot, *words[1:], "--skip-lost", code=4)
            self.assertIn("`bobbin-pack repair` first", self.errors)
        self.pack("repair", code=4)
        for words in ("restore", "--to", out), ("export", "--to", tar):
            self.pack(words[0], snapshot, *words[1:], code=4)
            self.assertIn("--skip-lost", self.errors)
            self.assertIn("ing other: ", self.errors)
        self.assertFalse(out.exists() or tar.exists())

        told = self.pack("restore", snapshot, "--to", out, "--skip-lost", "--dry-run", code=4).decode()
        self.assertEqual([line.split()[1] for line in told.splitlines() if line.startswith("lost ")], ["other", "dir/lost"])
        self.assertEqual(self.json("restore", snapshot, "--to", out, "--skip-lost", code=4)["lost"], ["other", "dir/lost"])
        self.assertIn("lost dir/lost\n", self.errors)
        there = {str(p.relative_to(out)) for p in out.rglob("*")}
        self.assertEqual(there, {"a", "b", "dir", "dir/kept"})
        self.assertEqual((out / "a").read_bytes(), (self.tree / "a").read_bytes())
        self.assertEqual(self.json("export", snapshot, "--to", tar, "--skip-lost", code=4)["lost"], ["other", "dir/lost"])
        listed = subprocess.run(["tar", "-tf", tar], capture_output=True, text=True, check=True).stdout.split()
        self.assertEqual({name.removeprefix("./").rstrip("/") for name in listed} - {""}, there)

        # What only the target has of it stays.
        (self.tree / "dir/lost").write_text("mine")
        (self.tree / "a").unlink()
        self.pack("restore", snapshot, "--skip-lost", "--delete", code=4)
        self.assertEqual((self.tree / "dir/lost").read_text(), "mine")
        self.assertEqual((self.tree / "a").read_bytes(), (out / "a").read_bytes())

    def test_what_repair_may_bring_back_is_not_left_out_as_lost(self):
        self.write("a", os.urandom(100_000))
        snapshot = self.save()
        self.write("b", os.urandom(100_000))
        self.save()
        pack = self.packs()[0]
        whole = pack.read_bytes()
        pack.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
        (self.store / "packs" / "bobbin-pack-cache").unlink()
        for words in ("restore", "--to", self.place / "out"), ("export", "--to", self.place / "out.tar"):
            self.pack(words[0], snapshot, *words[1:], "--skip-lost", code=4)
            self.assertIn("`bobbin-pack repair` first", self.errors)
        self.pack("repair")
        self.pack("restore", snapshot, "--to", self.place / "out", "--skip-lost")

    def test_where_another_file_system_is_mounted_no_name_changes(self):
        empty = self.save()
        self.write("a", "a")
        self.write("m/x", "x", 0o640)
        self.write("m/sub/y", "y")
        snapshot = self.save()
        mounted = self.tree / "m"
        done = subprocess.run(["mount", "-t", "tmpfs", "none", mounted], capture_output=True, text=True, check=False)
        if done.returncode != 0:
            self.skipTest(f"mount: {done.stderr.strip()}")
        self.addCleanup(subprocess.run, ["umount", mounted], check=True)
        (self.tree / "a").unlink()
        for words in ("--dry-run",), ("--no-save",):
            self.pack("restore", snapshot, *words, code=1)
            self.assertIn("m/sub: no name changes there, as another file system", self.errors)
            self.assertFalse((self.tree / "a").exists())
        [command] = re.findall("`bobbin-pack (export [^`]*)`", self.errors)
        subprocess.run(f"{harness.PROGRAM} --store {self.store} {command}", shell=True, check=True)
        self.assertEqual((mounted / "x").stat().st_mode & 0o777, 0o640)
        self.assertEqual((mounted / "sub/y").read_text(), "y")
        # Now nothing differs there but what has no name to change.
        self.pack("restore", snapshot, "--no-save")
        self.assertEqual((self.tree / "a").read_text(), "a")

        self.pack("restore", empty, "--delete", "--no-save", code=1)
        self.assertIn("m/: this would go, and another file system is mounted there", self.errors)

    def test_a_name_that_restores_need_is_told_and_not_saved(self):
        self.write("a", "1")
        self.write(".bobbin-restore", "mine")
        self.write("sub/.bobbin-restore", "mine")
        self.assertEqual(self.json("save", self.tree, code=3)["problems"], 1)
        self.assertIn(".bobbin-restore: left out, as a restore needs this name", self.errors)
        snapshot = self.json("list")[0]["id"]
        self.assertEqual(self.pack("ls", "-r", snapshot).decode().count(".bobbin-restore"), 1)
        for words in ("--no-save",), ("--dry-run",), ():
            self.pack("restore", snapshot, *words, code=1)
            self.assertIn(f"{self.tree}/.bobbin-restore is no directory", self.errors)
            self.assertIn("move it away", self.errors)
        self.assertEqual((self.tree / ".bobbin-restore").read_text(), "mine")
        (self.tree / ".bobbin-restore").unlink()
        self.pack("restore", snapshot)
        self.assertEqual((self.tree / "sub/.bobbin-restore").read_text(), "mine")


harness.main()
