"""A camera ends its session, dies and comes back: the recorder says so, comes back as well, and loses nothing that was sent.

reconnect_test.py RECORDER
"""
from harness import Clip, require, require_silence, run_test, same, wait_until


def body(scene):
    clip = Clip(scene, 5, rate=15, size="320x180")
    camera = scene.camera(clip)
    recorder = scene.recorder(cameras={"door": camera.url}, rotate=2)

    def status():
        return recorder.cameras()["door"]["streams"]["main"]["status"]

    # The session ends with the clip; the recorder begins another one.
    def two_runs(found):
        return len({r["runStartId"] for r in found}) >= 2 and found[-1]["videoSamples"] > clip.rate / 2

    found = recorder.wait_for_recordings("door", two_runs, "a second run")
    first = [r for r in found if r["runStartId"] == found[0]["runStartId"]]
    same(first[-1]["endReason"], "the camera ended the session", "why the first run ended")
    require(first[-1]["hasTrailingZero"], f"the last recording of a run: {first[-1]}")
    path = scene.path("view.mp4")
    recorder.download(recorder.view("door", f"{first[0]['startId']}-{first[-1]['startId']}"), path)
    require_silence(path)
    numbers = clip.frames_in(path)
    clip.require_consecutive(numbers, "the first run")
    require(numbers[0] in (0, clip.rate), f"the first run begins with frame {numbers[0]}")
    same(numbers[-1], len(clip.digests) - 1, "the last frame of the first run")

    # It dies: that is told, and what was recorded stays.
    camera.kill()
    problem = wait_until("the recorder notices", lambda: status().get("problem"))
    require("the camera" in problem or "connect" in problem, f"the problem: {problem}")
    wait_until("it waits for the camera", lambda: status()["state"] in ("waiting", "connecting"))
    before = recorder.wait_for_recordings("door", lambda found: not found[-1].get("growing"), "the end of the run")
    require(before[-1].get("endReason"), f"the run's end: {before[-1]}")

    # It comes back.
    scene.camera(clip, camera.url)
    recorder.wait_for_recordings("door", lambda found: found[-1]["runStartId"] > before[-1]["startId"] and
                                 found[-1]["videoSamples"] > 5, "a run after the camera came back")
    same((status()["state"], status().get("problem")), ("recording", None), "state of the camera")
    recorder.stop()
    scene.check()


run_test(body)
