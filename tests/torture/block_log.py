"""Logs each block that a recording program writes, and then looks at what a power cut could have left at any moment.

block_log.py VICTIM BLOCK_LOG_DISK [--states N] [--file-system ext4|xfs] [--seed N]

The program records on a real file system, on a loop device, on a disk (block_log_disk) that logs what is written and flushed. A
state is a disk on which the log was cut off somewhere: what was flushed by then is there, and of the sectors of 4 KiB that were
written since the last flush all, none, a prefix, all but one, only one, or some. It is mounted, which replays the file system's
own journal, and the program verifies: what it had been told when the log was cut off is there, what was deleted stays deleted,
no file is without a row. The log holds what the program was told, too, so both have one order. From some states the program
recovers on a disk that logs, and states of that are looked at.

As a control it records with the syncs of files answered and not made, from some moment on; that must be found. Exits with 77
where no file system can be mounted, or flushes do not come through. The seed decides what is taken of a log, but no log is like
another: a state that is wrong is kept, as a disk to mount and what had been told, for the victim to verify.
"""
import argparse
import collections
import concurrent.futures
import contextlib
import os
import random
import shutil
import struct
import subprocess
import sys
import tempfile
import threading
import time

SECTOR = 4096
NOTHING = bytes(SECTOR)
MIB = 1 << 20
A_RECORDING = 250  # states
MAKE = {"ext4": ["mkfs.ext4", "-q", "-F", "-b", "4096", "-E", "lazy_itable_init=0,lazy_journal_init=0"],
        "xfs": ["mkfs.xfs", "-q", "-f", "-s", "size=4096"]}
# Several states of one XFS are mounted at a time.
MOUNT = {"ext4": [], "xfs": ["-o", "nouuid"]}
WRITE, FLUSH, TOLD = 0, 1, 2  # in the log, after a head of three numbers
HEAD = 24
# Whatever becomes of this program: its mounts and the programs it started go with it.
ALONE = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]
WITHOUT_SYNCS = ["strace", "-qq", "-o", os.devnull, "-e", "trace=fdatasync", "-e", "inject=fdatasync:retval=0:when=40+"]


def run(*words, timeout=120):
    return subprocess.run(words, check=True, capture_output=True, text=True, timeout=timeout).stdout.strip()


def unmount(place):
    # What looks at each new disk may still have it open.
    for _ in range(50):
        if subprocess.run(["umount", place], capture_output=True).returncode == 0:
            return
        time.sleep(0.1)
    raise OSError(f"cannot unmount {place}")


@contextlib.contextmanager
def mounted(kind, image, place, *how):
    loop = run("losetup", "--find", "--show", *how, image)
    try:
        run("mount", *MOUNT[kind], loop, place)
    finally:
        run("losetup", "--detach", loop)  # when it is unmounted, if it was mounted
    try:
        yield
    finally:
        unmount(place)


def sectors_of(offset, data):
    for at in range(0, len(data), SECTOR):
        yield (offset + at) // SECTOR, data[at:at + SECTOR]


def choose(count, chance):
    """Which of so many sectors have reached the disk, and how to call that."""
    how = chance.choice(["all", "none", "a prefix", "all but one", "only one", "some", "some"]) if count else "all"
    one, share = chance.randrange(count or 1), chance.random()
    is_there = {"all": lambda i: True, "none": lambda i: False, "a prefix": lambda i: i < one, "all but one": lambda i: i != one,
                "only one": lambda i: i == one, "some": lambda i: chance.random() < share}[how]
    return how, [i for i in range(count) if is_there(i)]


