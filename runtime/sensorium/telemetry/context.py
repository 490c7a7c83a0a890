"""Which span the code that runs now belongs to. No library is needed to ask.

A model call on its way to a worker finds its :class:`Call` in :data:`CALL`; the request carries
``traceparent`` to the worker, and the worker's own times come back to :meth:`Call.ran`.
"""

from __future__ import annotations

from contextvars import ContextVar
from typing import NamedTuple, Protocol


class SpanId(NamedTuple):
    """A span: of which trace, and which one."""

    trace: int
    """128 bits."""
    span: int
    """64 bits."""

    @property
    def traceparent(self) -> str:
        """As W3C Trace Context writes it (version 00, sampled)."""
        return f"00-{self.trace:032x}-{self.span:016x}-01"


class Call(Protocol):
    """A model call that is traced."""

    traceparent: str

    def ran(self, worker: str, begun: int, ended: int, batch: int) -> None:
        """A worker computed it, in a batch of that size; times are ns since the epoch there."""


CURRENT: ContextVar[SpanId | None] = ContextVar("sensorium_span", default=None)
"""The span of the event being processed, if it is traced."""

CALL: ContextVar[Call | None] = ContextVar("sensorium_model_call", default=None)
"""The traced model call that is being made."""
