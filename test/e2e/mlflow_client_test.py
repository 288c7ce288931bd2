#!/usr/bin/env python3
"""A training session through the unmodified mlflow client: mlflow_client_test.py BASE_URL

Prints "ok N name" or "not ok N name: why" for each check and exits non-zero if one fails. Runs
with MLflow 3.x; with 2.x the parts that only 3.x has are left out.
"""
import os
import sys
import tempfile
import traceback
import uuid

BASE = sys.argv[1].rstrip("/")
os.environ["MLFLOW_TRACKING_URI"] = BASE
os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
os.environ["DO_NOT_TRACK"] = "true"
os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")

import mlflow  # noqa: E402
from mlflow import MlflowClient  # noqa: E402
from mlflow.entities import Metric, Param, RunTag, ViewType  # noqa: E402
from mlflow.exceptions import MlflowException  # noqa: E402

IS_3 = int(mlflow.__version__.split(".")[0]) >= 3
UNIQUE = uuid.uuid4().hex[:8]
mlflow.set_tracking_uri(BASE)
client = MlflowClient()
checks = []


def check(function):
    checks.append(function)
    return function


def equal(got, want):
    if got != want:
        raise AssertionError(f"got {got!r}, want {want!r}")


def refused(code, call, *args, **kwargs):
    try:
        call(*args, **kwargs)
    except MlflowException as error:
        equal(error.error_code, code)
        return str(error)
    raise AssertionError("was not refused")


def new_experiment(name):
    return client.create_experiment(f"{name}-{UNIQUE}")


@check
def session_with_start_run():
    experiment = mlflow.set_experiment(f"session-{UNIQUE}")
    again = mlflow.set_experiment(f"session-{UNIQUE}")
    equal(experiment.experiment_id, again.experiment_id)
    with mlflow.start_run(run_name="first") as run:
        mlflow.log_params({"lr": 0.1, "depth": 6})
        mlflow.log_param("name", "größe ü")
        mlflow.log_metrics({"loss": 0.5, "acc": 0.9}, step=1)
        mlflow.log_metric("loss", 0.25, step=2)
        mlflow.set_tags({"team": "blue", "stage": "dev"})
    got = client.get_run(run.info.run_id)
    equal(got.info.status, "FINISHED")
    equal(got.info.run_name, "first")
    equal(got.data.params, {"lr": "0.1", "depth": "6", "name": "größe ü"})
    equal(got.data.metrics, {"loss": 0.25, "acc": 0.9})
    equal(got.data.tags["team"], "blue")
    equal(got.info.end_time >= got.info.start_time, True)


@check
def failed_run_and_nested_runs():
    mlflow.set_experiment(f"session-{UNIQUE}")
    try:
        with mlflow.start_run() as parent:
            with mlflow.start_run(nested=True) as child:
                pass
            raise RuntimeError("boom")
    except RuntimeError:
        pass
    equal(client.get_run(parent.info.run_id).info.status, "FAILED")
    found = mlflow.search_runs(
        experiment_names=[f"session-{UNIQUE}"],
        filter_string=f"tags.mlflow.parentRunId = '{parent.info.run_id}'", output_format="list")
    equal([r.info.run_id for r in found], [child.info.run_id])


@check
def async_logging():
    mlflow.set_experiment(f"session-{UNIQUE}")
    with mlflow.start_run() as run:
        for step in range(50):
            mlflow.log_metric("a", step * 0.5, step=step, synchronous=False)
        mlflow.log_params({"p1": 1, "p2": 2}, synchronous=False)
        if hasattr(mlflow, "flush_async_logging"):
            mlflow.flush_async_logging()
    equal(len(client.get_metric_history(run.info.run_id, "a")), 50)


