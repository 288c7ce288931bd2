"""The rows of the table: each function does the same work with tatara and, unless `quick`, with what people use today."""
import concurrent.futures
import contextlib
import http.client
import json
import os
import shutil
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.parse

from parts import API, HERE, fastapi, fsync_seconds, median, mlflow, tatara, timed

ROUNDS = 3
MODEL = os.path.join(HERE, "..", "test", "data", "regressor.onnx")


def span(seconds):
    if seconds >= 0.9995:
        return f"{seconds:.2f} s"
    return f"{seconds * 1e3:.3g} ms" if seconds >= 1e-3 else f"{seconds * 1e6:.3g} us"


class Table:
    """Rows of text; a row has its work, our wall and CPU, the peer's, the aim and whether it is met."""

    def __init__(self):
        self.rows = []

    def add(self, work, ours, cpu="", peer="", peer_cpu="", aim="", ok=None):
        row = (work, ours, cpu, peer, peer_cpu, aim, {None: "", True: "ok", False: "short"}[ok])
        self.rows.append(row)
        print(" | ".join(row), file=sys.stderr, flush=True)


class Bench:
    def __init__(self, options, table):
        self.binary = os.path.join(os.path.abspath(options.build), "bin", "tatara")
        self.peer, self.python, self.dvc = options.peer, options.python, options.dvc
        self.quick, self.table, self.build = options.quick, table, options.build

    def tatara(self):
        return tatara(self.binary)

    def start(self):
        times, memory = [], []
        for _ in range(11):
            with self.tatara() as server:
                times.append(server.ready_seconds)
                if len(memory) < 3:
                    time.sleep(1)
                    memory.append(server.memory())
        ready, idle, peer, peer_memory = statistics.median(times), statistics.median(memory), "", ""
        if not self.quick:
            with mlflow(self.peer) as server:
                time.sleep(3)
                peer, peer_memory = span(server.ready_seconds), f"{server.memory():.0f} MiB"
        self.table.add("exec to ready, new home", span(ready), "", peer, "", "< 60 ms", ready < 0.060)
        self.table.add("idle memory (PSS)", f"{idle:.1f} MiB", "", peer_memory, "", "< 25 MB", idle * 1.048576 < 25)

    # Tracking ---------------------------------------------------------------------------------

    def tracking(self):
        with contextlib.ExitStack() as stack:
            ours = stack.enter_context(self.tatara())
            peer = None if self.quick else stack.enter_context(mlflow(self.peer))
            for name, path, body in writes():
                self.write_row(ours, peer, name, path, body)
            self.pairs(ours, peer)
            self.reads(ours, peer)
            self.artifacts(ours, peer)

    def both(self, ours, peer, load):
        """Interleaved rounds of a load: the median latency, CPU and rate of each side."""
        got = {"ours": [], "peer": []}
        for _ in range(ROUNDS):
            got["ours"].append(load(ours, 2))
            if peer:
                got["peer"].append(load(peer, 3))
        return [{f: median(side, f) for f in ("p50", "cpu", "rate")} if side else None for side in got.values()]

    def write_row(self, ours, peer, name, path, body):
        fsyncs = []  # measured beside each round: on a shared disk it may change tenfold within a minute

        def load(server, seconds):
            if server is ours:
                fsyncs.append(fsync_seconds(ours.folder))
            run = server.call(API + "runs/create", {"experiment_id": "0"})["run"]["info"]["run_id"]
            return server.wrk("stepped", API + path, body.replace("@RUN@", run), seconds=seconds)
        a, b = self.both(ours, peer, load)
        wall, fsync = a["p50"] / 1e6, statistics.median(fsyncs)
        ratio = f" (1/{b['cpu'] / a['cpu']:.0f})" if b else ""
        self.table.add(f"{name}, 1 client", span(wall), span(a["cpu"]), b and span(b["p50"] / 1e6) or "",
                       b and span(b["cpu"]) or "",
                       f"<= 1.5 fsync of {span(fsync)} ({wall / fsync:.1f}), CPU <= 1/50{ratio}",
                       b and wall <= 1.5 * fsync and a["cpu"] * 50 <= b["cpu"])

    def pairs(self, ours, peer):
        a, b = self.both(ours, peer, lambda server, seconds: server.wrk("pair", connections=16, threads=16, seconds=seconds + 1))
        self.table.add("create + log-metric pairs, 16 clients", f"{a['rate'] / 2:.0f} pairs/s", span(a["cpu"] * 2),
                       b and f"{b['rate'] / 2:.0f} pairs/s" or "", b and span(b["cpu"] * 2) or "",
                       ">= 50 x" + (f" ({a['rate'] / b['rate']:.0f} x)" if b else ""), b and a["rate"] >= 50 * b["rate"])

    def reads(self, ours, peer):
        experiments = {}
        for server in filter(None, (ours, peer)):
            experiments[server] = server.call(API + "experiments/create", {"name": "reads"})["experiment_id"]
        fill_ours(ours, experiments[ours])
        if peer:
            fill_mlflow(peer, experiments[peer])
        query = {"filter": "metrics.loss > 0.25 and params.kind = 'even'", "order_by": ["metrics.loss ASC"], "max_results": 100}

        def names(server):
            found = server.call(API + "runs/search", {**query, "experiment_ids": [experiments[server]]})["runs"]
            assert len(found) == 100
            return [run["info"]["run_name"] for run in found]
        if peer:
            assert names(ours) == names(peer), "the searches differ"
        self.read_row(ours, peer, "runs/search, 100 of 2,000, filtered, ordered", lambda server, seconds: server.wrk(
            "fixed", API + "runs/search", json.dumps({**query, "experiment_ids": [experiments[server]]}), seconds=seconds))
        runs = {server: fill_history(server, experiments[server]) for server in experiments}
        path = API + "metrics/get-history?metric_key=long&run_id="
        self.read_row(ours, peer, "history of 10,000 points", lambda server, seconds: server.wrk(
            "fixed", path + runs[server], "", method="GET", seconds=seconds))

    def read_row(self, ours, peer, name, load):
        a, b = self.both(ours, peer, load)
        aim = ">= 50 x" + (f" (CPU {b['cpu'] / a['cpu']:.0f} x, wall {b['p50'] / a['p50']:.0f} x)" if b else "")
        self.table.add(name, span(a["p50"] / 1e6), span(a["cpu"]), b and span(b["p50"] / 1e6) or "",
                       b and span(b["cpu"]) or "", aim, b and b["cpu"] >= 50 * a["cpu"])

    def artifacts(self, ours, peer):
        size = 1 << 30
        path = "/api/2.0/mlflow-artifacts/artifacts/0/bench/artifacts/big.bin"
        results = {}
        for server in filter(None, (ours, peer)):
            peak = Peak(server)
            for way, work in (("up", upload), ("down", download)):
                rounds = []
                for _ in range(ROUNDS if server is ours else 1):
                    before, began = server.cpu(), time.perf_counter()
                    work(server.url, path, size, peak.look)
                    rounds.append({"wall": time.perf_counter() - began, "cpu": server.cpu() - before})
                results[server, way] = {f: median(rounds, f) for f in ("wall", "cpu")}
            results[server, "memory"] = peak.most - peak.first
        for way in ("up", "down"):
            a, b = results[ours, way], results.get((peer, way))
            self.table.add(f"artifact of 1 GiB {way}", span(a["wall"]), span(a["cpu"]), b and span(b["wall"]) or "",
                           b and span(b["cpu"]) or "", "<= 1 s CPU", a["cpu"] <= 1)
        grown = results[ours, "memory"]
        self.table.add("memory that it took, peak over before", f"{grown:.1f} MiB", "",
                       f"{results[peer, 'memory']:.1f} MiB" if peer else "", "", "constant (< 16 MiB)", grown < 16)

    # Jobs and pipelines -----------------------------------------------------------------------

    def jobs(self):
        with self.tatara() as server:
            waits = sorted(submit_to_exec(server) for _ in range(100))
            p50, p99 = waits[50], waits[98]
            self.table.add("submit to exec, idle server: p50, p99", f"{span(p50)}, {span(p99)}", "", "", "", "< 10 ms",
                           p99 < 0.010)
            rates = [dispatch(server, 1000) for _ in range(ROUNDS)]
            rate = median(rates, "rate")
            self.table.add("durable dispatches of `true`, 1,000 queued", f"{rate:.0f}/s", span(median(rates, "cpu")), "", "",
                           ">= 500/s", rate >= 500)

    def pipeline(self):
        folder = tempfile.mkdtemp(prefix="bench-")
        try:
            sides = {"ours": [self.binary, "run"]}
            if not self.quick:
                sides["peer"] = [self.dvc, "repro", "-q"]
            found = {}
            for side, words in sides.items():
                rounds = [pipeline_round(os.path.join(folder, f"{side}{i}"), words, 3 if side == "ours" else 1, self.dvc)
                          for i in range(ROUNDS if side == "ours" else 1)]
                found[side] = [{f: median([r[k] for r in rounds], f) for f in ("wall", "cpu")} for k in (0, 1)]
            for k, (name, factor) in enumerate((("first", 20), ("nothing changed", 50))):
                a, b = found["ours"][k], found["peer"][k] if "peer" in found else None
                self.table.add(f"200 no-op stages, {name} (against dvc repro)", span(a["wall"]), span(a["cpu"]),
                               b and span(b["wall"]) or "", b and span(b["cpu"]) or "",
                               f">= {factor} x" + (f" ({b['wall'] / a['wall']:.0f} x)" if b else ""),
                               b and b["wall"] >= factor * a["wall"])
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    # Features, serving, rules -----------------------------------------------------------------

    def join(self):
        folder = tempfile.mkdtemp(prefix="bench-")
        try:
            subprocess.run([self.python, os.path.join(HERE, "join.py"), "make"], cwd=folder, check=True)
            with open(os.path.join(folder, "tatara.yaml"), "w") as file:
                file.write("project: bench\nfeatures:\n  sources: {s: {path: source.parquet, time: t, keys: [k]}}\n"
                           "  views: {v: {source: s, ttl: 6h, columns: [a, b]}}\n  services: {all: [v]}\n")
            sides = {"ours": [self.binary, "features", "build", "all", "--spine", "spine.parquet", "-o", "ours.parquet"],
                     "asof": [self.python, os.path.join(HERE, "join.py"), "asof"],
                     "law": [self.python, os.path.join(HERE, "join.py"), "law"]}
            rounds = {side: [] for side in sides}
            for i in range(ROUNDS):
                for side, words in sides.items():
                    if side != "law" or i == 0:
                        rounds[side].append(timed(words, folder))
            same = subprocess.run([self.python, os.path.join(HERE, "join.py"), "compare"], cwd=folder).returncode == 0
            a, b, law = [{f: median(r, f) for f in ("wall", "cpu", "memory")} for r in rounds.values()]
            self.table.add(f"point-in-time join 1 M x 10 M (DuckDB ASOF; memory {a['memory']:.0f}, {b['memory']:.0f} MiB)",
                           span(a["wall"]), span(a["cpu"]), span(b["wall"]), span(b["cpu"]),
                           f"correct ({'yes' if same else 'NO'}), CPU <= ASOF", same and a["cpu"] <= b["cpu"])
            self.table.add("the same law, ties settled, in DuckDB SQL", "", "", span(law["wall"]), span(law["cpu"]))
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def infer(self):
        body = json.dumps({"inputs": [{"name": "features", "shape": [1, 3], "datatype": "FP32", "data": [1.5, 2.5, 3.5]}]})
        with contextlib.ExitStack() as stack:
            ours = stack.enter_context(self.tatara())
            subprocess.run([self.binary, "--server", ours.url, "deploy", MODEL, "--as", "bench"], cwd=ours.folder, check=True,
                           capture_output=True)
            peer = None if self.quick else stack.enter_context(fastapi(self.peer, MODEL))
            for connections in (1, 8, 64):
                a, b = self.both(ours, peer, lambda server, seconds: server.wrk(
                    "fixed", "/v2/models/bench/infer", body, connections=connections, seconds=seconds))
                ok = b and a["cpu"] * 30 <= b["cpu"] and (connections > 1 or a["p50"] < 100)
                aim = "CPU <= 1/30" + (f" (1/{b['cpu'] / a['cpu']:.0f})" if b else "")
                aim += ", p50 < 100 us" if connections == 1 else ""
                self.table.add(f"infer, one row, JSON, capture on, {connections} conn. ({a['rate']:.0f}/s)", span(a["p50"] / 1e6),
                               span(a["cpu"]), b and span(b["p50"] / 1e6) or "", b and span(b["cpu"]) or "", aim, ok)

    def rules(self):
        program = os.path.join(self.build, "bin", "rules_bench")
        if not os.path.exists(program):
            return self.table.add("event matching, 1,000 rules", "not built (-DTATARA_BENCH=ON)")
        rates = []
        for _ in range(ROUNDS):
            text = subprocess.run([program], capture_output=True, text=True, check=True).stdout
            rates.append(float(text.rsplit(" ", 1)[1]))
        rate = statistics.median(rates)
        self.table.add("event matching, 1,000 rules, 900-byte events", f"{rate:,.0f}/s per core", span(1 / rate), "", "",
                       ">= 190,000/s per core", rate >= 190_000)


