"""The conversion of TensorFlow.js graphs to ONNX, on a made-up graph of the same operations."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest

SCRIPTS = Path(__file__).parents[3] / "scripts"
RANDOM = np.random.default_rng(5)


@pytest.fixture
def scripts(monkeypatch: pytest.MonkeyPatch) -> tuple[Any, Any, Any]:
    pytest.importorskip("onnx")
    monkeypatch.syspath_prepend(str(SCRIPTS))
    import convert_centernet
    import tfjs_graph
    import tfjs_torch

    return convert_centernet, tfjs_graph, tfjs_torch


def text(value: str) -> dict[str, str]:
    return {"s": base64.b64encode(value.encode()).decode()}


def convolution(stride: int, *fused: str) -> dict[str, Any]:
    return {
        "padding": text("SAME"),
        "strides": {"list": {"i": ["1", str(stride), str(stride), "1"]}},
        "dilations": {"list": {"i": ["1", "1", "1", "1"]}},
        "fused_ops": {"list": {"s": [text(name)["s"] for name in fused]}},
    }


def node(op: str, name: str, *inputs: str, **attributes: Any) -> dict[str, Any]:
    return {"op": op, "name": name, "input": list(inputs), "attr": attributes}


def signature(name: str, *shape: int) -> dict[str, Any]:
    return {name: {"name": name, "tensorShape": {"dim": [{"size": str(n)} for n in shape]}}}


CORNERS = {"align_corners": {"b": False}, "half_pixel_centers": {"b": False}}
NODES = [
    node("Placeholder", "picture"),
    node("_FusedConv2D", "stem", "picture", "kernel", "bias", **convolution(2, "BiasAdd", "Relu")),
    node("DepthwiseConv2dNative", "depth", "stem", "filters", **convolution(1)),
    node("Add", "shifted", "depth", "three"),
    node("Relu6", "gate", "shifted"),
    node("Mul", "gated", "depth", "gate"),
    node("Mean", "mean", "gated", "middle_axes", keep_dims={"b": True}),
    node("Mul", "scaled", "gated", "mean"),
    node("ResizeBilinear", "large", "scaled", "size", **CORNERS),
    node("ResizeBilinear", "other", "gated", "size", **CORNERS),
    node("ConcatV2", "both", "large", "other", "last_axis"),
    node("Sigmoid", "scores", "both"),
    node("Reshape", "flat", "scores", "one_row"),
    node("TopKV2", "best", "flat", "four"),
    node("FloorMod", "channel", "best:1", "channels"),
    node("Cast", "class", "channel", DstT={"type": "DT_FLOAT"}),
    node("ExpandDims", "column", "class", "last"),
    node("ExpandDims", "values", "best", "last"),
    node("ConcatV2", "rows", "values", "column", "last"),
]
CONSTANTS = {
    "kernel": RANDOM.normal(0, 0.2, (3, 3, 3, 4)).astype(np.float16),
    "bias": RANDOM.normal(size=4).astype(np.float16),
    "filters": RANDOM.normal(0, 0.2, (5, 5, 4, 1)).astype(np.float16),
    "three": np.float16(3),
    "middle_axes": np.int32([1, 2]),
    "size": np.int32([10, 14]),
    "last_axis": np.int32(3),
    "one_row": np.int32([1, -1]),
    "four": np.int32(4),
    "channels": np.int32(8),
    "last": np.int32(-1),
}


def write_model(folder: Path, nodes: list[dict[str, Any]]) -> Path:
    weights = []
    for name, values in CONSTANTS.items():
        entry: dict[str, Any] = {"name": name, "shape": list(values.shape), "dtype": "int32"}
        if values.dtype == np.float16:
            entry |= {"dtype": "float32", "quantization": {"dtype": "float16"}}
        weights.append(entry)
    model = {
        "signature": {
            "inputs": signature("picture", 1, 9, 13, 3),
            "outputs": signature("rows", 1, 4, 2),
        },
        "modelTopology": {"node": [*nodes, *(node("Const", name) for name in CONSTANTS)]},
        "weightsManifest": [{"paths": ["a.bin", "b.bin"], "weights": weights}],
    }
    data = b"".join(values.tobytes() for values in CONSTANTS.values())
    (folder / "a.bin").write_bytes(data[:101])
    (folder / "b.bin").write_bytes(data[101:])
    (folder / "model.json").write_text(json.dumps(model))
    return folder / "model.json"


def test_the_converted_graph_computes_the_same(
    scripts: tuple[Any, Any, Any], tmp_path: Path
) -> None:
    convert_centernet, tfjs_graph, tfjs_torch = scripts
    graph = tfjs_graph.load_graph(write_model(tmp_path, NODES[::-1]))
    model = convert_centernet.Converter(graph).convert(["rows"])
    session = onnxruntime.InferenceSession(model.SerializeToString())
    picture = RANDOM.uniform(0, 2, size=(1, 9, 13, 3)).astype(np.float32)
    rows = session.run(["rows"], {"picture": picture})[0]
    expected = tfjs_torch.run_graph(graph, {"picture": picture})["rows"]
    assert rows.shape == (1, 4, 2)
    assert len(np.unique(rows)) > 3
    np.testing.assert_allclose(rows, expected, atol=1e-5)


def test_an_operation_without_a_rule_is_named(
    scripts: tuple[Any, Any, Any], tmp_path: Path
) -> None:
    convert_centernet, tfjs_graph, _ = scripts
    strange = [{**n, "op": "Elu"} if n["name"] == "gate" else n for n in NODES]
    graph = tfjs_graph.load_graph(write_model(tmp_path, strange))
    with pytest.raises(NotImplementedError, match=r"gate.*Elu"):
        convert_centernet.Converter(graph).convert(["rows"])


def test_other_files_than_the_pinned_ones_are_refused(
    scripts: tuple[Any, Any, Any], tmp_path: Path
) -> None:
    (tmp_path / "centernet.json").write_text("{}")
    with pytest.raises(SystemExit, match=r"centernet\.json: sha256"):
        scripts[0].check_files(tmp_path)
