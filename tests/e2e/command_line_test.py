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

    repair(scene, camera, refused)


def repair(scene, camera, refused):
    """Says what it would do, does it on demand, deletes nothing."""
    store, footage = scene.path("mended"), scene.path("mended/footage")
    start = ["run", "--dir", store, "--listen", "127.0.0.1:0"]

    def record():
        recorder = scene.recorder("mended", cameras=dict(word.split("=") for word in camera[1:]), rotate=1)
        before = len(recorder.recordings("door"))
        recorder.wait_for_recordings(
            "door", lambda found: sum(not r.get("firstUncommitted") for r in found) >= before + 3, "three recordings")
        recorder.stop()

    def check(code, texts, *words):
        done = subprocess.run([scene.recorder_program, "check", "--dir", store, *words], capture_output=True, text=True, timeout=20)
        same(done.returncode, code, f"exit code of check {words}:\n{done.stdout}{done.stderr}")
        for text in texts:
            require(text in done.stdout, f"check {words} does not say {text!r}:\n{done.stdout}")

    def content(folder=store):
        found = {}
        for place, _, names in os.walk(folder):
            for name in names:
                with open(os.path.join(place, name), "rb") as file:
                    found[os.path.relpath(os.path.join(place, name), folder)] = file.read()
        return found

    record()
    refused(2, "--repair or --adopt", "check", "--dir", store, "--apply")
    check(0, ["There is nothing to repair.", "all is well"], "--repair")
    names = sorted(name for name in os.listdir(footage) if len(name) == 16 and name[:8] == "00000001")
    os.remove(os.path.join(footage, names[0]))
    with open(os.path.join(footage, names[1]), "r+b") as file:
        file.write(b"not what was recorded")
    with open(os.path.join(footage, "00000001000000c8"), "wb") as file:
        file.write(b"from another time")
    before = content()
    planned = [f"{names[0]}: the recording has no file; to be set aside", f"{names[1]}: the bytes from 0 on",
               "to be kept: new recordings are to come behind it", "Nothing was changed; add --apply"]
    check(4, planned, "--repair", "--read-data")
    same(content(), before, "the recorder's directory after a dry run")
    check(4, ["; set aside", "new recordings come behind it", "Done."], "--repair", "--read-data", "--apply")
    same(content(footage), {name[8:]: data for name, data in before.items() if name.startswith("footage/")}, "the recordings after a repair")
    check(4, ["damaged, and set aside", "There is nothing to repair."], "--repair", "--read-data", "--apply")
    record()
    require(os.path.exists(os.path.join(footage, "00000001000000c8")), "a file that nobody knows was removed")
    require(any(name > "00000001000000c8" for name in os.listdir(footage)), "new recordings have no numbers behind it")

    # An identity that is lost.
    os.remove(os.path.join(footage, "bobbin-directory"))
    refused(1, "adopt it", *start)
    refused(1, "check --adopt", "check", "--dir", store, "--repair", "--apply")
    before = content()
    check(4, ["would be adopted", "add --apply"], "--adopt")
    same(content(), before, "the recorder's directory after a dry run")
    check(4, ["are adopted", "Done."], "--adopt", "--apply")
    record()


run_test(body)
