"""The tools that work alone, against SciPy, scikit-learn, NumPy and DuckDB: tools_oracle.py TATARA.

Needs numpy, pandas, pyarrow, scipy, scikit-learn, onnx, onnxruntime and duckdb.
"""
import functools
import json
import os
import socket
import subprocess
import time

import numpy as np
import pandas as pd
from harness import Tests, main, tatara

tests = Tests()


# ---- models and data -------------------------------------------------------------------------------------------------

def save_model(path, nodes, inputs, outputs, initializers=(), metadata=None):
    import onnx
    from onnx import helper as h
    graph = h.make_graph(nodes, "tiny", inputs, outputs, list(initializers))
    model = h.make_model(graph, opset_imports=[h.make_opsetid("", 17), h.make_opsetid("ai.onnx.ml", 3)], ir_version=8)
    if metadata:
        h.set_model_props(model, metadata)
    onnx.save(model, path)
    return path


def linear_model(path, weights, offset=0.0, names=None):
    """y = offset + weights . features, one matrix input."""
    from onnx import TensorProto as T
    from onnx import helper as h
    from onnx import numpy_helper
    return save_model(path, [h.make_node("MatMul", ["features", "w"], ["product"]), h.make_node("Add", ["product", "b"], ["y"])],
                      [h.make_tensor_value_info("features", T.FLOAT, ["N", len(weights)])], [h.make_tensor_value_info("y", T.FLOAT, ["N", 1])],
                      [numpy_helper.from_array(np.array(weights, np.float32).reshape(-1, 1), "w"),
                       numpy_helper.from_array(np.array([offset], np.float32), "b")],
                      {"feature_names": json.dumps(names)} if names else None)


def classifier_model(path, classes, coefficients, zipmap, metadata=None):
    """A softmax over one linear score a class, as skl2onnx writes it, with or without ZipMap."""
    from onnx import TensorProto as T
    from onnx import helper as h
    text = isinstance(classes[0], str)
    labels = {"classlabels_strings": classes} if text else {"classlabels_ints": classes}
    kind = T.STRING if text else T.INT64
    scores = "scores" if zipmap else "probabilities"
    nodes = [h.make_node("LinearClassifier", ["features"], ["label", scores], domain="ai.onnx.ml", coefficients=[float(c) for row in coefficients for c in row],
                         intercepts=[0.0] * len(classes), multi_class=0, post_transform="SOFTMAX", **labels)]
    output = h.make_tensor_value_info("probabilities", T.FLOAT, ["N", len(classes)])
    if zipmap:
        names = {"classlabels_strings": classes} if text else {"classlabels_int64s": classes}
        nodes.append(h.make_node("ZipMap", ["scores"], ["probabilities"], domain="ai.onnx.ml", **names))
        output = h.make_value_info("probabilities", h.make_sequence_type_proto(h.make_map_type_proto(kind, h.make_tensor_type_proto(T.FLOAT, []))))
    return save_model(path, nodes, [h.make_tensor_value_info("features", T.FLOAT, ["N", len(coefficients[0])])],
                      [h.make_tensor_value_info("label", kind, ["N"]), output], metadata=metadata)


def predictions(path, matrix):
    import onnxruntime
    return onnxruntime.InferenceSession(path).run(None, {"features": np.asarray(matrix, np.float32)})


def near(got, wanted, tolerance=1e-6):
    if wanted is None or got is None:
        return wanted is None and got is None
    return abs(got - wanted) <= tolerance * max(1.0, abs(wanted))


def all_near(got, wanted, tolerance=1e-6):
    for name, value in wanted.items():
        assert name in got, f"{name} is missing from {sorted(got)}"
        assert near(got[name], value, tolerance), f"{name}: {got[name]} is not {value}"


def refused(t, code, *texts, words):
    result = t.run(*words)
    assert result.code == code and all(text in result.err for text in texts), (words, result.code, result.out[-300:], result.err)
    assert result.err.count("\n") == 1 and result.err.startswith("tatara: "), result.err
    return result


def batch(t, command, lines):
    result = t.run(*command, "--batch", "-", stdin="".join(line if isinstance(line, str) else json.dumps(line) + "\n" for line in lines))
    assert result.code == 0, result.err
    return [json.loads(line) for line in result.out.splitlines()]


# ---- rules test, schedule next, alarms test --------------------------------------------------------------------------

@tests.test
def patterns_in_batch_answer_each_line_in_order(binary):
    with tatara(binary) as t:
        yes = {"pattern": {"a": [{"numeric": [">", 3]}]}, "event": {"a": 4}}
        answers = batch(t, ["rules", "test"], [
            yes, {**yes, "event": {"a": 3}}, "not json\n", {"pattern": {"a": []}}, {**yes, "more": 1}, {**yes, "pattern": {"a": 1}},
            {"pattern": '{"a": [300]}', "event": '{"a": 3e2}'}, {"pattern": '{"a": [1], "a": [2]}', "event": '{"a": 2}'},
            {"pattern": "{", "event": "{}"}, {**yes, "event": []}, "[]\n", '"x"\n',
            {"pattern": {"a.b": ["x"]}, "event": {"a": {"b": "x"}}}, {"pattern": {"$or": [{"a": [1]}, {"b": [2]}]}, "event": {"b": 2}},
            {"pattern": {"l": {"x": [1], "y": [2]}}, "event": {"l": [{"x": 1, "y": 9}, {"x": 9, "y": 2}]}}, yes])
        shapes = [a.get("match", "error") for a in answers]
        assert shapes == [True, False, "error", "error", "error", "error", True, True, "error", "error", "error", "error", True, True, False, True], answers
        assert "more" in answers[4]["error"] and all(set(a) in ({"match"}, {"error"}) for a in answers), answers


