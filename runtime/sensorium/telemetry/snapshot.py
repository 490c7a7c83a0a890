"""A running session as one JSON value: what ``/statistics``, ``sensorium top`` and the page show.

Times are in ms, rates in events a second, memory in bytes. What is only known with telemetry is
null without it.
"""

from __future__ import annotations

import os
import time
from collections import deque
from typing import TYPE_CHECKING, Any

from sensorium import __version__
from sensorium.bus import Subscription
from sensorium.events import NS_PER_MS
from sensorium.telemetry.edges import meter_of
from sensorium.telemetry.histogram import Histogram
from sensorium.telemetry.models import ModelMeter
from sensorium.topics import overlap

if TYPE_CHECKING:
    from sensorium.payloads import TurnTiming
    from sensorium.session.session import Session
    from sensorium.workers.pool import PoolExecutor

RATE_S = 5.0  # seconds that a rate is taken over
_SAMPLES = 16


class Rates:
    """Events a second on each edge, by looking at its count from time to time."""

    def __init__(self) -> None:
        self._samples: deque[tuple[float, dict[int, int]]] = deque(maxlen=_SAMPLES)

    def look(self, subscriptions: list[Subscription], now: float) -> None:
        """Remember the counts at ``now`` (s, on any clock that goes forward)."""
        if not self._samples or now - self._samples[-1][0] >= RATE_S / _SAMPLES:
            counts = {id(s): s.statistics().published for s in subscriptions}
            self._samples.append((now, counts))

    def of(self, subscription: Subscription, published: int, now: float) -> float | None:
        """Over the last :data:`RATE_S`, or since the last look if that is longer ago; None at
        first."""
        before: tuple[float, int] | None = None
        for at, counts in self._samples:
            if at < now and id(subscription) in counts:
                before = (at, counts[id(subscription)])
                if now - at <= RATE_S:
                    break
        if before is None:
            return None
        return max(0.0, (published - before[1]) / (now - before[0]))


def snapshot(session: Session, rates: Rates | None = None) -> dict[str, Any]:
    """Everything about ``session``, now. Cheap enough to be asked for every second."""
    telemetry = session.telemetry
    return {
        "agent": session.settings.agent.name,
        "version": __version__,
        "pid": os.getpid(),
        "time": session.clock.now() / NS_PER_MS,
        "telemetry": telemetry is not None and telemetry.options.enabled,
        "components": [_component(session, name) for name in session.runners],
        "edges": edges(session, rates),
        "models": models(session),
        "workers": [worker for pool in pools(session) for worker in _workers(pool)],
        "turns": [turn(t) for t in telemetry.turns.last] if telemetry and telemetry.turns else [],
    }


def _component(session: Session, name: str) -> dict[str, Any]:
    runner = session.runners[name]
    if runner.failure is not None:
        state = "failed"
    elif runner.ended.is_set():
        state = "ended"
    else:
        state = ("busy" if runner.busy else "ready") if runner.ready.is_set() else "starting"
    return {
        "name": name,
        "kind": runner.component_class.kind,
        "state": state,
        "problem": str(runner.failure) if runner.failure is not None else "",
        "failures": session.failures[name],
        "takes": [wanted.pattern for wanted in runner.inputs.values()],
        "gives": [given.topic for given in runner.outputs.values()],
    }


def edges(session: Session, rates: Rates | None = None) -> list[dict[str, Any]]:
    """Every subscription of the session's bus."""
    now = time.monotonic()
    found = []
    subscriptions = session.bus.subscriptions
    if rates is not None:
        rates.look(subscriptions, now)
    for subscription in subscriptions:
        counts, meter = subscription.statistics(), meter_of(subscription)
        found.append(
            {
                "name": counts.name,
                "to": _reader(session, counts.name),
                "from": _writers(session, counts.pattern),
                "pattern": counts.pattern,
                "policy": counts.policy,
                "rate": rates.of(subscription, counts.published, now) if rates else None,
                "published": counts.published,
                "delivered": counts.delivered,
                "dropped": counts.dropped,
                "pending": counts.pending,
                "waiting": counts.waiting,
                "age": in_ms(meter.age) if meter else None,
                "wait": in_ms(meter.wait) if meter else None,
                "processing": in_ms(meter.processing) if meter else None,
            }
        )
    return found


