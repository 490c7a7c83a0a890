"""Payloads as JSON text and back: exactly, and fast.

A payload's fields become the JSON object that its schema describes; what JSON lacks is written as
:mod:`sensorium.recording.trees` says. msgspec writes most types straight from the dataclass; those
that it would write otherwise (with fields of any type, bytes, sets …) are walked first.
"""

from __future__ import annotations

import math
import types
from dataclasses import Field, fields
from enum import Enum
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

import msgspec
import numpy as np

from sensorium.errors import PayloadError
from sensorium.payloads.arrays import Array
from sensorium.payloads.base import Payload
from sensorium.payloads.codec import payload_from_json, payload_to_json
from sensorium.payloads.registry import adapter
from sensorium.recording import trees


class _Plan(Enum):
    STRAIGHT = 0
    """msgspec's JSON is right whatever the values."""
    UNLESS_NULL = 1
    """It is, but for NaN and infinity, which it writes as null."""
    WALK = 2


def encode_fields(payload: Payload) -> bytes:
    """The payload as a JSON object. Raises :class:`PayloadError` when it cannot be one."""
    kind = type(payload)
    plan = _plans.get(kind)
    if plan is None:
        plan = _plans[kind] = _plan_of(kind)
    try:
        if plan is _Plan.WALK:
            return _encoder.encode(_walked(payload))
        text = _encoder.encode(payload)
        if plan is _Plan.UNLESS_NULL and b"null" in text and not _finite(payload):
            return _encoder.encode(_walked(payload))
    except (UnicodeEncodeError, TypeError, OverflowError, RecursionError):
        return _encoder.encode(_walked(payload))
    return text


def decode_fields(payload_type: type[Payload], values: dict[str, Any], *, marked: bool) -> Payload:
    """The payload of those JSON values; ``marked`` says that some have the key ``$``.

    Raises :class:`PayloadError`.
    """
    if marked:
        values = {key: trees.from_json(value) for key, value in values.items()}
    return payload_from_json(payload_type, values)


def schema_of(payload_type: type[Payload]) -> dict[str, Any]:
    """The JSON schema of the object that :func:`encode_fields` makes."""
    try:
        schema = adapter(payload_type).json_schema()
    except Exception:  # noqa: BLE001 - a plugin's type may have fields that no schema describes
        schema = {"type": "object"}
    return {"title": payload_type.type_name} | schema


def _plan_of(payload_type: type[Payload]) -> _Plan:
    try:
        hints = get_type_hints(payload_type, include_extras=True)
        found = [_plan_for(hints[one.name]) for one in _fields(payload_type)]
    except (NameError, TypeError, RecursionError):
        return _Plan.WALK
    return max(found, key=lambda plan: plan.value, default=_Plan.STRAIGHT)


def _plan_for(hint: Any) -> _Plan:
    if hint in (str, int, bool, None, type(None)) or hint == Array:
        return _Plan.STRAIGHT
    if hint is float:
        return _Plan.UNLESS_NULL
    origin, inner = get_origin(hint), [one for one in get_args(hint) if one is not ...]
    if origin is Literal:
        return _Plan.STRAIGHT
    if origin in (tuple, list, Union, types.UnionType):
        return max(map(_plan_for, inner), key=lambda plan: plan.value, default=_Plan.WALK)
    if isinstance(hint, type) and issubclass(hint, Payload):
        return _plan_of(hint)
    return _Plan.WALK


def _walked(payload: Payload) -> Any:
    try:
        return trees.to_json(_opened(payload))
    except PayloadError:  # a field of a type that only pydantic knows how to write
        return trees.to_json(payload_to_json(payload))


def _finite(value: Any) -> bool:
    """Whether no number within is NaN or infinite."""
    if isinstance(value, float | np.floating):
        return math.isfinite(value)
    if isinstance(value, tuple | list):
        return all(map(_finite, value))
    if isinstance(value, Payload):
        names = _float_fields(type(value))
        return all(_finite(getattr(value, name)) for name in names)
    return True


def _float_fields(payload_type: type[Payload]) -> tuple[str, ...]:
    """Names of the fields that may hold a float somewhere."""
    names = _floats.get(payload_type)
    if names is None:
        hints = get_type_hints(payload_type, include_extras=True)
        found = (one.name for one in _fields(payload_type))
        names = tuple(name for name in found if _plan_for(hints[name]) is not _Plan.STRAIGHT)
        _floats[payload_type] = names
    return names


def _fields(payload_type: Any) -> tuple[Field[Any], ...]:
    return fields(payload_type)


def _opened(value: Any) -> Any:
    """Payloads within as dicts."""
    if isinstance(value, Payload):
        return {one.name: _opened(getattr(value, one.name)) for one in _fields(type(value))}
    if isinstance(value, tuple | list):
        return [_opened(item) for item in value]
    if isinstance(value, dict):
        return {key: _opened(item) for key, item in value.items()}
    return value


def _hook(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        return trees.array_to_json(value)
    if isinstance(value, np.generic):
        return value.item()
    raise TypeError(type(value).__name__)


_plans: dict[type[Payload], _Plan] = {}
_floats: dict[type[Payload], tuple[str, ...]] = {}
_encoder = msgspec.json.Encoder(enc_hook=_hook)
