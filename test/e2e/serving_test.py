"""Endpoints over every dialect: serving_test.py TATARA. A test of a client is skipped where that is absent."""
import concurrent.futures
import importlib
import json
import os

from harness import Skip, Tests, main, tatara, wait_for

tests = Tests()
DATA = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "data")
JSON = {"Content-Type": "application/json"}


def deploy(t, model, endpoint):
    result = t.run("deploy", os.path.join(DATA, model + ".onnx"), "--as", endpoint)
    assert result.code == 0, result.err


def need(name):
    """The module of a client; without it the test is skipped."""
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise Skip(str(error))


def infer(t, endpoint, body, path="/infer"):
    status, _, answer = t.call("POST", f"/v2/models/{endpoint}{path}", body, JSON)
    return status, json.loads(answer)


def invoke(t, endpoint, body, **headers):
    status, answer_headers, answer = t.call("POST", f"/endpoints/{endpoint}/invocations", body,
                                            {**JSON, **{k.replace("_", "-"): v for k, v in headers.items()}})
    return status, json.loads(answer), answer_headers


def tensor(name, shape, datatype, data):
    return {"name": name, "shape": shape, "datatype": datatype, "data": data}


@tests.test
def tensors_of_every_type_come_back_as_they_went(binary):
    with tatara(binary) as t:
        t.up()
        deploy(t, "types", "types")
        values = {"bool": [True, False], "uint8": [0, 255], "uint16": [0, 65535], "uint32": [0, 2**32 - 1],
                  "uint64": [0, 2**64 - 1], "int8": [-128, 127], "int16": [-32768, 32767], "int32": [-2**31, 2**31 - 1],
                  "int64": [-2**63, 2**63 - 1], "fp16": [0.5, -65504.0], "fp32": [1.1, 3.4e38], "fp64": [0.1, 1.7e308],
                  "bytes": ["", "Ōsaka \"quoted\"\n"]}
        inputs = [tensor(name, [2], name.upper(), data) for name, data in values.items()]
        status, answer = infer(t, "types", {"id": "7", "inputs": inputs})
        assert status == 200 and answer["id"] == "7" and answer["model_version"] == "1", answer
        got = {o["name"][4:]: o["data"] for o in answer["outputs"]}
        assert got == values, got
        status, answer = infer(t, "types", {"inputs": inputs, "outputs": [{"name": "out_int8"}]})
        assert [o["name"] for o in answer["outputs"]] == ["out_int8"]


@tests.test
def data_may_be_nested_or_flat_and_come_before_its_shape(binary):
    with tatara(binary) as t:
        t.up()
        deploy(t, "regressor", "reg")
        for data in ([1, 2, 3, 4, 5, 6], [[1, 2, 3], [4, 5, 6]]):
            assert infer(t, "reg", {"inputs": [tensor("features", [2, 3], "FP32", data)]})[1]["outputs"][0]["data"] == [14, 32]
        late = b'{"inputs":[{"data":[1,2,3],"datatype":"FP32","shape":[1,3],"name":"features","parameters":{"a":1}}]}'
        assert infer(t, "reg", late)[1]["outputs"][0]["data"] == [14]
        assert infer(t, "reg", late, "/versions/1/infer")[0] == 200
        assert infer(t, "reg", late, "/versions/2/infer")[0] == 404
        assert infer(t, "gone", late)[0] == 404


