"""Two video files as cameras, at once; what is served answers ranges and conditions like a plain file.

files_test.py RECORDER
"""
import email

from harness import Clip, require, require_silence, run_test, same


def check_ranges(recorder, path):
    """Every range of a file that will not change is that part of the whole."""
    status, headers, whole = recorder.get(path)
    size, etag = len(whole), headers["etag"]
    same((status, headers["accept-ranges"], headers["content-length"]), (200, "bytes", str(size)), "the whole")
    require(etag and etag.startswith('"'), f"a strong ETag, not {etag}")
    require(whole[4:8] == b"ftyp" and whole.find(b"moov") < whole.find(b"mdat"), "what is needed first comes first")

    def get(method="GET", **fields):
        return recorder.get(path, {name.replace("_", "-"): value for name, value in fields.items()}, method)

    def part(field, first, last, **fields):
        status, headers, body = get(Range=field, **fields)
        same((status, headers["content-range"]), (206, f"bytes {first}-{last}/{size}"), field)
        require(body == whole[first:last + 1], f"{field}: other bytes than those of the whole")
        same((headers["content-length"], headers["etag"], headers["content-type"]),
             (str(len(body)), etag, "video/mp4"), field)

    media = whole.find(b"mdat") + 12
    for first, last in ((0, 0), (0, size - 1), (1, 999), (media - 5, media + 5), (size // 3, size // 2), (size - 1, size - 1)):
        part(f"bytes={first}-{last}", first, last)
    for step in range(7919, size, size // 23):
        part(f"bytes={step}-{step + 4095}", step, min(step + 4095, size - 1))
    part(f"bytes={size - 10}-", size - 10, size - 1)
    part(f"bytes={size - 10}-{size + 1000}", size - 10, size - 1)
    part("bytes=-500", size - 500, size - 1)
    part(f"bytes=-{size + 1}", 0, size - 1)
    part("bytes=100-199", 100, 199, If_Range=etag)
    part("bytes=100-199", 100, 199, If_Match=etag)

    # Several at once.
    wanted = [(0, 9), (media, media + 99), (size - 20, size - 1)]
    status, headers, body = get(Range=f"bytes=0-9, {media}-{media + 99},-20")
    kind = headers["content-type"]
    require(status == 206 and kind.startswith("multipart/byteranges; boundary="), f"several ranges: {status}, {kind}")
    parts = email.message_from_bytes(f"Content-Type: {kind}\r\n\r\n".encode() + body).get_payload()
    same([p["content-range"] for p in parts], [f"bytes {a}-{b}/{size}" for a, b in wanted], "the parts' ranges")
    same([p.get_content_type() for p in parts], ["video/mp4"] * 3, "the parts' types")
    at = 0
    for p, (a, b) in zip(parts, wanted):
        at = body.index(b"\r\n\r\n", at) + 4
        require(body[at:at + b - a + 1] == whole[a:b + 1], f"several ranges: other bytes from {a} to {b}")
        at += b - a + 1

    # Those that change the answer.
    status, headers, body = get(Range=f"bytes={size}-")
    same((status, headers["content-range"]), (416, f"bytes */{size}"), "a range past the end")
    for fields, expected in (
            ({"If_Range": '"other"', "Range": "bytes=100-199"}, 200),
            ({"If_Match": '"other"', "Range": "bytes=100-199"}, 412),
            ({"If_None_Match": etag}, 304),
            ({"If_None_Match": '"other"'}, 200),
            ({"Range": "bytes=200-100"}, 200),
            ({"Range": "lines=1-2"}, 200)):
        status, headers, body = get(**fields)
        same(status, expected, f"{fields}")
        if expected == 200:
            require(body == whole, f"{fields}: not the whole")
        if expected == 304:
            same((body, headers["etag"]), (b"", etag), f"{fields}")
    status, headers, body = get("HEAD")
    same((status, headers["content-length"], headers["etag"], body), (200, str(size), etag, b""), "HEAD")
    require(get()[2] == whole, "the whole, a second time")


def body(scene):
    clips = {"yard": Clip(scene, 8, name="yard"), "gate": Clip(scene, 3, rate=15, size="320x180", name="gate")}
    recorder = scene.recorder(cameras={name: clip.path for name, clip in clips.items()}, rotate=2)
    same(sorted(recorder.cameras()), ["gate", "yard"], "the cameras")
    selections = {}
    for name, clip in clips.items():
        found = recorder.wait_for_recordings(name, lambda found: sum(not r.get("firstUncommitted") for r in found) >= 3, "three recordings")
        done = [r for r in found if not r.get("firstUncommitted")]
        same(len({r["runStartId"] for r in done}), 1, f"{name}: runs")
        selection = selections[name] = f"{done[0]['startId']}-{done[-1]['startId']}@{done[0]['openId']}"
        path = scene.path(f"{name}-view.mp4")
        recorder.download(recorder.view(name, selection), path)
        require_silence(path)
        numbers = clip.frames_in(path)
        clip.require_consecutive(numbers, name)
        same((numbers[0], len(numbers)), (0, sum(r["videoSamples"] for r in done)), f"{name}: the first frame, and how many")

        # Two selections in one file, the second from the middle of a recording on.
        middle = (done[-1]["endTime90k"] - done[-1]["startTime90k"]) // 2
        two = recorder.view(name, f"{done[0]['startId']}", f"{done[-1]['startId']}.{middle}-")
        recorder.download(two, path)
        require_silence(path)
        joined = clip.frames_in(path)
        before = done[0]["videoSamples"]
        same(joined[:before], numbers[:before], f"{name}: the first of two selections")
        tail = joined[before:]
        same(tail, numbers[-len(tail):], f"{name}: the second of two selections")
        require(abs(len(tail) - done[-1]["videoSamples"] / 2) <= 1, f"{name}: half a recording has {len(tail)} frames")

    check_ranges(recorder, recorder.view("yard", selections["yard"]))
    check_ranges(recorder, recorder.view("gate", selections["gate"]))

    for bad, expected in (("s=", 400), ("s=0", 400), ("s=2-1", 400), ("s=1&x=1", 400), ("s=999999", 404), ("s=1@999", 404)):
        status, _, text = recorder.get(f"{recorder.base('yard')}/view.mp4?{bad}")
        require(status == expected and text.strip(), f"{bad}: {status} {text}")
    same(recorder.get("/api/cameras/00000000-0000-0000-0000-000000000000/")[0], 404, "a camera that is not there")
    same(recorder.get("/api/", {"Host": "recorder.example"})[0], 403, "a request by another name")
    recorder.stop()
    scene.check()

    # The catalog knows the cameras, and a new run begins.
    recorder = scene.recorder(rotate=2)
    same(sorted(recorder.cameras()), ["gate", "yard"], "the cameras after a restart")
    for name in clips:
        recorder.wait_for_recordings(name, lambda found: found[-1]["openId"] > 1 and found[-1]["videoSamples"] > 5, "a new run")
    recorder.stop()
    scene.check()


run_test(body)
