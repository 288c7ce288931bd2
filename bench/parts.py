"""What the rows share: servers in folders of their own, processor time and memory from /proc, the wrk client."""
import contextlib
import json
import os
import re
import shutil
import signal
import statistics
import subprocess
import tempfile
import time
import urllib.request

HERE = os.path.dirname(os.path.abspath(__file__))
TICK = os.sysconf("SC_CLK_TCK")
JSON = {"Content-Type": "application/json"}
API = "/api/2.0/mlflow/"


def environment(**extra):
    env = {k: v for k, v in os.environ.items() if not k.startswith(("TATARA_", "MLFLOW_", "DVC_"))}
    env.update(NO_COLOR="1", DVC_NO_ANALYTICS="1", MLFLOW_DISABLE_TELEMETRY="true", DO_NOT_TRACK="true", **extra)
    return env


def stat(pid):
    """Fields of /proc/PID/stat after the name: [1] is the parent, [11:15] are the times in ticks."""
    with open(f"/proc/{pid}/stat") as file:
        return file.read().rsplit(")", 1)[1].split()


def tree(pid):
    """The process and what it started, now."""
    parents = {}
    for name in filter(str.isdigit, os.listdir("/proc")):
        with contextlib.suppress(OSError):
            parents.setdefault(int(stat(name)[1]), []).append(int(name))
    found = [pid]
    for each in found:
        found += parents.get(each, [])
    return found


class Server:
    """A server and its folder; both go at the end of the `with`."""

    def __init__(self, words, ready, env=None, folder=None):
        self.own_folder = folder is None
        self.folder = folder or tempfile.mkdtemp(prefix="bench-")
        self.log = os.path.join(self.folder, "server.log")
        began = time.perf_counter()
        self.process = subprocess.Popen(words(self.folder), cwd=self.folder, env=environment(**(env or {})),
                                        stdout=open(self.log, "w"), stderr=subprocess.STDOUT, start_new_session=True)
        self.url = None
        while self.url is None:
            self.url = ready(self)
            if self.process.poll() is not None or time.perf_counter() - began > 120:
                raise RuntimeError("no start: " + open(self.log).read()[-2000:])
            time.sleep(0.0005)
        self.ready_seconds = time.perf_counter() - began

    def __enter__(self):
        return self

    def __exit__(self, *_):
        os.killpg(self.process.pid, signal.SIGTERM)
        try:
            self.process.wait(15)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
        if self.own_folder:
            shutil.rmtree(self.folder, ignore_errors=True)

    def cpu(self):
        """Seconds of processor time: the server and its workers, without jobs that have ended."""
        ticks = 0
        for pid in tree(self.process.pid):
            with contextlib.suppress(OSError):
                ticks += sum(map(int, stat(pid)[11:13]))
        return ticks / TICK

    def memory(self):
        """MiB of the server and its workers; pages that they share count once."""
        kib = 0
        for pid in tree(self.process.pid):
            with contextlib.suppress(OSError):
                kib += int(re.search(r"Pss:\s+(\d+)", open(f"/proc/{pid}/smaps_rollup").read()).group(1))
        return kib / 1024

    def call(self, path, body=None):
        request = urllib.request.Request(self.url + path, None if body is None else json.dumps(body).encode(), JSON)
        with urllib.request.urlopen(request, timeout=120) as answer:
            return json.loads(answer.read())

    def wrk(self, mode, path="", body="", method="POST", connections=1, threads=1, seconds=3):
        """One load: wrk's figures (microseconds), and the server's CPU seconds per request."""
        body_file = os.path.join(self.folder, "body")
        with open(body_file, "w") as file:
            file.write(body)
        before = self.cpu()
        done = subprocess.run(["wrk", f"-t{threads}", f"-c{connections}", f"-d{seconds}", "--timeout", "60", "-s",
                               os.path.join(HERE, "http.lua"), self.url + path, "--", mode, method, path, body_file],
                              capture_output=True, text=True, timeout=120)
        used = self.cpu() - before
        result = json.loads(done.stdout.strip().splitlines()[-1])
        if result["errors"] or not result["requests"]:
            raise RuntimeError(f"{path}: {result}")
        result["cpu"] = used / result["requests"]
        result["rate"] = result["requests"] / result["seconds"]
        return result


def tatara(binary, folder=None):
    def ready(server):
        found = re.search(r"http://\S+", open(server.log).read())
        return found and found.group(0)
    return Server(lambda _: [binary, "up", "--listen", "127.0.0.1:0"], ready, folder=folder)


def free_port():
    import socket
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def answers(url, health):
    def ready(_):
        with contextlib.suppress(OSError):
            urllib.request.urlopen(url + health, timeout=1).read()
            return url
        time.sleep(0.02)
    return ready


def mlflow(python):
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    return Server(lambda folder: [
        os.path.join(os.path.dirname(python), "mlflow"), "server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1",
        "--backend-store-uri", f"sqlite:///{folder}/mlflow.db", "--artifacts-destination", f"{folder}/artifacts"],
        answers(url, "/health"), env={"PATH": f"{os.path.dirname(python)}:{os.environ['PATH']}"})


def fastapi(python, model):
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    return Server(lambda folder: [python, "-m", "uvicorn", "fastapi_app:app", "--host", "127.0.0.1", "--port", str(port),
                                  "--log-level", "warning", "--app-dir", HERE],
                  answers(url, "/openapi.json"), env={"MODEL": model, "CAPTURE": "captured.jsonl"})


def timed(words, cwd, env=None):
    """Wall and CPU seconds of a command with its children."""
    began = time.perf_counter()
    process = subprocess.Popen(words, cwd=cwd, env=environment(**(env or {})), stdout=subprocess.PIPE,
                               stderr=subprocess.STDOUT, text=True)
    text = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    if status != 0:
        raise RuntimeError(f"{' '.join(words[:3])}: {status} {text[-1000:]}")
    return {"wall": time.perf_counter() - began, "cpu": usage.ru_utime + usage.ru_stime, "memory": usage.ru_maxrss / 1024}


def median(results, field):
    return statistics.median(r[field] for r in results)


def fsync_seconds(folder, rounds=150):
    """The median time of one fdatasync after 4 KiB: what durability costs here, the cheaper of appending and overwriting."""
    medians = []
    with open(os.path.join(folder, "fsync"), "wb", buffering=0) as file:
        for _ in range(2):
            file.seek(0)
            times = []
            for _ in range(rounds):
                file.write(b"x" * 4096)
                began = time.perf_counter()
                os.fdatasync(file.fileno())
                times.append(time.perf_counter() - began)
            medians.append(statistics.median(times))
    os.unlink(os.path.join(folder, "fsync"))
    return min(medians)
