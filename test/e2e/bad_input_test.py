"""What bad input gets, through the command line and a running server: bad_input_test.py TATARA. Needs onnx and numpy for two tests."""
import contextlib
import json
import os
import shutil
import socket
import sqlite3
import subprocess
import tempfile
import time
from urllib.parse import urlsplit

from harness import Skip, Tests, main, tatara, wait_for

tests = Tests()
DATA = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "data")
JSON = {"Content-Type": "application/json"}
MLFLOW = "/api/2.0/mlflow"
INFER = {"inputs": [{"name": "features", "shape": [1, 3], "datatype": "FP32", "data": [1, 2, 3]}]}


def post(t, path, body, verb="POST"):
    status, headers, answer = t.call(verb, path, body, JSON)
    return status, answer.decode(errors="replace")


def new_run(t):
    status, answer = post(t, MLFLOW + "/runs/create", {"experiment_id": "0", "start_time": 1})
    assert status == 200, answer
    return json.loads(answer)["run"]["info"]["run_id"]


def metrics_of(t, run):
    return json.loads(t.call("GET", f"{MLFLOW}/runs/get?run_id={run}")[2])["run"]["data"].get("metrics", [])


def said_in_mlflows_form(status, answer, code, wanted_status):
    body = json.loads(answer)
    assert status == wanted_status and body["error_code"] == code and body["message"], (status, answer[:300])


def alive(t):
    assert t.call("GET", "/health")[0] == 200


def refused(t, code, *texts, words, folder=None):
    result = t.run(*words, folder=folder)
    assert result.code == code and all(text in result.err for text in texts), (words, result.code, result.out[-300:], result.err)
    assert result.err.strip().count("\n") == 0 and "tatara: " in result.err, result.err
    return result


# ---- JSON ------------------------------------------------------------------------------------------------------------

@tests.test
def broken_huge_and_deep_json_get_a_4xx_in_the_dialects_form(binary):
    with tatara(binary) as t:
        t.up()
        assert t.run("deploy", os.path.join(DATA, "regressor.onnx"), "--as", "reg").code == 0
        run = new_run(t)
        bodies = [b"", b"{", b"[]", b"nul", b'"x"', b"{}x", b"\xff\xfe{}", b"[" * 1_000_000, b'{"a":' * 300_000, b'{"a":' * 300_000 + b"1" + b"}" * 300_000,
                  b"[" * 200_000 + b"]" * 200_000, b'{"run_id": "\\ud800"}', b'{"a": 1e999}', b'{"a": NaN}', b'{"a": 01}', b"{'a': 1}", b'{"a": "\x01"}', b"\0" * 1000]
        paths = [MLFLOW + p for p in ("/runs/log-batch", "/runs/log-metric", "/runs/create", "/runs/search", "/experiments/create", "/registered-models/create")]
        for path in paths + ["/v2/models/reg/infer", "/endpoints/reg/invocations", "/endpoints/reg/ground-truth"]:
            for body in bodies:
                status, answer = post(t, path, body)
                lenient = path.endswith(("/runs/create", "/runs/search", "/ground-truth")) and body == b""
                assert lenient or (400 <= status < 500 and json.loads(answer)), (path, body[:40], status, answer[:200])
        huge = b'{"run_id": "' + run.encode() + b'", "metrics": [' + b'{"key":"m","value":1,"timestamp":1,"step":1},' * 1_700_000 + b"]}"
        assert len(huge) > 64 << 20
        status, answer = large_post(t, MLFLOW + "/runs/log-batch", huge)
        assert status == 413, (status, answer[:200])
        assert metrics_of(t, run) == []
        alive(t)


def large_post(t, path, body):
    """A server may answer before it has read all: the reader must be ready for that."""
    where = urlsplit(t.url)
    with socket.create_connection((where.hostname, where.port), timeout=30) as s:
        s.sendall(f"POST {path} HTTP/1.1\r\nHost: {where.netloc}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n".encode())
        with contextlib.suppress(ConnectionError, BrokenPipeError):
            s.sendall(body)
        answer = s.recv(65536)
    return int(answer.split()[1]), answer


