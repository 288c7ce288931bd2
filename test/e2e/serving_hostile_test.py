"""A hostile stranger at the endpoints: serving_hostile_test.py TATARA. ONNX Runtime in Python is the oracle of answers."""
import concurrent.futures
import gzip
import json
import math
import os
import re
import socket
import time

import numpy
import onnx
import onnxruntime
from onnx import TensorProto as T
from onnx import helper as h
from onnx import numpy_helper

from harness import Tests, main, tatara, wait_for

tests = Tests()
DATA = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "data")
JSON = {"Content-Type": "application/json"}
KINDS = {"BOOL": (T.BOOL, "bool"), "UINT8": (T.UINT8, "uint8"), "UINT16": (T.UINT16, "uint16"), "UINT32": (T.UINT32, "uint32"),
         "UINT64": (T.UINT64, "uint64"), "INT8": (T.INT8, "int8"), "INT16": (T.INT16, "int16"), "INT32": (T.INT32, "int32"),
         "INT64": (T.INT64, "int64"), "FP16": (T.FLOAT16, "float16"), "FP32": (T.FLOAT, "float32"), "FP64": (T.DOUBLE, "float64"),
         "BYTES": (T.STRING, "object")}
GOOD = {"inputs": [{"name": "features", "shape": [1, 3], "datatype": "FP32", "data": [1, 2, 3]}]}


def save(t, name, nodes, inputs, outputs, initializers=(), ml=False):
    graph = h.make_graph(nodes, name, [h.make_tensor_value_info(*i) for i in inputs],
                         [o if not isinstance(o, tuple) else h.make_tensor_value_info(*o) for o in outputs], list(initializers))
    opsets = [h.make_opsetid("", 17)] + ([h.make_opsetid("ai.onnx.ml", 3)] if ml else [])
    path = os.path.join(t.folder, name + ".onnx")
    onnx.save(h.make_model(graph, opset_imports=opsets, ir_version=8), path)
    return path


def deploy(t, path, endpoint):
    result = t.run("deploy", path, "--as", endpoint)
    assert result.code == 0, result.err


def infer(t, endpoint, body, headers=JSON):
    status, _, answer = t.call("POST", f"/v2/models/{endpoint}/infer", body, headers)
    return status, json.loads(answer)


def values(kind, shape, random):
    numpy_type = KINDS[kind][1]
    if kind == "BYTES":
        return random.choice(numpy.array(["", "a", "Ōsaka", 'q"\\', "\n"], object), shape)
    if kind == "BOOL":
        return random.random(shape) < 0.5
    if kind.startswith("FP"):
        return (random.standard_normal(shape) * 100).astype(numpy_type)
    limits = numpy.iinfo(numpy_type)
    return random.integers(limits.min, limits.max, shape, dtype=numpy_type, endpoint=True)


def as_input(name, kind, array, nested):
    data = array.tolist() if nested else array.ravel().tolist()
    return {"name": name, "shape": list(array.shape), "datatype": kind, "data": data if isinstance(data, list) else [data]}


def same(wanted, output, kind):
    got = numpy.array([math.nan if v is None else v for v in output["data"]], KINDS[kind][1]).reshape(output["shape"])
    if kind.startswith("FP"):
        return got.shape == wanted.shape and numpy.array_equal(got, wanted, equal_nan=True)
    return got.shape == wanted.shape and (got == wanted).all()


