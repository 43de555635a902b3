"""Headless Chromium opens the page, plays a recording, seeks in it, and shows the right frames.

page_test.py RECORDER BROWSER_TESTS [PICTURE]
"""
import bisect
import json
import os
import subprocess

from harness import BITS, BLOCK, Clip, Skip, frame_times, program, require, run_test, same

TOLERANCE = 2e-3  # seconds; a browser rounds times, a frame lasts far longer


def chromium():
    for name in ("chromium", "chromium-browser", "google-chrome"):
        try:
            return program(name)
        except Skip:
            pass
    raise Skip("no Chromium is installed")


def body(scene, browser_tests, picture=""):
    node, browser = program("node"), chromium()
    if not os.path.isdir(os.path.join(browser_tests, "node_modules", "playwright-core")):
        raise Skip("playwright-core is missing; ./dev setup test installs it")

    clip = Clip(scene, 12)
    recorder = scene.recorder(cameras={"door": clip.path, "<b>yard</b> & co": clip.path}, rotate=2)
    recorder.wait_for_recordings("door", lambda found: sum(r["videoSamples"] for r in found) > 6 * clip.rate, "six seconds")
    recorder.stop()
    recorder = scene.recorder(rotate=2)

    # What the page is to play: the first run, over all its rotations.
    merged = recorder.recordings("door", split=3600 * 90000)[0]
    require(merged["endId"] > merged["startId"], f"recordings of a run are merged: {merged}")
    path = scene.path("whole.mp4")
    recorder.download(recorder.view("door", f"{merged['startId']}-{merged['endId']}"), path)
    frames, times = clip.frames_in(path), frame_times(path)
    clip.require_consecutive(frames, "what is served")
    same(len(frames), len(times), "frames, and their times")

    def expected(time):
        return frames[bisect.bisect_right(times, time + TOLERANCE) - 1]

    # In the middle of frames: to and fro, over boundaries, to sync samples and others.
    last = len(times) - 2
    seeks = [(times[i] + times[i + 1]) / 2 for i in (last // 2, 3, last - 1, 61, 60, 59, 0, last // 3)]
    done = subprocess.run(
        [node, os.path.join(browser_tests, "page.js"), browser, f"{recorder.url}/", "door", "2", str(BITS), str(BLOCK), str(clip.rate),
         ",".join(f"{time:.6f}" for time in seeks), picture],
        capture_output=True, text=True, timeout=50)
    require(done.returncode == 0, f"the browser's part failed:\n{done.stdout}{done.stderr}")
    seen = json.loads(done.stdout)
    same(seen["complaints"], [], "what the browser complains of")
    same(seen["trouble"], [], "what the page complains of")
    same((seen["title"], seen["size"], len(seen["rows"])), ("Bobbin", [640, 360], 2), "title, size, rows")
    same(seen["chosen"], "true", "the camera just clicked is marked")
    require(seen["card"].startswith("door"), f"the camera's card: {seen['card']}")
    require("640 × 360" in seen["rows"][1], f"a row of the list: {seen['rows'][1]}")
    require(abs(seen["duration"] - times[-1]) < 0.1, f"{seen['duration']} s are played, the last frame is at {times[-1]} s")
    for kind in ("played", "sought"):
        for shown in seen[kind]:
            same(shown["frame"], expected(shown["time"]), f"{kind}: the frame at {shown['time']} s")
    for shown in seen["growing"]:
        same(shown["frame"], int(shown["time"] * clip.rate), f"a growing recording: the frame at {shown['time']} s")
    require(seen["played"][-1]["time"] > seen["played"][0]["time"], f"it does not play: {seen['played']}")
    recorder.stop()
    scene.check()


run_test(body)
