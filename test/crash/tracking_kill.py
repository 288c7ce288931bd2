#!/usr/bin/env python3
"""Kills the server with SIGKILL while clients log to it, again and again.

usage: tracking_kill.py TATARA [--rounds N] [--seed N]

Four clients send batches (300 metrics, a param and a tag each) and upload artifacts. After a new start,
each batch must be there whole or not at all, each that was acknowledged must be there, and each
acknowledged artifact must have its bytes; an upload that was cut off leaves nothing that can be seen.
"""
import argparse
import http.client
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time

METRICS, CLIENTS, API = 300, 4, "/api/2.0/mlflow/"


class Client(threading.Thread):
    """Logs until the server is gone; knows what was acknowledged, and what else was tried."""

    def __init__(self, port, number, ledger, rng):
        super().__init__()
        self.port, self.number, self.ledger, self.size = port, number, ledger, rng.randint(1_000, 3_000_000)

    def run(self):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            run = call(connection, "POST", API + "runs/create", {"experiment_id": "0"})["run"]["info"]["run_id"]
            self.ledger["sizes"][run] = self.size
            for batch in range(10_000):
                key = (run, batch)
                self.ledger["tried"].add(key)
                call(connection, "POST", API + "runs/log-batch", {
                    "run_id": run, "params": [{"key": f"p{batch}", "value": "v"}], "tags": [{"key": f"t{batch}", "value": "v"}],
                    "metrics": [{"key": f"m{i}", "value": i, "timestamp": batch + 1, "step": batch} for i in range(METRICS)]})
                self.ledger["done"].add(key)
                path = f"/api/2.0/mlflow-artifacts/artifacts/0/{run}/artifacts/a{batch}.bin"
                connection.request("PUT", path, content(run, batch, self.size))
                answer = connection.getresponse()
                answer.read()
                assert answer.status == 200, answer.status
                self.ledger["files"].add((run, batch))
        except (OSError, http.client.HTTPException):
            pass


def content(run, batch, size):
    return random.Random(f"{run} {batch}").randbytes(size)


def call(connection, verb, path, body=None):
    connection.request(verb, path, body and json.dumps(body), {"Content-Type": "application/json"})
    answer = connection.getresponse()
    data = answer.read()
    assert answer.status == 200, (path, answer.status, data[:300])
    return json.loads(data)


def start(tatara, home):
    server = subprocess.Popen([tatara, "up", "--home", home, "--listen", "127.0.0.1:0"], stdout=subprocess.PIPE,
                              stderr=subprocess.DEVNULL, text=True)
    return server, int(re.search(r":(\d+)$", server.stdout.readline().strip()).group(1))


def check(port, ledger):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    for run in {run for run, _ in ledger["tried"]}:
        data = call(connection, "GET", f"{API}runs/get?run_id={run}")["run"]["data"]
        params, tags = ({item["key"] for item in data.get(name, [])} for name in ("params", "tags"))
        steps = {}
        for i in (0, METRICS // 2, METRICS - 1):
            history = call(connection, "GET", f"{API}metrics/get-history?run_id={run}&metric_key=m{i}").get("metrics", [])
            steps[i] = {int(point["step"]) for point in history}
            assert len(steps[i]) == len(history), "a point is there twice"
        for batch in {batch for of, batch in ledger["tried"] if of == run}:
            there = [batch in of for of in steps.values()] + [f"p{batch}" in params, f"t{batch}" in tags]
            assert len(set(there)) == 1, f"half a batch: {run} {batch}: {there}"
            assert there[0] or (run, batch) not in ledger["done"], f"an acknowledged batch is gone: {run} {batch}"
        listed = {item["path"]: int(item["file_size"]) for item in
                  call(connection, "GET", f"{API}artifacts/list?run_id={run}").get("files", [])}
        for batch in {batch for of, batch in ledger["tried"] if of == run}:
            name = f"a{batch}.bin"
            assert name in listed or (run, batch) not in ledger["files"], f"an acknowledged artifact is gone: {run} {batch}"
            if name in listed:  # perhaps whole though nobody was told
                connection.request("GET", f"/api/2.0/mlflow-artifacts/artifacts/0/{run}/artifacts/{name}")
                assert connection.getresponse().read() == content(run, batch, ledger["sizes"][run]), f"half a file: {run} {batch}"


def one_round(tatara, home, rng):
    ledger = {"tried": set(), "done": set(), "files": set(), "sizes": {}}
    server, port = start(tatara, home)
    clients = [Client(port, n, ledger, rng) for n in range(CLIENTS)]
    for client in clients:
        client.start()
    time.sleep(rng.uniform(0.05, 0.8))
    server.send_signal(signal.SIGKILL)
    server.wait()
    for client in clients:
        client.join()
    server, port = start(tatara, home)
    try:
        check(port, ledger)
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait()
    return len(ledger["done"]), len(ledger["tried"])


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("tatara")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    rng = random.Random(arguments.seed)
    home = tempfile.mkdtemp(prefix="tatara-tracking-kill-")
    done = tried = 0
    try:
        for _ in range(arguments.rounds):
            one, all_ = one_round(os.path.abspath(arguments.tatara), home, rng)
            done, tried = done + one, tried + all_
    except AssertionError as failed:
        print(f"FAILED {failed}; kept in {home}")
        print("0 passed, 1 failed")
        return 1
    shutil.rmtree(home)
    print(f"  {arguments.rounds} kills: {done} batches acknowledged and there, of {tried} that were tried")
    print(f"{arguments.rounds} passed, 0 failed")
    return 0


if __name__ == "__main__":
    sys.exit(main())
