"""Plain trees as JSON and back, exactly.

JSON has no arrays of numbers with a type, no bytes, no NaN and no keys but strings. What it lacks
is an object with the key ``$``:

    {"$": "array", "dtype": "float32", "shape": [2, 3], "data": <base64, C order, little-endian>}
    {"$": "bytes", "data": <base64>}
    {"$": "float", "value": "nan"}            also "inf" and "-inf"
    {"$": "text", "data": <base64 of UTF-8>}  with half a surrogate pair in it
    {"$": "dict", "items": [[key, value], …]} where a key is no string, or is "$"

Tuples and sets become lists (tuples where they are keys), scalars of numpy plain numbers.
"""

from __future__ import annotations

import math
from enum import Enum
from typing import Any

import numpy as np
import pybase64
from numpy.typing import NDArray

from sensorium.errors import PayloadError
from sensorium.payloads.arrays import array_from_buffer, as_wire

MARK = b'"$"'
"""Stands in every JSON text that holds such an object."""


def array_to_json(array: NDArray[Any]) -> dict[str, Any]:
    """The object that stands for an array. Raises :class:`PayloadError` for a strange dtype."""
    try:
        flat = as_wire(array)
    except ValueError as error:
        raise PayloadError(str(error)) from error
    data = pybase64.b64encode_as_string(flat.reshape(-1).view(np.uint8).data)
    return {"$": "array", "dtype": flat.dtype.name, "shape": list(array.shape), "data": data}


def to_json(tree: Any) -> Any:
    """``tree`` as values that JSON has. Raises :class:`PayloadError` for what is no plain tree."""
    try:
        return _to_json(tree)
    except RecursionError:
        raise PayloadError("too deeply nested to be written as JSON") from None


def from_json(value: Any) -> Any:
    """What :func:`to_json` was given. Raises :class:`PayloadError` when ``value`` is malformed."""
    try:
        return _from_json(value)
    except RecursionError:
        raise PayloadError("too deeply nested") from None
    except (KeyError, TypeError, ValueError) as error:
        what = f"{type(error).__name__}: {error}" if isinstance(error, KeyError) else str(error)
        raise PayloadError(f"not what its key $ says: {what}") from error


def _to_json(value: Any) -> Any:
    if isinstance(value, Enum):
        value = value.value
    elif isinstance(value, np.generic):
        value = value.item()
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else {"$": "float", "value": str(value)}
    if isinstance(value, np.ndarray):
        return array_to_json(value)
    if isinstance(value, bytes | bytearray | memoryview):
        return {"$": "bytes", "data": pybase64.b64encode_as_string(bytes(value))}
    if isinstance(value, list | tuple | set | frozenset):
        return [_to_json(item) for item in value]
    if isinstance(value, dict):
        if all(isinstance(key, str) for key in value) and "$" not in value:
            return {_text_key(key): _to_json(item) for key, item in value.items()}
        pairs = [[_to_json(key), _to_json(item)] for key, item in value.items()]
        return {"$": "dict", "items": pairs}
    raise PayloadError(f"{value!r:.40} ({type(value).__name__}) is not part of a plain tree")


def _text(value: str) -> Any:
    if value.isascii() or not any("\ud800" <= letter <= "\udfff" for letter in value):
        return str(value)
    return {"$": "text", "data": pybase64.b64encode_as_string(_utf8(value))}


def _text_key(key: str) -> str:
    if not key.isascii() and any("\ud800" <= letter <= "\udfff" for letter in key):
        raise PayloadError(f"the key {key!r:.40} holds half a surrogate pair")
    return str(key)


def _utf8(value: str) -> bytes:
    return value.encode("utf-8", "surrogatepass")


def _from_json(value: Any) -> Any:
    if isinstance(value, dict):
        if "$" in value:
            return _marked(value)
        return {key: _from_json(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_from_json(item) for item in value]
    return value


def _marked(value: dict[str, Any]) -> Any:
    match value["$"]:
        case "array":
            if not isinstance(value["shape"], list):
                raise ValueError("shape is not a list")
            return array_from_buffer(str(value["dtype"]), value["shape"], _bytes(value["data"]))
        case "bytes":
            return _bytes(value["data"])
        case "text":
            return _bytes(value["data"]).decode("utf-8", "surrogatepass")
        case "float":
            return float(_string(value["value"]))
        case "dict":
            return {_as_key(_from_json(key)): _from_json(item) for key, item in value["items"]}
        case other:
            raise ValueError(f"{other!r:.40} is unknown")


def _as_key(value: Any) -> Any:
    return tuple(map(_as_key, value)) if isinstance(value, list) else value


def _bytes(data: Any) -> bytes:
    return pybase64.b64decode(_string(data), validate=True)


def _string(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"a string is wanted, not {value!r:.40}")
    return value