@tests.test
def hostile_tensors_get_a_4xx_that_says_what_is_wrong(binary):
    with tatara(binary) as t:
        t.up()
        deploy(t, "regressor", "reg")
        deploy(t, "types", "types")
        good = tensor("features", [1, 3], "FP32", [1, 2, 3])

        def features(**change):
            return {"inputs": [{**good, **change}]}

        cases = [
            (features(shape=[1, 4]), "shape"), (features(shape=[2, 3]), "wants 6 elements, data has 3"),
            (features(data=[1, 2, 3, 4]), "data has more"), (features(shape=[-1, 3]), "shape"),
            (features(shape=[2**62, 2**62]), "shape"), (features(shape=[10**18, 3]), "shape"),
            (features(shape=[1.5, 3]), "shape"), (features(shape="x"), "shape"), (features(shape=[1] * 200), "dimensions"),
            (features(shape=[3]), "features"), (features(datatype="FP64"), "wants FP32"), (features(datatype="X"), "FP32"),
            (features(data=[1, "2", 3]), "element 1"), (features(data=[1, None, 3]), "no missing values"), (features(data=[1, True, 3]), "boolean"),
            (features(data=[1, {}, 3]), "object"), (features(data=[1, 1e39, 3]), "out of the range of FP32"), (features(data=5), "list"),
            ({"inputs": [good, good]}, "twice"), ({"inputs": [{**good, "name": "other"}]}, "no input 'other'"), ({"inputs": []}, "missing"),
            ({}, "inputs"), ([], "object"), ({"inputs": {}}, "list"), ({"inputs": [5]}, "objects"), ({"inputs": [{}]}, "name"),
            ({"inputs": [good], "outputs": [{"name": "nope"}]}, "nope"), ({"inputs": [good], "outputs": [{"name": "variable"}] * 2}, "twice"),
            ({"inputs": [good], "id": 7}, "id"),
            (b'{"inputs":[{"name":"features","shape":[1,3],"datatype":"FP32","data":[1,NaN,3]}]}', "JSON"),
            (b'{"inputs":[{"name":"features","shape":[1,3],"datatype":"FP32","data":[1,1e999,3]}]}', ""),
            (b"[" * 1_000_000, ""), (b'{"a":' * 300_000, ""), (b'{"inputs":' + b"[" * 1_000_000, ""),
            (b'{"inputs":[{"name":"features","shape":[1,3],"datatype":"FP32","data":' + b"[" * 500_000 + b"]" * 500_000 + b"}]}", "nested"),
            (b'{"x":tru,"inputs":[]}', ""), (b"", ""), (b"\xff\xfe{", ""), (json.dumps({"inputs": [good]}).encode() + b"x", "JSON"),
        ]
        for body, text in cases:
            status, answer = infer(t, "reg", body)
            shown = body if not isinstance(body, bytes) else body[:90]
            assert 400 <= status < 500 and set(answer) == {"error"} and text in answer["error"], (shown, status, answer)
        base = [tensor(n, [1], n.upper(), [0]) for n in ("uint8", "uint16", "uint32", "uint64", "int8", "int16", "int32", "int64", "fp16", "fp32", "fp64")]
        base += [tensor("bool", [1], "BOOL", [True]), tensor("bytes", [1], "BYTES", ["x"])]
        assert infer(t, "types", {"inputs": base})[0] == 200
        for name, value in {"uint8": 256, "int8": -129, "uint64": 2**64, "int64": 2**63, "int32": 1.5, "uint16": -1, "bool": 1.5, "fp16": 70000, "bytes": 3}.items():
            inputs = [{**i, "data": [value]} if i["name"] == name else i for i in base]
            status, answer = infer(t, "types", {"inputs": inputs})
            assert status == 400 and f"'{name}'" in answer["error"], (name, status, answer)
        assert infer(t, "reg", {"inputs": [good]})[0] == 200


@tests.test
def numbers_of_many_digits_are_what_they_say(binary):
    with tatara(binary) as t:
        t.up()
        deploy(t, "regressor", "reg")
        for text in ("18446745073709551616.0", "1844674507370955161.60", "0.10000000000000000555", "123.00000000000000000000"):
            body = f'{{"instances": [[{text}, 0, 0]]}}'.encode()
            status, answer, _ = invoke(t, "reg", body)
            assert status == 200 and abs(answer["predictions"][0] - float(text)) <= 1e-6 * float(text), (text, answer)
            body = f'{{"inputs": [{{"name": "features", "shape": [1, 3], "datatype": "FP32", "data": [{text}, 0, 0]}}]}}'.encode()
            status, answer = infer(t, "reg", body)
            assert status == 200 and abs(answer["outputs"][0]["data"][0] - float(text)) <= 1e-6 * float(text), (text, answer)


