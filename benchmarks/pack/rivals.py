"""The programs that keep snapshots of a tree, and how each is told to."""
import glob
import os
import shlex
import shutil

INHERITED = ("HOME", "LANG", "PATH", "TMPDIR")


class Program:
    """A store of its own in a folder. Commands are lists of words; those that need a shell are text."""
    name, needs, does = "", (), ""
    #: Whether it tells by itself what has not changed.
    is_incremental = True
    #: Whether what was saved before can still be restored.
    keeps_all = True
    #: What can be made again and only saves time, by patterns in its store; what it keeps in its home is that, too.
    caches = ()

    def __init__(self, store):
        self.store = store
        self.saves = 0

    def environment(self):
        kept = {name: value for name, value in os.environ.items() if name in INHERITED}
        return {**kept, "HOME": self.store + ".home"}

    @classmethod
    def is_there(cls):
        return all(shutil.which(word) for word in cls.needs)

    def path(self, *parts):
        return os.path.join(self.store, *parts)

    def cache_paths(self):
        return [self.store + ".home", *(path for pattern in self.caches for path in glob.glob(self.path(pattern), recursive=True))]

    def init(self):
        os.makedirs(self.store)
        return None

    def save(self, tree):
        self.saves += 1
        return self.save_as(tree, str(self.saves))

    def restore(self, tree, to):
        return self.restore_from(tree, to, str(self.saves))


class Bobbin(Program):
    name, does = "bobbin", "all synced before it answers; everything restored; no encryption"
    program, flags = "bobbin-pack", []
    caches = ("**/files-*", "**/bobbin-pack-cache")

    @classmethod
    def is_there(cls):
        return shutil.which(cls.program) is not None

    def words(self, *words):
        return [self.program, "--store", self.store, *words]

    def init(self):
        return self.words("init")

    def save_as(self, tree, number):
        return self.words("save", "-m", number, *self.flags, tree)

    def restore_from(self, tree, to, number):
        return self.words("restore", "latest", "--to", to)


class BobbinNoSync(Bobbin):
    name, flags = "bobbin-no-sync", ["--no-sync"]
    does = "as bobbin, but nothing is synced, and nothing said to be durable"


class BobbinZstd(Bobbin):
    name, flags = "bobbin-zstd", ["--zstd", "3"]
    does = "as bobbin, with zstd instead of LZ4"


class TarLz4(Program):
    name, needs = "tar-lz4", ("tar", "lz4")
    does = "one file for each save: nothing shared, nothing synced; modes, and times to the second, without extended attributes"
    is_incremental = False

    def save_as(self, tree, number):
        return f"tar -C {shlex.quote(tree)} -cf - . | lz4 -1 -q - > {shlex.quote(self.path(number))}"

    def restore_from(self, tree, to, number):
        return f"lz4 -dc {shlex.quote(self.path(number))} | tar -C {shlex.quote(to)} -xpf -"


class Borg(Program):
    name, needs = "borg", ("borg",)
    does = "synced; everything restored; LZ4; encryption is turned off"
    caches = ("index.*", "hints.*")

    def environment(self):
        return {**super().environment(), "BORG_BASE_DIR": self.store + ".home", "BORG_UNKNOWN_UNENCRYPTED_REPO_ACCESS_IS_OK": "yes",
                "BORG_RELOCATED_REPO_ACCESS_IS_OK": "yes"}

    def init(self):
        return ["borg", "init", "--encryption", "none", self.store]

    def save_as(self, tree, number):
        return f"cd {shlex.quote(tree)} && borg create --compression lz4 {shlex.quote(self.store)}::{number} ."

    def restore_from(self, tree, to, number):
        return f"cd {shlex.quote(to)} && borg extract {shlex.quote(self.store)}::{number}"


class Casync(Program):
    name, needs = "casync", ("casync",)
    does = "nothing synced; everything restored; zstd; chunks of the tree as one stream"

    def save_as(self, tree, number):
        return ["casync", "make", f"--store={self.path('store.castr')}", self.path(number + ".caidx"), tree]

    def restore_from(self, tree, to, number):
        return ["casync", "extract", f"--store={self.path('store.castr')}", self.path(number + ".caidx"), to]


class Git(Program):
    name, needs = "git", ("git",)
    does = "nothing synced; zlib; of modes the executable bit only, no times, no owners, no empty directories"
    caches = ("index",)

    def environment(self):
        who = {f"GIT_{role}_{what}": value for role in ("AUTHOR", "COMMITTER")
               for what, value in (("NAME", "a"), ("EMAIL", "a@example.org"))}
        return {**super().environment(), **who, "GIT_DIR": self.store, "GIT_CONFIG_NOSYSTEM": "1"}

    def init(self):
        return f"git init -q {shlex.quote(self.store)} && git config core.bare false && git config gc.auto 0"

    def save_as(self, tree, number):
        work = f"git --work-tree={shlex.quote(tree)}"
        return f"{work} add -A && {work} commit -q --allow-empty -m {number}"

    def restore_from(self, tree, to, number):
        index = shlex.quote(self.store + ".index")
        return f"GIT_INDEX_FILE={index} git --work-tree={shlex.quote(to)} checkout -q -f HEAD -- . && rm {index}"


class Restic(Program):
    name, needs = "restic", ("restic",)
    does = "synced; everything restored; zstd; encrypts"

    def environment(self):
        return {**super().environment(), "RESTIC_PASSWORD": "a", "RESTIC_REPOSITORY": self.store,
                "RESTIC_CACHE_DIR": self.store + ".home"}

    def init(self):
        return ["restic", "-q", "init"]

    def save_as(self, tree, number):
        return f"cd {shlex.quote(tree)} && restic -q backup ."

    def restore_from(self, tree, to, number):
        return ["restic", "-q", "restore", "latest", "--target", to]


class Bup(Program):
    name, needs = "bup", ("bup",)
    does = "packs synced; everything restored; zlib"
    caches = ("bupindex*", "index-cache", "**/*.midx", "**/*.bloom")

    def environment(self):
        return {**super().environment(), "BUP_DIR": self.store, "GIT_AUTHOR_NAME": "a", "GIT_AUTHOR_EMAIL": "a@example.org",
                "GIT_COMMITTER_NAME": "a", "GIT_COMMITTER_EMAIL": "a@example.org"}

    def init(self):
        return ["bup", "init"]

    def save_as(self, tree, number):
        path = shlex.quote(tree)
        return f"bup index {path} 2>/dev/null && bup save -q -n tree {path} 2>/dev/null"

    def restore_from(self, tree, to, number):
        return ["bup", "restore", "-q", "-C", to, f"tree/latest{tree}/."]


class Cp(Program):
    name, needs = "cp", ("cp",)
    does = "one copy, which each save changes: nothing kept of the last, nothing synced, nothing compressed"
    keeps_all = False

    def save_as(self, tree, number):
        return ["cp", "-au", tree + "/.", self.path("copy")]

    def restore_from(self, tree, to, number):
        return ["cp", "-a", self.path("copy") + "/.", to]


ALL = [Bobbin, BobbinNoSync, BobbinZstd, TarLz4, Borg, Casync, Git, Restic, Bup, Cp]
