"""What a killed recorder loses, and how soon the next one records.

kills.py RECORDER [KILLS [STEP]]

The n-th life of the recorder is ended by SIGKILL once it has recorded for n times STEP seconds (0.1), up to six, then from the start again. At most a group of
pictures and a second may be missing of what the camera had sent by then; the next life serves within half a second.
"""
import statistics
import time

from harness import Clip, require, run_test

GROUP = 1.0  # seconds, of the clip
MOST_LOST = GROUP + 1.0
MOST_UNTIL_READY = 0.5
LONGEST_LIFE = 6.0
TICKS = 90000


def body(scene, kills="60", step="0.1"):
    clip = Clip(scene, 4)
    lost, ready = [], []
    killed_at, began_at, known = None, 0.0, 0
    for n in range(1, int(kills) + 2):
        recorder = scene.recorder(cameras={"door": clip.path}, rotate=60)
        now = time.time()
        if killed_at:
            # The first start makes the store.
            ready.append(recorder.seconds_to_ready)
            # The newest may be of this life: what the last one left ended before its death.
            ids = [r for r in recorder.recordings("door") if r["startTime90k"] / TICKS < killed_at]
            newest = ids[-1] if ids else None
            end = newest["endTime90k"] / TICKS if newest and newest.get("endId", newest["startId"]) > known else began_at
            lost.append(killed_at - end)
            known = newest.get("endId", newest["startId"]) if newest else known
        if n > int(kills):
            break
        # The first picture of a file is a key frame, so it is recorded from here on.
        began_at = now
        time.sleep((float(step) * n - 1e-9) % LONGEST_LIFE)
        killed_at = time.time()
        recorder.kill()
    recorder.stop()
    scene.check()
    print(f"kills {len(lost)}")
    for what, values, most in (("lost", lost, MOST_LOST), ("ready after", ready, MOST_UNTIL_READY)):
        note = "" if max(values) <= most else f" missed: {most:.1f} s"
        print(f"{what} at most {max(values):.2f} s, median {statistics.median(values):.2f} s{note}")
    require(max(lost) <= MOST_LOST, f"a killed recorder lost {max(lost):.2f} s")


run_test(body)