@check
def metric_special_values_and_history():
    run = client.create_run(new_experiment("special")).info.run_id
    client.log_metric(run, "nan", float("nan"), timestamp=1, step=0)
    client.log_metric(run, "inf", float("inf"), timestamp=1, step=0)
    client.log_metric(run, "neg", -1.5, timestamp=1, step=-3)
    data = client.get_run(run).data.metrics
    equal(data["nan"] != data["nan"], True)
    equal(data["inf"], 1.7976931348623157e308)
    equal(data["neg"], -1.5)
    for timestamp, step, value in [(3, 1, 5.0), (1, 2, 7.0), (2, 1, 6.0), (2, 1, 6.0)]:
        client.log_metric(run, "m", value, timestamp=timestamp, step=step)
    history = [(m.timestamp, m.step, m.value) for m in client.get_metric_history(run, "m")]
    equal(history, [(1, 2, 7.0), (2, 1, 6.0), (3, 1, 5.0)])
    equal(client.get_run(run).data.metrics["m"], 7.0)
    equal(client.get_metric_history(run, "unknown"), [])


@check
def large_batches():
    run = client.create_run(new_experiment("batches")).info.run_id
    metrics = [Metric("m", i * 0.1, 1000 + i, i) for i in range(1000)]
    client.log_batch(run, metrics=metrics)
    client.log_batch(run, metrics=metrics)  # a repeat changes nothing
    equal(len(client.get_metric_history(run, "m")), 1000)
    client.log_batch(run, metrics=[Metric(f"k{i}", i, 5, 0) for i in range(850)],
                     params=[Param(f"p{i}", str(i)) for i in range(75)],
                     tags=[RunTag(f"t{i}", str(i)) for i in range(75)])
    data = client.get_run(run).data
    equal((len(data.metrics), len(data.params)), (851, 75))


@check
def params_are_immutable_and_batches_atomic():
    run = client.create_run(new_experiment("params")).info.run_id
    client.log_param(run, "a", 1)
    client.log_param(run, "a", 1)
    message = refused("INVALID_PARAMETER_VALUE", client.log_param, run, "a", 2)
    equal("Changing param values is not allowed" in message, True)
    refused("INVALID_PARAMETER_VALUE", client.log_batch, run,
            metrics=[Metric("m", 1.0, 1, 0)], params=[Param("b", "1"), Param("a", "other")],
            tags=[RunTag("t", "1")])
    data = client.get_run(run).data
    equal((data.params, data.metrics, "t" in data.tags), ({"a": "1"}, {}, False))


@check
def run_life_cycle():
    experiment = new_experiment("life")
    run = client.create_run(experiment, run_name="before").info.run_id
    client.set_tag(run, "mlflow.runName", "after")
    equal(client.get_run(run).info.run_name, "after")
    client.update_run(run, status="KILLED", name="third")
    got = client.get_run(run)
    equal((got.info.status, got.data.tags["mlflow.runName"]), ("KILLED", "third"))
    client.set_tag(run, "x", "1")
    client.delete_tag(run, "x")
    equal("x" in client.get_run(run).data.tags, False)
    refused("RESOURCE_DOES_NOT_EXIST", client.delete_tag, run, "x")
    client.delete_run(run)
    equal(client.get_run(run).info.lifecycle_stage, "deleted")
    refused("INVALID_PARAMETER_VALUE", client.log_metric, run, "m", 1.0)
    equal(len(client.search_runs([experiment])), 0)
    equal(len(client.search_runs([experiment], run_view_type=ViewType.DELETED_ONLY)), 1)
    client.restore_run(run)
    equal(len(client.search_runs([experiment])), 1)
    refused("RESOURCE_DOES_NOT_EXIST", client.get_run, "0" * 32)


