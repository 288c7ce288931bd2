"""Change-over under load, in real time: 64 connections through ten deployments: changeover_test.py TATARA. Needs the onnx package.

Version N of the model answers N: an answer whose prediction and model_version differ came from a wrong version.
"""
import http.client
import json
import os
import threading
from urllib.parse import urlsplit

from harness import Skip, Tests, main, tatara

tests = Tests()
CONNECTIONS, DEPLOYMENTS = 64, 10
BODY = json.dumps({"inputs": [{"name": "x", "shape": [1, 1], "datatype": "FP32", "data": [1.0]}]})


def constant_model(path, value):
    import numpy
    from onnx import TensorProto, helper, numpy_helper, save
    graph = helper.make_graph(
        [helper.make_node("Mul", ["x", "zero"], ["nothing"]), helper.make_node("Add", ["nothing", "value"], ["y"])], "constant",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 1])], [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["N", 1])],
        [numpy_helper.from_array(numpy.array([0], numpy.float32), "zero"), numpy_helper.from_array(numpy.array([value], numpy.float32), "value")])
    save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)


class Caller(threading.Thread):
    def __init__(self, url, stop):
        super().__init__(daemon=True)
        self.netloc, self.stop, self.answers, self.faults, self.versions = urlsplit(url).netloc, stop, 0, [], []

    def run(self):
        connection = http.client.HTTPConnection(self.netloc)
        while not self.stop.is_set():
            try:
                connection.request("POST", "/v2/models/e/infer", BODY)
                answer = connection.getresponse()
                text = answer.read()
                body = json.loads(text)
                version = body["model_version"]
                if answer.status != 200 or body["outputs"][0]["data"] != [float(version)]:
                    self.faults.append((answer.status, text))
                if not self.versions or self.versions[-1] != version:
                    self.versions.append(version)
                self.answers += 1
            except Exception as error:
                self.faults.append(repr(error))
                return


@tests.test
def ten_deployments_under_64_connections_lose_and_mix_nothing(binary):
    try:
        import onnx  # noqa: F401
    except ImportError as error:
        raise Skip(str(error))
    with tatara(binary) as t:
        t.up()
        paths = []
        for number in range(1, DEPLOYMENTS + 2):
            paths.append(os.path.join(t.folder, f"{number}.onnx"))
            constant_model(paths[-1], number)
        assert t.run("deploy", paths[0], "--as", "e").code == 0
        stop = threading.Event()
        callers = [Caller(t.url, stop) for _ in range(CONNECTIONS)]
        for caller in callers:
            caller.start()
        for path in paths[1:]:
            result = t.run("deploy", path, "--as", "e")
            assert result.code == 0, result.err
        stop.set()
        for caller in callers:
            caller.join(30)
        faults = [fault for caller in callers for fault in caller.faults]
        answers = sum(caller.answers for caller in callers)
        assert not faults, (len(faults), faults[:3])
        for caller in callers:
            numbers = [int(version) for version in caller.versions]
            assert numbers == sorted(set(numbers)), numbers  # each version's turn comes once, in order
        assert answers > 1000, answers
        print(f"  {answers} answers through {DEPLOYMENTS} deployments")


if __name__ == "__main__":
    main(tests)
