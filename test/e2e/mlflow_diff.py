#!/usr/bin/env python3
"""Sends one list of requests to Tatara and to a real `mlflow server` and shows where the answers
differ: mlflow_diff.py TATARA_URL MLFLOW_URL. Run by hand; both servers should be fresh.

Ids, times and made-up names are replaced by what they stand for before comparing. Messages of
errors are compared only with --messages.
"""
import json
import re
import sys
import urllib.request

MESSAGES = "--messages" in sys.argv
URLS = [a.rstrip("/") for a in sys.argv[1:] if not a.startswith("--")]


class Side:
    def __init__(self, url):
        self.url = url
        self.names = {}

    def call(self, verb, path, body=None, query=""):
        data = None
        for name, value in self.names.items():
            token = "$" + name
            path, query = path.replace(token, value), query.replace(token, value)
            if body is not None:
                body = json.loads(json.dumps(body).replace(token, value))
        if body is not None:
            data = json.dumps(body).encode()
        request = urllib.request.Request(
            f"{self.url}/api/2.0/mlflow/{path}{query}", data=data, method=verb,
            headers={"Content-Type": "application/json"} if data is not None else {})
        try:
            with urllib.request.urlopen(request, timeout=60) as reply:
                return reply.status, json.loads(reply.read())
        except urllib.error.HTTPError as error:
            text = error.read()
            try:
                return error.code, json.loads(text)
            except ValueError:
                return error.code, text.decode(errors="replace")[:200]

    def plain(self, value):
        """The answer with ids and times replaced."""
        text = json.dumps(value, sort_keys=True)
        for name, real in sorted(self.names.items(), key=lambda item: -len(item[1])):
            if len(real) > 2:
                text = text.replace(real, "$" + name)
        value = json.loads(text)
        return scrub(value)


TIMES = {"creation_time", "last_update_time", "creation_timestamp", "last_updated_timestamp",
         "creation_timestamp_ms", "last_updated_timestamp_ms"}


def scrub(value, key=""):
    if isinstance(value, dict):
        # Workspaces are upstream's own; they are off here.
        out = {k: scrub(v, k) for k, v in value.items() if k != "workspace"}
        if "error_code" in out:
            out.pop("sqlstate", None), out.pop("error_class", None)
            if not MESSAGES:
                out.pop("message", None)
        return out
    if isinstance(value, list):
        items = [scrub(v, key) for v in value]
        if items and isinstance(items[0], dict) and ("key" in items[0] or "model_id" in items[0]):
            items.sort(key=lambda item: json.dumps(item, sort_keys=True)) if key in (
                "tags", "params", "metrics_unordered") else None
        if key == "metrics" and items and "timestamp" in items[0] and len({i["key"] for i in items}) > 1:
            items.sort(key=lambda item: item["key"])
        return items
    if key in TIMES:
        return "TIME"
    if key == "next_page_token":
        return "TOKEN"
    return value


