"""The whole loop on a small made-up world, on replay time: loop_test.py TATARA. Needs mlflow, onnx, numpy, pandas and pyarrow.

y = 3a - b and a little noise; from SHIFT on 10 more. The champion is wrong from then on: the alarm fires, the rule retrains, a challenger
that has seen too little is kept back, later ones are promoted, until the alarm is quiet again. Then b comes in another unit: a data fault.
"""
import base64
import hashlib
import hmac
import http.server
import json
import os
import sys
import threading
from datetime import date, datetime, timedelta, timezone

from harness import Skip, Tests, main, tatara, wait_for

tests = Tests()
SECRET = "whsec_" + base64.b64encode(b"a secret of thirty-two bytes....").decode()

WORLD = """import datetime, numpy as np
SHIFT = datetime.date(2026, 3, 14)
def rows(day):
    rng = np.random.default_rng(day.toordinal())
    a, b = rng.normal(size=10).round(3), rng.uniform(0, 10, size=10).round(3)
    y = 3 * a - b + rng.normal(scale=0.1, size=10) + (10 if day >= SHIFT else 0)
    return [(f"{day}-{i}", float(a[i]), float(b[i]), float(y[i])) for i in range(10)]
"""
PREPARE = """import datetime, os, pandas as pd, yaml
from world import rows
data = yaml.safe_load(open("params.yaml"))["data"]
start, end = (datetime.date.fromisoformat(str(data[k])) for k in ("start", "end"))
days = [start + datetime.timedelta(days=i) for i in range((end - start).days)]
frame = pd.DataFrame([(str(d), *r[1:]) for d in days for r in rows(d)], columns=["day", "a", "b", "y"])
cut = str(end - datetime.timedelta(days=5))
os.makedirs("data", exist_ok=True)
frame[frame.day < cut].to_parquet("data/train.parquet"); frame[frame.day >= cut].to_parquet("data/holdout.parquet")
"""
TRAIN = """import mlflow, numpy as np, onnx, pandas as pd, pathlib, yaml
from onnx import TensorProto as T, helper as h, numpy_helper as n
data = yaml.safe_load(open("params.yaml"))["data"]
frame = pd.read_parquet("data/train.parquet")
x = np.column_stack([frame.a, frame.b, np.ones(len(frame))])
w = np.linalg.lstsq(x, frame.y, rcond=None)[0]
graph = h.make_graph([h.make_node("MatMul", ["features", "w"], ["p"]), h.make_node("Add", ["p", "c"], ["y"])], "linear",
    [h.make_tensor_value_info("features", T.FLOAT, ["N", 2])], [h.make_tensor_value_info("y", T.FLOAT, ["N", 1])],
    [n.from_array(w[:2].astype(np.float32).reshape(2, 1), "w"), n.from_array(w[2:].astype(np.float32), "c")])
model = h.make_model(graph, opset_imports=[h.make_opsetid("", 17)], ir_version=8)
h.set_model_props(model, {"feature_names": '["a", "b"]'})
with mlflow.start_run() as run:
    mlflow.log_params({"data.start": data["start"], "data.end": data["end"]})
    mlflow.log_metric("train_mae", float(np.abs(x @ w - frame.y).mean()))
    frame[["a", "b", "y"]].to_parquet("training.parquet", index=False)
    mlflow.log_artifact("training.parquet")
    mlflow.onnx.log_model(model, name="model", pip_requirements=["onnxruntime"])
    pathlib.Path("run_id").write_text(run.info.run_id)
"""
PARAMS = "data:\n  start: '2026-03-01'\n  end: '2026-03-11'\n"
DVC = """stages:
  prepare: {{cmd: {python} prepare.py, deps: [prepare.py, world.py], params: [data], outs: [data/train.parquet, data/holdout.parquet]}}
  train: {{cmd: {python} train.py, deps: [train.py, data/train.parquet], outs: [run_id]}}
"""
PROJECT = """project: small
pipelines:
  train:
    file: dvc.yaml
    register: {model: m, run: run_id}
    gate: {data: data/holdout.parquet, label: y, metric: mae, group: day, first: "train_mae <= 1"}
    promote: champion
endpoints:
  e: {model: models:/m@champion, capture: {sample: 100%}}
monitors:
  watch:
    endpoint: e
    baseline: training.parquet
    every: 1d
    truth: {wait: 2h, minimum: 50%}
    expect: {complete: auto, unit: "max(b) <= 100"}
alarms:
  quality:
    metric: {name: model_quality, dimensions: {endpoint: e, metric: mae}}
    when: "average > 2"
    period: 1d
    datapoints: 2 of 3
  drift:
    metric: {name: feature_drift, dimensions: {endpoint: e, feature: a}}
    when: "maximum > 1000"
    period: 1d
    datapoints: 1 of 1
    missing: notBreaching
rules:
  retrain:
    when: {source: [tatara.alarm], detail: {alarm: [quality], state: [ALARM]}}
    run: train
    params: {data.start: "${day - 8d}", data.end: "${day}"}
    blocked_by: {event: data_fault, notify: owner}
    limits: {cooldown: 4d, concurrency: forbid}
    repeat: while on
  tell: {when: {source: [tatara.gate]}, notify: oncall}
notices:
  oncall: {webhook: "${HOOK_URL}/oncall", secret: "${HOOK_SECRET}"}
  owner: {webhook: "${HOOK_URL}/owner", secret: "${HOOK_SECRET}"}
"""