def writes():
    def batch(count):
        return json.dumps({"run_id": "@RUN@", "metrics": [
            {"key": f"m{i}", "value": 0.5 + i, "timestamp": 1700000000000, "step": "@STEP@"} for i in range(count)]})
    yield "create run", "runs/create", '{"experiment_id":"0","start_time":1700000000000}'
    yield "log-metric", "runs/log-metric", ('{"run_id":"@RUN@","key":"loss","value":0.5,"timestamp":1700000000000,'
                                            '"step":@STEP@}')
    for count in (1, 100, 1000):
        yield f"log-batch of {count:,}", "runs/log-batch", batch(count).replace('"@STEP@"', "@STEP@")


def run_of(i):
    """The i-th of 2,000 runs: its name, metric and param. The metrics are in no order and all differ."""
    return f"run-{i}", (i * 7919 % 2000) / 2000, "even" if i % 2 == 0 else "odd"


def fill_ours(server, experiment):
    def one(i):
        name, loss, kind = run_of(i)
        run = server.call(API + "runs/create", {"experiment_id": experiment, "run_name": name,
                                                "start_time": 1700000000000 + i})["run"]["info"]["run_id"]
        server.call(API + "runs/log-batch", {"run_id": run, "params": [{"key": "kind", "value": kind}], "metrics": [
            {"key": "loss", "value": loss, "timestamp": 1700000000000, "step": 0}]})
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        list(pool.map(one, range(2000)))


