"""State of training as one safetensors file: tensors as they are, the rest as JSON. No pickle.

The file is written beside its place, synced and moved there, so it is whole or the one before.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from sensorium.errors import ModelCorrupt

FORMAT = "sensorium.training/1"


def save_tree(path: Path, tree: Mapping[str, Any]) -> None:
    """Write a tree of dicts, lists, tuples, tensors and plain values; whole or not at all."""
    tensors: dict[str, Tensor] = {}
    plain = _flatten(tree, "", tensors)
    partial = path.with_name(path.name + ".partial")
    save_file(tensors, partial, {"format": FORMAT, "tree": json.dumps(plain)})
    _settle(partial, path)


def load_tree(path: Path) -> dict[str, Any]:
    """The tree that :func:`save_tree` wrote. Raises ModelCorrupt for any other file."""
    try:
        with safe_open(path, framework="pt") as file:
            about = file.metadata() or {}
            if about.get("format") != FORMAT:
                raise ModelCorrupt(path.stem, f"{path} is no checkpoint of training")
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        tree: dict[str, Any] = _restore(json.loads(about["tree"]), tensors)
    except (SafetensorError, KeyError, ValueError, TypeError) as error:
        raise ModelCorrupt(path.stem, f"{path} is damaged: {error}") from error
    return tree


def _flatten(value: Any, where: str, tensors: dict[str, Tensor]) -> Any:
    if isinstance(value, Tensor):
        # A copy of its own memory: safetensors refuses tensors that share it.
        tensors[where] = value.detach().to("cpu", copy=True).contiguous()
        return {"tensor": where}
    if isinstance(value, Mapping):
        pairs = [[key, _flatten(item, f"{where}/{key}", tensors)] for key, item in value.items()]
        return {"dict": pairs}
    if isinstance(value, (list, tuple)):
        kind = "list" if isinstance(value, list) else "tuple"
        return {kind: [_flatten(item, f"{where}/{at}", tensors) for at, item in enumerate(value)]}
    if value is None or isinstance(value, (bool, int, float, str)):
        return {"value": value}
    raise TypeError(f"{where or 'the tree'} is a {type(value).__name__}, which cannot be kept")


def _restore(plain: Any, tensors: Mapping[str, Tensor]) -> Any:
    ((kind, value),) = plain.items()
    if kind == "tensor":
        return tensors[value]
    if kind == "dict":
        return {key: _restore(item, tensors) for key, item in value}
    if kind in ("list", "tuple"):
        items = [_restore(item, tensors) for item in value]
        return items if kind == "list" else tuple(items)
    if kind == "value":
        return value
    raise ValueError(f"no kind {kind!r}")


def same(one: Mapping[str, Tensor], other: Mapping[str, Tensor]) -> bool:
    """Whether two sets of weights are equal to the last bit."""
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


def save_weights(path: Path, weights: Mapping[str, Tensor], about: Mapping[str, str]) -> None:
    """Write weights as plain safetensors, whole or not at all."""
    partial = path.with_name(path.name + ".partial")
    copied = {name: value.detach().to("cpu", copy=True) for name, value in weights.items()}
    save_file({name: value.contiguous() for name, value in copied.items()}, partial, dict(about))
    _settle(partial, path)


def _settle(partial: Path, path: Path) -> None:
    with partial.open("rb") as handle:
        os.fsync(handle.fileno())
    partial.chmod(0o644)  # safetensors writes files that nobody else may read
    partial.replace(path)
