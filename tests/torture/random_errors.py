"""Makes calls of a recording program fail at random, and then looks at what it left.

random_errors.py VICTIM [--runs N] [--seed N] [--replay RUN]

libfiu injects the errors into the C library, for the program and SQLite alike; nothing of ours simulates. Each run draws which
calls fail, how often and with what. In some the program then recovers, with errors as well. At last it recovers without and
verifies: what was acknowledged is there, what was deleted stays deleted, no file is without a row. The program may stop where
there is no memory, and die of nothing else. libfiu does not reach openat, openat2, renameat, unlinkat, mkdir, pwritev2 and
fallocate; system_calls.py does. Exits with 77 where libfiu can't inject.
"""
import argparse
import collections
import concurrent.futures
import errno
import os
import random
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import time

# libfiu's names of what may fail together, and how often at most.
POINTS = {"all": (["posix/io/*", "linux/io/*", "libc/mm/*"], 0.01), "files": (["posix/io/*", "linux/io/*"], 0.05),
          "transfers": (["posix/io/rw/*"], 0.1), "syncs": (["posix/io/sync/*", "linux/io/*"], 0.3), "memory": (["libc/mm/*"], 0.01)}
ERRORS = ["EIO", "ENOSPC", "EINTR", "EDQUOT", "EROFS", "EMFILE", "EAGAIN"]

Run = collections.namedtuple("Run", ["drawn", "errors", "has_objects", "stops", "wrong"])


class Victim:
    def __init__(self, program, folder, seed):
        self.program, self.folder, self.seed = program, folder, seed

    def run(self, number):
        chance = random.Random(f"{self.seed} {number}")
        points = chance.choice(list(POINTS))
        names, most = POINTS[points]
        probability, error = most * 10 ** chance.uniform(-2.5, 0), chance.choice(ERRORS)
        drawn = f"{points} with {error} at {probability:.5f}"
        faults = ["fiu-run", "-x", "-f", ""]
        for name in names:
            # Without an error named, libfiu draws one that does not depend on the seed alone.
            faults += ["-c", f"enable_random name={name},probability={probability:.6f},failinfo={getattr(errno, error)}"]
        place = os.path.join(self.folder, str(number))
        told = os.path.join(place, "told")
        os.mkdir(place, 0o700)

        def victim(action, *before):
            return subprocess.run([*before, self.program, action, place, told, *["40"][:action == "record"]], capture_output=True,
                                  text=True, timeout=120, env={**os.environ, "FIU_PRNG_SEED": str(chance.getrandbits(31))})

        try:
            runs = [victim("record", *faults)] + [victim("verify", *faults) for _ in range(chance.choice([0, 0, 1, 2]))]
            with open(told, "ab+") as file:
                file.seek(0)
                objects, _, errors = struct.unpack("<QQQ", file.read(24).ljust(24, b"\0"))
            errors += sum(run.returncode > 0 for run in runs)
            stopped = [run for run in runs if run.returncode == -signal.SIGABRT and "std::bad_alloc" in run.stderr]
            wrong = [f"dies of signal {-run.returncode}: {run.stderr.strip()}" for run in runs
                     if run.returncode < 0 and run not in stopped]
            checked = victim("verify")
            if checked.returncode != 0:
                wrong.append(checked.stderr.strip())
            return Run(drawn, errors, objects != 0, len(stopped), "; ".join(wrong))
        except subprocess.TimeoutExpired:
            return Run(drawn, 0, False, 0, "does not come to an end")
        finally:
            shutil.rmtree(place, ignore_errors=True)


def main():
    words = argparse.ArgumentParser()
    words.add_argument("victim")
    words.add_argument("--runs", type=int, default=5000)
    words.add_argument("--seed", type=int, default=1)
    words.add_argument("--replay", type=int, metavar="RUN")
    given = words.parse_args()
    probe = subprocess.run(["fiu-run", "-x", "-f", "", "-c", "enable name=posix/io/oc/open", "cat", os.devnull],
                           capture_output=True) if shutil.which("fiu-run") else None
    if probe is None or probe.returncode == 0:
        print("skipped: libfiu is not there, or does not inject")
        return 77
    start = time.monotonic()
    # In memory a sync costs nothing, and the data goes through pwrite, which libfiu reaches.
    memory = "/dev/shm"
    has_room = os.access(memory, os.W_OK) and shutil.disk_usage(memory).free > 256 << 20
    with tempfile.TemporaryDirectory(prefix="bobbin-errors-", dir=memory if has_room else os.getcwd()) as folder:
        victim = Victim(os.path.abspath(given.victim), folder, given.seed)
        numbers = range(given.runs) if given.replay is None else [given.replay]
        with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
            runs = list(pool.map(victim.run, numbers))
    errors = sum(run.errors for run in runs)
    wrong = [f"seed {given.seed}, run {number}, {run.drawn}: {run.wrong}" for number, run in zip(numbers, runs) if run.wrong]
    print(f"random error runs {len(runs)} in {time.monotonic() - start:.1f} s")
    print(f"with errors and something acknowledged {sum(run.errors != 0 and run.has_objects for run in runs)}")
    print(f"errors told {errors}\nstopped without memory {sum(run.stops for run in runs)}\nviolations {len(wrong)}")
    for line in wrong:
        print(line)
    return 1 if wrong or (given.replay is None and not errors) else 0


sys.exit(main())