def fill_mlflow(server, experiment):
    """Straight into its database: over its API this would take a minute and is not what is measured."""
    with sqlite3.connect(os.path.join(server.folder, "mlflow.db"), timeout=30) as db:
        for i in range(2000):
            name, loss, kind = run_of(i)
            run = f"{i:032x}"
            db.execute("INSERT INTO runs (run_uuid, name, source_type, source_name, entry_point_name, user_id, status, "
                       "start_time, source_version, lifecycle_stage, artifact_uri, experiment_id) VALUES (?, ?, 'LOCAL', '', '', "
                       "'', 'RUNNING', ?, '', 'active', ?, ?)",
                       (run, name, 1700000000000 + i, f"mlflow-artifacts:/{experiment}/{run}/artifacts", int(experiment)))
            db.execute("INSERT INTO tags (key, value, run_uuid) VALUES ('mlflow.runName', ?, ?)", (name, run))
            db.execute("INSERT INTO params (key, value, run_uuid) VALUES ('kind', ?, ?)", (kind, run))
            for table in ("metrics", "latest_metrics"):
                db.execute(f"INSERT INTO {table} (key, value, timestamp, run_uuid, step, is_nan) VALUES ('loss', ?, "
                           "1700000000000, ?, 0, 0)", (loss, run))