@tests.test
def a_batch_without_a_last_newline_with_blank_lines_and_windows_ends(binary):
    with tatara(binary) as t:
        line = json.dumps({"pattern": {"a": [1]}, "event": {"a": 1}})
        result = t.run("rules", "test", "--batch", "-", stdin=line + "\r\n\n" + line)
        assert [json.loads(x).get("match", "error") for x in result.out.splitlines()] == [True, "error", True], result.out
        assert t.run("rules", "test", "--batch", "-", stdin="").out == ""
        path = t.write("lines.jsonl", line + "\n")
        assert t.run("--home", "/nowhere/at/all", "rules", "test", "--batch", path).out == '{"match":true}\n'
        for command in (["rules", "test"], ["schedule", "next"], ["alarms", "test"]):
            assert t.run(*command, "--batch", "gone.jsonl").code == 2
            raw = subprocess.run([t.binary, *command, "--batch", "-"], input=b'\xff\xfe{\n{"a":"\xc3("}\n\x00\n', capture_output=True, cwd=t.folder, env=t.env)
            assert raw.returncode == 0 and [set(json.loads(x)) for x in raw.stdout.decode().splitlines()] == [{"error"}] * 3, raw
        ours, theirs = socket.socketpair()  # as asyncio and Node give it
        with ours, subprocess.Popen([t.binary, "rules", "test", "--batch", "-"], stdin=theirs, stdout=subprocess.PIPE, cwd=t.folder, env=t.env) as process:
            theirs.close()
            ours.sendall(line.encode())
            ours.shutdown(socket.SHUT_WR)
            assert process.communicate(timeout=20)[0] == b'{"match":true}\n'
        assert not os.path.exists(os.path.join(t.folder, ".tatara"))


@tests.test
def a_pattern_for_people_says_why(binary):
    with tatara(binary) as t:
        pattern = '{"detail": {"x": [{"numeric": [">", 10]}]}}'
        no = t.run("rules", "test", pattern, '{"detail": {"x": 7}}')
        assert no.code == 1 and no.out.startswith("no match") and "detail.x" in no.out and "7" in no.out, no.out
        yes = t.run("rules", "test", "@" + t.write("p.json", pattern), "@" + t.write("e.json", '{"detail": {"x": 11}}'))
        assert yes.code == 0 and yes.out.startswith("match"), yes.out
        refused(t, 2, words=["rules", "test", '{"a": 5}', "{}"])
        refused(t, 2, words=["rules", "test", '{"a": [5]}', "5"])
        refused(t, 3, "gone.json", words=["rules", "test", "@gone.json", "{}"])


@tests.test
def schedules_in_batch(binary):
    with tatara(binary) as t:
        after = "2026-01-15T10:20:30Z"
        lines = [{"expression": "cron(0 3 * * ? *)", "after": after, "n": 2}, {"expression": "cron(0 3 * * * *)", "after": after},
                 {"expression": "rate(5 minutes)", "after": after, "n": 1}, {"expression": "rate(1 minutes)", "after": after},
                 {"expression": "cron(30 2 ? * SUN#2 2026)", "timezone": "America/New_York", "after": "2026-03-01T00:00:00Z", "n": 2},
                 {"expression": "cron(0 0 31 12 ? 2199)", "after": after, "n": 5}, {"expression": "cron(0 0 1 1 ? 2020)", "after": after},
                 {"expression": "cron(0 3 * * ? *)", "timezone": "Mars/Olympus", "after": after}, {"expression": "cron(0 3 * * ? *)", "extra": 1},
                 {"expression": "cron(0 0 LW * ? *)", "after": after, "n": 2}, {"expression": "cron(0 12 ? * FRIL *)", "after": after, "n": 1}, {"n": 3},
                 {"expression": "rate(99999999999999999999 days)"}, {"expression": "cron(0 3 * * ? *)", "after": "9999-99-99"}, {"expression": 7}]
        answers = batch(t, ["schedule", "next"], lines)
        assert answers[0] == {"next": ["2026-01-16T03:00:00Z", "2026-01-17T03:00:00Z"]} and answers[2] == {"next": ["2026-01-15T10:25:30Z"]}, answers
        assert answers[4]["next"][0] == "2026-04-12T06:30:00Z", answers[4]  # March 8, 02:30 does not exist
        assert answers[5] == {"next": ["2199-12-31T00:00:00Z"]} and answers[6] == {"next": []}, answers
        assert answers[9] == {"next": ["2026-01-30T00:00:00Z", "2026-02-27T00:00:00Z"]} and answers[10] == {"next": ["2026-01-30T12:00:00Z"]}, answers
        for i in (1, 3, 7, 8, 11, 12, 13, 14):
            assert set(answers[i]) == {"error"}, (lines[i], answers[i])
        people = t.run("schedule", "next", "cron(0 3 * * ? *)", "--timezone", "Asia/Tokyo", "--after", after, "-n", "1")
        assert people.code == 0 and "03:00" in people.out and "18:00" in people.out, people.out
        refused(t, 2, words=["schedule", "next", "cron(0 3 * * * *)"])
        refused(t, 2, "Mars/Olympus", words=["schedule", "next", "cron(0 3 * * ? *)", "--timezone", "Mars/Olympus"])


@tests.test
def alarms_in_batch_and_for_people(binary):
    with tatara(binary) as t:
        example = {"alarm": {"when": "maximum > 5", "period": "1m", "datapoints": "2 of 3", "missing": "missing", "range": 5}, "initial": "OK",
                   "points": [{"time": 1767225540, "value": 9, "arrives": 1767225600}], "evaluate_at": [1767225600]}

        def changed(**change):
            return {**example, "alarm": {**example["alarm"], **change}}

        answers = batch(t, ["alarms", "test"], [
            example, changed(when="median > 5"), changed(period="45s"), changed(datapoints="4 of 3"), changed(missing="x"), changed(range=2),
            changed(surprise=1), changed(when="maximum > nan"), {**example, "evaluate_at": [20, 10]}, {**example, "initial": "GOOD"},
            {**example, "points": []}, {**example, "points": [{"time": "x", "value": 1}]}, changed(missing="breaching", range=3), {"alarm": {}}])
        assert answers[0] == {"states": ["OK"]} and answers[10] == {"states": ["INSUFFICIENT_DATA"]}, answers
        assert answers[12] == {"states": ["ALARM"]}, answers[12]
        for i in (1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 13):
            assert set(answers[i]) == {"error"}, (i, answers[i])
        alarm = t.write("alarm.yaml", 'when: "average > 10"\nperiod: 1m\ndatapoints: 2 of 3\n')
        points = t.write("points.csv", "time,value\n2026-01-01T00:00:00Z,20\n2026-01-01T00:01:00Z,30\n2026-01-01T00:02:00Z,1\n")
        shown = t.run("alarms", "test", alarm, "--data", points)
        lines = [line.split() for line in shown.out.splitlines()]
        assert shown.code == 0 and any("XX" in line for line in shown.out.splitlines()) and any("ALARM" in line for line in lines), shown.out
        refused(t, 2, "line", words=["alarms", "test", t.write("bad.yaml", "when: [\n"), "--data", points])
        refused(t, 2, words=["alarms", "test", alarm, "--data", t.write("bad.csv", "a,b\n1,2\n")])
        assert t.run("alarms", "test", alarm, "--data", "gone.csv").code in (2, 3)


