"""Proves with strace that each acknowledged write was fsynced first: fsync_proof.py TATARA

`kill -9` cannot show it, since the kernel keeps what was written. For each write the trace between request and answer must
hold an fsync of the database's log, or of the artifact's file and then of its folder, before the bytes of the answer.
"""
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "e2e"))
from harness import Skip, Tatara, Tests, wait_for

tests = Tests()
CALLS = "fsync,fdatasync,write,writev,sendmsg,sendto,rename,renameat,renameat2"


class Traced(Tatara):
    def up(self):
        self.trace = os.path.join(self.folder, "trace")
        plain = self.binary
        self.server = subprocess.Popen(["strace", "-f", "-yy", "-s", "64", "-e", f"trace={CALLS}", "-o", self.trace, plain, "up",
                                        "--listen", "127.0.0.1:0"], cwd=self.folder, env=self.env, stdout=subprocess.PIPE,
                                       stderr=open(os.path.join(self.folder, "err"), "w"), text=True)
        line = self.server.stdout.readline()
        if "http://" not in line:
            raise Skip("ptrace is refused here: " + open(os.path.join(self.folder, "err")).read().strip()[-200:])
        self.url = re.search(r"http://\S+", line).group(0)

    def between(self, action):
        """The trace's lines of one action, up to and with the answer's first bytes."""
        before = os.path.getsize(self.trace)
        action()
        time.sleep(0.2)
        with open(self.trace, errors="replace") as file:
            file.seek(before)
            lines = file.read().splitlines()
        for number, line in enumerate(lines):
            if "HTTP/1.1 2" in line:
                return lines[:number]
        raise AssertionError("no answer in the trace: " + " | ".join(line[:100] for line in lines[-8:]))


def synced(lines, pattern):
    # a call that was interrupted by another thread's is split; its end is what counts
    open_calls, found = {}, False
    for line in lines:
        thread = line.split()[0]
        if re.search(r"f(data)?sync\(", line) and re.search(pattern, line):
            if "unfinished" in line:
                open_calls[thread] = True
            elif "= 0" in line:
                found = True
        elif "resumed" in line and "sync" in line and open_calls.pop(thread, False) and "= 0" in line:
            found = True
    return found


def with_trace(action, check):
    if shutil.which("strace") is None:
        raise Skip("strace is not installed")
    t = Traced(sys.argv[1])
    try:
        t.up()
        check(t, t.between(lambda: action(t)))
    finally:
        if t.server:
            t.run("down", "--jobs")
            t.server.wait(20)
            t.server = None
        t.close()


def database(t, lines):
    assert synced(lines, r"tatara\.db"), "the answer came before the database's fsync"


def post(path, body):
    return lambda t: wait_for(lambda: t.call("POST", path, body)[0] == 200)


@tests.test
def a_run_is_on_the_disk_before_it_is_acknowledged(_):
    with_trace(post("/api/2.0/mlflow/experiments/create", {"name": "x"}), database)


@tests.test
def a_batch_is_on_the_disk_before_it_is_acknowledged(_):
    def action(t):
        run = t.call("POST", "/api/2.0/mlflow/runs/create", {"experiment_id": "0"})[2]
        import json
        t.run_id = json.loads(run)["run"]["info"]["run_id"]

    def check(t, _lines):
        lines = t.between(lambda: t.call("POST", "/api/2.0/mlflow/runs/log-batch", {
            "run_id": t.run_id, "metrics": [{"key": "m", "value": 1.0, "timestamp": 1, "step": i} for i in range(100)]}))
        database(t, lines)

    with_trace(action, check)


@tests.test
def a_job_and_its_cancel_are_on_the_disk_before_they_are_acknowledged(_):
    body = {"command": ["sleep", "30"], "folder": "/tmp", "environment": {"PATH": os.environ["PATH"]}}

    def check(t, lines):
        database(t, lines)
        job = t.json("jobs")["jobs"][0]["id"]
        database(t, t.between(lambda: t.call("POST", f"/api/v1/jobs/{job}/cancel", {})))

    with_trace(post("/api/v1/jobs", body), check)


@tests.test
def an_artifact_and_its_folder_are_on_the_disk_before_they_are_acknowledged(_):
    def check(t, lines):
        text = "\n".join(lines)
        assert synced(lines, r"artifacts/.*"), "the file was not fsynced"
        rename = max((i for i, line in enumerate(lines) if "rename" in line and "0/r/artifacts" in line), default=None)
        assert rename is not None, f"no rename: {text[-500:]}"
        assert synced(lines[rename:], r"artifacts/0/r/artifacts>"), "the folder was not fsynced after the rename"

    with_trace(lambda t: t.call("PUT", "/api/2.0/mlflow-artifacts/artifacts/0/r/artifacts/a.bin", b"x" * 300000), check)


if __name__ == "__main__":
    sys.exit(tests.run(None))