@check
def experiments():
    experiment = client.create_experiment(f"exp-a-{UNIQUE}", tags={"kind": "x", "team": "blue"})
    refused("RESOURCE_ALREADY_EXISTS", client.create_experiment, f"exp-a-{UNIQUE}")
    got = client.get_experiment_by_name(f"exp-a-{UNIQUE}")
    equal((got.experiment_id, got.tags, got.lifecycle_stage),
          (experiment, {"kind": "x", "team": "blue"}, "active"))
    equal(client.get_experiment_by_name(f"none-{UNIQUE}"), None)
    client.set_experiment_tag(experiment, "kind", "y")
    client.rename_experiment(experiment, f"exp-b-{UNIQUE}")
    found = client.search_experiments(filter_string=f"name LIKE 'exp-%{UNIQUE}' AND tags.kind = 'y'")
    equal([e.name for e in found], [f"exp-b-{UNIQUE}"])
    client.delete_experiment(experiment)
    equal(client.get_experiment(experiment).lifecycle_stage, "deleted")
    refused("INVALID_PARAMETER_VALUE", client.create_run, experiment)
    client.restore_experiment(experiment)
    equal(client.get_experiment("0").name, "Default")
    refused("RESOURCE_DOES_NOT_EXIST", client.get_experiment, "987654321")
    pages, token = [], None
    while True:
        page = client.search_experiments(max_results=2, page_token=token)
        pages += [e.experiment_id for e in page]
        token = page.token
        if not token:
            break
    equal(len(pages), len(set(pages)))


@check
def search_of_runs():
    experiment = new_experiment("search")
    for i in range(12):
        run = client.create_run(experiment, run_name=f"r{i}", start_time=1000 + i).info.run_id
        client.log_batch(run, metrics=[Metric("loss", 1.0 / (i + 1), 1, 0), Metric("a b/c", i, 1, 0)],
                         params=[Param("lr", str(i % 3)), Param("model name", f"Net{i}")],
                         tags=[RunTag("even", str(i % 2 == 0)), RunTag("dot.ted", "v")])
        if i % 2:
            client.set_terminated(run, end_time=2000 + i)

    def names(filter_string, order_by=None, **kwargs):
        runs = client.search_runs([experiment], filter_string, order_by=order_by, **kwargs)
        return [int(r.info.run_name[1:]) for r in runs]

    equal(names(""), list(range(11, -1, -1)))
    equal(names("metrics.loss < 0.2"), [11, 10, 9, 8, 7, 6, 5])
    equal(names("metrics.loss < 0.2 and params.lr = '1'", ["metrics.loss ASC"]), [10, 7])
    equal(names("metrics.`a b/c` >= 10"), [11, 10])
    equal(names('params."model name" LIKE "Net1%"'), [11, 10, 1])
    equal(names("params.`model name` LIKE 'net1%'"), [])
    equal(names("params.`model name` ILIKE 'net1%'"), [11, 10, 1])
    equal(names("tags.even = 'True' AND params.lr != '0'", ["params.lr", "metrics.loss DESC"]),
          [4, 10, 2, 8])
    equal(names("attributes.status = 'FINISHED'"), [11, 9, 7, 5, 3, 1])
    equal(names("run_name = 'r3'"), [3])
    equal(names("start_time > 1009"), [11, 10])
    equal(names("end_time < 2004"), [3, 1])
    equal(names("tags.dot.ted = 'v'", max_results=3), [11, 10, 9])
    equal(names("tags.none != 'v'"), [])
    first = client.search_runs([experiment], max_results=5)
    rest = client.search_runs([experiment], max_results=50, page_token=first.token)
    equal((len(first), len(rest)), (5, 7))
    ids = [r.info.run_id for r in first][:2]
    got = client.search_runs([experiment], f"attributes.run_id IN ('{ids[0]}', '{ids[1]}')")
    equal({r.info.run_id for r in got}, set(ids))
    for bad in ["metrics.loss > '1'", "params.lr = 1", "foo.bar = 'x'", "metrics.a > 1 OR metrics.b > 1",
                "attributes.unknown = 'x'", "metrics.loss >", "run_name IN ('a')", "params.lr > 'a'"]:
        refused("INVALID_PARAMETER_VALUE", client.search_runs, [experiment], bad)
    frame = mlflow.search_runs([experiment], "metrics.loss < 0.2", output_format="list")
    equal(len(frame), 7)