@tests.test
def ten_thousand_lines_take_about_a_second(binary):
    with tatara(binary) as t:
        work = {("rules", "test"): {"pattern": {"detail": {"x": [{"numeric": [">", 3]}], "name": [{"wildcard": "a*b*c"}]}}, "event": {"detail": {"x": 4, "name": "aXbYc"}}},
                ("schedule", "next"): {"expression": "cron(0/15 9-17 ? * MON-FRI *)", "timezone": "Europe/Oslo", "after": "2026-01-15T10:20:30Z", "n": 5}}
        for command, line in work.items():
            path = t.write("many.jsonl", (json.dumps(line) + "\n") * 10_000)
            began = time.monotonic()
            result = t.run(*command, "--batch", path)
            assert result.code == 0 and result.out.count("\n") == 10_000 and time.monotonic() - began < 8, (command, time.monotonic() - began)


# ---- drift -----------------------------------------------------------------------------------------------------------

def quantile_edges(values):
    return np.unique(np.quantile(values[np.isfinite(values)], np.arange(1, 10) / 10, method="linear"))


def shares(values, edges):
    return np.bincount(np.searchsorted(edges, values, side="left"), minlength=len(edges) + 1) / len(values)


def psi(p, q):
    p, q = np.maximum(p, 1e-4), np.maximum(q, 1e-4)
    return float(np.sum((q - p) * np.log(q / p)))


def numeric_drift(x, y):
    from scipy import stats
    from scipy.spatial.distance import jensenshannon
    edges = quantile_edges(x)
    p, q = shares(x, edges), shares(y, edges)
    finite = x[np.isfinite(x)], y[np.isfinite(y)]
    ks = stats.ks_2samp(x, y, method="auto")
    distance, spread = stats.wasserstein_distance(*finite), np.std(finite[0])
    return {"psi": psi(p, q), "js_distance": float(jensenshannon(p, q)), "ks_statistic": float(ks.statistic), "ks_pvalue": float(ks.pvalue),
            "wasserstein": float(distance), "wasserstein_norm": None if spread == 0 else float(distance / spread)}


def categorical_drift(x, y):
    from scipy import stats
    from scipy.spatial.distance import jensenshannon
    names = sorted(set(x) | set(y))
    counts = np.array([[list(v).count(n) for n in names] for v in (x, y)])
    p, q = counts[0] / counts[0].sum(), counts[1] / counts[1].sum()
    chi = stats.chi2_contingency(counts, correction=False) if len(names) > 1 else (0.0, 1.0)
    return {"psi": psi(p, q), "js_distance": float(jensenshannon(p, q)), "l_infinity": float(np.max(np.abs(p - q))),
            "chi_square": float(chi[0]), "chi_square_pvalue": float(chi[1])}


@tests.test
def drift_is_what_scipy_says(binary):
    rng = np.random.default_rng(5)
    x = pd.DataFrame({"a": rng.normal(size=900), "ties": rng.integers(0, 6, 900).astype(float), "constant": 3.0, "wide": rng.standard_cauchy(900) * 1e6,
                      "whole": rng.integers(0, 4, 900), "city": rng.choice(["Oslo", "", "東京", "Rome"], 900), "flag": rng.random(900) < 0.3, "only": 1.0})
    y = pd.DataFrame({"a": rng.normal(0.3, 1.2, 700), "ties": rng.integers(1, 8, 700).astype(float), "constant": np.where(rng.random(700) < 0.5, 3.0, 4.0),
                      "wide": rng.standard_cauchy(700) * 1e6, "whole": rng.integers(0, 5, 700), "city": rng.choice(["Oslo", "東京", "Bern"], 700),
                      "flag": rng.random(700) < 0.6, "new": 2.0})
    x.loc[:89, "a"], y.loc[:5, "a"] = np.nan, np.nan
    x.loc[100, "wide"], y.loc[100, "wide"] = np.inf, -np.inf
    x["when"] = y["when"] = pd.Timestamp("2026-01-01")
    x["kind"], y["kind"] = 1.5, "text"
    with tatara(binary) as t:
        for ending in ("parquet", "csv"):
            base, current = (os.path.join(t.folder, f"{n}.{ending}") for n in ("base", "current"))
            for frame, path in ((x, base), (y, current)):
                frame.to_parquet(path) if ending == "parquet" else frame.drop(columns=["city"]).to_csv(path, index=False)
            got = t.json("drift", base, current, "--categorical", "whole")
            features = {f["name"]: f for f in got["features"]}
            assert got["only_in_baseline"] == ["only"] and got["only_in_current"] == ["new"] and got["skipped"] == ["when"], got
            assert got["type_changed"] == ["kind"], got["type_changed"]
            for name in ("a", "ties", "constant", "wide"):
                assert features[name]["kind"] == "numeric"
                all_near(features[name], numeric_drift(x[name].dropna().to_numpy(), y[name].dropna().to_numpy()), 1e-7)
            for name in ("whole", "flag") + (("city",) if ending == "parquet" else ()):
                assert features[name]["kind"] == "categorical"
                all_near(features[name], categorical_drift(list(x[name]), list(y[name])), 1e-7)
            assert features["a"]["baseline"] == {"count": 810, "missing": 90} and near(features["a"]["null_rate_difference"], 6 / 700 - 0.1, 1e-12)
        some = t.json("drift", base, current, "--columns", "ties,a")
        assert [f["name"] for f in some["features"]] == ["a", "ties"], some


@tests.test
def drift_of_many_rows_of_nothing_and_of_wrong_columns(binary):
    rng = np.random.default_rng(6)
    with tatara(binary) as t:
        def put(name, frame):
            frame.to_parquet(os.path.join(t.folder, name))
            return name
        x, y = rng.gamma(2, 3, 60_000), rng.gamma(2.1, 3, 30_000)
        got = t.json("drift", put("x.parquet", pd.DataFrame({"g": x})), put("y.parquet", pd.DataFrame({"g": y})))["features"][0]
        wanted = numeric_drift(x, y)
        limit = wanted.pop("ks_pvalue")
        all_near(got, wanted, 1e-7)
        assert abs(got["ks_pvalue"] - limit) <= 0.05 * limit, (got["ks_pvalue"], limit)
        none = put("none.parquet", pd.DataFrame({"g": pd.Series([None, None], dtype="float64")}))
        empty = put("empty.parquet", pd.DataFrame({"g": pd.Series([], dtype="float64")}))
        for path, rate in ((none, 1.0), (empty, None)):
            figures = t.json("drift", "x.parquet", path)["features"][0]
            assert figures["psi"] is None and figures["ks_statistic"] is None and figures["wasserstein"] is None and figures["null_rate_difference"] == rate, figures
        refused(t, 2, "nope", words=["drift", "x.parquet", "y.parquet", "--columns", "nope"])
        assert t.run("drift", "x.parquet", "gone.parquet").code in (2, 3)
        refused(t, 2, "bad.parquet", words=["drift", "x.parquet", t.write("bad.parquet", "no parquet") and "bad.parquet"])
        assert t.run("drift", "x.parquet").code == 2


