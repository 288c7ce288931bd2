"""Makes the tiny ONNX models that the tests load: `python test/data/make_models.py` (needs the onnx package)."""
import pathlib

import numpy as np
import onnx
from onnx import TensorProto as T
from onnx import helper as h
from onnx import numpy_helper

FOLDER = pathlib.Path(__file__).parent


def save(name, nodes, inputs, outputs, initializers=(), metadata=None, ml=False):
    graph = h.make_graph(nodes, name, inputs, outputs, list(initializers))
    opsets = [h.make_opsetid("", 17)] + ([h.make_opsetid("ai.onnx.ml", 3)] if ml else [])
    model = h.make_model(graph, opset_imports=opsets, ir_version=8, producer_name="tatara-tests")
    if metadata:
        h.set_model_props(model, metadata)
    onnx.save(model, FOLDER / f"{name}.onnx")


def tensor(name, kind, shape):
    return h.make_tensor_value_info(name, kind, shape)


def constant(name, values):
    return numpy_helper.from_array(values, name)


# variable = a + 2 b + 3 c, columns named by the metadata property.
save("regressor", [h.make_node("MatMul", ["features", "w"], ["variable"])],
     [tensor("features", T.FLOAT, ["N", 3])], [tensor("variable", T.FLOAT, ["N", 1])],
     [constant("w", np.array([[1], [2], [3]], np.float32))], {"feature_names": '["a", "b", "c"]'})

# Several inputs of one column each: total = x + n + (flag ? 100 : 0).
save("several", [h.make_node("Cast", ["n"], ["nf"], to=T.FLOAT),
                 h.make_node("Cast", ["flag"], ["ff"], to=T.FLOAT),
                 h.make_node("Mul", ["ff", "hundred"], ["fh"]),
                 h.make_node("Unsqueeze", ["fh", "one"], ["fc"]),
                 h.make_node("Add", ["x", "nf"], ["xn"]), h.make_node("Add", ["xn", "fc"], ["total"])],
     [tensor("x", T.FLOAT, ["N", 1]), tensor("n", T.INT64, ["N", 1]), tensor("flag", T.BOOL, ["N"])],
     [tensor("total", T.FLOAT, ["N", 1])],
     [constant("hundred", np.array([100], np.float32)), constant("one", np.array([1], np.int64))])

# Every element type comes back as it went in.
KINDS = {"bool": T.BOOL, "uint8": T.UINT8, "uint16": T.UINT16, "uint32": T.UINT32, "uint64": T.UINT64,
         "int8": T.INT8, "int16": T.INT16, "int32": T.INT32, "int64": T.INT64, "fp16": T.FLOAT16,
         "fp32": T.FLOAT, "fp64": T.DOUBLE, "bytes": T.STRING}
save("types", [h.make_node("Identity", [k], [f"out_{k}"]) for k in KINDS],
     [tensor(k, kind, ["N"]) for k, kind in KINDS.items()],
     [tensor(f"out_{k}", kind, ["N"]) for k, kind in KINDS.items()])

# As scikit-learn's converters make classifiers: a label, and one map of probabilities a row.
save("classifier", [h.make_node("LinearClassifier", ["features"], ["label", "scores"], domain="ai.onnx.ml",
                                coefficients=[-1.0, 0.0, 1.0, 0.0], intercepts=[0.0, 0.0],
                                classlabels_strings=["no", "yes"], multi_class=0, post_transform="SOFTMAX"),
                    h.make_node("ZipMap", ["scores"], ["probabilities"], domain="ai.onnx.ml",
                                classlabels_strings=["no", "yes"])],
     [tensor("features", T.FLOAT, ["N", 2])],
     [tensor("label", T.STRING, ["N"]),
      h.make_value_info("probabilities", h.make_sequence_type_proto(
          h.make_map_type_proto(T.STRING, h.make_tensor_type_proto(T.FLOAT, []))))],
     metadata={"feature_names": '["p", "q"]'}, ml=True)

# Rows that depend on each other: must never share a run.
save("centred", [h.make_node("ReduceMean", ["x"], ["mean"], axes=[0], keepdims=1),
                 h.make_node("Sub", ["x", "mean"], ["y"])],
     [tensor("x", T.FLOAT, ["N", 1])], [tensor("y", T.FLOAT, ["N", 1])])

# A matrix whose columns nobody names.
save("nameless", [h.make_node("ReduceSum", ["m", "axis"], ["sum"], keepdims=0)],
     [tensor("m", T.DOUBLE, ["N", 2])], [tensor("sum", T.DOUBLE, ["N"])],
     [constant("axis", np.array([1], np.int64))])