@tests.test
def binary_tensors_get_a_clear_4xx(binary):
    with tatara(binary) as t:
        t.up()
        deploy(t, "regressor", "reg")
        status, _, body = t.call("POST", "/v2/models/reg/infer", b"{}", {"Inference-Header-Content-Length": "2"})
        assert status == 400 and "binary" in json.loads(body)["error"], body


@tests.test
def metadata_ready_and_live(binary):
    with tatara(binary) as t:
        t.up()
        deploy(t, "classifier", "c")
        for path in ("/v2", "/v2/health/live", "/v2/health/ready", "/v2/models/c/ready", "/v2/models/c/versions/1/ready"):
            assert t.call("GET", path)[0] == 200, path
        meta = json.loads(t.call("GET", "/v2/models/c")[2])
        assert meta["versions"] == ["1"] and meta["inputs"] == [{"name": "features", "datatype": "FP32", "shape": [-1, 2]}], meta
        assert [o["name"] for o in meta["outputs"]] == ["label", "probabilities"]
        for path in ("/v2/models/x", "/v2/models/x/ready", "/v2/models/c/versions/9", "/v2/models/c/versions/9/ready"):
            status, _, body = t.call("GET", path)
            assert status == 404 and set(json.loads(body)) == {"error"}, path


@tests.test
def the_four_forms_and_csv_give_the_same_predictions(binary):
    with tatara(binary) as t:
        t.up()
        deploy(t, "regressor", "reg")
        bodies = [{"dataframe_split": {"columns": ["a", "b", "c"], "data": [[1, 2, 3], [4, 5, 6]]}},
                  {"dataframe_split": {"index": [7, 8], "columns": ["x", "c", "b", "a"], "data": [["z", 3, 2, 1], [None, 6, 5, 4]]}},
                  {"dataframe_split": {"data": [[1, 2, 3], [4, 5, 6]], "columns": ["a", "b", "c"]}},
                  {"dataframe_records": [{"a": 1, "b": 2, "c": 3}, {"c": 6, "d": "x", "b": 5, "a": 4}]},
                  {"instances": [[1, 2, 3], [4, 5, 6]]}, {"instances": [{"a": 1, "b": 2, "c": 3}, {"a": 4, "b": 5, "c": 6}]},
                  {"inputs": [[1, 2, 3], [4, 5, 6]]}, {"inputs": {"a": [1, 4], "b": [2, 5], "c": [3, 6]}},
                  {"inputs": {"features": [[1, 2, 3], [4, 5, 6]]}, "params": {}}]
        for body in bodies:
            status, answer, _ = invoke(t, "reg", body)
            assert status == 200 and answer == {"predictions": [14, 32]}, (body, answer)
        csv = b"a,b,c,note\r\n1,2,3,\"x, y\"\r\n4,5,6,\r\n"
        status, _, answer = t.call("POST", "/endpoints/reg/invocations", csv, {"Content-Type": "text/csv; charset=utf-8"})
        assert json.loads(answer) == {"predictions": [14, 32]}, answer
        path = t.write("rows.csv", "a,b,c\n1,2,3\n4,5,6\n")
        assert t.json("invoke", "reg", path) == {"predictions": [14, 32]}
        assert t.run("invoke", "reg", path).out == "14.0\n32.0\n"


@tests.test
def null_is_missing_for_floats_and_an_error_for_integers(binary):
    with tatara(binary) as t:
        t.up()
        deploy(t, "several", "s")
        row = {"x": 1.5, "n": 2, "flag": True}
        assert invoke(t, "s", {"dataframe_records": [row]})[1] == {"predictions": [103.5]}
        assert invoke(t, "s", {"dataframe_records": [{**row, "x": None}]})[1] == {"predictions": [None]}
        status, answer, _ = invoke(t, "s", {"dataframe_records": [{**row, "n": None}]})
        assert status == 400 and "'n'" in answer["error"] and "row 1" in answer["error"], answer