@tests.test
def wrong_types_and_numbers_out_of_range_leave_nothing_behind(binary):
    with tatara(binary) as t:
        t.up()
        run = new_run(t)
        good = {"run_id": run, "key": "m", "value": 1.5, "timestamp": 1, "step": 0}
        for change in ({"value": "abc"}, {"value": None}, {"value": []}, {"value": {}}, {"value": True}, {"step": 2**63}, {"step": -2**63 - 1}, {"step": 1.5}, {"step": "x"},
                       {"timestamp": 10**30}, {"timestamp": "soon"}, {"timestamp": None}, {"key": 5}, {"key": ""}, {"key": None}, {"key": "../up"}, {"run_id": 7}):
            status, answer = post(t, MLFLOW + "/runs/log-metric", {**good, **change})
            assert status == 400, (change, status, answer)
            said_in_mlflows_form(status, answer, "INVALID_PARAMETER_VALUE", 400)
            batch = {"run_id": run, "metrics": [{k: v for k, v in good.items() if k != "run_id"}, {k: v for k, v in {**good, **change}.items() if k != "run_id"}]}
            if "run_id" not in change:
                status, answer = post(t, MLFLOW + "/runs/log-batch", batch)
                said_in_mlflows_form(status, answer, "INVALID_PARAMETER_VALUE", 400)
        for status_name in ("BROKEN", 99, "", []):
            status, answer = post(t, MLFLOW + "/runs/update", {"run_id": run, "status": status_name})
            assert status == 400, (status_name, status, answer)
        assert metrics_of(t, run) == []
        for path, body in [("/experiments/create", {"name": 5}), ("/experiments/create", {"name": ""}), ("/runs/search", {"experiment_ids": "0"}),
                           ("/runs/search", {"experiment_ids": ["0"], "filter": "metrics.a >"}), ("/runs/search", {"experiment_ids": ["0"], "max_results": -1}),
                           ("/runs/search", {"experiment_ids": ["0"], "page_token": "!!"}), ("/runs/log-batch", {"run_id": run, "params": [{"value": "a"}]}),
                           ("/registered-models/create", {"name": ""}), ("/registered-models/create", {"name": ["x"]})]:
            status, answer = post(t, MLFLOW + path, body)
            said_in_mlflows_form(status, answer, "INVALID_PARAMETER_VALUE", 400)
        assert post(t, MLFLOW + "/runs/log-metric", good)[0] == 200 and len(metrics_of(t, run)) == 1


@tests.test
def what_is_unknown_gets_a_404_in_its_own_form(binary):
    with tatara(binary) as t:
        t.up()
        for path in ("/runs/get?run_id=gone", "/registered-models/get?name=gone", "/model-versions/get?name=gone&version=1", "/experiments/get?experiment_id=999",
                     "/experiments/get-by-name?experiment_name=gone"):
            status, _, answer = t.call("GET", MLFLOW + path)
            said_in_mlflows_form(status, answer, "RESOURCE_DOES_NOT_EXIST", 404)
        status, answer = post(t, MLFLOW + "/runs/log-metric", {"run_id": "gone", "key": "m", "value": 1, "timestamp": 1})
        said_in_mlflows_form(status, answer, "RESOURCE_DOES_NOT_EXIST", 404)
        status, _, answer = t.call("GET", MLFLOW + "/no/such/call")
        assert status == 404 and "error_code" in json.loads(answer), answer
        for verb, path, body in (("GET", "/v2/models/gone", None), ("GET", "/v2/models/gone/ready", None), ("POST", "/v2/models/gone/infer", INFER)):
            status, answer = post(t, path, body, verb)
            assert status == 404 and set(json.loads(answer)) == {"error"} and "gone" in answer, (path, status, answer)
        for path in ("/endpoints/gone/invocations", "/endpoints/gone/ground-truth"):
            status, answer = post(t, path, {"inputs": []})
            assert status == 404 and json.loads(answer), (path, status, answer)
        status, _, answer = t.call("GET", "/nothing/here")
        assert status == 404 and json.loads(answer), answer
        for words in (["runs", "show", "gone"], ["jobs", "show", "gone"], ["jobs", "why", "gone"], ["logs", "gone"], ["cancel", "gone"], ["why", "models:/gone/1"],
                      ["why", "nonsense"], ["deploy", "models:/gone/1", "--as", "e"], ["deploy", "gone.onnx", "--as", "e"], ["invoke", "gone", "x.json"],
                      ["artifacts", "ls", "runs:/gone"], ["run", "gone"]):
            result = t.run(*words)
            assert result.code in (2, 3) and result.err.startswith("tatara: ") and result.err.count("\n") == 1, (words, result.code, result.err)


# ---- files of a project ----------------------------------------------------------------------------------------------