def script():
    """(name to keep from the answer, path in it, verb, path, body, query)"""
    post, get = "POST", "GET"
    yield ("E", "experiment_id", post, "experiments/create", {"name": "diff", "tags": [{"key": "a", "value": "1"}]}, "")
    yield (None, "", post, "experiments/create", {"name": "diff"}, "")
    yield (None, "", post, "experiments/create", {}, "")
    yield (None, "", post, "experiments/create", {"name": 5}, "")
    yield (None, "", get, "experiments/get", None, "?experiment_id=$E")
    yield (None, "", get, "experiments/get", None, "?experiment_id=0")
    yield (None, "", get, "experiments/get", None, "?experiment_id=abc")
    yield (None, "", get, "experiments/get", None, "?experiment_id=99999")
    yield (None, "", get, "experiments/get", None, "")
    yield (None, "", get, "experiments/get-by-name", None, "?experiment_name=diff")
    yield (None, "", get, "experiments/get-by-name", None, "?experiment_name=none")
    for f in ["name = 'diff'", "name LIKE 'DIF%'", "name ILIKE 'DIF%'", "tags.a = '1'", "tags.a != '1'",
              "tag.a LIKE '%'", "name = diff", "foo.a = '1'", "creation_time > 0", "creation_time > 0.5",
              "name IN ('diff')", "experiment_id IN ('1')", "tags.a IS NULL", "tags.a IS NOT NULL", "name IS NULL"]:
        yield (None, "", post, "experiments/search", {"max_results": 10, "filter": f, "order_by": ["experiment_id"]}, "")
    for o in [["name DESC"], ["creation_time"], ["experiment_id ASC", "name"], ["bad"], ["name sideways"], ["tags.a"]]:
        yield (None, "", post, "experiments/search", {"max_results": 10, "order_by": o}, "")
    yield (None, "", post, "experiments/search", {"max_results": 1}, "")
    yield (None, "", post, "experiments/search", {"max_results": 0}, "")
    yield (None, "", post, "experiments/search", {"max_results": 60000}, "")
    yield (None, "", post, "experiments/search", {"max_results": 5, "page_token": "zz"}, "")
    yield (None, "", post, "experiments/search", {"max_results": 5, "view_type": "ALL"}, "")
    yield (None, "", post, "experiments/set-experiment-tag", {"experiment_id": "$E", "key": "b", "value": "2"}, "")
    yield (None, "", post, "experiments/set-experiment-tag", {"experiment_id": "$E", "key": "../b", "value": "2"}, "")
    yield (None, "", post, "experiments/delete-experiment-tag", {"experiment_id": "$E", "key": "b"}, "")
    yield (None, "", post, "experiments/delete-experiment-tag", {"experiment_id": "$E", "key": "b"}, "")
    run = {"experiment_id": "$E", "user_id": "me", "run_name": "r", "start_time": 1000,
           "tags": [{"key": "t", "value": "x"}]}
    yield ("R", "run.info.run_id", post, "runs/create", run, "")
    yield ("S", "run.info.run_id", post, "runs/create", {**run, "run_name": "s", "start_time": 2000}, "")
    yield (None, "", post, "runs/create", {**run, "tags": [{"key": "mlflow.runName", "value": "other"}]}, "")
    yield (None, "", post, "runs/create", {**run, "start_time": "soon"}, "")
    yield (None, "", post, "runs/create", {**run, "experiment_id": "99999"}, "")
    m = {"run_id": "$R", "key": "m", "value": 1.5, "timestamp": 10, "step": 1}
    for change in [{}, {"value": "NaN", "key": "nan"}, {"value": "Infinity", "key": "inf"}, {"value": 2, "step": 2},
                   {"step": "3"}, {"key": None}, {"value": None}, {"timestamp": None}, {"value": "abc"}, {"timestamp": -5}, {"key": "a//b"}, {"key": "a$%"}, {"key": "x" * 251},
                   {"run_id": "f" * 32}, {"step": 1.5}]:
        body = {k: v for k, v in {**m, **change}.items() if v is not None}
        yield (None, "", post, "runs/log-metric", body, "")
    for body in [{"key": "p", "value": "1"}, {"key": "p", "value": "1"}, {"key": "p", "value": "2"}, {"key": "q"},
                 {"value": "2"}, {"key": "long", "value": "y" * 7000}, {"key": 5, "value": "1"}]:
        yield (None, "", post, "runs/log-parameter", {"run_id": "$R", **body}, "")
    yield (None, "", post, "runs/set-tag", {"run_id": "$R", "key": "t", "value": "y"}, "")
    yield (None, "", post, "runs/set-tag", {"run_id": "$R", "key": "mlflow.runName", "value": "renamed"}, "")
    yield (None, "", post, "runs/delete-tag", {"run_id": "$R", "key": "none"}, "")
    batch = {"run_id": "$R", "metrics": [{"key": "b", "value": 1, "timestamp": 5, "step": 0}],
             "params": [{"key": "bp", "value": "1"}], "tags": [{"key": "bt", "value": "1"}, {"key": "bt", "value": "2"}]}
    yield (None, "", post, "runs/log-batch", batch, "")
    yield (None, "", post, "runs/log-batch", {**batch, "params": [{"key": "c", "value": "1"}, {"key": "c", "value": "1"}]}, "")
    yield (None, "", post, "runs/log-batch", {**batch, "params": [{"key": "bp", "value": "9"}]}, "")
    yield (None, "", post, "runs/log-batch", {**batch, "metrics": [{"value": 1, "timestamp": 5}]}, "")
    yield (None, "", post, "runs/log-batch", {**batch, "metrics": [{"key": "a", "timestamp": 5}]}, "")
    yield (None, "", post, "runs/log-batch", {**batch, "metrics": [{"key": "a", "value": 5}]}, "")
    yield (None, "", post, "runs/log-batch", {**batch, "metrics": [{"key": "a", "value": 1, "timestamp": 1}] * 1001}, "")
    yield (None, "", post, "runs/log-batch", {**batch, "tags": [{"value": "1"}]}, "")
    yield (None, "", post, "runs/log-batch", {"run_id": "bad id!"}, "")
    dataset = {"name": "d", "digest": "1", "source_type": "local", "source": "x", "schema": "s"}
    yield (None, "", post, "runs/log-inputs", {"run_id": "$R", "datasets": [{"tags": [{"key": "mlflow.data.context", "value": "training"}], "dataset": dataset}]}, "")
    yield (None, "", post, "runs/log-inputs", {"run_id": "$R", "datasets": [{"dataset": {**dataset, "digest": "9" * 40}}]}, "")
    yield (None, "", get, "runs/get", None, "?run_id=$R")
    yield (None, "", get, "runs/get", None, "?run_uuid=$R")
    yield (None, "", get, "runs/get", None, "?run_id=none")
    yield (None, "", get, "runs/get", None, "")
    yield (None, "", get, "metrics/get-history", None, "?run_id=$R&metric_key=m")
    yield (None, "", get, "metrics/get-history", None, "?run_id=$R&metric_key=m&max_results=1")
    yield (None, "", get, "metrics/get-history", None, "?run_id=$R&metric_key=m&max_results=0")
    yield (None, "", get, "metrics/get-history", None, "?run_id=$R&metric_key=none")
    yield (None, "", get, "metrics/get-history", None, "?run_id=none&metric_key=m")
    yield (None, "", get, "metrics/get-history-bulk-interval", None, "?run_ids=$R&metric_key=m&max_results=2")
    yield (None, "", get, "artifacts/list", None, "?run_id=$R")
    yield (None, "", get, "artifacts/list", None, "?run_id=$R&path=../x")
    for f in ["metrics.m > 1", "metrics.m = 2", "metrics.nan = 0", "metrics.nan != 0", "metric.m >= '1'", "params.p = '1'",
              "params.p != '1'", "param.p LIKE '%'", "params.none = '1'", "params.none IS NULL", "tags.t IS NOT NULL",
              "metrics.m IS NULL", "tags.t = 'y'", "tags.`t` = \"y\"", "tag.t ILIKE 'Y'", "attributes.status = 'RUNNING'",
              "attribute.run_name = 'renamed'", "run_name LIKE 'ren%'", "start_time >= 2000", "attr.start_time < 1500.5",
              "attributes.run_id IN ('$R','$S')", "run_id NOT IN ('$R')", "status IN ('RUNNING')", "dataset.name = 'd'",
              "datasets.context LIKE 'train%'", "dataset.foo = 'd'", "metrics.m > 1 AND params.p = '1'",
              "metrics.m > 1 and params.p = '2'", "metrics.m > 1 OR params.p = '1'", "(metrics.m > 1)", "metrics.m", "m > 1",
              "params.p = 1", "params.p > '1'", "metrics.m LIKE '1'", "user_id = 'me'", "artifact_uri LIKE '%artifacts'",
              "end_time > 0", "created > 0", "run.status = 'x'", "run_id = '$R'; run_id = '$S'", "metrics.m > -1e3",
              "metrics.m > .5", "tags.t = 'it''s'", "params.p = 'a", "attributes.experiment_id = '1'", "AND", "run_id IN ()"]:
        yield (None, "", post, "runs/search", {"experiment_ids": ["$E"], "filter": f}, "")
    for o in [["metrics.m DESC"], ["metrics.nan"], ["params.p", "start_time DESC"], ["tags.t DESC"], ["start_time ASC"],
              ["attributes.run_name"], ["foo"], ["metrics.m UP"], ["metrics.m", "metrics.m"], ["run_id DESC"], ["dataset.name"]]:
        yield (None, "", post, "runs/search", {"experiment_ids": ["$E"], "order_by": o}, "")
    yield (None, "", post, "runs/search", {"experiment_ids": ["$E"], "max_results": 1}, "")
    yield (None, "", post, "runs/search", {"experiment_ids": ["$E"], "max_results": 2}, "")
    yield (None, "", post, "runs/search", {"experiment_ids": ["$E"], "max_results": 0}, "")
    yield (None, "", post, "runs/search", {"experiment_ids": []}, "")
    yield (None, "", post, "runs/search", {"experiment_ids": ["x"]}, "")
    yield (None, "", post, "runs/search", {"experiment_ids": ["$E"], "run_view_type": "DELETED_ONLY"}, "")
    yield (None, "", post, "runs/update", {"run_id": "$R", "status": "FINISHED", "end_time": 5000}, "")
    yield (None, "", post, "runs/update", {"run_id": "$R", "run_name": ""}, "")
    yield (None, "", post, "runs/update", {"run_id": "$R", "status": 4}, "")
    yield (None, "", post, "runs/delete", {"run_id": "$S"}, "")
    yield (None, "", post, "runs/set-tag", {"run_id": "$S", "key": "t", "value": "y"}, "")
    yield (None, "", post, "runs/update", {"run_id": "$S", "status": "FAILED"}, "")
    yield (None, "", post, "runs/restore", {"run_id": "$S"}, "")
    yield ("M", "model.info.model_id", post, "logged-models", {"experiment_id": "$E", "name": "lm", "source_run_id": "$R", "model_type": "t", "params": [{"key": "a", "value": "b"}]}, "")
    yield (None, "", post, "logged-models", {"experiment_id": "$E", "name": "a/b"}, "")
    yield (None, "", get, "logged-models/$M", None, "")
    yield (None, "", "PATCH", "logged-models/$M", {"model_id": "$M", "status": "LOGGED_MODEL_READY"}, "")
    yield (None, "", "PATCH", "logged-models/$M/tags", {"tags": [{"key": "x", "value": "y"}]}, "")
    yield (None, "", "DELETE", "logged-models/$M/tags/none", None, "")
    yield (None, "", post, "runs/log-metric", {**m, "key": "lm", "model_id": "$M", "dataset_name": "d", "dataset_digest": "1"}, "")
    yield (None, "", post, "runs/outputs", {"run_id": "$R", "models": [{"model_id": "$M", "step": 3}]}, "")
    for f in ["name = 'lm'", "metrics.lm > 1", "params.a = 'b'", "tags.x = 'y'", "creation_timestamp > 0", "bad = 'x'", "model_id IN ('$M')", "foo.a = 'x'"]:
        yield (None, "", post, "logged-models/search", {"experiment_ids": ["$E"], "filter": f}, "")
    yield (None, "", get, "logged-models/m-none", None, "")
    yield (None, "", get, "runs/get", None, "?run_id=$R")
    yield (None, "", post, "registered-models/create", {"name": "rm", "description": "d", "tags": [{"key": "k", "value": "v"}]}, "")
    yield (None, "", post, "registered-models/create", {"name": "rm"}, "")
    yield (None, "", post, "registered-models/create", {"name": "a/b"}, "")
    yield (None, "", post, "registered-models/create", {"name": ""}, "")
    src = "mlflow-artifacts:/$E/$R/artifacts/model"
    yield (None, "", post, "model-versions/create", {"name": "rm", "source": src, "run_id": "$R", "description": "one", "tags": [{"key": "k", "value": "v"}]}, "")
    yield (None, "", post, "model-versions/create", {"name": "rm", "source": src, "run_id": "$R"}, "")
    yield (None, "", post, "model-versions/create", {"name": "rm", "source": "models:/$M", "model_id": "$M"}, "")
    yield (None, "", post, "model-versions/create", {"name": "rm", "source": "models:/rm/1"}, "")
    yield (None, "", post, "model-versions/create", {"name": "rm", "source": "/etc", "run_id": "$R"}, "")
    yield (None, "", post, "model-versions/create", {"name": "rm", "source": src}, "")
    yield (None, "", post, "model-versions/create", {"name": "rm", "source": "runs:/$R/model", "run_id": "$R"}, "")
    yield (None, "", post, "model-versions/create", {"name": "none", "source": src, "run_id": "$R"}, "")
    yield (None, "", get, "model-versions/get", None, "?name=rm&version=1")
    yield (None, "", get, "model-versions/get", None, "?name=rm&version=3")
    yield (None, "", get, "model-versions/get", None, "?name=rm&version=99")
    yield (None, "", get, "model-versions/get", None, "?name=rm&version=x")
    yield (None, "", get, "model-versions/get-download-uri", None, "?name=rm&version=3")
    yield (None, "", post, "registered-models/alias", {"name": "rm", "alias": "champ", "version": "1"}, "")
    yield (None, "", post, "registered-models/alias", {"name": "rm", "alias": "v1", "version": "1"}, "")
    yield (None, "", post, "registered-models/alias", {"name": "rm", "alias": "a b", "version": "1"}, "")
    yield (None, "", post, "registered-models/alias", {"name": "rm", "alias": "champ", "version": "77"}, "")
    yield (None, "", get, "registered-models/alias", None, "?name=rm&alias=champ")
    yield (None, "", get, "registered-models/alias", None, "?name=rm&alias=none")
    yield (None, "", get, "registered-models/get", None, "?name=rm")
    yield (None, "", get, "registered-models/get", None, "?name=none")
    yield (None, "", post, "model-versions/transition-stage", {"name": "rm", "version": "1", "stage": "production", "archive_existing_versions": False}, "")
    yield (None, "", post, "model-versions/transition-stage", {"name": "rm", "version": "1", "stage": "bad", "archive_existing_versions": False}, "")
    yield (None, "", post, "registered-models/get-latest-versions", {"name": "rm"}, "")
    yield (None, "", get, "registered-models/get-latest-versions", None, "?name=rm&stages=Production")
    for f in ["name='rm'", "name LIKE 'r%'", "tags.k = 'v'", "run_id = '$R'", "version_number > 1", "source_path LIKE '%model'", "bad = 'x'", "run_id IN ('$R')"]:
        q = "?max_results=100&order_by=version_number%20ASC&filter=" + urllib.request.quote(f, safe="$")
        yield (None, "", get, "model-versions/search", None, q)
        yield (None, "", get, "registered-models/search", None, "?filter=" + urllib.request.quote(f, safe="$"))
    yield (None, "", "PATCH", "model-versions/update", {"name": "rm", "version": "1", "description": "new"}, "")
    yield (None, "", "DELETE", "model-versions/delete", {"name": "rm", "version": "1"}, "")
    yield (None, "", get, "model-versions/get", None, "?name=rm&version=1")
    yield (None, "", post, "registered-models/rename", {"name": "rm", "new_name": "rm2"}, "")
    yield (None, "", "DELETE", "registered-models/delete", {"name": "rm2"}, "")
    yield (None, "", post, "experiments/delete", {"experiment_id": "$E"}, "")
    yield (None, "", post, "experiments/delete", {"experiment_id": "$E"}, "")
    yield (None, "", post, "experiments/update", {"experiment_id": "$E", "new_name": "x"}, "")
    yield (None, "", post, "experiments/restore", {"experiment_id": "$E"}, "")
    yield (None, "", post, "experiments/update", {"experiment_id": "$E", "new_name": "diff2"}, "")
    yield (None, "", post, "nothing/here", {}, "")