# ---- evaluate --------------------------------------------------------------------------------------------------------

def regression_frame(seed=3, rows=400):
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame({"b": rng.normal(size=rows), "noise": rng.normal(size=rows), "a": rng.normal(size=rows),
                          "city": rng.choice(["Oslo", "Rome", None], rows), "few": rng.integers(0, 3, rows), "day": [f"d{i % 8}" for i in range(rows)]})
    frame["y"] = 2 * frame.a - frame.b + rng.normal(scale=0.3, size=rows) + 5
    frame.loc[:2, "y"] = np.nan
    return frame


def regression_metrics(y, p):
    from sklearn import metrics as m
    return {"mae": m.mean_absolute_error(y, p), "mse": m.mean_squared_error(y, p), "rmse": m.mean_squared_error(y, p) ** 0.5, "bias": float(np.mean(p - y)),
            "median_absolute_error": m.median_absolute_error(y, p), "r2": m.r2_score(y, p), "mape": m.mean_absolute_percentage_error(y, p)}


@tests.test
def evaluate_regression_with_slices(binary):
    frame = regression_frame()
    with tatara(binary) as t:
        model = linear_model(os.path.join(t.folder, "m.onnx"), [2, -1], 5, ["a", "b"])
        data = os.path.join(t.folder, "d.parquet")
        frame.to_parquet(data)
        p = predictions(model, frame[["a", "b"]])[0].ravel().astype(float)
        got = t.json("evaluate", "--model", model, "--data", data, "--label", "y", "--slice", "city", "--slice", "few", "--slice", "noise", "-o", "out.json",
                     "--predictions", "p.csv")
        kept = frame.y.notna()
        assert got["task"] == "regression" and got["rows"] == 397 and got["rows_without_label"] == 3, got
        all_near(got["metrics"], regression_metrics(frame.y[kept], p[kept]))
        assert json.load(open(os.path.join(t.folder, "out.json"))) == got
        assert len(open(os.path.join(t.folder, "p.csv")).read().splitlines()) in (398, 401)
        by = [s for s in got["slices"] if s["column"] == "city"]
        assert [s["value"] for s in by] == ["Oslo", "Rome", None], by
        for s in by:
            where = kept & (frame.city.isna() if s["value"] is None else frame.city == s["value"])
            assert s["rows"] == where.sum()
            all_near(s["metrics"], regression_metrics(frame.y[where], p[where]))
        assert [str(s["value"]) for s in got["slices"] if s["column"] == "few"] == ["0", "1", "2"]
        quarters = [s for s in got["slices"] if s["column"] == "noise"]
        edges = np.quantile(frame.noise[kept], [0.25, 0.5, 0.75])
        assert len(quarters) == 4 and quarters[0]["lower"] is None and quarters[-1]["upper"] is None, quarters
        for s, upper in zip(quarters, edges):
            assert near(s["upper"], upper, 1e-9) and "value" not in s, (s["upper"], upper)
        first = kept & (frame.noise <= edges[0])
        all_near(quarters[0]["metrics"], regression_metrics(frame.y[first], p[first]))
        constant = frame.assign(y=0.0)
        constant.to_parquet(data)
        figures = t.json("evaluate", "--model", model, "--data", data, "--label", "y")["metrics"]
        assert figures["r2"] is None and figures["mape"] is None and figures["mae"] > 0, figures


def class_metrics(y, label, probabilities, classes, positive=None):
    from sklearn import metrics as m
    out = {"accuracy": m.accuracy_score(y, label)}
    for kind in ("macro", "weighted"):
        p, r, f, _ = m.precision_recall_fscore_support(y, label, average=kind, zero_division=0)
        out.update({f"precision_{kind}": p, f"recall_{kind}": r, f"f1_{kind}": f})
    probabilities = probabilities.astype(float)
    column = {c: i for i, c in enumerate(classes)}
    mine = np.array([probabilities[i, column[v]] for i, v in enumerate(y)])
    out["log_loss"] = float(-np.mean(np.log(np.clip(mine, 2.0**-52, 1 - 2.0**-52))))
    one = np.array([[v == c for c in classes] for v in y]).astype(float)
    if positive is not None:
        k = column[positive]
        p, r, f, _ = m.precision_recall_fscore_support(y, label, average="binary", pos_label=positive, zero_division=0)
        out.update({"precision": p, "recall": r, "f1": f, "roc_auc": m.roc_auc_score(one[:, k], probabilities[:, k]),
                    "pr_auc": m.average_precision_score(one[:, k], probabilities[:, k]), "brier": float(np.mean((probabilities[:, k] - one[:, k]) ** 2))})
    else:
        out.update({"roc_auc": float(np.mean([m.roc_auc_score(one[:, k], probabilities[:, k]) for k in range(len(classes))])),
                    "pr_auc": float(np.mean([m.average_precision_score(one[:, k], probabilities[:, k]) for k in range(len(classes))])),
                    "brier": float(np.mean(np.sum((probabilities - one) ** 2, axis=1)))})
    return out


def check_classifier(t, classes, zipmap, truth_of, options=(), metadata=None, positive=None):
    from sklearn import metrics as m
    rng = np.random.default_rng(len(classes) + zipmap)
    x = rng.normal(size=(500, 2)).round(1)
    coefficients = [[np.cos(k), np.sin(2 * k)] for k in range(len(classes))]
    path = classifier_model(os.path.join(t.folder, "c.onnx"), classes, coefficients, zipmap, metadata)
    label, scores = predictions(path, x)
    probabilities = np.array([[row[c] for c in sorted(row)] for row in scores]) if zipmap else scores
    order = sorted(classes) if zipmap else classes
    y = [truth_of(label[i]) if rng.random() < 0.7 else truth_of(classes[rng.integers(len(classes))]) for i in range(500)]
    pd.DataFrame({"q": x[:, 1], "p": x[:, 0], "y": y}).to_parquet(os.path.join(t.folder, "d.parquet"))
    got = t.json("evaluate", "--model", path, "--data", "d.parquet", "--label", "y", "--features", "p,q", *options)
    y, label = np.array([truth_of(v) for v in y]), np.array([truth_of(v) for v in label])
    order = [truth_of(c) for c in order]
    binary = len(classes) == 2
    assert got["task"] == ("binary" if binary else "multiclass"), got["task"]
    all_near(got["metrics"], class_metrics(y, label, probabilities, order, (truth_of(positive) if positive is not None else order[-1]) if binary else None))
    assert got["confusion_matrix"]["matrix"] == m.confusion_matrix(y, label, labels=order).tolist(), got["confusion_matrix"]
    assert [str(v) for v in got["confusion_matrix"]["labels"]] == [str(v) for v in order]