@check
def datasets_of_runs():
    try:
        from mlflow.data.http_dataset_source import HTTPDatasetSource
        from mlflow.data.meta_dataset import MetaDataset
    except ImportError:  # a client without numpy cannot describe datasets
        return
    experiment = mlflow.set_experiment(f"data-{UNIQUE}").experiment_id
    dataset = MetaDataset(HTTPDatasetSource("http://example.com/a.csv"), name="flights")
    with mlflow.start_run() as run:
        mlflow.log_input(dataset, context="training", tags={"rows": "10"} if IS_3 else None)
        mlflow.log_input(dataset, context="training")
    inputs = client.get_run(run.info.run_id).inputs.dataset_inputs
    equal([(i.dataset.name, i.dataset.digest) for i in inputs], [("flights", dataset.digest)])
    equal({t.key: t.value for t in inputs[0].tags}.get("mlflow.data.context"), "training")
    for condition in ["dataset.name = 'flights'", "datasets.context = 'training'",
                      f"dataset.digest IN ('{dataset.digest}')"]:
        equal(len(client.search_runs([experiment], condition)), 1)
    equal(len(client.search_runs([experiment], "dataset.name = 'trains'")), 0)


@check
def artifacts_of_runs():
    mlflow.set_experiment(f"files-{UNIQUE}")
    with mlflow.start_run() as run, tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "a b+ü.bin")
        content = os.urandom(3_000_000)
        with open(path, "wb") as file:
            file.write(content)
        empty = os.path.join(folder, "empty")
        open(empty, "w").close()
        mlflow.log_artifact(path)
        mlflow.log_artifact(empty, "sub/deep")
        mlflow.log_text("hello", "notes/n.txt")
        mlflow.log_dict({"a": [1, 2]}, "d.json")
    run_id = run.info.run_id
    equal([(f.path, f.is_dir, f.file_size) for f in client.list_artifacts(run_id)],
          [("a b+ü.bin", False, 3_000_000), ("d.json", False, client.list_artifacts(run_id)[1].file_size),
           ("notes", True, None), ("sub", True, None)])
    equal([(f.path, f.file_size) for f in client.list_artifacts(run_id, "sub/deep")],
          [("sub/deep/empty", 0)])
    with tempfile.TemporaryDirectory() as folder:
        got = mlflow.artifacts.download_artifacts(run_id=run_id, artifact_path="", dst_path=folder)
        with open(os.path.join(got, "a b+ü.bin"), "rb") as file:
            equal(file.read() == content, True)
    equal(mlflow.artifacts.load_text(f"{run.info.artifact_uri}/notes/n.txt"), "hello")
    equal(mlflow.artifacts.load_dict(f"runs:/{run_id}/d.json"), {"a": [1, 2]})
    try:
        mlflow.artifacts.download_artifacts(run_id=run_id, artifact_path="nothing")
    except Exception:  # noqa: BLE001 (which error it is, is the client's business)
        pass
    else:
        raise AssertionError("a missing artifact was downloaded")


@check
def figures():
    try:
        import matplotlib
    except ImportError:
        return
    matplotlib.use("Agg")
    from matplotlib import pyplot
    mlflow.set_experiment(f"files-{UNIQUE}")
    with mlflow.start_run() as run:
        figure, axes = pyplot.subplots()
        axes.plot([1, 2, 3])
        mlflow.log_figure(figure, "plots/a.png")
    equal(client.list_artifacts(run.info.run_id, "plots")[0].path, "plots/a.png")


