"""Digests: whether two trees, two events, two runs are the same to the last bit.

A digest is the sha256 of a canonical form, which no process, hash seed or machine changes: every
value has a tag and a length, numbers of equal value are equal (``1`` and ``1.0``, not ``True``),
lists and tuples are the same, dicts are ordered by key, arrays are C-ordered and little-endian.
"""

from __future__ import annotations

import hashlib
import math
import sys
from collections.abc import Callable
from dataclasses import fields
from operator import itemgetter
from typing import Any

import numpy as np

from sensorium.errors import PayloadError
from sensorium.events import AnyEvent
from sensorium.payloads.arrays import as_wire
from sensorium.payloads.base import Payload

LARGE = 64 * 1024  # bytes: a fifth of a millisecond

_Add = Callable[[bytes | memoryview], None]


def tree_digest(tree: Any) -> str:
    """sha256 (hex) of a plain tree: dict, list, str, numbers, None, bytes, arrays, payloads.

    Raises :class:`PayloadError` for anything else.
    """
    whole = hashlib.sha256()
    _add_tree(whole.update, tree)
    return whole.hexdigest()


def request_digest(request: Any) -> str:
    """:func:`tree_digest` of what a model is asked; empty where it is no plain tree."""
    try:
        return tree_digest(request)
    except PayloadError:
        return ""


def large_and_frozen(tree: Any) -> Any:
    """``tree``, its dicts and lists copied, if its digest takes long and may be made later, for
    its large arrays are read-only; else None."""
    sizes: list[int] = []
    copy = _frozen(tree, sizes)
    return copy if sum(sizes) >= LARGE else None


def _frozen(tree: Any, sizes: list[int]) -> Any:
    if isinstance(tree, np.ndarray):
        if tree.flags.writeable:
            sizes.append(-sys.maxsize)  # somebody may change it before it is looked at
        sizes.append(tree.nbytes)
        return tree
    if isinstance(tree, dict):
        return {key: _frozen(item, sizes) for key, item in tree.items()}
    if isinstance(tree, list | tuple):
        return [_frozen(item, sizes) for item in tree]
    if tree is not None and not isinstance(tree, str | int | float | bytes | np.generic):
        sizes.append(-sys.maxsize)
    return tree


def event_digest(event: AnyEvent) -> str:
    """sha256 (hex) of an event: its topic, id, times, parents and payload."""
    return _of_event(event).hex()


class Digest:
    """The digest of events one after another: the same events in the same order give the same.

    Example::

        digest = Digest()
        for event in events:
            digest.add(event)
        print(digest.hexdigest())
    """

    def __init__(self) -> None:
        self.events = 0
        """How many it is of."""
        self._whole = hashlib.sha256()

    def add(self, event: AnyEvent) -> str:
        """Take in one event; returns its own :func:`event_digest`."""
        own = event_digest(event)
        self.add_own(own)
        return own

    def add_own(self, own: str) -> None:
        """Take in one event by its :func:`event_digest`, made elsewhere."""
        self._whole.update(bytes.fromhex(own))
        self.events += 1

    def hexdigest(self) -> str:
        """sha256 (hex) of all events so far."""
        return self._whole.hexdigest()


def _of_event(event: AnyEvent) -> bytes:
    whole = hashlib.sha256()
    add = whole.update
    for text in (event.topic, event.source, event.root):
        _add_tree(add, text)
    for number in (event.sequence, event.originating_time, event.creation_time):
        _add_tree(add, number)
    _add_tree(add, event.parents)
    try:
        _add_tree(add, event.payload)
    except PayloadError:  # a field of some other type: its JSON form then stands for it
        from sensorium.payloads.codec import payload_to_json

        _add_tree(add, payload_to_json(event.payload))
    return whole.digest()


def _add_tree(add: _Add, tree: Any) -> None:
    try:
        _add_value(add, tree)
    except RecursionError:
        raise PayloadError("too deeply nested to have a digest") from None


def _add_value(add: _Add, value: Any) -> None:
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or isinstance(value, bool | int | float | str | bytes):
        add(_scalar(value))
    elif isinstance(value, bytearray | memoryview):
        add(_scalar(bytes(value)))
    elif isinstance(value, np.ndarray):
        _add_array(add, value)
    elif isinstance(value, list | tuple):
        add(b"l%d:" % len(value))
        for item in value:
            _add_value(add, item)
    elif isinstance(value, set | frozenset):
        add(b"t%d:" % len(value))
        for encoded in sorted(_scalar(item) for item in value):
            add(encoded)
    elif isinstance(value, dict):
        add(b"d%d:" % len(value))
        encoded_keys = ((_scalar(key), item) for key, item in value.items())
        for key, item in sorted(encoded_keys, key=itemgetter(0)):
            add(key)
            _add_value(add, item)
    elif isinstance(value, Payload):
        add(b"p" + _scalar(value.type_name))
        for name in _field_names(type(value)):
            add(_scalar(name))
            _add_value(add, getattr(value, name))
    else:
        raise _no_digest(value)


def _field_names(payload_type: Any) -> tuple[str, ...]:
    names = _names.get(payload_type)
    if names is None:
        names = _names[payload_type] = tuple(field.name for field in fields(payload_type))
    return names


_names: dict[type, tuple[str, ...]] = {}


def _add_array(add: _Add, array: np.ndarray[Any, Any]) -> None:
    try:
        flat = as_wire(array)
    except ValueError as error:
        raise PayloadError(str(error)) from error
    shape = ",".join(map(str, flat.shape))
    add(f"a{flat.dtype.name}({shape})".encode())
    add(flat.reshape(-1).view(np.uint8).data)


def _scalar(value: object) -> bytes:
    """A scalar with its tag; strings and bytes with their length, so that nothing runs together."""
    if isinstance(value, np.generic):
        value = value.item()
    if value is None:
        return b"n;"
    if isinstance(value, bool):
        return b"b1;" if value else b"b0;"
    if isinstance(value, int):
        return b"i%x;" % value  # not decimal: Python limits the digits of that
    if isinstance(value, float):
        return _float(value)
    if isinstance(value, str):
        text = value.encode("utf-8", "surrogatepass")
        return b"s%d:" % len(text) + text
    if isinstance(value, bytes):
        return b"y%d:" % len(value) + value
    raise _no_digest(value)


def _float(value: float) -> bytes:
    if value.is_integer() and (value != 0 or math.copysign(1, value) > 0):
        return b"i%x;" % int(value)
    return b"fnan;" if math.isnan(value) else f"f{value.hex()};".encode()


def _no_digest(value: Any) -> PayloadError:
    return PayloadError(f"{value!r:.40} ({type(value).__name__}) is not part of a plain tree")