@tests.test
def evaluate_classifiers_with_and_without_zipmap(binary):
    with tatara(binary) as t:
        for zipmap in (True, False):
            text = () if zipmap else ("--classes", "no,yes")
            check_classifier(t, ["no", "yes"], zipmap, str, text)
            check_classifier(t, ["no", "yes"], zipmap, str, text + ("--positive", "no"), positive="no")
            check_classifier(t, [0, 1], zipmap, int)
            check_classifier(t, [0, 1, 2], zipmap, int)
            check_classifier(t, ["a", "b", "c"], zipmap, str)  # without ZipMap: the labels of the data, sorted
        check_classifier(t, ["b", "a", "c"], True, str)
        check_classifier(t, ["b", "a", "c"], False, str, metadata={"classes": '["b", "a", "c"]'})


@tests.test
def evaluate_a_probability_as_a_binary_task(binary):
    from onnx import TensorProto as T
    from onnx import helper as h
    with tatara(binary) as t:
        model = save_model(os.path.join(t.folder, "s.onnx"), [h.make_node("Sigmoid", ["x"], ["p"])], [h.make_tensor_value_info("x", T.FLOAT, ["N", 1])],
                           [h.make_tensor_value_info("p", T.FLOAT, ["N", 1])])
        rng = np.random.default_rng(4)
        x = rng.normal(size=300).astype(np.float32)
        y = (x + rng.normal(size=300) > 0)
        pd.DataFrame({"x": x, "y": y}).to_parquet(os.path.join(t.folder, "d.parquet"))
        p = 1 / (1 + np.exp(-x.astype(float)))
        for threshold, options in ((0.5, ()), (0.7, ("--threshold", "0.7"))):
            got = t.json("evaluate", "--model", model, "--data", "d.parquet", "--label", "y", "--task", "binary", *options)
            all_near(got["metrics"], class_metrics(y.astype(int), (p >= threshold).astype(int), np.column_stack([1 - p, p]), [0, 1], 1), 2e-6)
        assert t.json("evaluate", "--model", model, "--data", "d.parquet", "--label", "y")["task"] == "regression"


@tests.test
def evaluate_says_what_is_wrong_and_leaves_the_output_alone(binary):
    with tatara(binary) as t:
        frame = regression_frame()
        frame.to_parquet(os.path.join(t.folder, "d.parquet"))
        named = linear_model(os.path.join(t.folder, "m.onnx"), [2, -1], 5, ["a", "b"])
        plain = linear_model(os.path.join(t.folder, "plain.onnx"), [2, -1], 5)
        t.write("out.json", "before")

        def evaluate(*words, model=named, data="d.parquet", label="y"):
            return ["evaluate", "--model", model, "--data", data, "--label", label, "-o", "out.json", *words]

        refused(t, 2, "--features", words=evaluate(model=plain))
        refused(t, 2, "gone", words=evaluate("--features", "a,gone"))
        refused(t, 2, "nolabel", words=evaluate(label="nolabel"))
        refused(t, 2, "nowhere", words=evaluate("--slice", "nowhere"))
        refused(t, 2, "task", words=evaluate("--task", "guess"))
        refused(t, 2, words=evaluate("--features", "a"))
        refused(t, 2, "city", words=evaluate("--features", "a,city"))
        refused(t, 2, "--threshold", words=evaluate("--threshold", "x"))
        assert t.run(*evaluate(data="gone.parquet")).code in (2, 3) and t.run(*evaluate(model="gone.onnx")).code in (2, 3)
        refused(t, 2, "torn.onnx", words=evaluate(model=t.write("torn.onnx", "no model") and "torn.onnx"))
        frame.assign(y=np.nan).to_parquet(os.path.join(t.folder, "empty.parquet"))
        refused(t, 2, words=evaluate(data="empty.parquet"))
        frame.assign(a=frame.a.where(frame.index % 100 != 7)).to_parquet(os.path.join(t.folder, "gaps.parquet"))
        result = refused(t, 1, "not finite", words=evaluate(data="gaps.parquet"))
        assert "4" in result.err, result.err
        classes = classifier_model(os.path.join(t.folder, "c.onnx"), ["no", "yes"], [[1, 0], [0, 1]], True, {"feature_names": '["a", "b"]'})
        frame.assign(y="maybe").to_parquet(os.path.join(t.folder, "maybe.parquet"))
        refused(t, 2, "maybe", words=evaluate(model=classes, data="maybe.parquet"))
        frame.assign(y="yes").to_parquet(os.path.join(t.folder, "yes.parquet"))
        assert t.json("evaluate", "--model", classes, "--data", "yes.parquet", "--label", "y")["metrics"]["roc_auc"] is None
        assert open(os.path.join(t.folder, "out.json")).read() == "before"
        assert not os.path.exists(os.path.join(t.folder, ".tatara"))


# ---- gate ------------------------------------------------------------------------------------------------------------