class Log:
    """What was written to a disk that began as an image."""

    def __init__(self, image, path, start):
        self.size, self.base, at = os.path.getsize(image), {}, 0
        with open(image, "rb") as file, contextlib.suppress(OSError):  # that there is no more data
            while True:
                at = os.lseek(file.fileno(), at, os.SEEK_DATA)
                end = os.lseek(file.fileno(), at, os.SEEK_HOLE)
                self.base.update(sectors_of(at, os.pread(file.fileno(), end - at, at)))
                at = end
        with open(path, "rb") as file:
            log = file.read()
        # (kind, where, bytes), a write by sectors; no states are taken before the first.
        self.steps, self.first, at = [], 0, 0
        while at < len(log):
            if at <= start:
                self.first = len(self.steps)
            kind, offset, size = struct.unpack_from("<QQQ", log, at)
            data = log[at + HEAD:at + HEAD + size]
            at += HEAD + size
            self.steps += ((WRITE, *each) for each in sectors_of(offset, data)) if kind == WRITE else [(kind, offset, data)]
        self.flushes = [number for number in range(self.first, len(self.steps)) if self.steps[number][0] == FLUSH]

    def cuts(self, count, chance):
        """Where to cut it off: anywhere, or just before a flush, where most is pending."""
        return sorted(chance.choice(self.flushes) if self.flushes and chance.random() < 0.5 else chance.randint(self.first, len(self.steps))
                      for _ in range(count))

    def states(self, cuts, chance):
        """At each cut, a key, a name, the sectors that are on the disk, and what had been told."""
        durable, pending, told, flush, cuts = self.base, [], bytearray(), 0, collections.deque(cuts)
        for number, (kind, where, data) in enumerate([*self.steps, (FLUSH, 0, b"")]):
            while cuts and cuts[0] == number:
                cuts.popleft()
                how, chosen = choose(len(pending), chance)
                yield ((flush, *chosen, hash(bytes(told))), f"cut off at {number}, {how} of {len(pending)}",
                       {**durable, **dict(pending[i] for i in chosen)}, told)
            if kind == WRITE:
                pending.append((where, data))
            elif kind == TOLD:
                told[where:where + len(data)] = data
            else:
                durable, pending, flush = {**durable, **dict(pending)}, [], number