@check
def registry():
    name = f"model-{UNIQUE}"
    run = client.create_run(new_experiment("registry")).info
    source = f"{run.artifact_uri}/model"
    client.create_registered_model(name, tags={"k": "v"}, description="words")
    refused("RESOURCE_ALREADY_EXISTS", client.create_registered_model, name)
    first = client.create_model_version(name, source, run.run_id, tags={"a": "1"})
    second = client.create_model_version(name, source, run.run_id, description="two")
    equal((str(first.version), str(second.version), second.status, second.current_stage),
          ("1", "2", "READY", "None"))
    equal(client.get_model_version_download_uri(name, "1"), source)
    client.set_registered_model_alias(name, "champion", "1")
    equal(str(client.get_model_version_by_alias(name, "champion").version), "1")
    client.set_registered_model_alias(name, "champion", "2")
    equal(str(client.get_model_version_by_alias(name, "champion").version), "2")
    equal({k: str(v) for k, v in client.get_registered_model(name).aliases.items()},
          {"champion": "2"})
    equal(client.get_model_version(name, "2").aliases, ["champion"])
    refused("INVALID_PARAMETER_VALUE", client.get_model_version_by_alias, name, "none")
    refused("INVALID_PARAMETER_VALUE", client.set_registered_model_alias, name, "latest", "1")
    refused("RESOURCE_DOES_NOT_EXIST", client.set_registered_model_alias, name, "x", "9")
    client.set_model_version_tag(name, "1", "b", "2")
    client.delete_model_version_tag(name, "1", "a")
    equal(client.get_model_version(name, "1").tags, {"b": "2"})
    client.update_model_version(name, "1", "new words")
    client.update_registered_model(name, "other words")
    client.set_registered_model_tag(name, "k2", "v2")
    client.delete_registered_model_tag(name, "k")
    model = client.get_registered_model(name)
    equal((model.description, model.tags), ("other words", {"k2": "v2"}))
    versions = client.search_model_versions(f"name = '{name}'")
    equal([str(v.version) for v in versions][0] in "12", True)
    equal(len(client.search_model_versions(f"run_id = '{run.run_id}'")), 2)
    equal([str(v.version) for v in client.search_model_versions(
        f"name = '{name}' AND tags.b = '2'", order_by=["version_number ASC"])], ["1"])
    equal([m.name for m in client.search_registered_models(f"name ILIKE 'MODEL-{UNIQUE}'")], [name])
    client.delete_model_version(name, "2")
    refused("INVALID_PARAMETER_VALUE", client.get_model_version_by_alias, name, "champion")
    third = client.create_model_version(name, source, run.run_id)
    equal(str(third.version), "3")
    client.rename_registered_model(name, name + "-new")
    equal(str(client.get_model_version(name + "-new", "3").version), "3")
    client.delete_registered_model(name + "-new")
    refused("RESOURCE_DOES_NOT_EXIST", client.get_registered_model, name + "-new")


@check
def stages():
    name = f"staged-{UNIQUE}"
    run = client.create_run(new_experiment("stages")).info
    client.create_registered_model(name)
    for _ in range(3):
        client.create_model_version(name, f"{run.artifact_uri}/model", run.run_id)
    client.transition_model_version_stage(name, "1", "production")
    client.transition_model_version_stage(name, "2", "Production", archive_existing_versions=True)
    equal({str(v.version): v.current_stage for v in client.search_model_versions(f"name='{name}'")},
          {"1": "Archived", "2": "Production", "3": "None"})
    equal([str(v.version) for v in client.get_latest_versions(name, ["Production"])], ["2"])
    equal({v.current_stage for v in client.get_latest_versions(name)},
          {"None", "Production", "Archived"})
    refused("INVALID_PARAMETER_VALUE", client.transition_model_version_stage, name, "1", "best")


@check
def bad_sources_of_versions():
    name = f"sources-{UNIQUE}"
    client.create_registered_model(name)
    run = client.create_run(new_experiment("sources")).info
    for source in ["/etc/passwd", "file:///etc/passwd", f"{run.artifact_uri}/../../x",
                   "mlflow-artifacts:/other/artifacts/model", f"{run.artifact_uri}/%2e%2e/x"]:
        refused("INVALID_PARAMETER_VALUE", client._get_registry_client().store.create_model_version,
                name, source, run.run_id)


