"""Cuts the power under a recording program, and then looks at what it left.

power_cuts.py VICTIM [--cuts N] [--file-system ext4|xfs] [--seed N]

Nothing of ours simulates: the program records on a real file system on a loop device. At a random moment the file system is shut
down, so that whatever was not synced is gone, and the program is killed. The file system is mounted again, which replays its
journal; now and then the power goes again while the program recovers. Then it verifies: what was acknowledged is there, what was
deleted stays deleted, no file is without a row. What it was told lies outside, and survives. Exits with 77 where no file system can
be mounted.
"""
import argparse
import fcntl
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time

SHUTDOWN = 0x8004587D  # linux/fs.h: EXT4_IOC_SHUTDOWN, XFS_IOC_GOINGDOWN
WITHOUT_LOG = 2        # the journal is not flushed first
MAKE = {"ext4": ["mkfs.ext4", "-q", "-F", "-E", "lazy_itable_init=0,lazy_journal_init=0"], "xfs": ["mkfs.xfs", "-q", "-f"]}
MIB = 1 << 20


class Disk:
    """A file system on a loop device."""

    def __init__(self, folder, kind):
        self.image, self.place = os.path.join(folder, kind + ".img"), os.path.join(folder, kind)
        with open(self.image, "wb") as image:
            image.truncate(320 * MIB)
        os.mkdir(self.place)
        subprocess.run([*MAKE[kind], self.image], check=True, capture_output=True)

    def mount(self):
        subprocess.run(["mount", "-o", "loop", self.image, self.place], check=True, capture_output=True)

    def unmount(self):
        # What looks at each new file system may still have it open.
        for _ in range(20):
            if subprocess.run(["umount", self.place], capture_output=True).returncode == 0:
                return
            time.sleep(0.1)
        raise OSError(f"cannot unmount {self.place}")

    def cut(self):
        root = os.open(self.place, os.O_RDONLY | os.O_DIRECTORY)
        try:
            fcntl.ioctl(root, SHUTDOWN, WITHOUT_LOG.to_bytes(4, sys.byteorder))
        finally:
            os.close(root)


def run_and_cut(disk, words, after):
    """@returns whether the program was still running, and what it said"""
    with subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as program:
        try:
            program.wait(after)
        except subprocess.TimeoutExpired:
            pass
        was_running = program.poll() is None
        disk.cut()
        program.kill()
        said = program.stderr.read()
    disk.unmount()
    disk.mount()
    return was_running, said


def cut_power(disk, victim, told, chance):
    """One power cut, or two. What is wrong, if anything, and how many cuts hit a running program."""
    place = os.path.join(disk.place, "place")
    os.mkdir(place, 0o700)
    os.sync()
    hits, said = run_and_cut(disk, [victim, "record", place, told, "4000"], chance.uniform(0.01, 0.4))
    if not hits:
        return f"it ended before the power did: {said.strip()}", 0
    if chance.random() < 0.3:
        hits += run_and_cut(disk, [victim, "verify", place, told], chance.uniform(0.002, 0.03))[0]
    if not os.path.isdir(place):
        return "the place itself is gone", hits
    checked = subprocess.run([victim, "verify", place, told], capture_output=True, text=True, timeout=120)
    shutil.rmtree(place)
    return checked.stderr.strip() if checked.returncode != 0 else None, hits


def skip(why):
    print(f"skipped: {why}")
    return 77


def main():
    words = argparse.ArgumentParser()
    words.add_argument("victim")
    words.add_argument("--cuts", type=int, default=200, help="of each file system")
    words.add_argument("--file-system", choices=MAKE, action="append")
    words.add_argument("--seed", type=int, default=1)
    given = words.parse_args()
    if os.geteuid() != 0:
        return skip("needs root, to mount")
    victim = os.path.abspath(given.victim)
    wrong, hits, skipped = [], 0, []
    with tempfile.TemporaryDirectory(prefix="bobbin-power-", dir=os.getcwd()) as folder:
        for kind in given.file_system or MAKE:
            try:
                disk = Disk(folder, kind)
                disk.mount()
            except (OSError, subprocess.CalledProcessError) as error:
                skipped.append(f"{kind}: {getattr(error, 'stderr', None) or error}")
                continue
            told = os.path.join(folder, "told")
            chance = random.Random(f"{given.seed} {kind}")
            start, cuts = time.monotonic(), 0
            try:
                for number in range(given.cuts):
                    if os.path.exists(told):
                        os.unlink(told)
                    found, hit = cut_power(disk, victim, told, chance)
                    cuts += hit
                    if found:
                        wrong.append(f"{kind}, cut {number}: {found}")
                        break  # what is left is needed to find out why
            finally:
                disk.unmount()
            hits += cuts
            print(f"power cuts {kind} {cuts} in {time.monotonic() - start:.1f} s")
    for why in skipped:
        print(f"skipped {why}")
    print(f"violations {len(wrong)}")
    for line in wrong:
        print(line)
    if wrong:
        return 1
    return 0 if hits else skip("no file system can be mounted here")


sys.exit(main())