@tests.test
def every_type_and_shape_answers_as_onnx_runtime_does(binary):
    random = numpy.random.default_rng(7)
    with tatara(binary) as t:
        t.up()
        for kind, (onnx_type, _) in KINDS.items():
            # free rows, a matrix of free width, three dimensions, a fixed shape, a scalar
            for number, (declared, shapes) in enumerate([(["N"], [(1,), (5,), (0,)]), (["N", "M"], [(2, 3), (1, 1), (3, 0)]),
                                                         (["N", 2, 2], [(1, 2, 2), (4, 2, 2)]), ([2, 3], [(2, 3)]), ([], [()])]):
                name = f"{kind.lower()}{number}"
                path = save(t, name, [h.make_node("Identity", ["入力"], ["out put"])], [("入力", onnx_type, declared)],
                            [("out put", onnx_type, declared)])
                deploy(t, path, name)
                session = onnxruntime.InferenceSession(path)
                for shape in shapes:
                    array = values(kind, shape, random)
                    array = array if isinstance(array, numpy.ndarray) else numpy.array(array, KINDS[kind][1])
                    wanted = session.run(None, {"入力": array})[0]
                    for nested in (False, True):
                        status, answer = infer(t, name, {"inputs": [as_input("入力", kind, array, nested)]})
                        assert status == 200 and answer["outputs"][0]["name"] == "out put", (name, shape, nested, answer)
                        assert same(numpy.asarray(wanted), answer["outputs"][0], kind), (name, shape, array, answer)


@tests.test
def arithmetic_is_bit_for_bit_that_of_onnx_runtime(binary):
    random = numpy.random.default_rng(11)
    with tatara(binary) as t:
        t.up()
        weights = random.standard_normal((13, 4)).astype(numpy.float32)
        path = save(t, "dense", [h.make_node("MatMul", ["x", "w"], ["m"]), h.make_node("Sigmoid", ["m"], ["p"]),
                                 h.make_node("ArgMax", ["m"], ["best"], axis=1, keepdims=0), h.make_node("ReduceSum", ["m"], ["all"], keepdims=0)],
                    [("x", T.FLOAT, ["N", 13])], [("p", T.FLOAT, ["N", 4]), ("best", T.INT64, ["N"]), ("all", T.FLOAT, [])],
                    [numpy_helper.from_array(weights, "w")])
        deploy(t, path, "dense")
        session = onnxruntime.InferenceSession(path)
        for rows in (1, 2, 17, 300):
            x = (random.standard_normal((rows, 13)) * 1e3).astype(numpy.float32)
            wanted = session.run(None, {"x": x})
            status, answer = infer(t, "dense", {"inputs": [as_input("x", "FP32", x, True)]})
            assert status == 200, answer
            for expected, output, kind in zip(wanted, answer["outputs"], ("FP32", "INT64", "FP32")):
                assert same(numpy.asarray(expected), output, kind), (rows, output["name"])
        status, answer = infer(t, "dense", {"inputs": [as_input("x", "FP32", x, False)], "outputs": [{"name": "best"}, {"name": "p"}]})
        assert [o["name"] for o in answer["outputs"]] == ["best", "p"], answer