class Receiver(http.server.ThreadingHTTPServer):
    """Takes webhooks, checks their signatures, and refuses the first one once."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Hook)
        self.got, self.wrong, self.refused = [], [], None
        threading.Thread(target=self.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server_port}"


class Hook(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        name, stamp = self.headers["webhook-id"], self.headers["webhook-timestamp"]
        key = base64.b64decode(SECRET.removeprefix("whsec_"))
        wanted = base64.b64encode(hmac.new(key, f"{name}.{stamp}.".encode() + body, hashlib.sha256).digest()).decode()
        if f"v1,{wanted}" not in self.headers["webhook-signature"].split(" "):
            self.server.wrong.append(dict(self.headers))
        first = self.server.refused is None
        if first:
            self.server.refused = name
        else:
            self.server.got.append((self.path, name, self.headers["Content-Type"], json.loads(body)))
        self.send_response(500 if first else 204)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


class Loop:
    def __init__(self, t, receiver):
        self.t, self.receiver = t, receiver
        self.folder = os.path.join(t.folder, "project")
        t.env.update(TATARA_HOME=os.path.join(t.folder, "home"), HOOK_URL=receiver.url, HOOK_SECRET=SECRET)
        for name, text in {"world.py": WORLD, "prepare.py": PREPARE, "train.py": TRAIN, "params.yaml": PARAMS, "dvc.yaml": DVC.format(python=sys.executable),
                           "tatara.yaml": PROJECT, ".gitignore": "training.parquet\n__pycache__\n"}.items():
            t.write("project/" + name, text)
        sys.path.insert(0, self.folder)
        import world
        self.rows = world.rows

    def run(self, *words, code=0):
        result = self.t.run(*words, folder=self.folder)
        assert result.code == code, (words, result.code, result.out, result.err)
        return result

    def events(self, **wanted):
        found = self.t.json("events")["events"]
        return [e for e in found if all(e.get(k) == v for k, v in wanted.items())]

    def send(self, path, body, kind, when, **headers):
        status, _, answer = self.t.call("POST", f"/endpoints/e/{path}", body, {"Content-Type": kind, "X-Event-Time": when.isoformat().replace("+00:00", "Z"), **headers})
        assert status == 200, (when, status, answer)
        return json.loads(answer)

    def replay(self, first, last, b_times=1.0):
        for i in range((date.fromisoformat(last) - date.fromisoformat(first)).days + 1):
            day = date.fromisoformat(first) + timedelta(days=i)
            midnight = datetime(day.year, day.month, day.day, tzinfo=timezone.utc)
            for k, (name, a, b, _) in enumerate(self.rows(day)):
                self.send("invocations", {"dataframe_split": {"columns": ["b", "a"], "data": [[b * b_times, a]]}}, "application/json", midnight + timedelta(hours=k + 1),
                          **{"X-Amzn-SageMaker-Inference-Id": name})
            lines = [json.dumps({"groundTruthData": {"data": str(y), "encoding": "CSV"}, "eventMetadata": {"eventId": name}, "eventVersion": "0"}) for name, _, _, y in self.rows(day)]
            self.send("ground-truth", "\n".join(lines).encode(), "application/jsonlines", midnight + timedelta(hours=23))


def needs():
    try:
        import mlflow.onnx  # noqa: F401
        import onnx  # noqa: F401
        import pyarrow  # noqa: F401
    except ImportError as error:
        raise Skip(str(error))


def chain(events, event):
    """The event, its cause, the cause's cause, ..."""
    by_id = {e["id"]: e for e in events}
    links = [event]
    while links[-1].get("cause"):
        assert links[-1]["cause"] in by_id, f"the cause of {links[-1]} is in no event"
        links.append(by_id[links[-1]["cause"]])
        assert len(links) < 50
    return links


