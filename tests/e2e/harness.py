"""What the end-to-end tests share: the recorder and cameras as processes, clips with numbered frames, deadlines.

A test is `run_test(body)`; the body gets a Scene. A failure prints the logs of all processes. A test that cannot run here says why
and exits with 77.
"""
import ctypes
import glob
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback
import urllib.error
import urllib.parse
import urllib.request

FPS = 30
BITS = 10  # of a frame's number, drawn as blocks in a strip at the top; the least significant one first
BLOCK = 32

# The recorder is loopback only: no proxy in between.
_opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
_libc = ctypes.CDLL(None)


class Skip(Exception):
    """The machine lacks what the test needs."""


def require(condition, what):
    if not condition:
        raise AssertionError(what)


def same(actual, expected, what):
    if actual != expected:
        raise AssertionError(f"{what}\n  expected: {_short(expected)}\n  actual:   {_short(actual)}")


def _short(value):
    text = repr(value)
    return text if len(text) <= 600 else f"{text[:300]} … {text[-300:]}"


def wait_until(what, question, seconds=20, every=0.1):
    """The first answer of `question` that is true."""
    deadline = time.monotonic() + seconds
    while True:
        answer = question()
        if answer:
            return answer
        if time.monotonic() >= deadline:
            raise AssertionError(f"waited {seconds} s in vain: {what}")
        time.sleep(every)


def program(name):
    path = shutil.which(name)
    if not path:
        raise Skip(f"{name} is not installed")
    return path


class Process:
    """A child whose output goes into a file, and which does not outlive the test."""

    def __init__(self, scene, name, words, environment=None):
        self.name = name
        self.log_path = scene.path(f"{name}.log")
        parent = os.getpid()

        def die_with_parent():
            _libc.prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG
            if os.getppid() != parent:
                os._exit(1)

        with open(self.log_path, "ab") as log:
            self.child = subprocess.Popen(
                words, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, preexec_fn=die_with_parent,
                env={**os.environ, **(environment or {})})
        scene.processes.append(self)

    def log(self):
        with open(self.log_path, encoding="utf-8", errors="replace") as log:
            return log.read()

    def wait_for(self, pattern, seconds=20):
        def look():
            found = re.search(pattern, self.log(), re.MULTILINE)
            if not found and self.child.poll() is not None:
                raise AssertionError(f"{self.name} ended with {self.child.returncode} instead of saying {pattern!r}")
            return found

        return wait_until(f"{self.name} says {pattern!r}", look, seconds, every=0.02)

    def kill(self):
        self.child.kill()
        self.child.wait(timeout=20)

    def end(self, seconds=20):
        """SIGTERM; the exit code."""
        self.child.terminate()
        return self.child.wait(timeout=seconds)


class WallClock:
    """The wall clock as processes with its `environment` see it, by libfaketime; the monotonic one stays right."""

    def __init__(self, path):
        self.path = path
        libraries = glob.glob("/usr/lib/*/faketime/libfaketimeMT.so.1")
        if not libraries:
            raise Skip("libfaketime is not installed")
        self.environment = {"LD_PRELOAD": libraries[0], "FAKETIME_TIMESTAMP_FILE": path, "FAKETIME_CACHE_DURATION": "1",
                            "FAKETIME_DONT_FAKE_MONOTONIC": "1"}
        self.jump(0)

    def jump(self, seconds):
        """So far from the true time, within a second."""
        with open(self.path + ".new", "w", encoding="ascii") as file:
            file.write(f"{seconds:+d}")
        os.replace(self.path + ".new", self.path)


