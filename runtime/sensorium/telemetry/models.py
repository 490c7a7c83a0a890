"""Models that are timed: an executor around the session's own."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator
from typing import TYPE_CHECKING, Any

from sensorium.errors import Cancelled
from sensorium.telemetry.context import CALL
from sensorium.telemetry.histogram import Histogram
from sensorium.workers.executor import Executor

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import DTypeLike, NDArray

    from sensorium.telemetry.spans import ModelSpan, Spans


class ModelMeter:
    """What was measured of one model, from its callers' side. Times in ns."""

    __slots__ = ("cancelled", "failures", "first", "in_flight", "latency", "requests")

    def __init__(self) -> None:
        self.requests = 0
        self.failures = 0
        self.cancelled = 0
        """Calls that were superseded, or whose caller went."""
        self.in_flight = 0
        self.latency = Histogram()
        """From the call to its answer, or to the last part that was read."""
        self.first = Histogram()
        """Of streams: from the call to the first part."""


class MeteredExecutor(Executor):
    """Hands everything on to ``inner``, and times it."""

    def __init__(self, inner: Executor, spans: Spans | None = None) -> None:
        self.inner = inner
        self.meters: dict[str, ModelMeter] = {}
        """By model; a model that was never asked is not there."""
        self._spans = spans

    async def load(self, model: str) -> None:
        """Load the model."""
        await self.inner.load(model)

    async def infer(
        self,
        model: str,
        request: Any,
        *,
        deadline: float | None = None,
        priority: int = 0,
        supersede: str = "",
    ) -> Any:
        """One request, one result."""
        timing = _Timing(self._meter(model), self._spans, model)
        token = CALL.set(timing.span)
        try:
            result = await self.inner.infer(
                model, request, deadline=deadline, priority=priority, supersede=supersede
            )
        except BaseException as error:
            timing.end(error)
            raise
        finally:
            CALL.reset(token)
        timing.end()
        return result

    async def stream(
        self,
        model: str,
        request: Any,
        *,
        deadline: float | None = None,
        priority: int = 0,
        supersede: str = "",
    ) -> AsyncGenerator[Any, None]:
        """The parts of one result as they are made."""
        timing = _Timing(self._meter(model), self._spans, model)
        parts = self.inner.stream(
            model, request, deadline=deadline, priority=priority, supersede=supersede
        )
        try:
            while True:
                token = CALL.set(timing.span)  # a generator shares the context of its reader
                try:
                    part = await anext(parts)
                except StopAsyncIteration:
                    break
                finally:
                    CALL.reset(token)
                timing.part()
                yield part
        except GeneratorExit:  # the reader has what it wanted
            await parts.aclose()
            timing.end(left=True)
            raise
        except BaseException as error:
            await parts.aclose()
            timing.end(error)
            raise
        timing.end()

    def buffer(
        self, model: str, shape: tuple[int, ...], dtype: DTypeLike = "uint8"
    ) -> NDArray[np.generic]:
        """An array to fill, as the executor inside gives it."""
        return self.inner.buffer(model, shape, dtype)

    @property
    def loaded(self) -> list[str]:
        """Names of the models that are up."""
        return self.inner.loaded

    async def close(self) -> None:
        """Close the executor inside."""
        await self.inner.close()

    def _meter(self, model: str) -> ModelMeter:
        meter = self.meters.get(model)
        if meter is None:
            meter = self.meters[model] = ModelMeter()
        return meter


class _Timing:
    """One call under way."""

    __slots__ = ("_begun", "_meter", "_parts", "span")

    def __init__(self, meter: ModelMeter, spans: Spans | None, model: str) -> None:
        meter.requests += 1
        meter.in_flight += 1
        self._meter = meter
        self._parts = 0
        self.span: ModelSpan | None = spans.model_call(model) if spans is not None else None
        self._begun = time.perf_counter_ns()

    def part(self) -> None:
        self._parts += 1
        if self._parts == 1:
            self._meter.first.record(time.perf_counter_ns() - self._begun)

    def end(self, error: BaseException | None = None, *, left: bool = False) -> None:
        meter = self._meter
        meter.in_flight -= 1
        meter.latency.record(time.perf_counter_ns() - self._begun)
        if error is not None:
            if isinstance(error, Exception) and not isinstance(error, Cancelled):
                meter.failures += 1
            else:
                meter.cancelled += 1
        if self.span is not None:
            self.span.end(error, parts=self._parts, left=left)