@tests.test
def models_without_a_tensor_form_are_refused_and_leave_what_was_live(binary):
    with tatara(binary) as t:
        t.up()
        deploy(t, os.path.join(DATA, "regressor.onnx"), "e")
        sequence = h.make_value_info("s", h.make_sequence_type_proto(h.make_tensor_type_proto(T.FLOAT, None)))
        path = save(t, "sequence", [h.make_node("SplitToSequence", ["x"], ["s"])], [("x", T.FLOAT, ["N"])], [sequence])
        refused = t.run("deploy", path, "--as", "e")
        assert refused.code == 2 and "'s'" in refused.err, (refused.code, refused.err)
        with open(os.path.join(DATA, "regressor.onnx"), "rb") as file:
            whole = file.read()
        for cut in (0, 1, 10, len(whole) // 2, len(whole) - 1):
            with open(os.path.join(t.folder, "cut.onnx"), "wb") as file:
                file.write(whole[:cut])
            assert t.run("deploy", "cut.onnx", "--as", "e").code in (2, 0), cut
        assert infer(t, "e", GOOD)[0] == 200


@tests.test
def class_probabilities_are_captured(binary):
    with tatara(binary) as t:
        t.up()
        deploy(t, os.path.join(DATA, "classifier.onnx"), "c")
        status, _, _ = t.call("POST", "/endpoints/c/invocations", {"dataframe_records": [{"p": 3, "q": 0}, {"p": -3, "q": 0}]}, JSON)
        assert status == 200
        rows = wait_for(lambda: (r := t.json("sql", "SELECT prediction, probabilities FROM capture_c ORDER BY event_time, inference_id")["rows"]) and r)
        assert [row[0] for row in rows] == ["yes", "no"] and abs(json.loads(rows[0][1])["yes"] - 0.9975) < 1e-3, rows


@tests.test
def bodies_of_every_kind_get_a_4xx(binary):
    with tatara(binary) as t:
        t.up()
        deploy(t, os.path.join(DATA, "regressor.onnx"), "e")
        one = json.dumps(GOOD["inputs"][0])
        texts = [
            '{"inputs":[{"name":"features","name":"x","shape":[1,3],"datatype":"FP32","data":[1,2,3]}]}',
            '{"inputs":[{"name":"features","shape":[1,3],"shape":[1,3],"datatype":"FP32","data":[1,2,3]}]}',
            '{"inputs":[{"name":"features","shape":[1,3],"datatype":"FP32","data":[1,2,3],"data":[1,2,3]}]}',
            '{"inputs":[%s],"inputs":[%s]}' % (one, one), '{"inputs":[%s],"outputs":5}' % one, '{"inputs":[%s],"outputs":[{"name":7}]}' % one,
            '{"inputs":[%s],"id":{}}' % one, '{"inputs":[%s],"id":"%s"}' % (one, "x" * 1025), '{"inputs":[%s]' % one, '{"inputs":[%s]}}' % one, '{"inputs":[%s,]}' % one,
            '{"inputs":[{"name":"features","shape":[1,3],"datatype":"FP32","data":[1,2,Infinity]}]}',
            '{"inputs":[{"name":"features","shape":[1,3],"datatype":"FP32","data":[1,2,1e400]}]}',
            '{"inputs":[{"name":"features","shape":[1,3],"datatype":"FP32","data":[1,2,0x10]}]}',
            '{"inputs":[{"name":"features","shape":[1,3],"datatype":"FP32","data":"AAAA"}]}',
            '{"inputs":[{"name":"features","shape":[1e3,3],"datatype":"FP32","data":[]}]}',
            '{"inputs":[{"name":"\\ud800","shape":[1,3],"datatype":"FP32","data":[1,2,3]}]}',
            "null", "7", '""', "[]", "{", "", " ", "\x00", "{}" * 3, "[" * 1_000_000, '{"a":' * 1_000_000,
        ]
        for text in texts:
            status, answer = infer(t, "e", text.encode("utf-8", "surrogatepass"))
            assert 400 <= status < 500 and set(answer) == {"error"} and answer["error"], (text[:90], status, answer)
            status, _, _ = t.call("POST", "/endpoints/e/invocations", text.encode("utf-8", "surrogatepass"), JSON)
            assert 400 <= status < 500, (text[:90], status)
        huge = b'{"inputs":[{"name":"features","shape":[1,3],"datatype":"FP32","data":[1,2,3]}],"pad":"' + b"x" * (100 << 20) + b'"}'
        status, answer = infer(t, "e", huge)
        assert status == 413, (status, answer)
        packed = gzip.compress(json.dumps(GOOD).encode())
        assert infer(t, "e", packed, {**JSON, "Content-Encoding": "gzip"})[0] == 200
        assert infer(t, "e", packed[:-4], {**JSON, "Content-Encoding": "gzip"})[0] == 400
        assert infer(t, "e", gzip.compress(b"x" * (100 << 20)), {**JSON, "Content-Encoding": "gzip"})[0] == 413
        assert infer(t, "e", GOOD)[0] == 200


class Raw:
    """A bare socket to the server."""

    def __init__(self, t):
        host, port = re.match(r"http://([^:]+):(\d+)", t.url).groups()
        self.socket = socket.create_connection((host, int(port)), timeout=30)

    def send(self, data):
        try:
            self.socket.sendall(data)
        except OSError:
            pass  # refused before all was sent
        return self

    def answers(self):
        """Status codes until the server closes."""
        data = b""
        try:
            while piece := self.socket.recv(65536):
                data += piece
        except (ConnectionError, TimeoutError):
            pass
        self.socket.close()
        return [int(code) for code in re.findall(rb"HTTP/1\.1 (\d+) ", data)]


@tests.test
def hostile_http_over_raw_sockets(binary):
    with tatara(binary) as t:
        t.up()
        deploy(t, os.path.join(DATA, "regressor.onnx"), "e")
        body = json.dumps(GOOD).encode()
        path = b"/v2/models/e/infer"

        def post(headers, payload=body, line=b"POST " + path + b" HTTP/1.1\r\n"):
            return line + b"Host: localhost\r\n" + headers + b"\r\n" + payload

        length = b"Content-Length: %d\r\n" % len(body)
        refused = {
            "two lengths": post(length + b"Content-Length: 5\r\n"), "CL and TE": post(length + b"Transfer-Encoding: chunked\r\n"),
            "negative length": post(b"Content-Length: -1\r\n"), "plus length": post(b"Content-Length: +5\r\n"),
            "huge length": post(b"Content-Length: 99999999999999999999\r\n"), "list of lengths": post(b"Content-Length: 5, 5\r\n"),
            "unknown coding": post(b"Transfer-Encoding: gzip, chunked\r\n"), "folded header": post(b"X-A: b\r\n c\r\n" + length),
            "bare LF": post(length).replace(b"\r\n", b"\n"), "NUL": post(b"X-A: \0\r\n" + length), "no colon": post(b"nonsense\r\n" + length),
            "blank before colon": post(b"Content-Length : 5\r\n"), "bare CR": post(b"X-A: b\rc\r\n" + length),
            "header flood": post(b"".join(b"X-%d: y\r\n" % i for i in range(5000)) + length), "long header": post(b"X-A: " + b"y" * 200_000 + b"\r\n" + length),
            "long target": post(length, line=b"POST /" + b"a" * 100_000 + b" HTTP/1.1\r\n"), "HTTP/2": post(length, line=b"PRI * HTTP/2.0\r\n"),
            "no version": b"POST " + path + b"\r\n\r\n", "dot dot": post(length, line=b"POST /v2/../v2/models/e/infer HTTP/1.1\r\n"),
            "escaped dot dot": post(length, line=b"POST /v2/%2e%2e/models/e/infer HTTP/1.1\r\n"), "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\0" * 64,
            "bad chunk": post(b"Transfer-Encoding: chunked\r\n", b"zz\r\n"), "huge chunk": post(b"Transfer-Encoding: chunked\r\n", b"ffffffffffffffff1\r\n"),
            "escaped NUL": post(length, line=b"POST /v2/models/e%00/infer HTTP/1.1\r\n"),
        }
        for name, data in refused.items():
            codes = Raw(t).send(data).answers()
            assert len(codes) == 1 and 400 <= codes[0] < 500, (name, codes)
        # a smuggled request behind a refused one never runs
        codes = Raw(t).send(refused["CL and TE"] + post(length)).answers()
        assert codes == [400], codes
        # cut off: the client says it has no more, in the middle of its body
        raw = Raw(t).send(post(b"Content-Length: 100000\r\n"))
        raw.socket.shutdown(socket.SHUT_WR)
        assert (codes := raw.answers()) == [400], codes
        # a half-closed socket still gets its answers, in order, also of pipelined requests
        raw = Raw(t).send(post(length) * 20)
        raw.socket.shutdown(socket.SHUT_WR)
        assert (codes := raw.answers()) == [200] * 20, codes
        # chunked, byte by byte
        chunks = b"".join(b"1\r\n%c\r\n" % byte for byte in body) + b"0\r\n\r\n"
        raw = Raw(t)
        for i in range(0, len(chunks), 7):
            raw.send((post(b"Transfer-Encoding: chunked\r\nConnection: close\r\n", b"") if i == 0 else b"") + chunks[i:i + 7])
        assert (codes := raw.answers()) == [200], codes
        # pipelined, and gone before the answers
        for _ in range(50):
            Raw(t).send(post(length) * 64).socket.close()
        idle = [Raw(t) for _ in range(1000)]
        start = time.monotonic()
        assert infer(t, "e", GOOD)[0] == 200 and time.monotonic() - start < 1
        for slow in idle[:200]:
            slow.send(b"POST /v2/mod")
        assert infer(t, "e", GOOD)[0] == 200
        for raw in idle:
            raw.socket.close()


@tests.test
def overload_is_answered_at_once_with_retry_after_and_passes(binary):
    with tatara(binary) as t:
        t.up()
        # a square matrix to a high power: some hundred milliseconds a run
        size = 600
        nodes = [h.make_node("MatMul", ["x", "x"], ["m0"])] + [h.make_node("MatMul", [f"m{i}", "x"], [f"m{i + 1}"]) for i in range(8)]
        path = save(t, "heavy", [h.make_node("ConstantOfShape", ["s"], ["zeros"]), h.make_node("Add", ["zeros", "v"], ["x"]), *nodes, h.make_node("ReduceMin", ["m8"], ["least"], keepdims=0),
                                 h.make_node("Mul", ["least", "v"], ["y"])],
                    [("v", T.FLOAT, [1])], [("y", T.FLOAT, [1])], [numpy_helper.from_array(numpy.array([size, size], numpy.int64), "s")])
        deploy(t, path, "heavy")
        deploy(t, os.path.join(DATA, "regressor.onnx"), "quick")
        body = {"inputs": [{"name": "v", "shape": [1], "datatype": "FP32", "data": [0]}]}

        def ask(_):
            status, headers, answer = t.call("POST", "/v2/models/heavy/infer", body, JSON)
            return status, {k.lower(): v for k, v in headers.items()}.get("retry-after"), json.loads(answer)

        with concurrent.futures.ThreadPoolExecutor(120) as pool:
            futures = [pool.submit(ask, i) for i in range(160)]
            time.sleep(0.3)
            start = time.monotonic()
            status, answer = infer(t, "quick", GOOD)
            assert status in (200, 429, 503) and time.monotonic() - start < 1, (status, answer)
            results = [future.result() for future in futures]
        kinds = {status for status, _, _ in results}
        assert 200 in kinds and kinds <= {200, 429, 503} and len(kinds) > 1, kinds
        for status, retry, answer in results:
            assert (answer["outputs"][0]["data"] == [0.0]) if status == 200 else (retry == "1" and "try again" in answer["error"]), (status, retry, answer)
        assert wait_for(lambda: infer(t, "quick", GOOD)[0] == 200)


@tests.test
def a_full_disk_does_not_stop_predictions_and_is_told(binary):
    with tatara(binary) as t:
        t.up()
        deploy(t, os.path.join(DATA, "regressor.onnx"), "e")
        folder = os.path.join(t.folder, ".tatara/capture/e")
        os.makedirs(folder, exist_ok=True)
        os.symlink("/dev/full", os.path.join(folder, "00000001.journal"))
        for _ in range(50):
            assert infer(t, "e", GOOD)[0] == 200
        failing = wait_for(lambda: (e := t.json("endpoints")["endpoints"][0])["capture_failure"] and e)
        assert "No space" in failing["capture_failure"] and failing["capture_lost_rows"] == 0 and failing["state"] == "READY", failing
        time.sleep(1.5)
        assert infer(t, "e", GOOD)[0] == 200
        metrics = t.call("GET", "/metrics")[2].decode()
        assert re.search(r'tatara_endpoint_capture_failing\{endpoint="e"\} 1\b', metrics), metrics[-2000:]
        doctor = t.run("doctor")
        assert doctor.code == 1 and "capture of e" in doctor.out and "No space" in doctor.out, doctor.out
        log = open(os.path.join(t.folder, "server.log")).read()
        assert log.count("captured rows wait in memory") == 1, log[-2000:]
        line = json.dumps({"groundTruthData": {"data": "5", "encoding": "CSV"}, "eventMetadata": {"eventId": "k"}, "eventVersion": "0"})
        status, _, answer = t.call("POST", "/endpoints/e/ground-truth", line.encode())
        assert status >= 429 and "error" in json.loads(answer), (status, answer)


if __name__ == "__main__":
    main(tests)