class Scene:
    def __init__(self, folder, recorder):
        self.folder = folder
        self.recorder_program = recorder
        self.processes = []
        self._count = 0

    def path(self, name):
        return os.path.join(self.folder, name)

    def name(self, stem):
        self._count += 1
        return f"{self._count:02}-{stem}"

    def recorder(self, directory="store", **options):
        return Recorder(self, self.path(directory), **options)

    def camera(self, clip, url=None):
        """A camera that plays the clip; `url` is that of one before, to come back as."""
        port = [str(urllib.parse.urlsplit(url).port)] if url else []
        process = Process(self, self.name("camera"),
                          [_python_with_gi(), "-B", os.path.join(os.path.dirname(__file__), "camera.py"), clip.path, clip.codec, *port])
        try:
            process.url = process.wait_for(r"^rtsp://\S+$").group(0)
            return process
        except AssertionError:
            if process.child.poll() == 77:
                raise Skip(process.log().strip()) from None
            raise

    def check(self, directory="store"):
        """Runs `bobbin-nvr check --read-data`: nothing may be wrong. The text it prints."""
        done = subprocess.run([self.recorder_program, "check", "--dir", self.path(directory), "--read-data"],
                              capture_output=True, text=True, timeout=30)
        said = done.stdout + done.stderr
        same(done.returncode, 0, f"check finds something wrong:\n{said}")
        require(re.fullmatch(r"\d+ recordings, .* compared: all is well\n", said), f"check says:\n{said}")
        return said

    def close(self):
        for process in self.processes:
            if process.child.poll() is None:
                process.child.kill()
        for process in self.processes:
            process.child.wait()

    def print_logs(self):
        for process in self.processes:
            print(f"---- {process.name}: {process.log_path}\n{process.log()}", file=sys.stderr)


def _python_with_gi():
    """GStreamer's bindings belong to the system's Python, which need not be the one that runs this."""
    for python in dict.fromkeys((sys.executable, "/usr/bin/python3")):
        try:
            if subprocess.run([python, "-c", "import gi"], capture_output=True, timeout=20).returncode == 0:
                return python
        except OSError:
            pass
    raise Skip("python3-gi is not installed")


class Recorder(Process):
    def __init__(self, scene, directory, cameras=(), rotate=3, retain="200MiB", environment=None, more=()):
        words = [scene.recorder_program, "run", "--dir", directory, "--listen", "127.0.0.1:0", "--rotate", str(rotate), *more]
        if cameras and retain:
            words += ["--retain", retain]
        for name, url in dict(cameras).items():
            words += ["--camera", f"{name}={url}"]
        started = time.monotonic()
        super().__init__(scene, scene.name("recorder"), words, environment)
        self.url = self.wait_for(r"^bobbin-nvr: serving on (http://\S+)/$").group(1)
        self.seconds_to_ready = time.monotonic() - started

    def get(self, path, headers=(), method="GET"):
        """Status, headers and body; no status is an error here."""
        request = urllib.request.Request(self.url + path, headers=dict(headers), method=method)
        try:
            with _opener.open(request, timeout=20) as answer:
                return answer.status, answer.headers, answer.read()
        except urllib.error.HTTPError as answer:
            with answer:
                return answer.code, answer.headers, answer.read()

    def json(self, path):
        status, headers, body = self.get(path)
        same((status, headers["content-type"]), (200, "application/json"), f"GET {path}: {body[:500]}")
        return json.loads(body)

    def cameras(self):
        return {camera["shortName"]: camera for camera in self.json("/api/")["cameras"]}

    def base(self, camera):
        return f"/api/cameras/{self.cameras()[camera]['uuid']}/main"

    def recordings(self, camera, split=1):
        """Oldest first; with the smallest split, none are merged."""
        return self.json(f"{self.base(camera)}/recordings?order=oldest&split90k={split}")["recordings"]

    def wait_for_recordings(self, camera, enough, what, seconds=30):
        """The recordings, once `enough` of them says yes."""
        def look():
            require(self.child.poll() is None, f"the recorder ended with {self.child.returncode}")
            found = self.recordings(camera)
            return found if enough(found) else None

        return wait_until(f"{camera}: {what}", look, seconds)

    def view(self, camera, *selections):
        query = "&".join(f"s={urllib.parse.quote(s, safe='')}" for s in selections)
        return f"{self.base(camera)}/view.mp4?{query}"

    def download(self, path, to):
        """The body, which also goes into a file."""
        status, headers, body = self.get(path)
        same((status, headers["content-type"]), (200, "video/mp4"), f"GET {path}: {body[:500]}")
        same(int(headers["content-length"]), len(body), "content-length")
        with open(to, "wb") as file:
            file.write(body)
        return body

    def stop(self):
        same(self.end(), 0, "exit code of the recorder after SIGTERM")


