"""Prints the branch coverage of the library by its tests, without the slow ones.

coverage.py BUILD

In BUILD are test programs, compiled with `-fprofile-instr-generate -fcoverage-mapping`. Of a template's instances each branch counts once, as
taken where any takes it.
"""
import glob
import json
import os
import shutil
import subprocess
import sys

INCLUDE = os.path.realpath(os.path.join(os.path.dirname(os.path.abspath(__file__)), "../include/bobbin"))
PARTS = {"engine": ["", "detail"], "codecs": ["index", "media"], "store": ["store"], "files": ["fs", "file"]}


def part_of(path):
    relative = os.path.relpath(os.path.realpath(path), INCLUDE)
    folder = relative.split(os.sep)[0] if os.sep in relative else ""
    return next((name for name, folders in PARTS.items() if folder in folders), None)


def main():
    build = sys.argv[1]
    programs = sorted(glob.glob(os.path.join(build, "bin/tests/bobbin_tests_*")))
    profiles = os.path.join(build, "profiles")
    shutil.rmtree(profiles, ignore_errors=True)
    os.makedirs(profiles)
    areas = "|".join(os.path.basename(program).removeprefix("bobbin_tests_") for program in programs)
    tested = subprocess.run(["ctest", "--test-dir", build, "-j", str(os.cpu_count()), "--output-on-failure", "--tests-regex", f"^({areas})/",
                             "--label-exclude", "compile|slow|needs-root"],
                            env={**os.environ, "LLVM_PROFILE_FILE": os.path.join(os.path.abspath(profiles), "%m-%p.profraw")},
                            stdout=subprocess.PIPE, text=True)
    if tested.returncode != 0:
        print(tested.stdout, end="")
        print("tests failed: what they cover is not told")
        return 1
    merged = os.path.join(profiles, "all.profdata")
    subprocess.run(["llvm-profdata-16", "merge", "--sparse", "-o", merged, *(entry.path for entry in os.scandir(profiles))], check=True)
    told = subprocess.run(["llvm-cov-16", "export", "--summary-only", f"--instr-profile={merged}", programs[0],
                           *(f"--object={program}" for program in programs[1:])], check=True, stdout=subprocess.PIPE, text=True)
    covered, counts = dict.fromkeys(PARTS, 0), dict.fromkeys(PARTS, 0)
    for file in json.loads(told.stdout)["data"][0]["files"]:
        part = part_of(file["filename"])
        if part:
            covered[part] += file["summary"]["branches"]["covered"]
            counts[part] += file["summary"]["branches"]["count"]
    for part in PARTS:
        print(f"branch coverage of {part} {100 * covered[part] / counts[part]:.1f} % ({covered[part]} of {counts[part]})")
    return 0


sys.exit(main())
