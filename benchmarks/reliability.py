"""Runs what docs/reliability.md rests on, prints its figures, and writes them into the page.

reliability.py BIN [--part NAME | --hours HOURS | ARGUMENT...]

BIN holds the programs. With NAME only that part runs, and only its lines of the page change. With HOURS crashes are explored that long, with one
seed after the other; a log is kept, and the next time goes on where it ends. Other arguments go to figures_reliability. In both cases nothing
else runs, and the page stays as it is.
"""
import os
import platform
import re
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
PAGE = os.path.join(HERE, "../docs/reliability.md")
BEGIN, END = "<!-- figures -->\n", "<!-- end of figures -->\n"
SKIPPED = 77


def commands(bin):
    def script(name, *words):
        return [sys.executable, "-B", os.path.join(HERE, "../tests", name), *words]

    victim, recorder = os.path.join(bin, "torture_victim"), os.path.join(bin, "bobbin-nvr")
    return [("simulated disk", [os.path.join(bin, "figures_reliability")]),
            ("failing system calls", script("torture/system_calls.py", victim)),
            ("power cuts on ext4 and XFS", script("torture/power_cuts.py", victim, "--cuts", "200")),
            ("logs of blocks on ext4 and XFS", script("torture/block_log.py", victim, os.path.join(bin, "block_log_disk"), "--states", "300")),
            ("random errors", script("torture/random_errors.py", victim, "--runs", "1000")),
            ("a recorder that is killed", script("e2e/kills.py", recorder, "60")),
            ("the tests but for the slow ones", [sys.executable, "-B", os.path.join(HERE, "coverage.py"), os.path.join(HERE, "../build-coverage")])]


def run(words):
    """Prints what it prints, at once. The lines and the exit code."""
    lines = []
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as child:
        for line in child.stdout:
            print(line, end="", flush=True)
            lines.append(line.rstrip())
    return lines, child.returncode


def rows(what, lines):
    """Of a table: `name 12 note` and the like."""
    for line in lines:
        found = re.fullmatch(r"([a-z][A-Za-z0-9 ]*?) ((?:at most )?[0-9][0-9.,]*(?: s| %)?)(?:,? (.*))?", line)
        if found:
            yield f"| {what} | {found[1]} | {found[2]} | {found[3] or ''} |"


def explore(program, hours, log_path):
    """Each seed takes other states where not all are taken. Of several seeds some are the same: the sum counts those again."""
    seeds, states = 0, 0
    if os.path.exists(log_path):
        with open(log_path, encoding="utf-8") as log:
            for line in log:
                if found := re.fullmatch(r"seed (\d+) states (\d+) violations 0\n", line):
                    seeds, states = int(found[1]), states + int(found[2])
    end = time.monotonic() + 3600 * hours
    while time.monotonic() < end:
        lines, code = run([program, "--only-crashes", "1", "--seed", str(seeds + 1), "--states", "20000", "--depth", "3"])
        figures = dict(re.fullmatch(r"([a-z ]+) (\d+).*", line).groups() for line in lines if re.match(r"distinct states|violations", line))
        with open(log_path, "a", encoding="utf-8") as log:
            log.write(f"seed {seeds + 1} states {figures.get('distinct states', 0)} violations {figures.get('violations', '?')}\n")
        if code != 0:
            return 1
        seeds, states = seeds + 1, states + int(figures["distinct states"])
    print(f"seeds {seeds}, states explored {states} (distinct for each seed); the log is {log_path}")
    return 0


def main():
    bin, arguments = sys.argv[1], sys.argv[2:]
    all_commands = commands(bin)
    if len(arguments) == 2 and arguments[0] == "--hours":
        return explore(all_commands[0][1][0], float(arguments[1]), os.path.join(bin, "../reliability-seeds.log"))
    parts = [what for what, _ in all_commands]
    if len(arguments) == 2 and arguments[0] == "--part":
        parts = arguments[1:]
        if parts[0] not in dict(all_commands):
            print(f"there is no part '{parts[0]}'. There are: {', '.join(dict(all_commands))}")
            return 2
    elif arguments:
        return run([*all_commands[0][1], *arguments])[1]
    with open(PAGE, encoding="utf-8") as page:
        head, rest = page.read().split(BEGIN)
    figures, tail = rest.split(END)
    table, failed = [], []
    for what, words in all_commands:
        if what not in parts:
            table += [line for line in figures.splitlines() if line.startswith(f"| {what} |")]
            continue
        print(f"== {what}", flush=True)
        lines, code = run(words)
        table += rows(what, lines) if code != SKIPPED else [f"| {what} | skipped | | {lines[-1] if lines else ''} |"]
        if code not in (0, SKIPPED):
            failed.append(what)
    where = f"{os.cpu_count()} processors, Linux {platform.release().split('-')[0]}, {time.strftime('%Y-%m-%d')}"
    table = [f"As `./dev figures reliability` printed them ({where}):\n", "| | | figure | |", "|---|---|---|---|", *table]
    with open(PAGE, "w", encoding="utf-8") as page:
        page.write(head + BEGIN + "\n".join(table) + "\n" + END + tail)
    for what in failed:
        print(f"failed: {what}")
    return 1 if failed else 0


sys.exit(main())
