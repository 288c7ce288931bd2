#!/usr/bin/env python3
"""Measures tatara beside what people use today, on this machine, and prints a table.

usage: bench.py --build BUILD [--quick] [--only NAME,...] [--output FILE.md]

A benchmark, never a test: it always ends with code 0 when everything could be measured. Figures are
medians of interleaved rounds; processor time is the server's own (from /proc), workers included.
"""
import argparse
import datetime
import os
import platform
import subprocess
import sys

from rows import Bench, Table

HEAD = ("work", "tatara", "CPU", "peer", "its CPU", "aim (reached)", "")
ROWS = ("start", "tracking", "jobs", "pipeline", "join", "infer", "rules")
ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def first_line(path, key):
    for line in open(path):
        if line.startswith(key):
            return line.split(":", 1)[1].strip()
    return "?"


def facts():
    kib = int(first_line("/proc/meminfo", "MemTotal").split()[0])
    commit = subprocess.run(["git", "-C", ROOT, "rev-parse", "--short", "HEAD"], capture_output=True, text=True).stdout.strip()
    disk = subprocess.run(["findmnt", "-no", "FSTYPE", "-T", "/tmp"], capture_output=True, text=True).stdout.strip() or "?"
    return (f"{datetime.date.today()}, commit {commit}; {os.cpu_count()} cores of {first_line('/proc/cpuinfo', 'model name')}, "
            f"{kib / 1048576:.0f} GiB, {disk}, Linux {platform.release()}; load {os.getloadavg()[0]:.1f} at the start")


def markdown(title, rows):
    lines = [title, "", "| " + " | ".join(HEAD) + " |", "|" + " --- |" * len(HEAD)]
    return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in rows]) + "\n"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", required=True)
    parser.add_argument("--quick", action="store_true", help="without the slow peers")
    parser.add_argument("--only", default=",".join(ROWS))
    parser.add_argument("--output")
    parser.add_argument("--peer", default=os.path.join(ROOT, "build/venv-peer/bin/python"),
                        help="a Python with mlflow and FastAPI")
    parser.add_argument("--python", default=sys.executable, help="a Python with duckdb")
    parser.add_argument("--dvc", default=os.path.join(os.path.dirname(sys.executable), "dvc"))
    options = parser.parse_args()
    table, title = Table(), facts()
    bench = Bench(options, table)
    for name in options.only.split(","):
        getattr(bench, name)()
    text = markdown(title, table.rows)
    print(text)
    if options.output:
        with open(options.output, "w") as file:
            file.write(text)


if __name__ == "__main__":
    main()
