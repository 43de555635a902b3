"""A byte of a recording changes on the disk: the recorder finds it by itself, says so, and shows the others.

damage_test.py RECORDER
"""
import os

from harness import Clip, require, run_test, same


def body(scene):
    clip = Clip(scene, 3, rate=15, size="320x180", name="gate")
    recorder = scene.recorder(cameras={"gate": clip.path}, rotate=1)
    recorder.wait_for_recordings("gate", lambda found: sum(not r.get("firstUncommitted") for r in found) >= 4, "four recordings")
    recorder.stop()

    footage = scene.path("store/footage")
    second = next(name for name in os.listdir(footage) if name.endswith("00000002") and len(name) == 16)
    with open(os.path.join(footage, second), "r+b") as file:
        file.seek(os.path.getsize(file.name) // 2)
        byte = file.read(1)[0]
        file.seek(-1, os.SEEK_CUR)
        file.write(bytes([byte ^ 0x10]))

    recorder = scene.recorder(rotate=1, more=["--scrub", "100MiB"])
    recorder.wait_for(r"is damaged and set aside")
    ids = [r["startId"] for r in recorder.recordings("gate")]
    require(2 not in ids and {1, 3, 4} <= set(ids), f"what is listed: {ids}")
    same(recorder.get(recorder.view("gate", "2"))[0], 404, "the damaged one")
    for number in (1, 3, 4):
        same(recorder.get(recorder.view("gate", str(number)))[0], 200, f"recording {number}")
    same(recorder.log().count("set aside"), 1, "how often it is said")
    recorder.stop()
    require(os.path.exists(os.path.join(footage, second)), "what is set aside is kept")


run_test(body)
