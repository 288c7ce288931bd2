#!/usr/bin/env python3
"""Kills the server with SIGKILL at random moments while a pipeline runs, again and again.

usage: pipeline_kill.py TATARA [--rounds N] [--seed N] [--dvc PATH_OF_DVC]

Each stage writes a line into a ledger when it begins and when it ends. After the last start of the
server the run must succeed, and in the ledger each stage stands exactly once; no stage began before
all that it needs had ended. With --dvc the real one must find nothing to do.
"""

import argparse
import json
import os
import pathlib
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time

STAGES = """stages:
  prepare:
    cmd: echo begin prepare >> ledger; sleep 0.3; cp in.txt prepared.txt; echo end prepare >> ledger
    deps: [in.txt]
    outs: [prepared.txt]
  left:
    cmd: echo begin left >> ledger; sleep 0.2; cat prepared.txt > left.txt; echo end left >> ledger
    deps: [prepared.txt]
    outs: [left.txt]
  right:
    cmd: echo begin right >> ledger; sleep 0.3; mkdir -p right; cat prepared.txt > right/a; echo end right >> ledger
    deps: [prepared.txt]
    outs: [right]
  join:
    cmd: echo begin join >> ledger; sleep 0.2; cat left.txt right/a > joined.txt; echo end join >> ledger
    deps: [left.txt, right]
    outs: [joined.txt]
    metrics:
      - m.json: {cache: false}
"""
STAGES = STAGES.replace("echo end join", "echo 3 > m.json; echo end join")
NEEDS = {"prepare": [], "left": ["prepare"], "right": ["prepare"], "join": ["left", "right"]}


def environment():
    out = dict(os.environ)
    for name in ("TATARA_URL", "TATARA_HOME"):
        out.pop(name, None)
    return out


def start_server(tatara, folder):
    server = subprocess.Popen([tatara, "up", "--listen", "127.0.0.1:0"], cwd=folder,
                              env=environment(), stdout=subprocess.PIPE,
                              stderr=subprocess.DEVNULL, text=True)
    line = server.stdout.readline()
    if "http" not in line:
        raise AssertionError(f"the server did not come up: {line!r}")
    return server


def one_round(tatara, folder, rng, dvc):
    (folder / "in.txt").write_text(str(rng.random()))
    (folder / "ledger").write_text("")
    runner, kills = None, 0
    server = start_server(tatara, folder)
    run = [tatara, "run", "--json"]
    for _ in range(rng.randint(1, 5)):
        runner = runner or subprocess.Popen(run, cwd=folder, env=environment(),
                                            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(rng.uniform(0.0, 0.5))
        server.send_signal(signal.SIGKILL)
        server.wait()
        kills += 1
        runner.wait()
        runner = None
        server = start_server(tatara, folder)
    done = subprocess.run(run, cwd=folder, env=environment(), text=True, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, timeout=60)
    server.send_signal(signal.SIGTERM)
    server.wait()
    if done.returncode != 0:
        raise AssertionError(f"the last run failed: {done.stdout} {done.stderr}")
    state = json.loads(done.stdout)
    if state["state"] != "SUCCEEDED":
        raise AssertionError(f"the last run ended {state}")
    ledger = (folder / "ledger").read_text().splitlines()
    for stage, needs in NEEDS.items():
        for word in ("begin", "end"):
            if ledger.count(f"{word} {stage}") != 1:
                raise AssertionError(f"{word} {stage} stands {ledger.count(f'{word} {stage}')} "
                                     f"times after {kills} kills: {ledger}")
        for need in needs:
            if ledger.index(f"end {need}") > ledger.index(f"begin {stage}"):
                raise AssertionError(f"{stage} began before {need} ended: {ledger}")
    text = (folder / "in.txt").read_text()
    if (folder / "joined.txt").read_text() != text * 2:
        raise AssertionError("the outputs are not those of the inputs")
    if dvc:
        status = subprocess.run([dvc, "status"], cwd=folder, env=environment(), text=True,
                                stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        if "up to date" not in status.stdout:
            raise AssertionError(f"dvc status: {status.stdout}")
    return kills


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("tatara")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--dvc", default="")
    arguments = parser.parse_args()
    tatara = os.path.abspath(arguments.tatara)
    rng = random.Random(arguments.seed)
    folder = pathlib.Path(tempfile.mkdtemp(prefix="tatara-pipeline-kill-"))
    (folder / "dvc.yaml").write_text(STAGES)
    kills = 0
    try:
        for index in range(arguments.rounds):
            kills += one_round(tatara, folder, rng, arguments.dvc and os.path.abspath(arguments.dvc))
            print(f"  round {index}: {kills} kills so far, each stage ran once", flush=True)
    except AssertionError as failed:
        print(f"FAILED {failed}; kept in {folder}")
        print("0 passed, 1 failed")
        return 1
    shutil.rmtree(folder)
    print(f"{arguments.rounds} passed, 0 failed")
    return 0


if __name__ == "__main__":
    sys.exit(main())
