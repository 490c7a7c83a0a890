"""Run a TensorFlow.js graph in torch, operation by operation: the yardstick of a conversion.

Written independently of the converter (channels last throughout, explicit padding and
interpolation), so that one mistake is not made twice. Only the operations CenterNet uses.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812 - the name everybody knows it by
from torch import Tensor

if TYPE_CHECKING:
    from tfjs_graph import Array, Graph, Node

Attributes = dict[str, Any]
Rule = Callable[[Sequence[Tensor], Attributes], Tensor | tuple[Tensor, ...]]


@torch.inference_mode()
def run_graph(graph: Graph, feeds: dict[str, Array]) -> dict[str, Array]:
    """The graph's outputs by name for the inputs ``feeds`` (channels last, as published)."""
    results: dict[str, tuple[Tensor, ...]] = {
        name: (torch.from_numpy(np.array(values)),)
        for name, values in {**graph.constants, **feeds}.items()
    }
    for node in graph.nodes:
        inputs = [results[name][index] for name, index in node.inputs]
        answer = _rule(node)(inputs, node.attributes)
        results[node.name] = answer if isinstance(answer, tuple) else (answer,)
    return {name: results[name][0].numpy() for name in graph.outputs}


def _rule(node: Node) -> Rule:
    if "onv2d" in node.op.lower():
        depthwise = "Depthwise" in node.op
        return lambda inputs, attributes: _convolution(inputs, attributes, depthwise)
    return RULES[node.op]


def _same_padding(picture: Tensor, kernel: Sequence[int], strides: Sequence[int]) -> list[int]:
    """TensorFlow's SAME padding of (N, C, H, W) in torch's order: left, right, top, bottom."""
    padding: list[int] = []
    for axis in (1, 0):
        length, stride = picture.shape[2 + axis], strides[axis]
        total = max((-(-length // stride) - 1) * stride + kernel[axis] - length, 0)
        padding += [total // 2, total - total // 2]
    return padding


def _convolution(inputs: Sequence[Tensor], attributes: Attributes, depthwise: bool) -> Tensor:
    picture, kernel = inputs[0].permute(0, 3, 1, 2), inputs[1]
    height, width, channels, _ = kernel.shape
    strides = attributes["strides"][1:3]
    if attributes["padding"] == "SAME":
        picture = F.pad(picture, _same_padding(picture, (height, width), strides))
    if depthwise:
        weight = kernel.permute(2, 3, 0, 1).reshape(-1, 1, height, width)
    else:
        weight = kernel.permute(3, 2, 0, 1)
    groups = channels if depthwise else 1
    answer = F.conv2d(picture, weight, stride=strides, groups=groups).permute(0, 2, 3, 1)
    for name in attributes.get("fused_ops", []):
        answer = answer + inputs[2] if name == "BiasAdd" else getattr(F, name.lower())(answer)
    return answer


def _max_pool(inputs: Sequence[Tensor], attributes: Attributes) -> Tensor:
    kernel, strides = attributes["ksize"][1:3], attributes["strides"][1:3]
    picture = inputs[0].permute(0, 3, 1, 2)
    picture = F.pad(picture, _same_padding(picture, kernel, strides), value=-torch.inf)
    return F.max_pool2d(picture, kernel, strides).permute(0, 2, 3, 1)


def _resize_bilinear(inputs: Sequence[Tensor], attributes: Attributes) -> Tensor:
    """Output pixel i reads input position i * in / out, unclamped corners at the top left."""
    picture, (height, width) = inputs[0], [int(v) for v in inputs[1]]
    for axis, size in ((1, height), (2, width)):
        length = picture.shape[axis]
        position = torch.arange(size) * (length / size)
        low = position.floor().long()
        high = (low + 1).clamp(max=length - 1)
        shape = [-1 if a == axis else 1 for a in range(4)]
        part = (position - low).reshape(shape)
        picture = picture.index_select(axis, low) * (1 - part) + (
            picture.index_select(axis, high) * part
        )
    return picture


def _strided_slice(inputs: Sequence[Tensor], attributes: Attributes) -> Tensor:
    begin, end, step = (values.tolist() for values in inputs[1:])
    ranges = []
    for axis in range(len(begin)):
        first = None if attributes["begin_mask"] >> axis & 1 else begin[axis]
        last = None if attributes["end_mask"] >> axis & 1 else end[axis]
        ranges.append(slice(first, last, step[axis]))
    return inputs[0][tuple(ranges)]


def _top_k(inputs: Sequence[Tensor], attributes: Attributes) -> tuple[Tensor, Tensor]:
    found = torch.topk(inputs[0], int(inputs[1]), sorted=True)
    return found.values, found.indices.to(torch.int32)


RULES: dict[str, Rule] = {
    "Add": lambda x, _: x[0] + x[1],
    "Sub": lambda x, _: x[0] - x[1],
    "Mul": lambda x, _: x[0] * x[1],
    "FloorDiv": lambda x, _: torch.div(x[0], x[1], rounding_mode="floor"),
    "FloorMod": lambda x, _: torch.remainder(x[0], x[1]),
    "Equal": lambda x, _: x[0] == x[1],
    "Relu": lambda x, _: F.relu(x[0]),
    "Relu6": lambda x, _: F.relu6(x[0]),
    "Sigmoid": lambda x, _: x[0].sigmoid(),
    "Identity": lambda x, _: x[0],
    "Cast": lambda x, _: x[0].float(),
    "Mean": lambda x, a: x[0].mean(x[1].tolist(), keepdim=bool(a["keep_dims"])),
    "ConcatV2": lambda x, _: torch.cat(list(x[:-1]), dim=int(x[-1])),
    "Reshape": lambda x, _: x[0].reshape(x[1].tolist()),
    "ExpandDims": lambda x, _: x[0].unsqueeze(int(x[1])),
    "GatherV2": lambda x, _: x[0].index_select(int(x[2]), x[1].long().reshape(-1)),
    "MaxPool": _max_pool,
    "ResizeBilinear": _resize_bilinear,
    "StridedSlice": _strided_slice,
    "TopKV2": _top_k,
}
