"""Read a TensorFlow.js graph model (``model.json`` and its weight shards) into plain Python.

The format: ``modelTopology`` is a frozen TensorFlow graph as JSON (strings in base64), and
``weightsManifest`` lists the constants in the order in which their bytes lie in the shards,
some of them stored as float16.
"""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from pathlib import Path

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Node:
    """One operation: its inputs are ``(node name, output index)`` pairs."""

    op: str
    name: str
    inputs: tuple[tuple[str, int], ...]
    attributes: dict[str, Any]


@dataclass(frozen=True)
class Graph:
    """A frozen graph: ``nodes`` in an order that can be run, without the constants."""

    nodes: tuple[Node, ...]
    constants: dict[str, Array]
    inputs: dict[str, tuple[int, ...]]
    outputs: dict[str, tuple[int, ...]]


def load_graph(path: Path) -> Graph:
    """Read the graph model at ``path`` (its ``model.json``); shards lie in the same folder."""
    model = json.loads(path.read_text())
    signature = model["signature"]
    inputs, outputs = _shapes(signature["inputs"]), _shapes(signature["outputs"])
    raw = {node["name"]: node for node in model["modelTopology"]["node"]}
    nodes = tuple(
        _node(raw[name])
        for name in _running_order(raw, list(outputs))
        if raw[name]["op"] not in ("Const", "Placeholder")
    )
    return Graph(nodes, _constants(path.parent, model["weightsManifest"]), inputs, outputs)


def _shapes(signature: dict[str, Any]) -> dict[str, tuple[int, ...]]:
    return {
        entry["name"]: tuple(int(dim["size"]) for dim in entry["tensorShape"]["dim"])
        for entry in signature.values()
    }


def _node(raw: dict[str, Any]) -> Node:
    attributes = {key: _attribute(value) for key, value in raw.get("attr", {}).items()}
    inputs = tuple(_reference(text) for text in raw.get("input", []))
    return Node(raw["op"], raw["name"], inputs, attributes)


def _reference(text: str) -> tuple[str, int]:
    name, _, index = text.partition(":")
    return name, int(index or 0)


def _attribute(value: dict[str, Any]) -> Any:
    kind, content = next(iter(value.items()))
    if kind == "list":
        return [
            _attribute({item_kind: item}) for item_kind, items in content.items() for item in items
        ]
    if kind == "s":
        return base64.b64decode(content).decode()
    return int(content) if kind == "i" else content


def _running_order(raw: dict[str, Any], outputs: list[str]) -> list[str]:
    """Every node the outputs need, each after its inputs (depth first, without recursion)."""
    order: list[str] = []
    seen: set[str] = set()
    stack = [(name, False) for name in reversed(outputs)]
    while stack:
        name, inputs_done = stack.pop()
        if inputs_done:
            order.append(name)
        elif name not in seen:
            seen.add(name)
            stack.append((name, True))
            wanted = [_reference(text)[0] for text in raw[name].get("input", [])]
            stack.extend((other, False) for other in reversed(wanted) if other not in seen)
    return order


def _constants(folder: Path, manifest: list[dict[str, Any]]) -> dict[str, Array]:
    constants: dict[str, Array] = {}
    for group in manifest:
        data = b"".join((folder / shard).read_bytes() for shard in group["paths"])
        offset = 0
        for entry in group["weights"]:
            stored = np.dtype(entry.get("quantization", entry)["dtype"])
            if entry.get("quantization") and stored != np.float16:
                raise ValueError(f"{entry['name']}: {stored} quantization is not read here")
            count = int(np.prod(entry["shape"]))
            values = np.frombuffer(data, stored, count, offset).reshape(entry["shape"])
            constants[entry["name"]] = values.astype(entry["dtype"])
            offset += values.nbytes
    return constants
