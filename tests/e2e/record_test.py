"""A camera is recorded over rotations; the recorder is killed twice and stopped once, and begins again each time.

record_test.py RECORDER CODEC
"""
from harness import Clip, Scene, require, require_silence, run_test, same, wait_until

MARK_INTERVAL = 5  # seconds of a recording that a kill may take, by default
SHORT, LONG = 3, 30  # seconds of a recording


def key(recording):
    """What a recording is called; the number alone of one that was lost may be used again."""
    return recording["startId"], recording["openId"]


def samples(recordings):
    return sum(recording["videoSamples"] for recording in recordings)


def fetch(scene: Scene, recorder, clip, selection, what):
    """The numbers of the frames of a selection, in which nothing is wrong."""
    path = scene.path(f"{scene.name('view')}.mp4")
    recorder.download(recorder.view("door", selection), path)
    require_silence(path)
    numbers = clip.frames_in(path)
    clip.require_consecutive(numbers, what)
    return numbers


def whole_run(scene, recorder, clip, recordings):
    """The frames of all recordings of one run, asked for as one."""
    same(len({r["runStartId"] for r in recordings}), 1, "runs")
    first, last = recordings[0]["startId"], recordings[-1]["startId"]
    same([r["startId"] for r in recordings], list(range(first, last + 1)), "ids of a run")
    for a, b in zip(recordings, recordings[1:]):
        same(b["startTime90k"], a["endTime90k"], "start of a recording, against the end of the one before")
    numbers = fetch(scene, recorder, clip, f"{first}-{last}@{recordings[0]['openId']}", f"recordings {first} to {last}")
    same(len(numbers), samples(recordings), "frames served, against frames listed")
    return numbers


def require_beginning(numbers, clip):
    """A run begins with the first key frame that has a time; that may be the second one of the camera's session."""
    require(numbers[0] in (0, clip.rate), f"a run begins with frame {numbers[0]} of the camera")


def record_until_killed(scene, clip, url, rotate, seconds, recordings_wanted):
    """The recordings listed just before the kill, by which the next start is measured."""
    recorder = scene.recorder(cameras={"door": url}, rotate=rotate)
    known = {key(r) for r in recorder.recordings("door")}

    def fresh(recordings):
        return [r for r in recordings if key(r) not in known]

    def enough(recordings):
        new = fresh(recordings)
        return len(new) >= recordings_wanted and samples(new) >= seconds * clip.rate and new[-1]["videoSamples"] > clip.rate

    recordings = fresh(recorder.wait_for_recordings("door", enough, f"{seconds} s in {recordings_wanted} recordings"))
    recorder.kill()
    return recordings


def recovered(recorder, lost_from, clip, what):
    """The recordings that are there of those listed before the kill. One mark's interval may be lost, no more."""
    keys = {key(r) for r in lost_from}
    recordings = [r for r in recorder.recordings("door") if key(r) in keys]
    require(all(not r.get("growing") and not r.get("firstUncommitted") for r in recordings), f"{what}: {recordings}")
    lost = (samples(lost_from) - samples(recordings)) / clip.rate
    require(lost <= MARK_INTERVAL + 1, f"{what}: the kill took {lost:.1f} s")
    print(f"{what}: the kill took {max(lost, 0):.1f} s of {samples(lost_from) / clip.rate:.1f} s")
    return recordings


def body(scene, codec):
    clip = Clip(scene, 25, codec) if codec == "h264" else Clip(scene, 25, codec, rate=15, size="320x180")
    url = scene.camera(clip).url

    # Short recordings; one that grows is served, too.
    recorder = scene.recorder(cameras={"door": url}, rotate=SHORT)
    growing = recorder.wait_for_recordings(
        "door", lambda found: found and found[-1].get("growing") and found[-1]["videoSamples"] > clip.rate, "a growing recording")[-1]
    numbers = fetch(scene, recorder, clip, f"{growing['startId']}@{growing['openId']}", "a growing recording")
    require(len(numbers) >= growing["videoSamples"], f"{len(numbers)} frames served, {growing['videoSamples']} listed before")
    require_beginning(numbers, clip)
    stream = recorder.cameras()["door"]["streams"]["main"]
    same(stream["status"]["state"], "recording", "state of the camera")
    recorder.kill()

    first = record_until_killed(scene, clip, url, SHORT, 4, recordings_wanted=2)
    second = record_until_killed(scene, clip, url, LONG, MARK_INTERVAL + 3, recordings_wanted=1)

    # Recovered, and recording again.
    recorder = scene.recorder(cameras={"door": url}, rotate=SHORT)
    require(recorder.seconds_to_ready < 5, f"it took {recorder.seconds_to_ready:.1f} s to start")
    known = {key(r) for r in recorder.recordings("door") if not r.get("growing")}
    require({key(r) for r in first[:-1]} <= known, f"completed recordings are lost: {first}, {known}")
    for before, what in ((first, "short recordings"), (second, "a long recording")):
        recordings = recovered(recorder, before, clip, what)
        require(recordings, f"{what}: nothing is left")
        require_beginning(whole_run(scene, recorder, clip, recordings), clip)

    def rotated(found):
        new = [r for r in found if key(r) not in known]
        return new if len(new) >= 3 else None

    newest = rotated(recorder.wait_for_recordings("door", rotated, "three new recordings"))
    same({r["runStartId"] for r in newest}, {newest[0]["startId"]}, "runs after the restart")
    require(all(r["openId"] > second[0]["openId"] for r in newest), f"open ids after a restart: {newest}")
    recorder.stop()

    print(scene.check())

    # All of it, after an orderly stop.
    recorder = scene.recorder(rotate=LONG)
    last = [r for r in recorder.recordings("door") if r["openId"] == newest[0]["openId"]]
    require(samples(last) >= samples(newest), f"frames are lost by an orderly stop: {newest}, {last}")
    same(last[-1]["endReason"], "stopped", "why the last recording ended")
    require_beginning(whole_run(scene, recorder, clip, last), clip)
    days = recorder.json(f"/api/cameras/{recorder.cameras()['door']['uuid']}/")["streams"]["main"]["days"]
    require(days, "no days are listed")
    wait_until("the camera is recorded again", lambda: recorder.cameras()["door"]["streams"]["main"]["status"]["frames"])
    recorder.stop()
    scene.check()


run_test(body)