@tests.test
def bad_invocations_name_what_is_wrong(binary):
    with tatara(binary) as t:
        t.up()
        deploy(t, "regressor", "reg")
        split = {"columns": ["a", "b", "c"], "data": [[1, 2, 3]]}
        cases = [({"dataframe_split": {"columns": ["a", "c"], "data": [[1, 2]]}}, "'b'"), ({"dataframe_records": [{"a": 1, "b": 2}]}, "'c'"),
                 ({"dataframe_split": split, "instances": [[1, 2, 3]]}, "exactly one"), ({}, "missing"), ([], "object"), (b"{", "JSON"),
                 ({"dataframe_split": {**split, "data": [[1, 2]]}}, "2 values"), ({"dataframe_split": {**split, "data": [[1, 2, 3, 4]]}}, "more"),
                 ({"dataframe_split": {**split, "data": [[1, "x", 3]]}}, "'b'"), ({"dataframe_split": {**split, "columns": ["a", "a", "b", "c"]}}, "twice"),
                 ({"dataframe_split": [1]}, "object"), ({"instances": [[1, 2], [3]]}, "uneven"), ({"instances": [[1, 2]]}, "features"),
                 ({"instances": 5}, "list"), ({"inputs": {"a": [1], "b": [1, 2], "c": [1]}}, "values"), ({"inputs": {"a": [1]}}, "'b'"),
                 (b'{"dataframe_split":{"columns":["a","b","c"],"data":[[1,NaN,3]]}}', "JSON"), (b"[" * 1_000_000, "")]
        for body, text in cases:
            status, answer, _ = invoke(t, "reg", body)
            assert status == 400 and text in answer["error"], (body if not isinstance(body, bytes) else body[:60], status, answer)
        assert t.call("POST", "/endpoints/reg/invocations", b"x", {"Content-Type": "text/html"})[0] == 415
        assert invoke(t, "reg", {"dataframe_split": split}, X_Event_Time="yesterday")[0] == 400
        assert invoke(t, "nope", {"dataframe_split": split})[0] == 404


@tests.test
def classifiers_answer_with_label_and_probabilities(binary):
    with tatara(binary) as t:
        t.up()
        deploy(t, "classifier", "c")
        _, answer, _ = invoke(t, "c", {"dataframe_records": [{"p": 3, "q": 0}]})
        prediction = answer["predictions"][0]
        assert prediction["label"] == "yes" and abs(prediction["probabilities"]["yes"] - 0.9975) < 1e-3, answer
        _, answer = infer(t, "c", {"inputs": [tensor("features", [1, 2], "FP32", [3, 0])]})
        assert json.loads(answer["outputs"][1]["parameters"]["classes"]) == ["no", "yes"], answer