@tests.test
def a_broken_dvc_yaml_is_refused_before_anything_runs(binary):
    cases = {"cycle": ("stages:\n  a: {cmd: touch ran, deps: [y], outs: [x]}\n  b: {cmd: touch ran, deps: [x], outs: [y]}\n", "circle"),
             "itself": ("stages:\n  a: {cmd: touch ran, deps: [x], outs: [x]}\n", "circle"),
             "twice": ("stages:\n  a: {cmd: touch ran, outs: [x]}\n  b: {cmd: touch ran, outs: [x]}\n", "x"),
             "within": ("stages:\n  a: {cmd: touch ran, outs: [d]}\n  b: {cmd: touch ran, outs: [d/x]}\n", "d"),
             "key": ("stages:\n  a: {cmd: touch ran, outz: [x]}\n", "outz"), "nocmd": ("stages:\n  a: {outs: [x]}\n", "cmd"),
             "yaml": ("stages:\n  a: [\n", "dvc.yaml:3"), "list": ("- a\n", ""), "variable": ("stages:\n  a: {cmd: 'echo ${none}'}\n", "none"),
             "missing": ("stages:\n  a: {cmd: touch ran, deps: [gone.txt]}\n", "gone.txt"), "doubled": ("stages:\n  a: {cmd: touch ran}\n  a: {cmd: touch ran}\n", "a"),
             "deep": ("stages: " + "[" * 5000 + "]" * 5000 + "\n", ""), "outside": ("stages:\n  a: {cmd: touch ran, outs: [../../x]}\n", "x"),
             "bomb": ("a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(f"{chr(98 + i)}: &{chr(98 + i)} [{','.join(['*' + chr(97 + i)] * 9)}]\n" for i in range(9)) + "stages: {}\n", "")}
    with tatara(binary) as t:
        t.up()
        for name, (text, wanted) in cases.items():
            folder = os.path.join(t.folder, name)
            t.write(f"{name}/dvc.yaml", text)
            began = time.monotonic()
            result = t.run("run", folder=folder)
            assert result.code in (1, 2, 3, 4) and wanted in result.err, (name, result.code, result.out, result.err)
            assert not os.path.exists(os.path.join(folder, "ran")) and time.monotonic() - began < 10, name
        alive(t)


RELEASE = "pipelines:\n  train:\n    file: dvc.yaml\n    register: {model: m, run: run.txt}\n"
EXPECT = "endpoints:\n  e: {{model: 'models:/m@champion'}}\nmonitors:\n  m:\n    endpoint: e\n    expect: {{good: '{}'}}\n"


@tests.test
def an_alarm_that_is_not_in_the_file_is_a_warning_and_an_unknown_column_none(binary):
    with tatara(binary) as t:
        t.up()
        t.write("other.yaml", "project: p\n" + EXPECT.format("avg(nowhere) > 1") + "alarms:\n  quality: {metric: {name: prediction_drift, dimensions: {endpoint: e}}, when: maximum > 1, period: 1m, datapoints: 1 of 1}\nnotices:\n  n: {webhook: ''}\n"
                "rules:\n  r: {when: {source: [tatara.alarm], detail: {alarm: [qualty]}}, notify: n}\n")
        for command in ("plan", "apply"):
            result = t.run(command, "--yes", "-f", "other.yaml")
            assert result.code == 0 and result.err.count("\n") == 1, (result.code, result.err)
            assert all(text in result.err for text in ("warning: other.yaml:13: ", "'qualty'", "'quality'")), result.err
        assert len(t.json("plan", "-f", "other.yaml")["warnings"]) == 1 and t.json("plan", "-f", "other.yaml")["changes"] == []


@tests.test
def a_wrong_tatara_yaml_names_line_and_nearest_key_and_changes_nothing(binary):
    cases = [("alarm:\n  a: {}\n", ["tatara.yaml:2: ", "alarms"]), ("alarms:\n  a:\n    metrc: {name: x}\n    when: maximum > 1\n", ["tatara.yaml:4: ", "metric"]),
             ("alarms:\n  a:\n    metric: {name: x}\n    when: maximum >> 1\n", ["tatara.yaml:5: "]), ("alarms:\n  a:\n    metric: {name: x}\n    when: maximum > 1\n    period: 45s\n", ["tatara.yaml:6: "]),
             ("rules:\n  r: {schedule: cron(0 3 * * * *), run: train}\n", ["tatara.yaml:3: "]), ("rules:\n  r: {when: {a: 5}, notify: n}\nnotices:\n  n: {webhook: ''}\n", ["tatara.yaml:3: "]),
             ("rules:\n  r: {when: {source: [{prefx: x}]}, notify: n}\nnotices:\n  n: {webhook: ''}\n", ["tatara.yaml:3: "]),
             ("rules:\n  r: {when: {source: [x]}, run: trian}\npipelines:\n  train: dvc.yaml\n", ["train"]),
             ("rules:\n  r: {when: {source: [x]}, notify: oncal}\nnotices:\n  oncall: {webhook: ''}\n", ["oncall"]),
             ("rules:\n  r: {schedule: rate(1 hour), timezone: Mars/Base, notify: n}\nnotices:\n  n: {webhook: ''}\n", ["Mars/Base"]),
             ("notices:\n  n: {webhook: '${NOT_SET_ANYWHERE}'}\n", ["NOT_SET_ANYWHERE"]), ("notices:\n  n: {webhook: 'ftp://x'}\n", ["tatara.yaml:3: "]),
             ("monitors:\n  m: {endpoint: gone}\n", ["gone"]), ("monitors:\n  m: {endpoint: e, every: 0d}\nendpoints:\n  e: {model: 'models:/m@champion'}\n", ["tatara.yaml:3: "]),
             ("endpoints:\n  e: {model: 'm.pkl'}\n", ["tatara.yaml:3: "]), ("endpoints: []\n", ["tatara.yaml:2: "]), ("pipelines:\n  train: {file: gone.yaml}\n", ["gone.yaml"]),
             (RELEASE + "    gate: {data: d.csv, label: y, metric: maee}\n    promote: champion\n", ["tatara.yaml:6: ", "'maee'", "'mae'"]),
             (RELEASE + "    promote: 'a b/c'\n", ["tatara.yaml:6: ", "'a b/c'"]), ("endpoints:\n  e: {model: 'models:/m@a b'}\n", ["tatara.yaml:3: ", "'a b'"]),
             (EXPECT.format("avg(x >> 1"), ["tatara.yaml:7: ", "'good'", "yntax error"]), (EXPECT.format("avg(x) > 1) AS x; DROP TABLE y; SELECT ((2"), ["tatara.yaml:7: "]),
            
             ("features:\n  views:\n    v: {source: gone}\n", ["gone"]), ("queues:\n  q: {engine: proces}\n", ["tatara.yaml:3: ", "process"]), ("pipelines: [\n", ["tatara.yaml:"])]
    hints = [("endpoints:\n  e: {model: 'models:/m@champion', rollout: {canary: [10%]}}\n", "rollout"), ("rules:\n  r: {push: {branch: main}, run: train}\npipelines:\n  train: dvc.yaml\n", "push"),
             ("queues:\n  q: {engine: docker}\n", "docker"), ("queues:\n  q: {engine: aws-batch, job_queue: x}\n", "aws-batch"),
             ("notices:\n  n: {email: [a@b.c], smtp: 'smtp://127.0.0.1:25'}\n", "email"), ("resources:\n  default: {gpus: 1}\n", "gpus"), ("resources:\n  default: {image: x}\n", "image")]
    with tatara(binary) as t:
        t.up()
        t.write("dvc.yaml", "stages:\n  a: {cmd: 'true'}\n")
        t.write("tatara.yaml", "project: p\nendpoints:\n  kept: {model: 'models:/m@champion'}\n")
        assert t.run("apply", "--yes").code == 0
        before = len(t.json("events")["events"])
        for text, wanted in cases + [(text, [name, "not in this version"]) for text, name in hints]:
            t.write("tatara.yaml", "project: p\n" + text)
            for command in ("plan", "apply"):
                refused(t, 2, "tatara.yaml", *wanted, words=[command, "--yes"])
        assert refused(t, 3, "other.yaml", words=["apply", "-f", "other.yaml"])
        t.write("other.yaml", "project: p\nalarm: {}\n")
        for command in ("plan", "apply"):
            assert "tatara.yaml" not in refused(t, 2, "other.yaml:2: ", "alarms", words=[command, "--yes", "-f", "other.yaml"]).err
        assert [e["name"] for e in t.json("endpoints")["endpoints"]] == ["kept"] and len(t.json("events")["events"]) == before
        for words, text in [(["submit", "--gpus", "1", "--", "true"], "gpus"), (["submit", "--image", "x", "--", "true"], "image"), (["submit", "--array", "3", "--", "true"], "array"),
                            (["up", "--database", "postgres://x"], "database"), (["features", "get"], ""), (["features", "materialize"], "")]:
            refused(t, 2, text, "not in this version", words=words)
        assert t.json("jobs")["jobs"] == []


# ---- models ----------------------------------------------------------------------------------------------------------

@tests.test
def a_corrupt_model_is_refused_at_deploy_and_the_old_version_serves(binary):
    with tatara(binary) as t:
        t.up()
        good = open(os.path.join(DATA, "regressor.onnx"), "rb").read()
        assert t.run("deploy", os.path.join(DATA, "regressor.onnx"), "--as", "reg").code == 0
        broken = {"empty": b"", "text": b"not a model", "half": good[:len(good) // 2], "flipped": bytes(b ^ 0x55 for b in good), "zeros": b"\0" * 5000,
                  "nooperator": good.replace(b"MatMul", b"MatMuX")}
        for name, data in broken.items():
            path = os.path.join(t.folder, f"{name}.onnx")
            open(path, "wb").write(data)
            result = refused(t, 2, words=["deploy", path, "--as", "reg"])
            assert name in result.err, result.err
            status, answer = post(t, "/v2/models/reg/infer", INFER)
            assert status == 200 and json.loads(answer)["model_version"] == "1", answer
            result = t.run("deploy", path, "--as", "fresh")
            assert result.code == 2, result.err
        shown = t.json("endpoints")["endpoints"]
        assert [e["name"] for e in shown] == ["reg"], shown


TRAIN = """import mlflow, onnx, pathlib
data = pathlib.Path(pathlib.Path("model_source").read_text().strip()).read_bytes()
good = onnx.load(pathlib.Path("good_source").read_text().strip())
onnx.save_model = lambda model, path, **options: pathlib.Path(path).write_bytes(data)  # what a full disk would leave
with mlflow.start_run() as run:
    mlflow.onnx.log_model(good, name="model", pip_requirements=["onnxruntime"])
    pathlib.Path("run_id").write_text(run.info.run_id)
"""


@tests.test
def a_corrupt_model_is_refused_at_a_pipelines_register_step(binary):
    try:
        import mlflow.onnx  # noqa: F401
        import onnx  # noqa: F401
    except ImportError as error:
        raise Skip(str(error))
    import sys
    with tatara(binary) as t:
        t.up()
        good = os.path.join(DATA, "regressor.onnx")
        bad = os.path.join(t.folder, "bad.onnx")
        open(bad, "wb").write(open(good, "rb").read()[:60])
        t.write("train.py", TRAIN)
        t.write("model_source", good)
        t.write("good_source", good)
        t.write("h.csv", "a,b,c,y\n" + "".join(f"{i},{i % 7},{i % 3},{i + 2 * (i % 7) + 3 * (i % 3)}\n" for i in range(60)))
        t.write("dvc.yaml", f"stages:\n  train: {{cmd: {sys.executable} train.py, deps: [train.py, model_source], outs: [run_id]}}\n")
        t.write("tatara.yaml", "project: p\npipelines:\n  train: {file: dvc.yaml, register: {model: m, run: run_id}, promote: champion}\n"
                               "endpoints:\n  e: {model: 'models:/m@champion'}\n")
        assert t.run("apply", "--yes").code == 0
        first = t.run("run", "train")
        assert first.code == 0, (first.out, first.err)
        wait_for(lambda: post(t, "/v2/models/e/infer", INFER)[0] == 200, what="version 1")
        t.write("model_source", bad)
        second = t.run("run", "train")
        assert second.code != 0 and "onnx" in (second.err + second.out).lower(), (second.code, second.out, second.err)
        status, answer = post(t, "/v2/models/e/infer", INFER)
        assert status == 200 and json.loads(answer)["model_version"] == "1", answer
        versions = [m for m in t.json("models")["models"] if "champion" in (m.get("aliases") or [])]
        assert [str(m.get("version")) for m in versions] == ["1"], versions


# ---- homes -----------------------------------------------------------------------------------------------------------

@tests.test
def a_database_of_a_newer_version_is_refused_and_left_alone(binary):
    with tatara(binary) as t:
        t.up()
        t.down()
        path = os.path.join(t.folder, ".tatara", "tatara.db")
        with sqlite3.connect(path) as db:
            columns = [(row[1], row[2]) for row in db.execute("PRAGMA table_info(schema_steps)")]
            values = ["9999_future" if kind.upper() == "TEXT" else 9999 for _, kind in columns]
            db.execute(f"INSERT INTO schema_steps VALUES ({','.join('?' * len(values))})", values)
        db.close()  # and with it the write-ahead log is gone
        before = open(path, "rb").read()
        for words in (["up", "--listen", "127.0.0.1:0"], ["jobs"], ["submit", "--", "true"], ["runs"]):
            result = t.run(*words)
            assert result.code == 4 and "newer" in result.err, (words, result.code, result.err)
        assert open(path, "rb").read() == before


@tests.test
def a_database_that_is_none_is_refused(binary):
    with tatara(binary) as t:
        t.write(".tatara/tatara.db", "this is no database, " * 500)
        result = t.run("up", "--listen", "127.0.0.1:0")
        assert result.code not in (0, 70) and "tatara.db" in result.err, (result.code, result.err)
        assert open(os.path.join(t.folder, ".tatara", "tatara.db")).read().startswith("this is no database")


@tests.test
def a_second_server_and_a_used_port_exit_4(binary):
    with tatara(binary) as t:
        url = t.up()
        refused(t, 4, url, words=["up", "--listen", "127.0.0.1:0"])
        refused(t, 4, url.rsplit(":", 1)[1], words=["--home", os.path.join(t.folder, "other"), "up", "--listen", url.removeprefix("http://")])
        alive(t)


@contextlib.contextmanager
def small_disk(size):
    folder = tempfile.mkdtemp(prefix="tatara-full-")
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", folder], capture_output=True, text=True)
    if mounted.returncode != 0:
        os.rmdir(folder)
        raise Skip("a small tmpfs cannot be mounted here: " + mounted.stderr.strip())
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", folder], check=True)
        shutil.rmtree(folder, ignore_errors=True)


def fill(path):
    with open(path, "wb", buffering=0) as file:
        for size in (1 << 20, 1 << 12, 1):
            with contextlib.suppress(OSError):
                while True:
                    if file.write(b"x" * size) < size:
                        break


@tests.test
def a_full_disk_refuses_writes_and_reads_go_on(binary):
    with small_disk("40m") as disk, tatara(binary, TATARA_HOME=os.path.join(disk, "home")) as t:
        t.up()
        assert t.run("deploy", os.path.join(DATA, "regressor.onnx"), "--as", "reg").code == 0
        run = new_run(t)
        logged = []

        def log(value):
            status, answer = post(t, MLFLOW + "/runs/log-metric", {"run_id": run, "key": f"m{value}", "value": value, "timestamp": 1})
            assert status == 200 or (status in (429, 507) and json.loads(answer)["error_code"]), (status, answer)
            if status == 200:
                logged.append(f"m{value}")
            return status

        assert log(0) == 200
        fill(os.path.join(disk, "ballast"))
        statuses = {log(i) for i in range(1, 1500)}
        assert statuses & {429, 507}, statuses
        path = f"/api/2.0/mlflow-artifacts/artifacts/0/{run}/artifacts/big.bin"
        status, _, answer = t.call("PUT", path, b"z" * (4 << 20))
        assert status in (429, 507), (status, answer[:200])
        assert sorted(m["key"] for m in metrics_of(t, run)) == sorted(logged)
        assert t.call("GET", f"/api/2.0/mlflow-artifacts/artifacts/0/{run}/artifacts/big.bin")[0] == 404
        for _ in range(50):
            assert post(t, "/v2/models/reg/infer", INFER)[0] == 200
        result = t.run("submit", "--", "true")
        assert result.code == 7, (result.code, result.err)
        for words in (["runs"], ["jobs"], ["events"], ["endpoints"], ["status"]):
            assert t.run(*words).code == 0, words
        alive(t)
        os.remove(os.path.join(disk, "ballast"))
        wait_for(lambda: log(5000) == 200, what="writing after the disk has room")
        assert t.call("PUT", path, b"z" * (1 << 20))[0] == 200
        assert t.run("submit", "--wait", "--", "true").code == 0
        t.kill()
        with contextlib.closing(sqlite3.connect(os.path.join(disk, "home", "tatara.db"))) as db:
            assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        t.up()
        assert sorted(m["key"] for m in metrics_of(t, run)) == sorted(logged)
        assert post(t, "/v2/models/reg/infer", INFER)[0] == 200
        t.down()


# ---- hostile HTTP ----------------------------------------------------------------------------------------------------

class Raw:
    def __init__(self, t, timeout=15):
        where = urlsplit(t.url)
        self.host = where.netloc
        self.socket = socket.create_connection((where.hostname, where.port), timeout=timeout)

    def send(self, data):
        self.socket.sendall(data if isinstance(data, bytes) else data.replace("HOST", self.host).encode())
        return self

    def all(self):
        """Everything until the server closes, or goes silent."""
        data = b""
        with contextlib.suppress(TimeoutError, ConnectionError):
            while part := self.socket.recv(65536):
                data += part
        return data

    def status(self):
        data = b""
        with contextlib.suppress(TimeoutError, ConnectionError):
            while b"\r\n" not in data:
                part = self.socket.recv(65536)
                if not part:
                    break
                data += part
        return int(data.split()[1]) if data.startswith(b"HTTP/1.") else None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()


HEALTH = "GET /health HTTP/1.1\r\nHost: HOST\r\n\r\n"


@tests.test
def ambiguous_and_malformed_heads_get_a_4xx_and_the_connection_ends(binary):
    log = MLFLOW + "/runs/search"
    smuggled = "GET /health HTTP/1.1\r\nHost: HOST\r\nX-Smuggled: 1\r\n\r\n"
    cases = {
        "both lengths": f"POST {log} HTTP/1.1\r\nHost: HOST\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + smuggled,
        "two lengths": f"POST {log} HTTP/1.1\r\nHost: HOST\r\nContent-Length: 4\r\nContent-Length: 5\r\n\r\nabcde" + smuggled,
        "a list of lengths": f"POST {log} HTTP/1.1\r\nHost: HOST\r\nContent-Length: 4, 5\r\n\r\nabcde" + smuggled,
        "negative": f"POST {log} HTTP/1.1\r\nHost: HOST\r\nContent-Length: -1\r\n\r\n" + smuggled,
        "plus": f"POST {log} HTTP/1.1\r\nHost: HOST\r\nContent-Length: +4\r\n\r\nabcd" + smuggled,
        "hex": f"POST {log} HTTP/1.1\r\nHost: HOST\r\nContent-Length: 0x4\r\n\r\nabcd" + smuggled,
        "beyond 63 bits": f"POST {log} HTTP/1.1\r\nHost: HOST\r\nContent-Length: 99999999999999999999\r\n\r\n" + smuggled,
        "too large": f"POST {log} HTTP/1.1\r\nHost: HOST\r\nContent-Length: 9000000000000000000\r\n\r\n",
        "unknown coding": f"POST {log} HTTP/1.1\r\nHost: HOST\r\nTransfer-Encoding: xchunked\r\n\r\n" + smuggled,
        "chunked twice": f"POST {log} HTTP/1.1\r\nHost: HOST\r\nTransfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n" + smuggled,
        "chunked first": f"POST {log} HTTP/1.1\r\nHost: HOST\r\nTransfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n" + smuggled,
        "bad chunk": f"POST {log} HTTP/1.1\r\nHost: HOST\r\nTransfer-Encoding: chunked\r\n\r\nZZ\r\n" + smuggled,
        "huge chunk": f"POST {log} HTTP/1.1\r\nHost: HOST\r\nTransfer-Encoding: chunked\r\n\r\nFFFFFFFFFFFFFFFFF\r\n" + smuggled,
        "folding": "GET /health HTTP/1.1\r\nHost: HOST\r\nX: a\r\n b\r\n\r\n" + smuggled,
        "blank before colon": "GET /health HTTP/1.1\r\nHost: HOST\r\nX : a\r\n\r\n" + smuggled,
        "bare CR": "GET /health HTTP/1.1\r\nHost: HOST\r\nX: a\rY: b\r\n\r\n" + smuggled,
        "NUL": b"GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\nX: a\0b\r\n\r\n",
        "no host": "GET /health HTTP/1.1\r\n\r\n", "two hosts": "GET /health HTTP/1.1\r\nHost: HOST\r\nHost: HOST\r\n\r\n",
        "no version": "GET /health\r\n\r\n", "version 3": "GET /health HTTP/3.0\r\nHost: HOST\r\n\r\n", "garbage": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\xff" * 200 + b"\r\n\r\n",
        "long target": "GET /" + "a" * 100_000 + " HTTP/1.1\r\nHost: HOST\r\n\r\n", "long header": "GET /health HTTP/1.1\r\nHost: HOST\r\nX: " + "a" * 100_000 + "\r\n\r\n",
        "many headers": "GET /health HTTP/1.1\r\nHost: HOST\r\n" + "".join(f"X{i}: 1\r\n" for i in range(500)) + "\r\n",
        "expect too much": f"POST {log} HTTP/1.1\r\nHost: HOST\r\nContent-Length: 900000000000\r\nExpect: 100-continue\r\n\r\n",
        "method": "G\x01T /health HTTP/1.1\r\nHost: HOST\r\n\r\n",
    }
    with tatara(binary) as t:
        t.up()
        for name, data in cases.items():
            with Raw(t) as raw:
                answer = raw.send(data).all()
            statuses = [int(line.split()[1]) for line in answer.split(b"\r\n") if line.startswith(b"HTTP/1.")]
            assert len(statuses) == 1 and 400 <= statuses[0] < 500, (name, statuses, answer[:200])
        alive(t)


@tests.test
def foreign_hosts_origins_and_path_tricks_get_nothing(binary):
    with tatara(binary) as t:
        t.up()
        t.write("secret.txt", "the secret")
        run = new_run(t)
        prefix = f"/api/2.0/mlflow-artifacts/artifacts/0/{run}/artifacts"
        tricks = ["/../../../../../../etc/passwd", "/%2e%2e/%2e%2e/%2e%2e/%2e%2e/etc/passwd", "/..%2f..%2f..%2f..%2fetc%2fpasswd", "/%252e%252e/%252e%252e/etc/passwd", "//etc/passwd",
                  "/a/../../../../../tatara.db", "/..\\..\\..\\tatara.db", "/%00/etc/passwd", "/a%00.txt", "/./././../tatara.db", "/%c0%ae%c0%ae/%c0%ae%c0%ae/tatara.db", "/a%zz", "/%"]
        for trick in tricks:
            for verb in ("GET", "PUT", "DELETE"):
                body = "" if verb != "PUT" else "x"
                with Raw(t) as raw:
                    answer = raw.send(f"{verb} {prefix}{trick} HTTP/1.1\r\nHost: HOST\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n{body}").all()
                status = int(answer.split()[1])
                harmless = verb != "GET" and status == 200 and trick in ("//etc/passwd", "/%252e%252e/%252e%252e/etc/passwd")  # names like others
                assert (400 <= status < 500 or harmless) and b"root:" not in answer and b"SQLite" not in answer, (verb, trick, answer[:200])
        for head in ("Host: evil.example", "Host: HOST\r\nOrigin: http://evil.example", "Host: HOST\r\nOrigin: null"):
            with Raw(t) as raw:
                status = raw.send(f"POST {MLFLOW}/experiments/create HTTP/1.1\r\n{head}\r\nContent-Type: application/json\r\nContent-Length: 12\r\n\r\n{{\"name\":\"x\"}}").status()
            assert status == 403, (head, status)
        assert t.call("GET", MLFLOW + "/experiments/get-by-name?experiment_name=x")[0] == 404
        for path in ("/health/../health", "/%68ealth/..", "/" * 3000, "/?" + "a=b&" * 10_000, "*", "http://evil.example/health"):
            with Raw(t) as raw:
                status = raw.send(f"GET {path} HTTP/1.1\r\nHost: HOST\r\n\r\n").status()
            assert status is not None and status < 500, (path[:40], status)
        alive(t)


@tests.test
def slow_silent_and_half_closed_callers_hold_nobody_up(binary):
    with tatara(binary) as t:
        t.up()
        body = json.dumps({"experiment_ids": ["0"]})
        request = f"POST {MLFLOW}/runs/search HTTP/1.1\r\nHost: HOST\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n{body}"
        with Raw(t) as half:
            half.send(request).socket.shutdown(socket.SHUT_WR)
            assert half.all().startswith(b"HTTP/1.1 200")
        with Raw(t) as lying:  # says more than it sends, then closes its side
            lying.send(request.replace(f"Length: {len(body)}", "Length: 5000")).socket.shutdown(socket.SHUT_WR)
            answer = lying.all()
            assert not answer.startswith(b"HTTP/1.1 2"), answer[:100]
        with Raw(t) as less:  # says less than it sends: what follows is no request
            statuses = [line.split()[1] for line in less.send(request.replace(f"Length: {len(body)}", "Length: 2")).all().split(b"\r\n") if line.startswith(b"HTTP/")]
            assert all(s.startswith(b"4") for s in statuses), statuses
        slow = [Raw(t, timeout=30) for _ in range(200)]
        for raw in slow:
            raw.send("POST /api/2.0/mlflow/runs/search HTTP/1.1\r\nHost: HOST\r\nContent-Length: 100\r\nX-A")
        began = time.monotonic()
        for _ in range(20):
            alive(t)
            assert post(t, MLFLOW + "/runs/search", {"experiment_ids": ["0"]})[0] == 200
        assert time.monotonic() - began < 3
        dripping = slow[0]
        with contextlib.suppress(OSError):
            while time.monotonic() - began < 14:
                dripping.send(b"a")
                time.sleep(0.5)
        assert dripping.status() in (408, None)
        for raw in slow[1:]:
            assert raw.status() in (408, None)
            raw.socket.close()
        for _ in range(100):  # gone in the middle of a request, and right after one
            with Raw(t) as raw:
                raw.send(request[:-5])
            with Raw(t) as raw:
                raw.send(request)
        alive(t)


@tests.test
def a_thousand_idle_connections_cost_nobody_anything(binary):
    import resource
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < 3000:
        raise Skip(f"only {hard} open files are allowed")
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 8192), hard))
    with tatara(binary) as t:
        t.up()

        def memory():
            return next(int(line.split()[1]) for line in open(f"/proc/{t.server.pid}/status") if line.startswith("VmRSS"))
        before = memory()
        idle = [Raw(t) for _ in range(1000)]
        for raw in idle[::2]:
            raw.send(HEALTH)
        for raw in idle[::2]:
            assert raw.status() == 200
        began = time.monotonic()
        for _ in range(20):
            alive(t)
        assert time.monotonic() - began < 2 and memory() - before < 64 << 10, (time.monotonic() - began, memory() - before)
        for raw in idle:
            raw.socket.close()
        began = time.monotonic()
        alive(t)
        t.down()
        assert time.monotonic() - began < 10


