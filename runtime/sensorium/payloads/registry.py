"""The payload types a session knows, by the name they carry on every wire."""

from __future__ import annotations

import types
from collections.abc import Iterator
from dataclasses import is_dataclass
from typing import Any

from pydantic import TypeAdapter

from sensorium.errors import DuplicateName, PayloadError, UnknownName
from sensorium.payloads import acting, dialogue, fusion, media, percepts, system
from sensorium.payloads.base import Payload

_ADDING = "A plugin adds one in its hook sensorium_register_payloads(register)."


_adapters: dict[type, TypeAdapter[Any]] = {}


def adapter(payload_type: type[Payload]) -> TypeAdapter[Any]:
    """The validator and serialiser of a payload type, built once (about a millisecond)."""
    if payload_type not in _adapters:
        _adapters[payload_type] = TypeAdapter(payload_type)
    return _adapters[payload_type]


class PayloadRegistry:
    """Payload types by name. Starts with the built-in ones; plugins add theirs."""

    def __init__(self) -> None:
        self._types: dict[str, tuple[type[Payload], str]] = {}
        for module in (media, percepts, dialogue, acting, fusion, system):
            for payload_type in _payloads_of(module):
                self.register(payload_type)

    def register(self, payload_type: Any, *, plugin: str = "sensorium") -> None:
        """Add a type made with the ``@payload`` decorator.

        Raises :class:`DuplicateName` when its name is taken by another type and
        :class:`PayloadError` when it is not a payload type.
        """
        if not _is_payload_type(payload_type):
            raise PayloadError(
                f"{payload_type!r} is not a payload: subclass sensorium.Payload and decorate the"
                " class with @payload(name)"
            )
        name = payload_type.type_name
        held = self._types.get(name)
        if held is not None and held[0] is not payload_type:
            raise DuplicateName(plugin, f"payload {name!r} is already registered by {held[1]!r}")
        self._types[name] = (payload_type, plugin)

    def get(self, name: str) -> type[Payload]:
        """The type of that name. Raises :class:`UnknownName`, which lists the names there are."""
        try:
            return self._types[name][0]
        except KeyError:
            raise UnknownName("payload type", name, self._types, _ADDING) from None

    def remove_plugin(self, plugin: str) -> None:
        """Forget what ``plugin`` registered: it failed half-way."""
        self._types = {n: held for n, held in self._types.items() if held[1] != plugin}

    def json_schema(self, name: str) -> dict[str, Any]:
        """The JSON schema (2020-12) of that type."""
        schema: dict[str, Any] = adapter(self.get(name)).json_schema()
        schema.setdefault("title", name)
        return schema

    def __iter__(self) -> Iterator[str]:
        return iter(sorted(self._types))

    def __len__(self) -> int:
        return len(self._types)

    def __contains__(self, name: object) -> bool:
        return name in self._types


def _is_payload_type(value: Any) -> bool:
    is_class = isinstance(value, type) and issubclass(value, Payload)
    return is_class and is_dataclass(value) and bool(value.__dict__.get("type_name"))


def _payloads_of(module: types.ModuleType) -> Iterator[type[Payload]]:
    for value in vars(module).values():
        if (
            isinstance(value, type)
            and issubclass(value, Payload)
            and value.__module__ == module.__name__
        ):
            yield value