@tests.test
def rows_are_captured_and_joined_with_their_truth(binary):
    with tatara(binary) as t:
        t.up()
        deploy(t, "regressor", "reg")
        for i in range(3):
            body = {"dataframe_split": {"columns": ["a", "b", "c"], "data": [[i, 30.02, None if i == 2 else 1]]}}
            status, _, headers = invoke(t, "reg", body, X_Amzn_SageMaker_Inference_Id=f"id{i}", X_Event_Time=f"2026-01-0{i + 1}T00:00:00Z")
            assert status == 200 and headers["X-Amzn-SageMaker-Inference-Id"] == f"id{i}"

        def truth(*lines):
            return t.call("POST", "/endpoints/reg/ground-truth", "\n".join(lines).encode(), {"Content-Type": "application/jsonlines"})

        def line(event, data):
            return json.dumps({"groundTruthData": {"data": data, "encoding": "CSV"}, "eventMetadata": {"eventId": event}, "eventVersion": "0"})

        status, _, body = truth(line("id0", "1.5"), "not json", line("id1", "2"))
        assert status == 400 and "line 2" in json.loads(body)["error"], body
        status, _, body = truth(line("id0", "1.5"), line("id1", "227.0"), line("zzz", "3"))
        assert status == 200 and json.loads(body) == {"accepted": 2, "unknown": 1, "repeated": 0}, body
        assert json.loads(truth(line("id0", "9"))[2])["repeated"] == 1
        query = "SELECT inference_id, a, b, c, prediction, truth, model_version FROM capture_reg ORDER BY event_time"
        rows = t.json("sql", query)["rows"]
        assert rows[0][:4] == ["id0", 0, 30.02, 1] and rows[0][5:] == [1.5, "1"] and rows[1][5] == 227, rows
        assert rows[2][3] is None and rows[2][5] is None, rows
        t.kill()
        assert t.json("sql", query)["rows"] == rows
        t.up()
        wait_for(lambda: not [f for f in os.listdir(os.path.join(t.folder, ".tatara/capture/reg")) if f.endswith(".journal")], what="Parquet")
        assert t.json("sql", query)["rows"] == rows
        assert invoke(t, "reg", {"dataframe_split": {"columns": ["a", "b", "c"], "data": [[1, 1, 1]]}})[0] == 200
        assert len(t.json("sql", query)["rows"]) == 4


@tests.test
def an_acknowledged_truth_survives_a_kill(binary):
    with tatara(binary) as t:
        t.up()
        deploy(t, "regressor", "reg")
        body = {"dataframe_split": {"columns": ["a", "b", "c"], "data": [[1, 2, 3]]}}
        assert invoke(t, "reg", body, X_Amzn_SageMaker_Inference_Id="k")[0] == 200
        line = json.dumps({"groundTruthData": {"data": "5", "encoding": "CSV"}, "eventMetadata": {"eventId": "k"}, "eventVersion": "0"})
        assert t.call("POST", "/endpoints/reg/ground-truth", line.encode())[0] == 200
        t.kill()
        assert t.json("sql", "SELECT truth FROM capture_reg")["rows"] == [[5]]
        t.up()
        assert invoke(t, "reg", body)[0] == 200


@tests.test
def deploys_follow_the_law_of_versions(binary):
    with tatara(binary) as t:
        t.up()
        for expected in ("1", "2", "3", "4"):
            answer = t.json("deploy", os.path.join(DATA, "regressor.onnx"), "--as", "e")
            assert answer["version"] == expected, answer
        body = {"inputs": [tensor("features", [1, 3], "FP32", [1, 2, 3])]}
        assert infer(t, "e", body)[1]["model_version"] == "4"
        assert infer(t, "e", body, "/versions/2/infer")[1]["model_version"] == "2"
        assert infer(t, "e", body, "/versions/1/infer")[0] == 404
        corrupt = t.write("bad.onnx", "rubbish")
        assert t.run("deploy", corrupt, "--as", "e").code == 2
        assert t.run("deploy", "models:/nope/1", "--as", "e").code == 3
        assert t.run("deploy", "nope.onnx", "--as", "e").code == 3
        assert infer(t, "e", body)[1]["model_version"] == "4"
        listed = t.json("endpoints")["endpoints"][0]
        assert listed["state"] == "READY" and listed["versions"] == ["4", "3", "2"], listed
        t.down()
        assert t.json("endpoints")["endpoints"][0]["version"] == "4"
        t.up()
        assert infer(t, "e", body)[1]["model_version"] == "4"


@tests.test
def an_endpoint_waits_for_its_alias_and_names_it(binary):
    with tatara(binary) as t:
        t.write("tatara.yaml", "project: p\nendpoints:\n  e:\n    model: models:/m@champion\n")
        t.up()
        assert t.run("apply", "--yes").code == 0
        # just after `apply` it is still being made
        status, answer = wait_for(lambda: "champion" in (a := infer(t, "e", {"inputs": []}))[1]["error"] and a)
        assert status == 503, (status, answer)
        assert t.call("GET", "/v2/models/e/ready")[0] == 503
        assert t.call("GET", "/v2/models/e")[0] == 503


