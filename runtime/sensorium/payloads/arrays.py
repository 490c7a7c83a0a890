"""Numpy arrays as fields of payloads: their validation, JSON form and JSON schema.

In memory an array field is the array itself, marked read-only, never copied. In JSON it is
``{"dtype": "uint8", "shape": [480, 640, 3], "data": <base64, C order, little-endian>}``. On the
binary wire it travels beside the header, untouched (see :mod:`sensorium.payloads.codec`).
"""

from __future__ import annotations

import base64
import binascii
import math
from collections.abc import Sequence
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import core_schema

DTYPES = frozenset(
    ["bool", "uint8", "uint16", "uint32", "uint64", "int8", "int16", "int32", "int64"]
    + ["float16", "float32", "float64"]
)


MAX_SIZE = 2**31 - 1  # of one dimension


def read_only(array: NDArray[Any]) -> NDArray[Any]:
    """Return a view of ``array`` that refuses writes: payloads are shared by every subscriber."""
    if not array.flags.writeable:
        return array
    view = array.view()
    view.flags.writeable = False
    return view


def array_from_buffer(dtype: str, shape: Sequence[int], data: bytes | memoryview) -> NDArray[Any]:
    """Wrap ``data`` as a read-only array without copying.

    Raises ValueError when the dtype is not in :data:`DTYPES` or the sizes disagree.
    """
    if dtype not in DTYPES:
        raise ValueError(f"dtype {dtype!r} is not one of {', '.join(sorted(DTYPES))}")
    if len(shape) > 8 or any(type(n) is not int or not 0 <= n <= MAX_SIZE for n in shape):
        raise ValueError(f"shape {list(shape)!r} is not a list of at most 8 sizes")
    kind = np.dtype(dtype).newbyteorder("<")
    expected = math.prod(shape) * kind.itemsize
    if memoryview(data).nbytes != expected:
        raise ValueError(
            f"{memoryview(data).nbytes} bytes of data where {dtype} {list(shape)} takes {expected}"
        )
    return read_only(np.frombuffer(data, kind).reshape(shape))


def as_wire(array: NDArray[Any]) -> NDArray[Any]:
    """The array in C order, little-endian: itself, unless it is laid out otherwise.

    Raises ValueError when its dtype is not in :data:`DTYPES`.
    """
    if array.dtype.name not in DTYPES:
        raise ValueError(f"dtype {array.dtype.name!r} is not allowed in a payload")
    flat = np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("<"))
    return flat.reshape(array.shape)  # a scalar array has gained a dimension


class _ArrayAnnotation:
    """Tells pydantic how an array is read and written at the borders."""

    @classmethod
    def __get_pydantic_core_schema__(
        cls, source: Any, handler: GetCoreSchemaHandler
    ) -> core_schema.CoreSchema:
        return core_schema.no_info_plain_validator_function(
            cls._validate,
            serialization=core_schema.plain_serializer_function_ser_schema(
                cls._to_json, when_used="json"
            ),
        )

    @classmethod
    def __get_pydantic_json_schema__(
        cls, schema: core_schema.CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        return {
            "type": "object",
            "properties": {
                "dtype": {"type": "string", "enum": sorted(DTYPES)},
                "shape": {"type": "array", "items": {"type": "integer", "minimum": 0}},
                "data": {"type": "string", "contentEncoding": "base64"},
            },
            "required": ["dtype", "shape", "data"],
        }

    @staticmethod
    def _validate(value: Any) -> NDArray[Any]:
        if isinstance(value, np.ndarray):
            if value.dtype.name not in DTYPES:
                raise ValueError(f"dtype {value.dtype.name!r} is not allowed in a payload")
            return read_only(value)
        if isinstance(value, dict) and value.keys() == {"dtype", "shape", "data"}:
            try:
                data = base64.b64decode(value["data"], validate=True)
            except (binascii.Error, TypeError, ValueError) as error:
                raise ValueError(f"data is not base64: {error}") from error
            if not isinstance(value["shape"], list):
                raise ValueError("shape is not a list")
            return array_from_buffer(str(value["dtype"]), value["shape"], data)
        raise ValueError("expected an array, or an object with dtype, shape and data")

    @staticmethod
    def _to_json(array: NDArray[Any]) -> dict[str, Any]:
        return {
            "dtype": array.dtype.name,
            "shape": list(array.shape),
            "data": base64.b64encode(as_wire(array).tobytes()).decode(),
        }


Array = Annotated[NDArray[Any], _ArrayAnnotation]
"""Field type of a payload that holds a numpy array; say its shape, dtype and unit beside it."""
