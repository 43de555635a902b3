"""What the recorder says to a wrong command line; nothing is lost by one.

command_line_test.py RECORDER
"""
import os
import shutil
import subprocess

from harness import Clip, require, run_test, same


def body(scene):
    clip = Clip(scene, 2, rate=15, size="320x180")

    def refused(code, text, *words):
        done = subprocess.run([scene.recorder_program, *words], capture_output=True, text=True, timeout=20)
        same(done.returncode, code, f"exit code of {words}: {done.stderr}")
        require(text in done.stderr, f"{words} says:\n{done.stderr}")

    camera = ["--camera", f"door={clip.path}"]
    refused(2, "there is no command 'bogus'", "bogus")
    refused(2, "--dir is required", "run")
    refused(2, "NAME=URL", "run", "--dir", scene.path("none"), "--camera", "door")
    refused(2, "there is no file", "run", "--dir", scene.path("none"), "--camera", "door=/none.mp4")
    refused(2, "given twice", "run", "--dir", scene.path("none"), *camera, *camera)
    refused(2, "give one", "run", "--dir", scene.path("none"), "--retain", "10GiB")
    refused(2, "a size above zero", "run", "--dir", scene.path("none"), *camera, "--retain", "0")
    refused(2, "1 to 120", "run", "--dir", scene.path("none"), *camera, "--rotate", "0")
    refused(2, "HOST:PORT", "run", "--dir", scene.path("none"), *camera, "--listen", "here")
    refused(1, "refusing to listen", "run", "--dir", scene.path("none"), *camera, "--listen", "0.0.0.0:0")
    refused(1, "cannot make the directory", "demo", "--dir", "/proc/none")

    # Quotas that leave nothing for the others are refused before anything is stored or deleted.
    recorder = scene.recorder(cameras={"door": clip.path}, rotate=1, retain=None)
    recorder.wait_for_recordings("door", lambda found: sum(not r.get("firstUncommitted") for r in found) >= 2, "two recordings")
    recorder.stop()
    before = scene.check()
    refused(1, "Give smaller quotas", "run", "--dir", scene.path("store"), "--listen", "127.0.0.1:0",
            "--camera", f"yard={clip.path}", "--retain", "1000000TiB")
    same(scene.check(), before, "what is recorded after a refused start")
    recorder = scene.recorder()
    same(sorted(recorder.cameras()), ["door"], "the cameras after a refused start")
    recorder.stop()

    # A disk that is not mounted: its place is missing, or an empty mount point. Neither is taken for a new one.
    before = scene.check()
    footage, away = scene.path("store/footage"), scene.path("away")
    os.rename(footage, away)
    start = ["run", "--dir", scene.path("store"), "--listen", "127.0.0.1:0"]
    refused(1, "No such file or directory", *start)
    require(not os.path.exists(footage), "a missing place of recordings was made anew")
    os.mkdir(footage, 0o700)
    refused(1, "is the right disk mounted?", *start)
    shutil.rmtree(footage)
    os.rename(away, footage)
    same(scene.check(), before, "what is recorded once the disk is back")


run_test(body)