class Explorer:
    def __init__(self, victim, disk, folder, kind):
        self.victim, self.disk, self.folder, self.kind = victim, disk, folder, kind
        self.states, self.flushes, self.recoveries, self.wrong, self.lock = 0, 0, 0, [], threading.Lock()
        self.image = os.path.join(folder, kind + ".img")
        with open(self.image, "wb") as image:
            image.truncate(320 * MIB)
        run(*MAKE[kind], self.image)

    def log(self, action, image, told, *before):
        """The log of what the program does on a disk that begins as the image."""
        with tempfile.TemporaryDirectory(dir=self.folder) as folder:
            log, point, mount = (os.path.join(folder, name) for name in ("log", "disk", "mount"))
            os.mkdir(point)
            os.mkdir(mount)
            daemon, start = subprocess.Popen([self.disk, image, log, told, point], stderr=subprocess.DEVNULL), 0
            try:
                while not os.path.ismount(point):
                    if daemon.poll() is not None:
                        raise OSError("FUSE does not work here")
                    time.sleep(0.005)
                with mounted(self.kind, os.path.join(point, "disk"), mount, "--direct-io=on", "--sector-size", str(SECTOR)):
                    place = os.path.join(mount, "place")
                    if action == "record":
                        os.mkdir(place, 0o700)
                        run("sync", "--file-system", mount)
                        start = os.path.getsize(log)
                    done = subprocess.run([*before, self.victim, action, place, told, *["100"][:action == "record"]],
                                          capture_output=True, text=True, timeout=120)
                if done.returncode != 0:
                    raise AssertionError(done.stderr.strip())
                unmount(point)
                if daemon.wait(20) != 0:
                    raise OSError("the log is not whole")
            finally:
                daemon.kill()
                daemon.wait()
                if os.path.ismount(point) or not os.access(point, os.F_OK):
                    run("umount", "--lazy", point)
            return Log(image, log, start)

    def check(self, image, told, mount):
        """What is wrong with a disk, if anything."""
        try:
            with mounted(self.kind, image, mount):
                checked = subprocess.run([self.victim, "verify", os.path.join(mount, "place"), told],
                                         capture_output=True, text=True, timeout=120)
            return checked.stderr.strip() if checked.returncode != 0 else None
        except subprocess.CalledProcessError as error:
            return error.stderr.strip()
        except subprocess.TimeoutExpired:
            return "does not come to an end"

    def explore(self, log, cuts, name, seen, is_control=False, is_recovery=False):
        """Looks at a state at each cut."""
        chance = random.Random(f"{name} {cuts[:1]}")
        with tempfile.TemporaryDirectory(dir=self.folder) as folder:
            image, told, mount = (os.path.join(folder, each) for each in ("image", "told", "mount"))
            os.mkdir(mount)

            def put(disk, was_told):
                with open(image, "wb") as file:
                    file.truncate(log.size)
                    for number, data in disk.items():
                        if data != NOTHING:
                            os.pwrite(file.fileno(), data, number * SECTOR)
                with open(told, "wb") as file:
                    file.write(was_told)

            for key, what, disk, was_told in log.states(cuts, chance):
                with self.lock:
                    if is_control and self.wrong:
                        return
                    if key in seen:
                        continue
                    seen.add(key)
                    self.states += 1
                put(disk, was_told)
                if is_control or is_recovery or chance.random() > 1 / 40:
                    wrong = self.check(image, told, mount)
                else:
                    wrong = self.recover(image, told, f"{name}, {what}", chance)
                if not wrong:
                    continue
                with self.lock:
                    kept = f"block-log-{self.kind}-{len(self.wrong) + 1}"
                    self.wrong.append(f"{name}, {what}: {wrong}" + ("" if is_control else f" (kept: {kept}.img, {kept}.told)"))
                if not is_control:
                    put(disk, was_told)
                    run("cp", "--sparse=always", image, kept + ".img")
                    run("cp", told, kept + ".told")

    def recover(self, image, told, name, chance):
        try:
            log = self.log("verify", image, told)
        except (AssertionError, subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
            return getattr(error, "stderr", None) or str(error)
        self.recoveries += 1
        self.explore(log, log.cuts(10, chance), name + ", in the recovery", set(), is_recovery=True)
        return None

    def record(self, *before):
        told = os.path.join(self.folder, "told")
        with contextlib.suppress(FileNotFoundError):
            os.unlink(told)
        log = self.log("record", self.image, told, *before)
        if not log.flushes:
            raise OSError("flushes do not come through")
        return log

    def explore_all(self, log, states, name, is_control=False):
        self.flushes += len(log.flushes)
        cuts, seen, workers = log.cuts(states, random.Random(name)), set(), os.cpu_count()
        with concurrent.futures.ThreadPoolExecutor(workers) as pool:
            for done in [pool.submit(self.explore, log, cuts[own::workers], name, seen, is_control) for own in range(workers)]:
                done.result()


def skip(why):
    print(f"skipped: {why}")
    return 77


def main():
    words = argparse.ArgumentParser()
    words.add_argument("victim")
    words.add_argument("disk")
    words.add_argument("--states", type=int, default=2000, help="of each file system, and more in recoveries")
    words.add_argument("--file-system", choices=MAKE, action="append")
    words.add_argument("--seed", type=int, default=1)
    given = words.parse_args()
    if not given.disk:
        return skip("libfuse3 was not there when this was built")
    if os.geteuid() != 0:
        return skip("needs root, to mount")
    if os.getpid() != 1:
        if subprocess.run([*ALONE, "true"], capture_output=True).returncode != 0:
            return skip("cannot have mounts of its own")
        os.execvp(ALONE[0], [*ALONE, sys.executable, "-B", *sys.argv])
    programs = os.path.abspath(given.victim), os.path.abspath(given.disk)
    wrong, states, skipped = [], 0, []
    # What lies below the disks matters to nothing but the time.
    memory = "/dev/shm"
    has_room = os.access(memory, os.W_OK) and shutil.disk_usage(memory).free > 2048 * MIB
    with tempfile.TemporaryDirectory(prefix="bobbin-blocks-", dir=memory if has_room else os.getcwd()) as folder:
        for kind in given.file_system or MAKE:
            name, start = f"{kind}, seed {given.seed}", time.monotonic()
            try:
                explorer, control = (Explorer(*programs, folder, kind) for _ in range(2))
                log = explorer.record()
            except (OSError, subprocess.CalledProcessError) as error:
                skipped.append(f"{kind}: {getattr(error, 'stderr', None) or error}")
                continue
            for done in range(0, given.states, A_RECORDING):
                log = log if done == 0 else explorer.record()
                explorer.explore_all(log, min(given.states - done, A_RECORDING), f"{name}, recording {done // A_RECORDING}")
            print(f"block states {kind} {explorer.states} at {explorer.flushes} flushes, {explorer.recoveries} recoveries, "
                  f"in {time.monotonic() - start:.1f} s", flush=True)
            wrong += explorer.wrong
            states += explorer.states
            if not shutil.which("strace") or subprocess.run([*WITHOUT_SYNCS, "true"], capture_output=True).returncode != 0:
                skipped.append(f"{kind}, the control: strace is not there, or may not trace")
                continue
            control.explore_all(control.record(*WITHOUT_SYNCS), 100, f"{name}, control", is_control=True)
            print(f"control on {kind}, after {control.states} states: {(control.wrong or ['not caught'])[0]}", flush=True)
            if not control.wrong:
                wrong.append(f"{kind}: a program that syncs no files was not caught")
    for why in skipped:
        print(f"skipped {why}")
    if not states:
        return skip("no file system can be mounted here on a disk that logs")
    print(f"block states {states}\nviolations {len(wrong)}")
    for line in wrong:
        print(line)
    return 1 if wrong else 0


sys.exit(main())
