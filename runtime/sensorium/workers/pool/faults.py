"""Errors between processes: their facts travel, so that they arrive as what they were."""

from __future__ import annotations

from typing import Any

from sensorium import errors
from sensorium.errors import ModelError, SensoriumError

_PLAIN = (str, int, float, bool, type(None))


def describe(model: str, error: BaseException) -> dict[str, Any]:
    """The error as plain values; one that is not Sensorium's becomes a :class:`ModelError`."""
    if not isinstance(error, SensoriumError):
        error = ModelError(model, f"{type(error).__name__}: {error}")
    known = next(c for c in type(error).__mro__ if getattr(errors, c.__name__, None) is c)
    facts = {key: value for key, value in vars(error).items() if isinstance(value, _PLAIN)}
    return {"type": known.__name__, "message": _readable(str(error)), "facts": facts}


def rebuild(model: str, described: dict[str, Any]) -> SensoriumError:
    """The error again; a :class:`ModelError` if the description makes no sense."""
    kind = getattr(errors, str(described.get("type")), None)
    message = str(described.get("message"))
    if not (isinstance(kind, type) and issubclass(kind, SensoriumError)):
        return ModelError(model, message)
    error = kind.__new__(kind, message)  # its words are complete: the constructor adds some
    facts = described.get("facts")
    if isinstance(facts, dict):
        vars(error).update({str(k): v for k, v in facts.items() if isinstance(v, _PLAIN)})
    return error


def _readable(text: str) -> str:
    return text.encode("utf-8", "replace").decode()