def _reader(session: Session, edge: str) -> str:
    """The component that reads an edge; "" for what is no component."""
    component = edge.rpartition(".")[0]
    return component if component in session.runners else ""


def _writers(session: Session, pattern: str) -> list[str]:
    return [
        name
        for name, runner in session.runners.items()
        if any(overlap(pattern, given.topic) for given in runner.outputs.values())
    ]


def models(session: Session) -> list[dict[str, Any]]:
    """Every model that was asked, or that a worker hosts."""
    metered = session.telemetry.models if session.telemetry else None
    meters: dict[str, ModelMeter] = dict(metered.meters) if metered else {}
    pooled = {name: m for pool in pools(session) for name, m in pool.statistics().models.items()}
    found = []
    for name in sorted({*meters, *pooled}):
        meter, held = meters.get(name), pooled.get(name)
        found.append(
            {
                "name": name,
                "where": "worker" if held else "here",
                "requests": held.requests if held else meter.requests if meter else 0,
                "waiting": held.waiting if held else None,
                "in_flight": held.in_flight if held else meter.in_flight if meter else 0,
                "failures": held.failures if held else meter.failures if meter else 0,
                "cancelled": held.cancelled if held else meter.cancelled if meter else 0,
                "batches": held.batches if held else None,
                "mean_batch": held.mean_batch if held else None,
                "batch_sizes": {str(k): n for k, n in sorted(held.sizes.items())} if held else None,
                "latency": in_ms(meter.latency) if meter else None,
                "first_part": in_ms(meter.first) if meter and meter.first.count else None,
            }
        )
    return found


def pools(session: Session) -> list[PoolExecutor]:
    """The worker pools of the session."""
    import sys

    if "sensorium.workers.pool.executor" not in sys.modules:
        return []  # nobody has one, and it would bring ZeroMQ
    from sensorium.workers.combined import CombinedExecutor
    from sensorium.workers.pool import PoolExecutor

    telemetry = session.telemetry
    executor = telemetry.models.inner if telemetry and telemetry.models else session.executor
    held = executor.executors if isinstance(executor, CombinedExecutor) else [executor]
    return [one for one in held if isinstance(one, PoolExecutor)]


def _workers(pool: PoolExecutor) -> list[dict[str, Any]]:
    return [
        {
            "name": worker.worker,
            "device": worker.device,
            "state": worker.state,
            "pid": worker.pid,
            "epoch": worker.epoch,
            "rss": worker.rss,
            "outstanding": worker.outstanding,
        }
        for worker in pool.statistics().workers
    ]


def turn(timing: TurnTiming) -> dict[str, Any]:
    """One turn; ``whole`` is the sum of the parts, in ms."""
    return {
        "text": timing.text,
        "spoken": timing.spoken,
        "outcome": timing.outcome,
        "parts": {name: took / NS_PER_MS for name, took in timing.parts.items()},
        "whole": timing.whole / NS_PER_MS,
    }


def in_ms(histogram: Histogram) -> dict[str, float | int | None]:
    """Its size and quantiles."""

    def ms(value: float | None) -> float | None:
        return None if value is None else round(value / NS_PER_MS, 4)

    count = histogram.count
    if not count:
        return {"count": 0, "mean": None, "p50": None, "p99": None, "max": None}
    p50, p99 = histogram.quantiles(0.5, 0.99)
    return {
        "count": count,
        "mean": ms(histogram.mean),
        "p50": ms(p50),
        "p99": ms(p99),
        "max": ms(histogram.largest),
    }
