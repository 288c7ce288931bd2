"""Train on all but the newest days, log to MLflow, save the model as ONNX."""
import os
import warnings
from pathlib import Path

import lightgbm as lgb
import mlflow
import onnxmltools
import onnxruntime
import pandas as pd
import yaml
from mlflow.models import infer_signature
from onnxmltools.convert.common.data_types import FloatTensorType

warnings.filterwarnings("ignore", message="The specified dataset source can be interpreted")

params = yaml.safe_load(open("params.yaml"))
names, settings = params["features"], dict(params["model"])
rounds = settings.pop("rounds")

data = pd.read_parquet("data/features.parquet").dropna(subset="air_time")
cut = pd.Timestamp(params["data"]["end"]) - pd.Timedelta(days=params["holdout_days"])
train, holdout = data[data.date < cut], data[data.date >= cut]
x, y = train[names].astype("float32"), train.air_time
xh, yh = holdout[names].astype("float32"), holdout.air_time


def log_round(env):
    scores = {f"{dataset}_{metric}": value for dataset, metric, value, _ in env.evaluation_result_list}
    mlflow.log_metrics(scores, step=env.iteration, synchronous=False)


mlflow.set_experiment(os.environ.get("MLFLOW_EXPERIMENT_NAME", "flights"))
with mlflow.start_run() as run:
    mlflow.log_params({**params["data"], "holdout_days": params["holdout_days"], "features": ",".join(names), **params["model"]})
    dataset = mlflow.data.from_pandas(x.assign(air_time=y), source="data/features.parquet", targets="air_time", name="flights")
    mlflow.log_input(dataset, context="training")
    # the rows themselves: what the monitor holds the endpoint's traffic against
    train[[*names, "air_time"]].to_parquet("training.parquet", index=False)
    mlflow.log_artifact("training.parquet")
    Path("training.parquet").unlink()

    # one thread: reproducible, and faster than two on busy cores
    booster = lgb.train(
        {"objective": "regression", "metric": ["l1", "rmse"], "num_threads": 1,
         "deterministic": True, "force_row_wise": True, "verbosity": -1, **settings},
        lgb.Dataset(x, y), rounds,
        valid_sets=[lgb.Dataset(x, y), lgb.Dataset(xh, yh)], valid_names=["train", "holdout"],
        callbacks=[log_round])

    onnx = onnxmltools.convert_lightgbm(
        booster, initial_types=[("input", FloatTensorType([None, len(names)]))], target_opset=15)
    session = onnxruntime.InferenceSession(onnx.SerializeToString())
    served = session.run(None, {"input": xh.to_numpy()})[0].ravel()
    difference = float(abs(served - booster.predict(xh)).max())
    mlflow.log_metric("onnx_max_abs_diff", difference)
    assert difference < 1e-3, f"ONNX and LightGBM differ by {difference} minutes"

    Path("model").mkdir(exist_ok=True)
    Path("model/model.onnx").write_bytes(onnx.SerializeToString())
    Path("model/run_id").write_text(run.info.run_id)
    mlflow.onnx.log_model(onnx, name="model", signature=infer_signature(x.head(), y.head()),
                          pip_requirements=[f"onnxruntime=={onnxruntime.__version__}"])
