"""Runs what docs/reliability.md rests on, prints its figures, and writes them into the page.

reliability.py BIN [ARGUMENT...]

BIN holds the programs; arguments go to figures_reliability, and then only that one runs and the page stays as it is.
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
            ("a recorder that is killed", script("e2e/kills.py", recorder, "60"))]


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
        found = re.fullmatch(r"([a-z][A-Za-z0-9 ]*?) ((?:at most )?[0-9][0-9.,]*(?: s)?)(?:,? (.*))?", line)
        if found:
            yield f"| {what} | {found[1]} | {found[2]} | {found[3] or ''} |"


def main():
    bin, arguments = sys.argv[1], sys.argv[2:]
    all_commands = commands(bin)
    if arguments:
        return run([*all_commands[0][1], *arguments])[1]
    table, failed = [], []
    for what, words in all_commands:
        print(f"== {what}", flush=True)
        lines, code = run(words)
        table += rows(what, lines) if code != SKIPPED else [f"| {what} | skipped | | {lines[-1] if lines else ''} |"]
        if code not in (0, SKIPPED):
            failed.append(what)
    with open(PAGE, encoding="utf-8") as page:
        text = page.read()
    head, rest = text.split(BEGIN)
    tail = rest.split(END)[1]
    where = f"{os.cpu_count()} processors, Linux {platform.release().split('-')[0]}, {time.strftime('%Y-%m-%d')}"
    table = [f"As `./dev figures reliability` printed them ({where}):\n", "| | | figure | |", "|---|---|---|---|", *table]
    with open(PAGE, "w", encoding="utf-8") as page:
        page.write(head + BEGIN + "\n".join(table) + "\n" + END + tail)
    for what in failed:
        print(f"failed: {what}")
    return 1 if failed else 0


sys.exit(main())