@check
def onnx_model_logged_and_registered():
    try:
        import numpy
        import onnx
        import onnxruntime  # noqa: F401
        from mlflow.models import infer_signature
    except ImportError:
        return
    helper, types = onnx.helper, onnx.TensorProto
    graph = helper.make_graph(
        [helper.make_node("Add", ["x", "x"], ["y"])], "g",
        [helper.make_tensor_value_info("x", types.FLOAT, [None, 2])],
        [helper.make_tensor_value_info("y", types.FLOAT, [None, 2])])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    rows = numpy.ones((2, 2), dtype=numpy.float32)
    mlflow.set_experiment(f"onnx-{UNIQUE}")
    name = f"onnx-{UNIQUE}"
    named = {"name": "model"} if IS_3 else {"artifact_path": "model"}
    with mlflow.start_run() as run:
        info = mlflow.onnx.log_model(model, signature=infer_signature({"x": rows}, {"y": rows}),
                                     pip_requirements=["onnxruntime"], **named)
    version = mlflow.register_model(info.model_uri, name)
    equal(str(version.version), "1")
    equal(client.get_model_version(name, "1").run_id, run.info.run_id)
    client.set_registered_model_alias(name, "champion", "1")
    for uri in [info.model_uri, f"models:/{name}/1", f"models:/{name}@champion"]:
        loaded = mlflow.onnx.load_model(uri)
        equal(loaded.graph.node[0].op_type, "Add")
    again = mlflow.register_model(f"runs:/{run.info.run_id}/model", name)
    equal(str(again.version), "2")
    if not IS_3:
        return
    outputs = client.get_run(run.info.run_id).outputs.model_outputs
    equal([o.model_id for o in outputs], [info.model_id])


@check
def logged_models():
    if not IS_3:
        return
    experiment = new_experiment("logged")
    run = client.create_run(experiment).info.run_id
    model = client.create_logged_model(experiment, name="net", source_run_id=run,
                                       tags={"t": "1"}, params={"p": "2"}, model_type="agent")
    equal((model.status.value, model.params, model.tags["t"]), ("PENDING", {"p": "2"}, "1"))
    ready = client.finalize_logged_model(model.model_id, "READY")
    equal(ready.status.value, "READY")
    client.set_logged_model_tags(model.model_id, {"u": "3"})
    client.delete_logged_model_tag(model.model_id, "t")
    client.log_metric(run, "acc", 0.75, model_id=model.model_id, dataset_name="d", dataset_digest="1")
    got = client.get_logged_model(model.model_id)
    equal((got.tags.get("u"), "t" in got.tags, [m.value for m in got.metrics]), ("3", False, [0.75]))
    other = client.create_logged_model(experiment, name="other", source_run_id=run)

    def search(**kwargs):
        return [m.name for m in client.search_logged_models([experiment], **kwargs)]

    equal(set(search()), {"net", "other"})
    equal(search(filter_string="metrics.acc > 0.5 AND params.p = '2'"), ["net"])
    equal(search(filter_string="name = 'other'"), ["other"])
    equal(search(order_by=[{"field_name": "metrics.acc", "ascending": True}]), ["net", "other"])
    equal(search(datasets=[{"dataset_name": "d", "dataset_digest": "1"}]), ["net"])
    client.delete_logged_model(other.model_id)
    equal(search(), ["net"])
    refused("RESOURCE_DOES_NOT_EXIST", client.get_logged_model, other.model_id)