@tests.test
def gate_promotes_keeps_and_refuses(binary):
    with tatara(binary) as t:
        frame = regression_frame(rows=600)
        frame.to_parquet(os.path.join(t.folder, "d.parquet"))
        good = linear_model(os.path.join(t.folder, "good.onnx"), [2, -1], 5, ["a", "b"])
        bad = linear_model(os.path.join(t.folder, "bad.onnx"), [-1, 0, 2], 5.4, ["b", "noise", "a"])  # same features in another order, and a bias
        close = linear_model(os.path.join(t.folder, "close.onnx"), [2.0005, -1], 5, ["a", "b"])

        def gate(candidate, champion, *words, data="d.parquet", metric="mae", label="y"):
            result = t.run("gate", "--candidate", candidate, "--champion", champion, "--data", data, "--label", label, "--metric", metric, *words, "--json")
            return result.code, (result.json() if result.out else None), result.err

        code, answer, _ = gate(good, bad)
        kept = frame.y.notna()
        mae = {m: float(np.mean(np.abs(predictions(m, frame[["a", "b"]])[0].ravel() - frame.y)[kept])) for m in (good,)}
        assert code == 0 and answer["verdict"] == "promote" and answer["rows"] == 597 and answer["groups"] is None and answer["lower_is_better"] is True, answer
        assert near(answer["candidate"], mae[good]) and answer["interval"][1] < 0 and near(answer["difference"], answer["candidate"] - answer["champion"]), answer
        assert (answer["resamples"], answer["seed"], answer["confidence"], answer["metric"]) == (2000, 7, 0.95, "mae")
        low, high = answer["interval"]
        assert answer["reason"].startswith(f"the difference {answer['difference']:.4g} lies in [{low:.4g}, {high:.4g}], wholly"), answer["reason"]
        assert gate(good, bad)[1]["interval"] == answer["interval"] and gate(good, bad, "--seed", "8")[1]["interval"] != answer["interval"]
        assert gate(bad, good)[0:2][0] == 1 and gate(bad, good)[1]["verdict"] == "keep"
        code, equal, _ = gate(good, good)
        assert code == 1 and equal["verdict"] == "keep" and equal["difference"] == 0, equal
        assert gate(close, good)[1]["verdict"] == "keep"
        code, grouped, _ = gate(good, bad, "--group", "day")
        assert code == 0 and grouped["groups"] == 8, grouped
        check_interval(frame[kept], answer, grouped)
        code, higher, _ = gate(good, bad, metric="r2")
        assert code == 0 and higher["lower_is_better"] is False and higher["interval"][0] > 0, higher
        frame.head(30).to_parquet(os.path.join(t.folder, "few.parquet"))  # three of them have no label
        code, few, _ = gate(good, bad, data="few.parquet")
        assert code == 1 and few["verdict"] == "refuse" and "27" in few["reason"], few
        assert gate(good, bad, "--min-rows", "27", data="few.parquet")[1]["verdict"] == "promote"
        assert gate(good, bad, "--group", "city")[1]["verdict"] == "refuse"
        assert gate(good, bad, "--group", "city", "--min-groups", "3")[1]["verdict"] in ("promote", "keep")
        frame.assign(a=frame.a.where(frame.index != 50)).to_parquet(os.path.join(t.folder, "gaps.parquet"))
        code, gaps, _ = gate(good, bad, data="gaps.parquet")
        assert code == 1 and gaps["verdict"] == "refuse" and "finite" in gaps["reason"], gaps
        frame.assign(y=1.0).to_parquet(os.path.join(t.folder, "flat.parquet"))
        assert gate(good, bad, metric="r2", data="flat.parquet")[1]["verdict"] == "refuse"
        for words, data, metric, label, text in [((), "d.parquet", "bias", "y", "bias"), ((), "d.parquet", "mea", "y", "mea"), ((), "d.parquet", "roc_auc", "y", "roc_auc"),
                                                 (("--group", "nope"), "d.parquet", "mae", "y", "nope"), ((), "d.parquet", "mae", "nolabel", "nolabel"),
                                                 (("--confidence", "2"), "d.parquet", "mae", "y", "confidence"), (("--resamples", "0"), "d.parquet", "mae", "y", "resamples")]:
            code, _, err = gate(good, bad, *words, data=data, metric=metric, label=label)
            assert code == 2 and text in err, (words, metric, code, err)
        frame.drop(columns="noise").to_parquet(os.path.join(t.folder, "missing.parquet"))
        code, _, err = gate(good, bad, data="missing.parquet")
        assert code == 2 and "noise" in err, err
        classes = classifier_model(os.path.join(t.folder, "c.onnx"), ["no", "yes"], [[1, 0], [0, 1]], True, {"feature_names": '["a", "b"]'})
        assert gate(classes, good)[0] == 2


def check_interval(frame, by_rows, by_days):
    """The law's interval with NumPy's draws: not the same random numbers, the same spread within 8 %."""
    from scipy import stats
    rng = np.random.default_rng(1)
    good, bad = 2 * frame.a - frame.b + 5, 2 * frame.a - frame.b + 5.4
    d = (np.abs(good - frame.y) - np.abs(bad - frame.y)).to_numpy()
    groups = [d[frame.day == day] for day in sorted(set(frame.day))]
    for answer, n, draw in ((by_rows, len(d), lambda: np.mean(d[rng.integers(len(d), size=len(d))])),
                            (by_days, 8, lambda: np.mean(np.concatenate([groups[i] for i in rng.integers(8, size=8)])))):
        s = np.std([draw() for _ in range(2000)], ddof=1)
        half = stats.t.ppf(0.975, n - 1) * s * np.sqrt(n / (n - 1))
        low, high = answer["interval"]
        assert near((low + high) / 2, float(np.mean(d)), 1e-5) and abs((high - low) / 2 - half) < 0.08 * half, (answer["interval"], half)


@tests.test
def gate_compares_classes_by_name_and_refuses_what_has_no_rows(binary):
    rng = np.random.default_rng(8)
    with tatara(binary) as t:
        names = {"feature_names": '["a", "b"]'}
        path = functools.partial(os.path.join, t.folder)
        ordered = classifier_model(path("ordered.onnx"), ["no", "yes"], [[0, 0], [2, 1]], True, names)
        turned = classifier_model(path("turned.onnx"), ["yes", "no"], [[2, -1], [0, 0]], False, {**names, "classes": '["yes", "no"]'})
        linear = linear_model(path("linear.onnx"), [2, 1], 0, ["a", "b"])
        frame = pd.DataFrame({"a": rng.normal(size=300), "b": rng.normal(size=300)})
        frame["y"] = np.where(predictions(linear, frame)[0].ravel() + rng.logistic(size=300) > 0, "yes", "no")
        frame.to_parquet(path("d.parquet"))
        frame.assign(y=pd.Series([None] * 300, dtype=object)).to_parquet(path("unlabelled.parquet"))

        def words(data, metric, *more, champion=turned):
            return ["gate", "--candidate", ordered, "--champion", champion, "--data", data, "--label", "y", "--metric", metric, *more]

        refused(t, 2, "--positive", words=words("d.parquet", "f1"))
        from sklearn import metrics as m
        judged = json.loads(t.run(*words("d.parquet", "f1", "--positive", "yes"), "--json").out)
        for name, model in (("candidate", ordered), ("champion", turned)):
            assert near(judged[name], m.f1_score(frame.y, predictions(model, frame[["a", "b"]])[0], pos_label="yes")), judged
        empty = t.run(*words("unlabelled.parquet", "f1"), "--json")
        assert empty.code == 1 and json.loads(empty.out)["verdict"] == "refuse" and json.loads(empty.out)["rows"] == 0, empty.out
        refused(t, 2, "accuraccy", "accuracy", words=words("unlabelled.parquet", "accuraccy"))
        refused(t, 2, words=["evaluate", "--model", ordered, "--data", "unlabelled.parquet", "--label", "y"])
        for option in ("--min-rows", "--min-groups", "--seed"):
            refused(t, 2, option, words=words("d.parquet", "f1", "--positive", "yes", option, "-1"))
        frame.assign(y=(frame.y == "yes").astype(int)).to_parquet(path("n.parquet"))
        judge = ["evaluate", "--model", linear, "--data", "n.parquet", "--label", "y"]
        refused(t, 2, "--positive", words=[*judge, "--positive", "1"])
        refused(t, 2, "from 0 to 1", words=[*judge, "--task", "binary"])