def begin(t, receiver):
    loop = Loop(t, receiver)
    t.up("--replay-from", "2026-03-11", folder=loop.folder)
    loop.run("apply", "--yes")
    return loop


@tests.test
def a_shift_is_seen_repaired_and_explained_and_a_fault_is_not_trained_upon(binary):
    needs()
    receiver = Receiver()
    with tatara(binary) as t:
        loop = begin(t, receiver)
        assert t.call("GET", "/v2/models/e/ready")[0] != 200  # accepted, and WAITING for its alias
        loop.run("run", "train")
        assert t.call("GET", "/v2/models/e/ready")[0] == 200
        the_shift(loop)
        the_fault(loop)
        the_notices(loop)
        apply_again(loop)
    receiver.shutdown()
    assert not receiver.wrong, receiver.wrong


def the_shift(loop):
    t = loop.t
    loop.replay("2026-03-11", "2026-03-26")
    gates = loop.events(source="tatara.gate")
    verdicts = [(g["time"][:10], g["detail"]["verdict"]) for g in gates]
    assert verdicts == [("2026-03-11", "promote"), ("2026-03-16", "keep"), ("2026-03-20", "promote"), ("2026-03-24", "promote")], verdicts
    assert gates[0]["detail"]["interval"] is None and all(g["detail"]["interval"][1] < 0 for g in gates[2:]), gates
    runs = sorted(t.json("runs")["runs"], key=lambda r: r["start"])
    spans = [(str(r["params"]["data.start"]), str(r["params"]["data.end"])) for r in runs]
    assert spans == [("2026-03-01", "2026-03-11"), ("2026-03-08", "2026-03-16"), ("2026-03-12", "2026-03-20"), ("2026-03-16", "2026-03-24")], spans
    alarm = [e for e in loop.events(source="tatara.alarm") if e["detail"]["alarm"] == "quality" and e["detail"]["state"] == "ALARM"]
    assert [e["time"][:13] for e in alarm] == ["2026-03-16T02"], alarm
    versions = {str(m["version"]): m["aliases"] for m in t.json("models")["models"]}
    live = max(versions, key=int)
    assert [v for v, aliases in versions.items() if "champion" in aliases] == [live], versions
    # The shift of 10 is in the newest version, whose answers are right.
    name, a, b, y = loop.rows(date(2026, 3, 27))[0]
    status, _, answer = t.call("POST", "/v2/models/e/infer", {"inputs": [{"name": "features", "shape": [1, 2], "datatype": "FP32", "data": [a, b]}]})
    answer = json.loads(answer)
    assert status == 200 and answer["model_version"] == live and abs(answer["outputs"][0]["data"][0] - y) < 1, (answer, y)
    # Which version answered when: before the alarm version 1, at the end the newest one.
    rows = t.run("sql", "SELECT DISTINCT event_time::DATE::TEXT, model_version::TEXT FROM capture_e ORDER BY 1, 2", "--json", folder=loop.folder).json()["rows"]
    assert rows[0] == ["2026-03-11", "1"] and rows[-1] == ["2026-03-26", live], rows
    # The whole chain of causes, from the deployment to the alarm.
    events = loop.events()
    deployed = [e for e in events if e["source"] == "tatara.deploy" and str(e["detail"].get("version")) == live][-1]
    sources = [e["source"] for e in chain(events, deployed)]
    assert "tatara.alarm" in sources and "tatara.gate" in sources and alarm[0]["id"] in [e["id"] for e in chain(events, deployed)], sources
    why = loop.run("why", f"models:/m/{live}").out
    assert f"models:/m/{live}" in why and "quality" in why and "2026-03-" in why, why
    assert open(os.path.join(loop.folder, "params.yaml")).read() == PARAMS
    states = {a["name"]: a["state"] for a in t.json("alarms")["alarms"]}
    assert states["quality"] == "OK", states


