"""Linear interpolation between two payloads of one type."""

from __future__ import annotations

import math
from dataclasses import fields
from typing import Any

import numpy as np

from sensorium.errors import BadInput
from sensorium.payloads.base import Payload


def linear(before: Payload, after: Payload, fraction: float) -> Payload:
    """The payload ``fraction`` of the way from ``before`` to ``after``.

    Numbers, arrays of one shape, and those in dicts, tuples and payloads are interpolated; whole
    numbers stay whole. What is no number is taken from the nearer one, and so is a dict's entry
    or an array that has no counterpart. Raises :class:`BadInput` when the types differ or nothing
    in them is a number.
    """
    if type(before) is not type(after):
        raise BadInput(
            f"nothing lies between a {before.type_name} and a {after.type_name}: their types differ"
        )
    mixed = _Mixed(fraction)
    payload: Payload = mixed.payloads(before, after)
    if not mixed.numbers:
        raise BadInput(
            f"a {before.type_name} holds no numbers to interpolate: match its stream otherwise, or"
            " override interpolate()"
        )
    return payload


class _Mixed:
    """One interpolation; ``numbers`` counts what was a number."""

    def __init__(self, fraction: float) -> None:
        self.fraction = fraction
        self.numbers = 0

    def payloads(self, before: Any, after: Any) -> Any:
        values = {
            f.name: self._values(getattr(before, f.name), getattr(after, f.name))
            for f in fields(before)
        }
        return type(before)(**values)

    def _values(self, before: Any, after: Any) -> Any:
        nearer = before if self.fraction < 0.5 else after
        match before, after:
            case (bool(), _) | (_, bool()):
                return nearer
            case (int() | float(), int() | float()):
                return self._number(before, after)
            case np.ndarray(), np.ndarray() if before.shape == after.shape:
                return self._array(before, after)
            case dict(), dict():
                both = {k: self._values(before[k], after[k]) for k in before if k in after}
                return {k: both.get(k, v) for k, v in nearer.items()}
            case tuple(), tuple() if len(before) == len(after):
                return tuple(self._values(a, b) for a, b in zip(before, after, strict=True))
            case Payload(), Payload() if type(before) is type(after):
                return self.payloads(before, after)
        return nearer

    def _number(self, before: Any, after: Any) -> Any:
        self.numbers += 1
        if before == after:
            return before
        value = before + (after - before) * self.fraction
        whole = isinstance(before, int) and isinstance(after, int)
        return round(value) if whole and math.isfinite(value) else value

    def _array(self, before: Any, after: Any) -> Any:
        if before.dtype.kind not in "fiu":
            return before if self.fraction < 0.5 else after
        self.numbers += before.size
        value = before + (after.astype(np.float64) - before) * self.fraction
        if before.dtype.kind != "f":
            value = np.rint(value)
        return value.astype(before.dtype)
