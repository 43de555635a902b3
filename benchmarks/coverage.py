"""Prints the branch coverage of the library by its tests, without the slow ones.

coverage.py BUILD

In BUILD are test programs, compiled with `-fprofile-instr-generate -fcoverage-mapping`. Of a template's instances, in all programs, each branch
counts once, as taken where any takes it.
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


def run_tests(build, area, profiles):
    """Whether they passed."""
    tested = subprocess.run(["ctest", "--test-dir", build, "-j", str(os.cpu_count()), "--output-on-failure", "--tests-regex", f"^{area}/",
                             "--label-exclude", "compile|slow|needs-root"],
                            env={**os.environ, "LLVM_PROFILE_FILE": os.path.join(os.path.abspath(profiles), "%p.profraw")},
                            stdout=subprocess.PIPE, text=True)
    if tested.returncode != 0:
        print(tested.stdout, end="")
    return tested.returncode == 0


def branches(program, profiles):
    """Of each file and place: whether its condition was true, and whether it was false."""
    merged = os.path.join(profiles, "all.profdata")
    subprocess.run(["llvm-profdata-16", "merge", "--sparse", "-o", merged, *(entry.path for entry in os.scandir(profiles))], check=True)
    told = subprocess.run(["llvm-cov-16", "export", f"--instr-profile={merged}", program], check=True, stdout=subprocess.PIPE, text=True)
    for file in json.loads(told.stdout)["data"][0]["files"]:
        part = part_of(file["filename"])
        if part:
            for *place, was_true, was_false, _, _, _ in file["branches"]:
                yield part, (file["filename"], *place), (was_true > 0, was_false > 0)


def main():
    build = sys.argv[1]
    profiles = os.path.join(build, "profiles")
    shutil.rmtree(profiles, ignore_errors=True)
    taken = {part: {} for part in PARTS}
    programs = sorted(glob.glob(os.path.join(build, "bin/tests/bobbin_tests_*")))
    if not programs:
        print(f"there are no test programs in {build}; `./dev figures coverage` makes them")
        return 1
    for program in programs:
        area = os.path.basename(program).removeprefix("bobbin_tests_")
        mine = os.path.join(profiles, area)
        os.makedirs(mine)
        if not run_tests(build, area, mine):
            print("tests failed: what they cover is not told")
            return 1
        for part, place, way in branches(program, mine):
            before = taken[part].get(place, (False, False))
            taken[part][place] = (before[0] or way[0], before[1] or way[1])
    for part, places in taken.items():
        count, covered = 2 * len(places), sum(map(sum, places.values()))
        print(f"branch coverage of {part} {100 * covered / count:.1f} % ({covered} of {count})")
    return 0


sys.exit(main())
