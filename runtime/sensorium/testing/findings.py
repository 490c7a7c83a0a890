"""From what was seen of a component to what is wrong with it, in words."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from sensorium.components import Component, Source
from sensorium.events import AnyEvent
from sensorium.payloads.system import ComponentFailed
from sensorium.testing.payload import value_problems
from sensorium.testing.problem import Problem
from sensorium.testing.recording import Record, fingerprint

_DERIVERS = ("perceiver", "fuser")


def of_life(
    cls: type[Component],
    record: Record,
    events: Sequence[AnyEvent],
    failures: Sequence[ComponentFailed],
) -> Iterator[Problem]:
    """Failures, blocking calls, changed inputs and outputs, payloads that cannot travel."""
    name = cls.__name__
    for failed in failures:
        yield _failure(name, failed)
    for method, what in sorted(record.blocking):
        yield _blocking(f"{name}.{method}", what)
    for payload, before in record.taken:
        if fingerprint(payload) != before:
            what = f"changes the {type(payload).__name__} that it was given"
            yield Problem(name, what, "Work on a copy: other components hold the same payload")
    for payload, before in record.emitted:
        if fingerprint(payload) != before:
            what = f"changes a {type(payload).__name__} after emitting it"
            yield Problem(name, what, "Emit a fresh array each time, or a copy")
    for payload, _ in record.emitted:
        yield from value_problems(payload)
    if issubclass(cls, Source) and not events and not failures:
        remedy = "Give the check options with which it has something to emit"
        yield Problem(name, "emitted nothing in ten seconds of its clock", remedy)


def of_events(
    cls: type[Component], events: Sequence[AnyEvent], times: frozenset[int]
) -> Iterator[Problem]:
    """Originating times and parents."""
    if issubclass(cls, Source):
        yield from _source_times(cls, events)
        return
    for event in events:
        if event.parents and event.originating_time not in times:
            remedy = "Leave originating_time to emit, or pass that of the event it comes from"
            what = f"does not keep the originating time on {event.topic}"
            yield Problem(cls.__name__, what, remedy)
        elif not event.parents and cls.kind in _DERIVERS:
            remedy = "Leave parents to emit, or name the events the result comes from"
            yield Problem(cls.__name__, f"names no parent on {event.topic}", remedy)


def of_closing(cls: type[Component], twice: Record, refused: Record) -> Iterator[Problem]:
    """``close``: after a good life, once more, and after a set-up that failed."""
    where = f"{cls.__name__}.close"
    if twice.close_error is not None:
        yield Problem(where, f"raises {_say(twice.close_error)}", "close must not fail")
    if twice.second_close_error is not None:
        remedy = "Forget what it has given back: `device, self.device = self.device, None`"
        yield Problem(where, f"raises {_say(twice.second_close_error)} when called twice", remedy)
    if refused.close_error is not None:
        remedy = "Set what setup makes to None in __init__ and look before closing it"
        what = f"raises {_say(refused.close_error)} when setup had failed"
        yield Problem(where, what, remedy)


def of_repetition(
    cls: type[Component], first: Sequence[AnyEvent], second: Sequence[AnyEvent]
) -> Iterator[Problem]:
    """The same events and the same seed must give the same results: replay rests on it."""
    told = [
        [(e.topic, e.originating_time, fingerprint(e.payload)) for e in events]
        for events in (first, second)
    ]
    if told[0] != told[1]:
        remedy = (
            "Seed what is random with self.context.seed and keep no state outside the object"
            " (or check it with deterministic=False)"
        )
        yield Problem(cls.__name__, "answers the same events differently a second time", remedy)


def of_cancellation(cls: type[Component], record: Record) -> Iterator[Problem]:
    """Whether it ended when it was cancelled."""
    if record.swallowed:
        remedy = "Let asyncio.CancelledError through: catch Exception, clean up in `finally`"
        yield Problem(cls.__name__, "goes on after being cancelled", remedy)


def _failure(name: str, failed: ComponentFailed) -> Problem:
    where = f"{name}.{failed.during}"
    if failed.kind == "ComponentError":
        return Problem(where, failed.error, "Declare what it emits in gives, and emit that")
    at = f" at {failed.event}" if failed.event else ""
    return Problem(where, f"raised {failed.error}{at}", "A component must handle a sound sample")


def _blocking(where: str, what: str) -> Problem:
    if what.startswith("time.time"):
        return Problem(where, f"reads {what}()", "Ask self.context.clock.now(): it can be virtual")
    if where.endswith("__init__"):
        return Problem(where, f"does slow work ({what})", "Move it to `async def setup`")
    remedy = "It stops every component: await self.context.clock.sleep, or asyncio.to_thread"
    return Problem(where, f"calls {what}", remedy)


def _source_times(cls: type[Component], events: Sequence[AnyEvent]) -> Iterator[Problem]:
    last: dict[str, int] = {}
    for event in events:
        if event.originating_time > event.creation_time:
            remedy = "originating_time is when the sensor was reached, in ns on the session's clock"
            yield Problem(cls.__name__, f"emits from the future on {event.topic}", remedy)
        if event.originating_time < last.get(event.topic, event.originating_time):
            remedy = "Emit in the order in which the sensor was reached"
            yield Problem(cls.__name__, f"goes back in time on {event.topic}", remedy)
        last[event.topic] = event.originating_time


def _say(error: Exception) -> str:
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
