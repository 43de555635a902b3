"""Runs each command of a page, in its order, in an empty directory. guide_test.py PROGRAM PAGE"""
import os
import pathlib
import re
import subprocess
import sys
import tempfile

program, page = (pathlib.Path(word).resolve() for word in sys.argv[1:3])
blocks = re.findall(r"^```sh\n(.*?)^```$", page.read_text(encoding="utf-8"), re.S | re.M)
if len(blocks) < 5:
    sys.exit(f"{page} has {len(blocks)} blocks of commands")
with tempfile.TemporaryDirectory(prefix="bobbin-pack-guide-") as place:
    path = f"{program.parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(["bash", "-euxo", "pipefail", "-c", "\n".join(blocks)], cwd=place, env={**os.environ, "PATH": path},
                          capture_output=True, text=True, timeout=300, check=False)
    if done.returncode != 0:
        sys.exit(f"exit code {done.returncode}\n{done.stdout}\n{done.stderr}")
print(done.stdout)
