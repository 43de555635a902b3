"""Makes each system call of a recording program fail in turn, and then looks at what it left.

system_calls.py VICTIM [--slice N/M] [--replay CALL:EFFECT:WHEN]

strace injects the errors; nothing of ours simulates. Each run records into a fresh place; then the program runs again without
faults and verifies: what was acknowledged is there, what was deleted stays deleted, no file is without a row. A slice takes each
M-th failure. Exits with 77 where strace can't trace.
"""
import argparse
import collections
import concurrent.futures
import os
import re
import shutil
import subprocess
import sys
import tempfile

# Each call that touches files, with the errors it can meet. A kill comes in place of any.
TRANSFERS = ["read", "pread64", "write", "pwrite64", "pwritev2"]
NAMES = ["openat", "openat2", "mkdir", "mkdirat", "unlink", "unlinkat", "rename", "renameat", "renameat2"]
SYNCS = ["fsync", "fdatasync"]
OTHERS = ["ftruncate", "close", "fcntl", "flock", "fstat", "newfstatat", "lseek", "getdents64", "fstatfs", "statfs", "fallocate", "sync_file_range", "fadvise64"]
CALLS = TRANSFERS + NAMES + SYNCS + OTHERS
ERRORS = ["EIO", "ENOSPC", "EINTR"]


def effects_of(call):
    """(name, what strace injects)"""
    for error in ERRORS:
        # What close, fcntl and fstat answer in that way, no kernel does.
        if error == "EINTR" and call not in TRANSFERS + ["openat", "openat2", "close", "ftruncate", "fallocate", "flock"]:
            continue
        if error == "ENOSPC" and call in ["read", "pread64", "close", "fcntl", "flock", "fstat", "newfstatat", "lseek", "getdents64", "fadvise64"]:
            continue
        yield error, f"error={error}"
    yield "KILL", "signal=KILL"


class Victim:
    def __init__(self, program, folder):
        self.program = program
        self.folder = folder

    def place(self, name):
        path = os.path.join(self.folder, name)
        os.mkdir(path, 0o700)
        return path

    def trace(self, place, *words):
        """Records under strace. What it says, and the lines of the trace."""
        log = os.path.join(place, "trace")
        done = subprocess.run(["strace", "-qq", "-o", log, *words, self.program, "record", place, os.path.join(place, "told")],
                              capture_output=True, text=True, timeout=120)
        with open(log, encoding="utf-8", errors="replace") as lines:
            return done, lines.read().splitlines()

    def verify(self, place):
        return subprocess.run([self.program, "verify", place, os.path.join(place, "told")],
                              capture_output=True, text=True, timeout=120)

    def count_calls(self):
        """Of each call, how many come before the program's own, and how many there are."""
        place = self.place("count")
        done, lines = self.trace(place, "-e", "trace=getppid," + ",".join(CALLS))
        if done.returncode != 0:
            raise AssertionError(f"without faults it fails:\n{done.stderr}")
        before, all_calls = collections.Counter(), collections.Counter()
        has_begun = False
        for line in lines:
            call = re.match(r"\w+", line)
            if not call:
                continue
            if call.group() == "getppid":
                has_begun = True
                continue
            all_calls[call.group()] += 1
            if not has_begun:
                before[call.group()] += 1
        checked = self.verify(place)
        if checked.returncode != 0:
            raise AssertionError(f"without faults:\n{checked.stderr}")
        return before, all_calls

    def fail(self, call, name, effect, when):
        """One run with one failure. What is wrong, if anything."""
        place = self.place(f"{call}-{name}-{when}".replace("+", "on"))
        try:
            self.trace(place, "-e", f"trace={call}", "-e", f"inject={call}:{effect}:when={when}")
            checked = self.verify(place)
            if checked.returncode != 0:
                return f"{call}:{name}:{when}: {checked.stderr.strip()}"
            return None
        except subprocess.TimeoutExpired:
            return f"{call}:{name}:{when}: does not come to an end"
        finally:
            shutil.rmtree(place, ignore_errors=True)


def main():
    words = argparse.ArgumentParser()
    words.add_argument("victim")
    words.add_argument("--slice", default="1/1")
    words.add_argument("--replay")
    given = words.parse_args()
    number, stride = map(int, given.slice.split("/"))

    probe = subprocess.run(["strace", "-qq", "-o", os.devnull, "true"], capture_output=True, text=True) if shutil.which("strace") else None
    if probe is None or probe.returncode != 0:
        print("skipped: strace is not there, or may not trace")
        return 77

    with tempfile.TemporaryDirectory(prefix="bobbin-torture-", dir=os.getcwd()) as folder:
        victim = Victim(os.path.abspath(given.victim), folder)
        if given.replay:
            call, name, when = given.replay.split(":")
            wrong = victim.fail(call, name, dict(effects_of(call))[name], when)
            print(wrong or "nothing is wrong")
            return 1 if wrong else 0
        before, calls = victim.count_calls()
        # Once, and from then on for ever; a retry may make more calls than there were.
        failures = [(call, name, effect, f"{when}{ever}")
                    for call in CALLS for name, effect in effects_of(call) for when in range(before[call] + 1, calls[call] + 1)
                    for ever in ("", "+") if not (ever and name in ("KILL", "EINTR"))]
        failures = failures[number - 1::stride]
        with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
            wrong = [found for found in pool.map(lambda f: victim.fail(*f), failures) if found]
    own = sum(calls[call] - before[call] for call in CALLS)
    print(f"system calls {own}\ninjected failures {len(failures)}\nviolations {len(wrong)}")
    for line in wrong:
        print(line)
    return 1 if wrong or not failures else 0


sys.exit(main())