def fill_history(server, experiment):
    run = server.call(API + "runs/create", {"experiment_id": experiment})["run"]["info"]["run_id"]
    for first in range(0, 10000, 1000):
        server.call(API + "runs/log-batch", {"run_id": run, "metrics": [
            {"key": "long", "value": i / 7, "timestamp": 1700000000000 + i, "step": i} for i in range(first, first + 1000)]})
    return run


class Peak:
    """The most memory a server had when looked at, once in 32 MiB of a transfer."""

    def __init__(self, server):
        self.server, self.first = server, server.memory()
        self.most = self.first

    def look(self, block):
        if block % 32 == 0:
            self.most = max(self.most, self.server.memory())


def upload(url, path, size, look):
    block = memoryview(os.urandom(1 << 20))
    connection = http.client.HTTPConnection(urllib.parse.urlsplit(url).netloc, timeout=300)
    connection.putrequest("PUT", path)
    connection.putheader("Content-Length", str(size))
    connection.endheaders()
    for i in range(size // len(block)):
        connection.send(block)
        look(i)
    answer = connection.getresponse()
    answer.read()
    assert answer.status == 200, answer.status


def download(url, path, size, look):
    connection = http.client.HTTPConnection(urllib.parse.urlsplit(url).netloc, timeout=300)
    connection.request("GET", path)
    answer = connection.getresponse()
    buffer, got, blocks = bytearray(1 << 20), 0, 0
    while count := answer.readinto(buffer):
        got += count
        blocks += 1
        look(blocks)
    assert answer.status == 200 and got == size, (answer.status, got)


def submit(server, **job):
    return server.call("/api/v1/jobs", {"folder": server.folder, "environment": {"PATH": "/usr/bin:/bin"}, **job})["id"]


def ended(server, job, seconds=60):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        state = server.call(f"/api/v1/jobs/{job}")
        if state["state"] in ("SUCCEEDED", "FAILED", "CANCELLED", "LOST"):
            return state
        time.sleep(0.02)
    raise RuntimeError(f"{job} does not end")


def submit_to_exec(server):
    """Seconds from the request until the job's own program runs (`date` prints when, a millisecond after its exec)."""
    began = time.time_ns()
    job = submit(server, command=["date", "+%s%N"])
    time.sleep(0.03)
    ended(server, job)
    answer = http.client.HTTPConnection(urllib.parse.urlsplit(server.url).netloc, timeout=10)
    answer.request("GET", f"/api/v1/jobs/{job}/logs")
    return (int(answer.getresponse().read()) - began) / 1e9


def dispatch(server, count):
    """A job that takes all cpus holds the queue until all are submitted; then they run."""
    holder = submit(server, command=["sleep", "600"], cpus=os.cpu_count(), priority=1)
    time.sleep(0.2)
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        jobs = list(pool.map(lambda _: submit(server, command=["true"], cpus=0.1), range(count)))
    before = server.cpu()
    server.call(f"/api/v1/jobs/{holder}/cancel", {})
    began = time.perf_counter()
    while server.call("/api/v1/jobs?unfinished=true&limit=1")["jobs"]:
        time.sleep(0.05)
    seconds = time.perf_counter() - began
    assert ended(server, jobs[-1])["state"] == "SUCCEEDED"
    return {"rate": count / seconds, "cpu": (server.cpu() - before) / count}


def pipeline_round(folder, words, again, dvc):
    """The first run of 200 stages, and the median of `again` runs with nothing to do."""
    os.mkdir(folder)
    for command in (["git", "init", "-q"], [dvc, "init", "-q"], [dvc, "config", "core.analytics", "false"]):
        timed(command, folder)
    with open(os.path.join(folder, "in.txt"), "w") as file:
        file.write("x\n")
    with open(os.path.join(folder, "dvc.yaml"), "w") as file:
        file.write("stages:\n" + "".join(f"  s{i}:\n    cmd: 'true'\n    deps: [in.txt]\n" for i in range(200)))
    first = timed(words, folder)
    rest = [timed(words, folder) for _ in range(again)]
    return first, {f: median(rest, f) for f in ("wall", "cpu")}