@tests.test
def rows_of_many_connections_do_not_mix(binary):
    with tatara(binary) as t:
        t.up()
        deploy(t, "regressor", "reg")
        deploy(t, "centred", "centred")

        def ask(i):
            _, answer, _ = invoke(t, "reg", {"dataframe_split": {"columns": ["a", "b", "c"], "data": [[i, 0, 0]]}})
            # a model whose rows touch each other must see one request alone
            _, alone, _ = invoke(t, "centred", {"dataframe_split": {"columns": ["x"], "data": [[i]]}})
            return answer["predictions"] == [i] and alone["predictions"] == [0]

        with concurrent.futures.ThreadPoolExecutor(16) as pool:
            assert all(pool.map(ask, range(400)))


@tests.test
def tritonclient_works_with_json_tensors(binary):
    numpy, triton = need("numpy"), need("tritonclient.http")
    with tatara(binary) as t:
        t.up()
        deploy(t, "regressor", "reg")
        client = triton.InferenceServerClient(t.url.removeprefix("http://"))
        assert client.is_server_live() and client.is_server_ready() and client.is_model_ready("reg") and not client.is_model_ready("x")
        assert client.get_model_metadata("reg")["inputs"][0]["name"] == "features"
        given = triton.InferInput("features", [2, 3], "FP32")
        given.set_data_from_numpy(numpy.arange(6, dtype=numpy.float32).reshape(2, 3), binary_data=False)
        for outputs in (None, [triton.InferRequestedOutput("variable", binary_data=False)]):
            answer = client.infer("reg", [given], request_id="42", outputs=outputs)
            assert answer.as_numpy("variable").ravel().tolist() == [8, 26] and answer.get_response()["id"] == "42"
        given.set_data_from_numpy(numpy.arange(6, dtype=numpy.float32).reshape(2, 3), binary_data=True)
        try:
            client.infer("reg", [given])
            raise AssertionError("binary tensors were taken")
        except triton.InferenceServerException as error:
            assert "binary" in str(error), error


@tests.test
def boto3_invokes_an_endpoint_and_shows_its_errors(binary):
    boto3, ClientError = need("boto3"), need("botocore.exceptions").ClientError
    with tatara(binary) as t:
        t.up()
        deploy(t, "regressor", "reg")
        client = boto3.client("sagemaker-runtime", endpoint_url=t.url, region_name="eu-west-1", aws_access_key_id="x",
                              aws_secret_access_key="y")

        def invoke_with(endpoint, kind, body, **options):
            return client.invoke_endpoint(EndpointName=endpoint, ContentType=kind, Body=body, **options)

        answer = invoke_with("reg", "application/json", json.dumps({"instances": [[1, 2, 3]]}), InferenceId="mine")
        assert json.load(answer["Body"]) == {"predictions": [14]} and answer["InvokedProductionVariant"] == "1", answer
        assert answer["ContentType"] == "application/json", answer
        answer = invoke_with("reg", "text/csv", "a,b,c\n1,2,3\n4,5,6\n")
        assert json.load(answer["Body"]) == {"predictions": [14, 32]}
        for endpoint, kind, body, status, said in [("nobody", "text/csv", "a\n1\n", 404, "nobody"),
                                                   ("reg", "text/csv", "a,b\n1,2\n", 400, "'c'"),
                                                   ("reg", "application/x-npy", b"\x93NUMPY", 415, "application/x-npy")]:
            try:
                invoke_with(endpoint, kind, body)
                raise AssertionError(f"{endpoint} took {body}")
            except ClientError as error:
                assert error.response["Error"]["Code"] == "ValidationError", error.response
                assert said in error.response["Error"]["Message"], error.response
                assert error.response["ResponseMetadata"]["HTTPStatusCode"] == status, error.response


if __name__ == "__main__":
    main(tests)
