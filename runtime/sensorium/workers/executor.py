"""Where models run: the interface every executor has, and what a component holds of it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import DTypeLike, NDArray

    from sensorium.clocks import Clock


class Executor(ABC):
    """Hosts models by name. Components ask for results; settings say where they are computed."""

    @abstractmethod
    async def load(self, model: str) -> None:
        """Bring the model up, if it is not. Raises :class:`~sensorium.errors.ModelError`."""

    @abstractmethod
    async def infer(
        self,
        model: str,
        request: Any,
        *,
        deadline: float | None = None,
        priority: int = 0,
        supersede: str = "",
    ) -> Any:
        """One request, one result.

        ``deadline`` is in seconds from now. Of the requests that wait, those of higher
        ``priority`` are sent first, where the executor orders them. A request with a
        ``supersede`` key takes the place of one with the same key that has not been started.

        Raises :class:`~sensorium.errors.ModelError`, :class:`~sensorium.errors.DeadlineExceeded`
        (a ModelError), and :class:`~sensorium.errors.Cancelled` when superseded.
        """

    @abstractmethod
    def stream(
        self,
        model: str,
        request: Any,
        *,
        deadline: float | None = None,
        priority: int = 0,
        supersede: str = "",
    ) -> AsyncGenerator[Any, None]:
        """The parts of one result as they are made. Closing the generator stops the model.

        ``deadline`` is that of the last part; the rest is as for :meth:`infer`.
        """

    def buffer(
        self, model: str, shape: tuple[int, ...], dtype: DTypeLike = "uint8"
    ) -> NDArray[np.generic]:
        """An array to fill and to give to :meth:`infer`, in memory that the model can see if the
        executor has such: then it is not copied on its way. Its contents are anything.

        It may be filled again when it was answered, and is given back when nobody holds it.
        """
        import numpy as np  # a light core: only who asks for one needs it

        return np.empty(shape, dtype)

    @property
    @abstractmethod
    def loaded(self) -> list[str]:
        """Names of the models that are up."""

    @abstractmethod
    async def close(self) -> None:
        """Unload every model and give threads, processes and memory back.

        One that fails to unload does not stop the others; the first error is raised at the end.
        """


class ModelHandle:
    """One model of an executor, as a component sees it."""

    def __init__(self, executor: Executor, name: str, clock: Clock) -> None:
        self._executor = executor
        self._clock = clock
        self.name = name

    async def load(self) -> None:
        """Load now, so that the first request does not wait. Call it in ``setup``."""
        with self._clock.hold():
            await self._executor.load(self.name)

    def buffer(self, shape: tuple[int, ...], dtype: DTypeLike = "uint8") -> NDArray[np.generic]:
        """An array to fill and to give to the model without a copy: :meth:`Executor.buffer`."""
        executor: Executor | None = getattr(self, "_executor", None)
        if executor is not None:
            return executor.buffer(self.name, shape, dtype)
        import numpy as np  # a handle around another one: any memory will do

        return np.empty(shape, dtype)

    async def infer(
        self,
        request: Any,
        *,
        deadline: float | None = None,
        priority: int = 0,
        supersede: str = "",
    ) -> Any:
        """One request, one result; see :meth:`Executor.infer` for what it raises.

        While a model works, virtual time stands still; ``deadline`` is in real seconds.
        """
        with self._clock.hold():
            return await self._executor.infer(
                self.name, request, deadline=deadline, priority=priority, supersede=supersede
            )

    @asynccontextmanager
    async def stream(
        self,
        request: Any,
        *,
        deadline: float | None = None,
        priority: int = 0,
        supersede: str = "",
    ) -> AsyncIterator[AsyncIterator[Any]]:
        """The parts of one result; leaving the block early stops the model at the source.

        Use it as ``async with model.stream(request) as parts: async for part in parts: …``.
        """
        parts = self._executor.stream(
            self.name, request, deadline=deadline, priority=priority, supersede=supersede
        )
        async with aclosing(parts), aclosing(self._held(parts)) as held:
            yield held

    async def _held(self, parts: AsyncGenerator[Any, None]) -> AsyncGenerator[Any, None]:
        while True:
            try:
                with self._clock.hold():
                    part = await anext(parts)
            except StopAsyncIteration:
                return
            yield part