def dig(value, path):
    for part in path.split("."):
        value = value[part]
    return value


def differences(ours, theirs, path=""):
    """Lines "path: tatara's | mlflow's" where two answers differ."""
    if isinstance(ours, dict) and isinstance(theirs, dict):
        for key in sorted(set(ours) | set(theirs)):
            yield from differences(ours.get(key, "(absent)"), theirs.get(key, "(absent)"), f"{path}.{key}")
    elif isinstance(ours, (list, tuple)) and isinstance(theirs, (list, tuple)) and len(ours) == len(theirs):
        for index, pair in enumerate(zip(ours, theirs)):
            yield from differences(*pair, f"{path}[{index}]")
    elif ours != theirs:
        yield f"{path}: {json.dumps(ours)} | {json.dumps(theirs)}"


def main():
    sides = [Side(url) for url in URLS]
    total = different = 0
    for name, place, verb, path, body, query in script():
        answers = [side.call(verb, path, body, query) for side in sides]
        if name:
            for side, (_, value) in zip(sides, answers):
                side.names[name] = dig(value, place)
        shown = [(status, side.plain(value)) for side, (status, value) in zip(sides, answers)]
        total += 1
        if shown[0] != shown[1]:
            different += 1
            print(f"--- {verb} {path}{query} {json.dumps(body)[:300] if body is not None else ''}")
            for line in differences(*shown):
                print("  " + line[:1000])
    print(f"{total} requests, {different} answers differ")


main()
