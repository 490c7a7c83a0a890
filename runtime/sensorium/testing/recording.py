"""A component that notes what it does: the class under test with its edges watched."""

from __future__ import annotations

import asyncio
import builtins
import io
import socket
import sys
import time
import types
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from sensorium.components import Component, Emit, Source
from sensorium.errors import SensoriumError
from sensorium.events import AnyEvent, Event
from sensorium.payloads.base import Payload
from sensorium.testing.payload import frames_of

_SLOW = {time.sleep: "time.sleep", builtins.input: "input"}
_SLOW_TO_MAKE = {"start_new_thread": "a new thread", "fork_exec": "a new process"}
_WALL_TIME = {time.time: "time.time", time.time_ns: "time.time_ns"}


class Refused(Exception):
    """Raised in place of ``setup``, to see that ``close`` copes."""


class GaveUp(BaseException):
    """Ends a component that goes on after it was cancelled."""


@dataclass
class Record:
    """What was seen of a component during one life."""

    refuse_setup: bool = False
    """Let ``setup`` fail."""
    hold: bool = False
    """Let the first ``emit`` wait for ever, so that the component can be cancelled there."""
    close_twice: bool = False
    components: list[Component] = field(default_factory=list)
    """Kept, so that what they hold open stays open and can be counted."""
    emitted: list[tuple[Payload, bytes]] = field(default_factory=list)
    """Each payload with its fingerprint when it was emitted."""
    taken: list[tuple[Payload, bytes]] = field(default_factory=list)
    """Each payload processed, with its fingerprint before."""
    blocking: set[tuple[str, str]] = field(default_factory=set)
    """(method, what it called)."""
    close_error: Exception | None = None
    second_close_error: Exception | None = None
    holding: bool = False
    cancelled: bool = False
    swallowed: bool = False


def fingerprint(payload: Payload) -> bytes:
    """The content of a payload as bytes; empty when it cannot be encoded."""
    event: AnyEvent = Event("check/payload", payload, 0, 0, "check", 0)
    try:
        return b"".join(frames_of(event))
    except (SensoriumError, TypeError, ValueError, OverflowError):
        return b""


def recorded(cls: type[Component], record: Record) -> type[Component]:
    """A subclass of ``cls`` that behaves the same and notes in ``record`` what it does."""
    base: Any = cls

    def init(self: Any, options: Any, context: Any) -> None:
        record.components.append(self)
        context = replace(context, emit=_RecordingEmit(context.emit, record, may_hold=False))
        with _watched(record, "__init__", cls.__module__):
            base.__init__(self, options, context)

    async def setup(self: Any) -> None:
        if record.refuse_setup:
            raise Refused
        await base.setup(self)

    async def process(self: Any, event: AnyEvent, emit: Emit) -> None:
        record.taken.append((event.payload, fingerprint(event.payload)))
        with _noting_cancellation(record):
            await base.process(self, event, _RecordingEmit(emit, record))

    async def run(self: Any, emit: Emit) -> None:
        with _noting_cancellation(record):
            await base.run(self, _RecordingEmit(emit, record))

    async def close(self: Any) -> None:
        try:
            await base.close(self)
        except Exception as error:
            record.close_error = error
            raise
        if record.close_twice:
            try:
                await base.close(self)
            except Exception as error:  # noqa: BLE001 - what it raises is the finding
                record.second_close_error = error

    work = {"run": run} if issubclass(cls, Source) else {"process": process}
    body = {"__init__": init, "setup": setup, "close": close, **work}
    return types.new_class(cls.__name__, (cls,), exec_body=lambda space: space.update(body))


@contextmanager
def watching_for_blocking(record: Record, method: str, module: str) -> Iterator[None]:
    """Note calls, on this thread, that stop the event loop or read the wall clock."""

    def look(frame: types.FrameType, event: str, called: Any) -> None:
        if event != "c_call":
            return
        what = _blocking(called, during_init=method == "__init__")
        if not what and frame.f_globals.get("__name__") == module:
            what = _reads_time(called)
        if what:
            record.blocking.add((method, what))

    before = sys.getprofile()
    sys.setprofile(look)
    try:
        yield
    finally:
        sys.setprofile(before)


@contextmanager
def _watched(record: Record, method: str, module: str) -> Iterator[None]:
    known = set(sys.modules)
    with watching_for_blocking(record, method, module):
        yield
    if new := sorted(set(sys.modules) - known):
        record.blocking.add((method, f"import {new[0]}"))


@contextmanager
def _noting_cancellation(record: Record) -> Iterator[None]:
    try:
        yield
    except (asyncio.CancelledError, GaveUp):
        raise
    except Exception:
        record.swallowed = record.swallowed or record.cancelled
        raise
    else:
        record.swallowed = record.swallowed or record.cancelled


class _RecordingEmit:
    """Emits, and notes what."""

    def __init__(self, emit: Emit, record: Record, *, may_hold: bool = True) -> None:
        self._emit = emit
        self._record = record
        self._may_hold = may_hold

    async def __call__(self, payload: Payload, to: str = "", **how: Any) -> AnyEvent:
        if self._record.hold and self._may_hold:
            await self._hold()
        if isinstance(payload, Payload):
            self._record.emitted.append((payload, fingerprint(payload)))
        return await self._emit(payload, to, **how)

    async def _hold(self) -> None:
        record = self._record
        if record.cancelled:
            record.swallowed = True
            raise GaveUp
        record.holding = True
        try:
            await asyncio.get_running_loop().create_future()
        except asyncio.CancelledError:
            record.cancelled = True
            raise


def _blocking(called: Any, *, during_init: bool) -> str:
    try:
        if called in _SLOW:
            return _SLOW[called]
    except TypeError:  # an unhashable callable is none of ours
        return ""
    if not during_init:
        return ""
    if called is io.open:
        return "open"
    name = getattr(called, "__name__", "")
    if name == "connect" and isinstance(getattr(called, "__self__", None), socket.socket):
        return "socket.connect"
    return _SLOW_TO_MAKE.get(name, "")


def _reads_time(called: Any) -> str:
    try:
        return _WALL_TIME.get(called, "")
    except TypeError:
        return ""
