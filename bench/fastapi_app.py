"""What a team would write itself: FastAPI, ONNX Runtime, each row and answer appended to a file.

Run by bench.py as `uvicorn fastapi_app:app`; MODEL and CAPTURE name the model and the file.
"""
import json
import os
import time

import fastapi
import numpy
import onnxruntime
import pydantic

options = onnxruntime.SessionOptions()
options.intra_op_num_threads = options.inter_op_num_threads = 1
session = onnxruntime.InferenceSession(os.environ["MODEL"], options)
capture = open(os.environ["CAPTURE"], "a", buffering=1 << 16)
app = fastapi.FastAPI()


class Tensor(pydantic.BaseModel):
    name: str
    shape: list[int]
    datatype: str
    data: list[float]


class Request(pydantic.BaseModel):
    inputs: list[Tensor]


@app.post("/v2/models/bench/infer")
async def infer(request: Request):
    feeds = {t.name: numpy.array(t.data, numpy.float32).reshape(t.shape) for t in request.inputs}
    answer = session.run(None, feeds)[0]
    capture.write(json.dumps({"time": time.time(), "inputs": request.inputs[0].data, "outputs": answer.tolist()}) + "\n")
    return {"model_name": "bench", "outputs": [{"name": "variable", "datatype": "FP32", "shape": list(answer.shape),
                                                "data": answer.ravel().tolist()}]}