# ---- sql -------------------------------------------------------------------------------------------------------------

@tests.test
def sql_answers_as_duckdb_does(binary):
    import duckdb
    rng = np.random.default_rng(2)
    with tatara(binary) as t:
        frame = pd.DataFrame({"id": np.arange(1000), "x": rng.normal(size=1000), "city": rng.choice(["Oslo", "Rome", None], 1000),
                              "at": pd.Timestamp("2026-01-01") + pd.to_timedelta(np.arange(1000), "h")})
        os.makedirs(os.path.join(t.folder, "data"))
        frame.to_parquet(os.path.join(t.folder, "data/visits.parquet"))
        t.write("tatara.yaml", "project: p\nfeatures:\n  sources:\n    visits: {path: data/visits.parquet, time: at, keys: [id]}\n")
        for query in ("SELECT city, count(*) AS n, sum(id) AS s FROM visits GROUP BY 1 ORDER BY 1",
                      "SELECT id, x FROM 'data/visits.parquet' WHERE x > 2 ORDER BY id",
                      "SELECT min(visits.at) AS a, max(visits.at)::DATE AS b, 10000000000000000000::HUGEINT AS h, [1, 2] AS l, {'k': 1} AS s, true AS t FROM visits"):
            got = t.json("sql", query)
            connection = duckdb.connect()
            connection.execute(f"CREATE VIEW visits AS FROM '{t.folder}/data/visits.parquet'")
            relation = connection.execute(query.replace("'data/", f"'{t.folder}/data/"))
            assert got["columns"] == [c[0] for c in relation.description], got
            rows = relation.fetchall()
            assert len(rows) == len(got["rows"]) > 0
            for mine, theirs in zip(got["rows"], rows):
                for a, b in zip(mine, theirs):
                    assert a == b or (isinstance(b, float) and abs(a - b) < 1e-12) or not isinstance(b, (int, float, str, type(None))), (mine, theirs)
        assert t.json("sql", "SELECT 'nan'::DOUBLE AS a, '-inf'::DOUBLE AS b")["rows"] == [[None, None]]
        assert t.json("sql", "SELECT $n + 1 AS n, $d::DATE - 1 AS d, $s AS s", "--param", "n=41", "--param", "d=2026-03-01", "--param", "s=it's")["rows"][0][0] == 42
        assert "2026-02-28" in str(t.json("sql", "SELECT $d - INTERVAL 1 DAY AS d", "--param", "d=2026-03-01")["rows"])
        for output, end in (("o.parquet", ""), ("o.csv", ";\n-- done\n")):
            assert t.run("sql", "--file", t.write("out.sql", "SELECT * FROM visits ORDER BY id" + end), "-o", output).code == 0
            back = duckdb.sql(f"SELECT count(*), sum(id) FROM '{t.folder}/{output}'").fetchall()[0]
            assert back == (1000, 499500), back
        table = t.run("sql", "--file", t.write("q.sql", "SELECT * FROM visits;\n"))
        assert table.code == 0 and "1000" in table.out.splitlines()[-1] and table.out.count("\n") < 120, table.out[-300:]
        assert not os.path.exists(os.path.join(t.folder, ".tatara"))


@tests.test
def data_files_that_are_broken_are_named(binary):
    with tatara(binary) as t:
        good = t.write("good.csv", "a,b\n1,x\n2,y\n")
        t.write("empty.csv", "")
        t.write("ragged.csv", "a,b\n1\n2,3,4\n")  # no row of it may be taken for the header
        t.write("late.csv", "a,b\n" + "1,x\n" * 30_000 + "1,2,3\n")
        t.write("no.parquet", "This is no Parquet file at all")
        for name, text in (("empty.csv", "header"), ("ragged.csv", "fields"), ("late.csv", "line 30002"), ("no.parquet", "magic")):
            assert "column 15" not in refused(t, 2, name, text, words=["drift", name, good]).err


@tests.test
def drift_of_wide_integers_as_categories(binary):
    with tatara(binary) as t:
        for name, weights in (("x", [5, 3, 2]), ("y", [2, 3, 5])):
            values = np.repeat(np.array([2**63, 2**63 + 1, 2**63 + 2], np.uint64), np.array(weights) * 10)
            pd.DataFrame({"id": values}).to_parquet(os.path.join(t.folder, name + ".parquet"))
        feature = t.json("drift", "x.parquet", "y.parquet", "--categorical", "id")["features"][0]
        all_near(feature, categorical_drift(np.repeat([0, 1, 2], [50, 30, 20]).tolist(), np.repeat([0, 1, 2], [20, 30, 50]).tolist()), 1e-9)


@tests.test
def sql_keeps_to_its_limits(binary):
    with tatara(binary) as t:
        limits = [(["SELECT * FROM range(1000)", "--max-rows", "10", "--json"], "rows"),
                  (["SELECT count(DISTINCT a.range * 7919 + b.range) FROM range(100000) a, range(2000) b", "--memory", "40Mi"], "memory"),
                  (["SELECT sum(a.range * b.range) FROM range(10000000) a, range(1000000) b", "--timeout", "1s"], "time")]
        for words, text in limits:
            began = time.monotonic()
            result = t.run("sql", *words)
            assert result.code == 7 and text in result.err, (words, result.code, result.err)
            assert time.monotonic() - began < 30, words
        t.write("out.csv", "before")
        assert t.run("sql", "SELECT sum(a.range * b.range) FROM range(10000000) a, range(1000000) b", "--timeout", "1s", "-o", "out.csv").code == 7
        assert open(os.path.join(t.folder, "out.csv")).read() == "before" and sorted(os.listdir(t.folder)) == ["out.csv"]


