"""Days of recording in minutes: short recordings of many cameras, on a disk that is full all the time where root may make one, while the
recorder is killed, stopped and started again, cameras go and come back, the wall clock jumps, and pages ask for what there is.

soak.py RECORDER [MINUTES [SEED]]

After each death the recordings are compared with the catalog, byte by byte; what was listed as committed is still there, unless it was
among the oldest. Memory and descriptors stay flat.
"""
import os
import random
import subprocess
import time

from harness import Clip, WallClock, require, run_test, same

FILES, STREAMS = 6, 2
DISK = 24 << 20  # so small that it is full after a few seconds
ROTATE = 1  # seconds: a minute gives the objects of an hour
MOST_MEMORY = 48 << 20  # of growth
MOST_DESCRIPTORS = 64
JUMPS = [-7 * 86400, -3600, -2, 0, 2, 3600, 86400]  # seconds from the true time


def small_disk(scene):
    """A file system of its own for the recordings, or none where that takes root."""
    footage = scene.path("store/footage")
    os.makedirs(footage, 0o700)
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={DISK},mode=0700", "bobbin-soak", footage], capture_output=True, text=True)
    if mounted.returncode != 0:
        print("no small disk, which takes root: full disks are left out")
        return None
    return footage


class Usage:
    """Memory and descriptors of the recorder, sampled over its lives."""

    def __init__(self):
        self.first, self.most, self.descriptors = None, 0, 0

    def look(self, process):
        try:
            with open(f"/proc/{process.child.pid}/statm", encoding="ascii") as statm:
                resident = int(statm.read().split()[1]) * os.sysconf("SC_PAGESIZE")
            self.descriptors = max(self.descriptors, len(os.listdir(f"/proc/{process.child.pid}/fd")))
        except (OSError, IndexError):
            return
        self.first = self.first or resident
        self.most = max(self.most, resident)

    def check(self):
        require(self.most - self.first <= MOST_MEMORY, f"memory grew from {self.first >> 20} to {self.most >> 20} MiB")
        require(self.descriptors <= MOST_DESCRIPTORS, f"{self.descriptors} descriptors are open")


def committed(recorder, camera):
    """Ids of what is committed, oldest first."""
    ids = []
    for r in recorder.recordings(camera):
        last = r.get("firstUncommitted", r.get("endId", r["startId"]) + 1) - 1
        ids += range(r["startId"], last + 1)
    return ids


def require_kept(before, after, camera):
    """Only the oldest may have gone."""
    if not before:
        return
    oldest = after[0] if after else before[-1] + 1
    lost = [i for i in before if i >= oldest and i not in after]
    require(not lost, f"{camera}: recordings {lost} were committed and are gone, though {oldest} is still there")
    require(after, f"{camera}: all recordings are gone")


def body(scene, minutes="5", seed="1"):
    chance = random.Random(int(seed))
    clips = [Clip(scene, 4, rate=15, size="320x180", name=f"clip{n}") for n in range(2)]
    rtsp = [scene.camera(clips[0]) for _ in range(STREAMS)]
    cameras = {f"file{n}": clips[n % 2].path for n in range(FILES)} | {f"live{n}": camera.url for n, camera in enumerate(rtsp)}
    clock = WallClock(scene.path("clock"))
    disk = small_disk(scene)
    counts = {"kills": 0, "stops": 0, "dropped cameras": 0, "clock jumps": 0, "recordings kept": 0}
    usage = Usage()
    before, was_full, hours = {}, False, 0
    end = time.monotonic() + 60 * float(minutes)
    try:
        while True:
            recorder = scene.recorder(cameras=cameras, rotate=ROTATE, retain="20MiB" if disk else "2MiB",
                                      environment=clock.environment)
            for camera, ids in before.items():
                require_kept(ids, committed(recorder, camera), camera)
                counts["recordings kept"] += len(ids)
            starts = [r["startTime90k"] for camera in cameras for r in recorder.recordings(camera)]
            hours = max(hours, (max(starts, default=0) - min(starts, default=0)) // (90000 * 3600))
            for _ in range(chance.randint(2, 8)):
                time.sleep(chance.uniform(0.5, 1.5))
                usage.look(recorder)
                was_full = was_full or (disk and os.statvfs(disk).f_bavail < DISK // 4096 // 8)
                camera = chance.choice(list(cameras))
                if ids := committed(recorder, camera):
                    status, _, _ = recorder.get(recorder.view(camera, f"{ids[-1]}"))
                    require(status in (200, 404), f"{camera}: recording {ids[-1]} answers {status}")  # 404: deleted meanwhile
                if chance.random() < 0.2:
                    n = chance.randrange(STREAMS)
                    rtsp[n].kill()
                    rtsp[n] = scene.camera(clips[0], url=cameras[f"live{n}"])
                    counts["dropped cameras"] += 1
                if chance.random() < 0.2:
                    clock.jump(chance.choice(JUMPS))
                    counts["clock jumps"] += 1
            before = {camera: committed(recorder, camera) for camera in cameras}
            is_over = time.monotonic() >= end
            if is_over or chance.random() < 0.3:
                recorder.stop()
                counts["stops"] += 1
                scene.check()
            else:
                recorder.kill()
                counts["kills"] += 1
                checked = subprocess.run([scene.recorder_program, "check", "--dir", scene.path("store"), "--read-data"],
                                         capture_output=True, text=True, timeout=60)
                same(checked.returncode, 0, f"check after a kill:\n{checked.stdout}{checked.stderr}")
            if is_over:
                break
        usage.check()
        if disk and float(minutes) >= 1:
            require(was_full, "the disk was never full")
        if float(minutes) >= 1:
            require(hours >= 1, "the clock did not jump for the recorder")
        require(any(before.values()), "nothing was recorded")
    finally:
        scene.close()
        if disk:
            subprocess.run(["umount", disk], check=False)
    for what, count in counts.items():
        print(what, count)
    print(f"recordings side by side are up to {hours} hours apart")
    print(f"memory {usage.first >> 20} to {usage.most >> 20} MiB, at most {usage.descriptors} descriptors")


run_test(body)
