"""The session in the text format of Prometheus."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator, Mapping
from itertools import chain
from typing import TYPE_CHECKING, Any

from sensorium.events import NS_PER_S
from sensorium.telemetry.edges import meter_of
from sensorium.telemetry.histogram import Histogram
from sensorium.telemetry.snapshot import models, pools

if TYPE_CHECKING:
    from prometheus_client.metrics_core import Metric

    from sensorium.bus import SubscriptionStatistics
    from sensorium.session.session import Session
    from sensorium.telemetry.edges import EdgeMeter

BOUNDS = range(10, 38, 2)  # powers of two, in ns: from 1 µs to 69 s
_END = b"# EOF\n"  # of the OpenMetrics format
SIZES = (1, 2, 4, 8, 16, 32, 64, 128, 256)


async def exposition(session: Session, accept: str = "") -> tuple[bytes, str]:
    """The metrics of ``session`` and their content type, in the format that ``accept`` prefers.

    The loop goes on between one metric and the next: a page of thousands of lines takes a while.
    """
    from prometheus_client import ProcessCollector
    from prometheus_client.exposition import choose_encoder

    encode, kind = choose_encoder(accept)
    body = b""
    for metric in chain(_metrics(session), ProcessCollector(registry=None).collect()):
        body += encode(_Alone(metric)).removesuffix(_END)
        await asyncio.sleep(0)
    return body + (_END if "openmetrics" in kind else b""), kind


class _Alone:
    """One metric as a registry, as far as encoders look at it."""

    def __init__(self, metric: Metric) -> None:
        self._metric = metric

    def collect(self) -> list[Metric]:
        return [self._metric]


def _metrics(session: Session) -> Iterator[Metric]:
    yield from _components(session)
    yield from _edges(session)
    yield from _models(session)
    yield from _workers(session)
    yield from _turns(session)


def _components(session: Session) -> Iterator[Metric]:
    up = _gauge("component_up", "1 while the component runs.", "component", "kind")
    failures = _counter("component_failures", "Failures of the component.", "component")
    for name, runner in session.runners.items():
        up.add_metric([name, runner.component_class.kind], float(not runner.ended.is_set()))
        failures.add_metric([name], session.failures[name])
    yield from (up, failures)


def _edges(session: Session) -> Iterator[Metric]:
    edge = ("edge",)
    published = _counter("edge_published", "Events published to the edge.", *edge)
    delivered = _counter("edge_delivered", "Events taken from the edge.", *edge)
    dropped = _counter("edge_dropped", "Events given up on the edge.", "edge", "reason")
    pending = _gauge("edge_pending", "Events in the edge's mailbox.", *edge)
    waiting = _gauge("edge_waiting", "Publishers that wait for room.", *edge)
    age = _histogram("edge_age_seconds", "From the sensor to the reader.", *edge)
    wait = _histogram("edge_wait_seconds", "From creation to the reader.", *edge)
    took = _histogram("edge_processing_seconds", "The component's time for an event.", *edge)
    for name, counts, meter in _named_edges(session):
        published.add_metric([name], counts.published)
        delivered.add_metric([name], counts.delivered)
        for reason, number in counts.dropped.items():
            dropped.add_metric([name, reason], number)
        pending.add_metric([name], counts.pending)
        waiting.add_metric([name], counts.waiting)
        if meter is not None and counts.delivered:
            _add(age, [name], meter.age)
            _add(wait, [name], meter.wait)
            _add(took, [name], meter.processing)
    yield from (published, delivered, dropped, pending, waiting, age, wait, took)


def _named_edges(
    session: Session,
) -> Iterator[tuple[str, SubscriptionStatistics, EdgeMeter | None]]:
    """Each edge under a name of its own: two that share one would make the page unreadable."""
    seen: Counter[str] = Counter()
    for subscription in session.bus.subscriptions:
        counts = subscription.statistics()
        seen[counts.name] += 1
        number = seen[counts.name]
        name = counts.name if number == 1 else f"{counts.name} ({number})"
        yield name, counts, meter_of(subscription)


def _models(session: Session) -> Iterator[Metric]:
    requests = _counter("model_requests", "Requests to the model.", "model")
    failures = _counter("model_failures", "Requests that failed.", "model")
    cancelled = _counter("model_cancelled", "Requests that nobody waited for.", "model")
    flying = _gauge("model_in_flight", "Requests under way.", "model")
    waiting = _gauge("model_waiting", "Requests that wait for a worker.", "model")
    latency = _histogram("model_seconds", "From the call to its answer.", "model")
    first = _histogram("model_first_part_seconds", "From the call to its first part.", "model")
    batch = _histogram("model_batch_size", "Requests in a batch.", "model")
    for model in models(session):
        name = [model["name"]]
        requests.add_metric(name, model["requests"])
        failures.add_metric(name, model["failures"])
        cancelled.add_metric(name, model["cancelled"])
        flying.add_metric(name, model["in_flight"])
        if model["waiting"] is not None:
            waiting.add_metric(name, model["waiting"])
        if model["batch_sizes"] is not None:
            _add_sizes(batch, name, {int(k): n for k, n in model["batch_sizes"].items()})
    metered = session.telemetry.models if session.telemetry else None
    for model_name, meter in (metered.meters if metered else {}).items():
        _add(latency, [model_name], meter.latency)
        if meter.first.count:
            _add(first, [model_name], meter.first)
    yield from (requests, failures, cancelled, flying, waiting, latency, first, batch)


def _workers(session: Session) -> Iterator[Metric]:
    rss = _gauge("worker_resident_bytes", "Memory of the worker process.", "worker")
    outstanding = _gauge("worker_outstanding", "Requests under way there.", "worker")
    lost = _counter("workers_lost", "Worker processes that died or hung.")
    statistics = [pool.statistics() for pool in pools(session)]
    for pool in statistics:
        for worker in pool.workers:
            name = [f"{worker.worker}#{worker.epoch}"]
            rss.add_metric(name, worker.rss)
            outstanding.add_metric(name, worker.outstanding)
    lost.add_metric([], sum(pool.lost for pool in statistics))
    yield from (rss, outstanding, lost)


def _turns(session: Session) -> Iterator[Metric]:
    timer = session.telemetry.turns if session.telemetry else None
    turns = _counter("turns", "Turns of the conversation.", "outcome")
    parts = _histogram("turn_part_seconds", "Steps of a turn.", "part")
    whole = _histogram("turn_seconds", "From the end of the question to that of the answer.")
    if timer is not None:
        for outcome, number in timer.outcomes.items():
            turns.add_metric([outcome], number)
        for part, held in timer.parts.items():
            _add(parts, [part], held)
        _add(whole, [], timer.whole)
    yield from (turns, parts, whole)


def _gauge(name: str, words: str, *labels: str) -> Any:
    from prometheus_client.core import GaugeMetricFamily

    return GaugeMetricFamily(f"sensorium_{name}", words, labels=labels)


def _counter(name: str, words: str, *labels: str) -> Any:
    from prometheus_client.core import CounterMetricFamily

    return CounterMetricFamily(f"sensorium_{name}", words, labels=labels)


def _histogram(name: str, words: str, *labels: str) -> Any:
    from prometheus_client.core import HistogramMetricFamily

    return HistogramMetricFamily(f"sensorium_{name}", words, labels=labels)


def _add(family: Any, labels: list[str], held: Histogram) -> None:
    """Times: ns become seconds."""
    buckets = [(repr(bound / NS_PER_S), float(n)) for bound, n in held.below(BOUNDS)]
    buckets.append(("+Inf", float(held.count)))
    family.add_metric(labels, buckets, sum_value=held.total / NS_PER_S)


def _add_sizes(family: Any, labels: list[str], sizes: Mapping[int, int]) -> None:
    buckets = [
        (str(float(bound)), float(sum(n for size, n in sizes.items() if size <= bound)))
        for bound in SIZES
    ]
    buckets.append(("+Inf", float(sum(sizes.values()))))
    family.add_metric(labels, buckets, sum_value=float(sum(k * n for k, n in sizes.items())))