@tests.test
def sql_reads_only_and_only_below_its_folder(binary):
    with tatara(binary) as t:
        inside = t.write("in/data.csv", "a\n1\n")
        outside = t.write("outside.csv", "a\n1\n")
        folder = os.path.dirname(inside)
        os.symlink(outside, os.path.join(folder, "link.csv"))
        assert t.run("sql", "SELECT * FROM 'data.csv'", folder=folder).code == 0
        for query in ("CREATE TABLE t AS SELECT 1", "COPY (SELECT 1) TO 'x.csv'", "ATTACH 'x.db'", "INSTALL json", "LOAD json", "INSERT INTO t VALUES (1)", "DROP TABLE t",
                      "SET enable_external_access = true", "SELECT 1; COPY (SELECT 1) TO 'x.csv'", "EXPORT DATABASE 'x'", "/* a */ -- b\n export DATABASE 'x'",
                      f"SELECT * FROM '{outside}'", "SELECT * FROM '../outside.csv'", "SELECT * FROM 'link.csv'", "SELECT * FROM read_text('/etc/passwd')",
                      "SELECT * FROM glob('/etc/*')", "SELECT * FROM 'http://127.0.0.1:9/x.csv'", "SELECT 1; CREATE TABLE t(a INT)"):
            result = t.run("sql", query, folder=folder)
            assert result.code in (2, 3, 5) and result.err.count("\n") == 1 and "root:" not in result.out, (query, result.code, result.out[:200], result.err)
        assert sorted(os.listdir(folder)) == ["data.csv", "link.csv"], os.listdir(folder)


@tests.test
def sql_errors_name_line_and_column(binary):
    with tatara(binary) as t:
        result = refused(t, 2, "line 2", "column 8", words=["sql", "SELECT 1,\n       nope FROM range(3)"])
        assert "nope" in result.err
        refused(t, 2, "line 3", words=["sql", "SELECT 1\n\nFRUM x y z"])
        refused(t, 2, "day", words=["sql", "SELECT $day"])
        refused(t, 2, "--param", words=["sql", "SELECT 1", "--param", "novalue"])
        refused(t, 2, words=["sql", "SELECT 1", "-o", "out.xlsx"])
        assert t.run("sql").code == 2 and t.run("sql", "SELECT 1", "--memory", "x").code == 2 and t.run("sql", "SELECT 1", "--max-rows", "-1").code == 2
        assert t.run("sql", "--file", "gone.sql").code in (2, 3)


# ---- features build --------------------------------------------------------------------------------------------------

@tests.test
def features_build_says_what_is_wrong_and_keeps_an_old_output(binary):
    with tatara(binary) as t:
        day = pd.Timestamp("2026-01-01")
        pd.DataFrame({"origin": ["A", "B"], "seen": [day, day], "stored": [day, day], "temp": [1.5, 2.5]}).to_parquet(os.path.join(t.folder, "w.parquet"))
        pd.DataFrame({"origin": ["A", "C", "A"], "event_timestamp": [day + pd.Timedelta(hours=h) for h in (1, 1, 9)]}).to_parquet(os.path.join(t.folder, "spine.parquet"))
        pd.DataFrame({"origin": [1.5], "event_timestamp": [day]}).to_parquet(os.path.join(t.folder, "floats.parquet"))
        pd.DataFrame({"origin": [1], "event_timestamp": [day]}).to_parquet(os.path.join(t.folder, "integers.parquet"))
        pd.DataFrame({"origin": ["A"], "event_timestamp": [7]}).to_parquet(os.path.join(t.folder, "notime.parquet"))
        pd.DataFrame({"origin": ["A"], "event_timestamp": [day], "temp": [1.0]}).to_parquet(os.path.join(t.folder, "twice.parquet"))
        good = {"source": "w", "ttl": "6h", "columns": ["temp"]}

        def project(view=good, source=None, services=None):
            t.write("tatara.yaml", json.dumps({"project": "p", "features": {"sources": {"w": {"path": "w.parquet", "time": "seen", "created": "stored", "keys": ["origin"],
                                                                                             **(source or {})}},
                                                                           "views": {"v": view}, "services": services or {"s": ["v"]}}}))

        def build(service="s", spine="spine.parquet", *words):
            return ["features", "build", service, "--spine", spine, "-o", "out.parquet", *words]

        project()
        assert t.run(*build()).code == 0
        made = pd.read_parquet(os.path.join(t.folder, "out.parquet"))
        assert list(made.columns) == ["origin", "event_timestamp", "temp"] and made.temp.isna().tolist() == [False, True, True], made
        first = open(os.path.join(t.folder, "out.parquet"), "rb").read()
        refused(t, 3, "nope", words=build("nope"))
        refused(t, 2, "temp", words=build("s", "twice.parquet"))
        assert t.run("features", "build", "s", "--spine", "twice.parquet", "-o", "full.parquet", "--full-names").code == 0
        assert "v__temp" in pd.read_parquet(os.path.join(t.folder, "full.parquet")).columns
        for spine in ("floats.parquet", "integers.parquet"):
            refused(t, 2, "origin", words=build("s", spine))
        refused(t, 2, "event_timestamp", words=build("s", "notime.parquet"))
        refused(t, 2, "when", words=build("s", "spine.parquet", "--time", "when"))
        assert t.run(*build("s", "gone.parquet")).code in (2, 3)
        for change, text in [(dict(view={**good, "ttl": "0h"}), "ttl"), (dict(view={**good, "ttl": "1.5h"}), "ttl"), (dict(view={**good, "ttl": 0}), "ttl"),
                             (dict(view={**good, "source": "x"}), "x"), (dict(view={**good, "columns": ["humid"]}), "humid"), (dict(view={**good, "clumns": []}), "columns"),
                             (dict(services={"s": ["w2"]}), "w2"), (dict(source={"path": "none_*.parquet"}), "none_"), (dict(source={"time": "sen"}), "sen"),
                             (dict(view={**good, "filter_created": True}, source={"created": None}), "")]:
            project(**change)
            result = t.run(*build())
            assert result.code in (2, 3) and text in result.err and result.err.count("\n") == 1, (change, result.code, result.err)
        t.write("tatara.yaml", "project: p\nfeatures:\n  sources:\n    w: {path: w.parquet, time: seen, keys: [origin]}\n  views:\n    v: {source: w, filter_created: true}\n"
                "  services: {s: [v]}\n")
        refused(t, 2, "created", words=build())
        os.remove(os.path.join(t.folder, "tatara.yaml"))
        assert t.run(*build()).code in (2, 3)
        assert open(os.path.join(t.folder, "out.parquet"), "rb").read() == first


if __name__ == "__main__":
    main(tests)