class Clip:
    """A video that looks different in each frame, one key frame a second, none reordered.

    Each frame bears its number twice: to read, and as a strip of black and white blocks.
    """

    def __init__(self, scene, seconds, codec="h264", rate=FPS, size="640x360", name="clip"):
        self.codec = codec
        self.rate = rate
        self.path = scene.path(f"{name}.mp4")
        strip = "".join(
            f",drawbox=x={bit * BLOCK}:y=0:w={BLOCK}:h={BLOCK}:t=fill:color=white:enable='bitand(n,{1 << bit})'"
            for bit in range(BITS))
        encoders = {
            "h264": ["libx264", "-profile:v", "high", "-sc_threshold", "0"],
            "h265": ["libx265", "-tag:v", "hvc1", "-x265-params", "scenecut=0:open-gop=0:log-level=none:pools=none:frame-threads=1"],
        }
        _ffmpeg("-y", "-f", "lavfi", "-i", f"testsrc2=size={size}:rate={rate}:duration={seconds}",
                "-vf", f"drawbox=x=0:y=0:w={BITS * BLOCK}:h={BLOCK}:t=fill:color=black{strip},"
                       "drawtext=text='%{n}':fontsize=80:fontcolor=white:box=1:boxcolor=black:boxborderw=12:x=24:y=h-th-36",
                "-c:v", *encoders[codec], "-preset", "ultrafast", "-bf", "0", "-g", str(rate), "-keyint_min", str(rate),
                "-pix_fmt", "yuv420p", "-b:v", "1M", "-movflags", "+faststart", self.path)
        self.digests = frame_digests(self.path)
        self.numbers = {digest: number for number, digest in enumerate(self.digests)}
        same(len(self.numbers), seconds * rate, "frames of the clip that differ from all others")

    def frames_in(self, path):
        """The number of each frame of a file, found by its content, bit for bit."""
        numbers = []
        for position, digest in enumerate(frame_digests(path)):
            require(digest in self.numbers, f"frame {position} of {path} is none of the clip")
            numbers.append(self.numbers[digest])
        return numbers

    def require_consecutive(self, numbers, what):
        """One after the other; the clip may start over."""
        for position, (a, b) in enumerate(zip(numbers, numbers[1:])):
            require(b == (a + 1) % len(self.digests), f"{what}: after frame {a} comes {b}, at position {position + 1}")


def _ffmpeg(*words):
    """What it prints. It must have nothing to complain of."""
    done = subprocess.run([program("ffmpeg"), "-nostdin", "-v", "error", *words], capture_output=True, text=True, timeout=50)
    require(done.returncode == 0 and not done.stderr, f"ffmpeg {' '.join(words)}\nexit code {done.returncode}\n{done.stderr}")
    return done.stdout


def frame_digests(path):
    lines = _ffmpeg("-i", path, "-map", "0:v", "-fps_mode", "passthrough", "-f", "framemd5", "-").splitlines()
    return [line.split(",")[-1].strip() for line in lines if line and not line.startswith("#")]


def frame_times(path):
    """Seconds, in order of presentation."""
    done = subprocess.run([program("ffprobe"), "-v", "error", "-select_streams", "v", "-show_entries", "packet=pts_time",
                           "-of", "csv=print_section=0", path], capture_output=True, text=True, timeout=50)
    require(done.returncode == 0 and not done.stderr, f"ffprobe {path}: {done.stderr}")
    return sorted(float(line.split(",")[0]) for line in done.stdout.split())


def require_silence(path):
    """ffprobe and a decoder find nothing to say about the file."""
    done = subprocess.run([program("ffprobe"), "-v", "error", path], capture_output=True, text=True, timeout=50)
    same((done.returncode, done.stdout, done.stderr), (0, "", ""), f"ffprobe -v error {path}")
    _ffmpeg("-i", path, "-f", "null", "-")


def run_test(body):
    """Calls `body(scene, *rest)` with the words of the command line: RECORDER [REST...]."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    try:
        with tempfile.TemporaryDirectory(prefix="bobbin-e2e-") as folder:
            scene = Scene(folder, os.path.abspath(sys.argv[1]))
            try:
                program("ffmpeg"), program("ffprobe")
                body(scene, *sys.argv[2:])
            except Skip:
                raise
            except Exception:
                scene.print_logs()
                raise
            finally:
                scene.close()
    except Skip as why:
        print(f"skipped: {why}")
        sys.exit(77)
    except Exception:
        traceback.print_exc()
        sys.exit(1)