@check
def bad_input_is_400_at_once():
    import requests
    run = client.create_run(new_experiment("bad")).info.run_id
    good = {"run_id": run, "key": "m", "value": 1.0, "timestamp": 1, "step": 0}

    def status(path, body, **kwargs):
        kwargs.setdefault("headers", {"Content-Type": "application/json"})
        data = body if isinstance(body, str) else __import__("json").dumps(body)
        reply = requests.post(f"{BASE}/api/2.0/mlflow/{path}", data=data, timeout=10, **kwargs)
        if reply.status_code >= 400:
            equal(set(reply.json()), {"error_code", "message"})
        return reply.status_code

    equal(status("runs/log-metric", good), 200)
    for change in [{"value": "abc"}, {"value": True}, {"step": 2**63}, {"timestamp": 10**30},
                   {"timestamp": -1}, {"key": ""}, {"key": "../x"}, {"value": None}, {"step": 1.5}]:
        equal((change, status("runs/log-metric", {**good, **change})), (change, 400))
    equal(status("runs/update", {"run_id": run, "status": "SLEEPING"}), 400)
    equal(status("runs/log-batch", {"run_id": run, "metrics": [{"key": "a", "value": "x", "timestamp": 1}]}), 400)
    equal(status("runs/log-batch", {"run_id": run, "metrics": "many"}), 400)
    equal(status("runs/log-batch", '{"run_id": '), 400)
    equal(status("runs/log-batch", "[" * 100_000), 400)
    equal(status("runs/log-batch", "[1]"), 400)
    equal(status("runs/create", {"experiment_id": "x1"}), 400)
    equal(status("runs/create", {"experiment_id": "424242"}), 404)
    equal(status("runs/log-metric", {**good, "run_id": "f" * 32}), 404)
    equal(status("runs/nothing", {}), 404)
    equal(status("runs/log-metric", good, headers={"Content-Type": "text/plain"}), 400)
    equal(status("runs/search", {"experiment_ids": ["0"], "page_token": "?"}), 400)
    equal(status("runs/search", {"experiment_ids": ["0"], "max_results": 50001}), 400)
    equal(status("runs/log-metric", __import__("json").dumps(__import__("json").dumps(good))), 200)
    reply = requests.get(f"{BASE}/api/2.0/mlflow/runs/get", params={"run_uuid": run}, timeout=10)
    equal(reply.json()["run"]["info"]["run_id"], run)
    for path in ["../secret", "%2e%2e/x", "a/%2e%2e/%2e%2e/x", "a%00b", "a%5cb", "a%23b"]:
        reply = requests.Request("GET", f"{BASE}/api/2.0/mlflow-artifacts/artifacts/x").prepare()
        reply.url = f"{BASE}/api/2.0/mlflow-artifacts/artifacts/{path}"
        code = requests.Session().send(reply, timeout=10).status_code
        equal((path, code in (400, 404)), (path, True))


@check
def ranges_of_artifacts():
    import requests
    url = f"{BASE}/api/2.0/mlflow-artifacts/artifacts/ranges-{UNIQUE}/f.bin"
    equal(requests.put(url, data=b"0123456789", timeout=10).status_code, 200)
    reply = requests.get(url, headers={"Range": "bytes=2-4"}, timeout=10)
    equal((reply.status_code, reply.content, reply.headers["Content-Range"]),
          (206, b"234", "bytes 2-4/10"))
    equal(requests.get(url, headers={"Range": "bytes=-3"}, timeout=10).content, b"789")
    equal(requests.get(url, headers={"Range": "bytes=10-"}, timeout=10).status_code, 416)
    equal(requests.delete(url, timeout=10).status_code, 200)
    equal(requests.get(url, timeout=10).status_code, 404)


def main():
    failed = 0
    for number, function in enumerate(checks, 1):
        name = function.__name__.replace("_", " ")
        try:
            function()
            print(f"ok {number} {name}", flush=True)
        except Exception as error:  # noqa: BLE001 (every failure is reported, none stops the rest)
            failed += 1
            print(f"not ok {number} {name}: {type(error).__name__}: {error}", flush=True)
            if os.environ.get("VERBOSE"):
                traceback.print_exc()
    print(f"mlflow {mlflow.__version__}: {len(checks) - failed} passed, {failed} failed")
    sys.exit(1 if failed else 0)


main()