@tests.test
def packed_bodies_are_bounded_after_unpacking(binary):
    import gzip
    with tatara(binary) as t:
        t.up()
        path = MLFLOW + "/runs/search"
        packed = {**JSON, "Content-Encoding": "gzip"}
        assert t.call("POST", path, gzip.compress(b'{"experiment_ids": ["0"]}'), packed)[0] == 200
        bomb = gzip.compress(b'{"experiment_ids": ["' + b"0" * (200 << 20) + b'"]}')
        for _ in range(3):
            assert t.call("POST", path, bomb, packed)[0] == 413
        for body in (b"no gzip at all", bomb[:1000], gzip.compress(b"{}")[:-3]):
            assert 400 <= t.call("POST", path, body, packed)[0] < 500
        assert 400 <= t.call("POST", path, b"{}", {**JSON, "Content-Encoding": "br"})[0] < 500
        peak = next(int(line.split()[1]) for line in open(f"/proc/{t.server.pid}/status") if line.startswith("VmHWM"))
        own = 1 << 20 if "ASAN_OPTIONS" in os.environ else 0  # what the sanitizer keeps of freed memory
        assert peak < (400 << 10) + own, peak


@tests.test
def event_times_that_are_none_are_refused(binary):
    with tatara(binary) as t:
        t.up("--replay-from", "2026-01-01")
        assert t.run("deploy", os.path.join(DATA, "regressor.onnx"), "--as", "reg").code == 0
        before = t.run("clock").out
        for when in ("soon", "2026-13-01T00:00:00Z", "99999-01-01T00:00:00Z", "-1", "1e400", "2026-01-01T25:00:00Z"):
            status, _, answer = t.call("POST", "/endpoints/reg/invocations", {"inputs": [[1, 2, 3]]}, {**JSON, "X-Event-Time": when})
            assert status == 400 and json.loads(answer), (when, status, answer)
        assert t.run("clock").out == before
        for words in (["clock", "advance", "soon"], ["clock", "advance"], ["up", "--replay-from", "never"]):
            assert t.run(*words).code in (2, 4), words


@tests.test
def pipelined_requests_are_answered_in_order(binary):
    with tatara(binary) as t:
        t.up()
        with Raw(t) as raw:
            raw.send("".join(f"GET {MLFLOW}/runs/get?run_id=r{i} HTTP/1.1\r\nHost: HOST\r\n\r\n" for i in range(50)) + HEALTH.replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n"))
            answer = raw.all().decode()
        places = [answer.find(f"r{i}") for i in range(50)]
        assert all(p >= 0 for p in places) and answer.count("HTTP/1.1 404") == 50 and answer.count("HTTP/1.1 200") == 1
        with Raw(t) as raw:
            for byte in HEALTH.replace("HOST", raw.host).encode():
                raw.send(bytes([byte]))
            assert raw.status() == 200


if __name__ == "__main__":
    main(tests)
