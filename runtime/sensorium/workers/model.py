"""The contract of a model: what an executor hosts, on whatever device, in whatever process.

A model knows nothing of events. Requests and results are plain trees of ``dict``, ``list``,
``str``, numbers, ``None``, ``bytes`` and numpy arrays, so that they can cross to a worker
process without pickle. One model object is used by one thread at a time.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar, Generic, TypeVar

from pydantic import BaseModel, ConfigDict

RequestT = TypeVar("RequestT")
ResultT = TypeVar("ResultT")


class ModelOptions(BaseModel):
    """Base of a model's options: unknown keys are refused, values are frozen."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Model(ABC, Generic[RequestT, ResultT]):
    """One network (or engine) behind two methods: ``load`` and ``infer`` (or ``stream``).

    A subclass sets ``Options`` (a :class:`ModelOptions`) and reads ``self.options``.
    ``load`` may take seconds and must not be called in ``__init__``.
    """

    Options: ClassVar[type[ModelOptions]] = ModelOptions

    def __init__(self, options: Any = None) -> None:
        self.options: Any = self.Options() if options is None else options

    @abstractmethod
    def load(self, device: str) -> None:
        """Bring weights to ``device`` (``cpu``, ``cuda:0``, ``mps``).

        Raises :class:`~sensorium.errors.ModelUnavailable` when weights cannot be had.
        """

    def warm_up(self) -> None:
        """Do once what the first call would do slowly, so that no caller waits for it.

        Called after :meth:`load` by the executor, before the model counts as ready; what it
        raises is a failure to load. The default does nothing.
        """

    @abstractmethod
    def infer(self, batch: Sequence[RequestT]) -> Sequence[ResultT]:
        """Answer every request of ``batch``; the result has the same length and order.

        A model that only streams answers each request with its whole stream joined.
        """

    def stream(self, request: RequestT) -> Iterator[Any]:
        """Yield the parts of one answer as they are made.

        The caller closes the iterator to cancel: stop work when ``GeneratorExit`` is raised.
        The default yields the one result of :meth:`infer`.
        """
        yield self.infer([request])[0]

    @classmethod
    def weights(cls, options: Any) -> Mapping[str, str]:
        """The sha256 of each file that answers depend on, by name: recordings hold it.

        Called without a :meth:`load`, and must be quick: say what a manifest says, or nothing.
        """
        return {}

    def unload(self) -> None:
        """Give memory back. The default lets the garbage collector do it."""