def the_fault(loop):
    t = loop.t
    before = len(t.json("runs")["runs"])
    loop.replay("2026-03-27", "2026-03-29", b_times=1000.0)
    assert len(t.json("runs")["runs"]) == before
    faults = [e for e in loop.events(type="data_fault") if e["time"] >= "2026-03-27"]
    assert faults and all(f["source"] == "tatara.monitor" and f["subject"] == "e" and f["detail"]["rule"] == "unit" for f in faults), faults
    alarm = [e for e in loop.events(source="tatara.alarm") if e["detail"]["alarm"] == "quality" and e["detail"]["state"] == "ALARM"][-1]
    assert alarm["time"][:10] == "2026-03-29", alarm
    told = [e for e in loop.events(source="tatara.rule") if e["time"] >= "2026-03-27"]
    assert told and "block" in json.dumps(told).lower() and "retrain" in json.dumps(told), told
    assert t.run("why", "gibberish:/x").code in (2, 3)


def the_notices(loop):
    got = loop.receiver.got
    wait_for(lambda: any(path == "/owner" for path, *_ in got), what="the owner's notice")
    wait_for(lambda: any(name == loop.receiver.refused for _, name, *_ in got), seconds=60, what="the notice that was refused once")
    names = [name for _, name, *_ in got]
    assert len(set(names)) == len(names), names
    assert {path for path, *_ in got} == {"/oncall", "/owner"} and len([p for p, *_ in got if p == "/oncall"]) == 4, [p for p, *_ in got]
    for _, _, kind, event in got:
        assert kind.startswith("application/cloudevents+json") and event["specversion"] == "1.0" and event["id"] and event["source"] and event["type"], (kind, event)


def apply_again(loop):
    t = loop.t
    before = len(loop.events())
    loop.run("apply", "--yes")
    loop.run("apply", "--yes")
    assert len(loop.events()) == before
    path = os.path.join(loop.folder, "tatara.yaml")
    start = PROJECT.index("  drift:\n")
    without = PROJECT[:start] + PROJECT[PROJECT.index("rules:\n"):]
    broken = without.replace("run: train\n", "run: nothing\n")
    open(path, "w").write(broken)
    assert "nothing" in loop.run("apply", "--yes", code=2).err
    assert sorted(a["name"] for a in t.json("alarms")["alarms"]) == ["drift", "quality"] and len(loop.events()) == before
    open(path, "w").write(without)
    assert "drift" in loop.run("plan").out
    assert sorted(a["name"] for a in t.json("alarms")["alarms"]) == ["drift", "quality"]
    assert "drift" in loop.run("apply", "--yes").out
    assert [a["name"] for a in t.json("alarms")["alarms"]] == ["quality"]


@tests.test
def a_killed_server_goes_on_with_the_story(binary):
    needs()
    receiver = Receiver()
    with tatara(binary) as t:
        loop = begin(t, receiver)
        loop.run("run", "train")
        loop.replay("2026-03-11", "2026-03-13")
        t.kill()
        t.up(folder=loop.folder)
        assert t.run("clock").out.startswith("2026-03-13"), t.run("clock").out
        loop.replay("2026-03-14", "2026-03-15")
        t.kill()
        t.up(folder=loop.folder)
        loop.run("clock", "advance", "2026-03-16T12:00:00Z")
        verdicts = [(g["time"][:10], g["detail"]["verdict"]) for g in loop.events(source="tatara.gate")]
        assert verdicts == [("2026-03-11", "promote"), ("2026-03-16", "keep")], verdicts
        quality = [e["time"][:13] for e in loop.events(source="tatara.alarm") if e["detail"]["state"] == "ALARM"]
        assert quality == ["2026-03-16T02"], quality
    receiver.shutdown()


if __name__ == "__main__":
    main(tests)
