"""Several executors as one: each model where the settings put it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping
from typing import TYPE_CHECKING, Any

from sensorium.errors import ModelError
from sensorium.workers.executor import Executor

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import DTypeLike, NDArray


class CombinedExecutor(Executor):
    """Hands each request to the executor that hosts its model. Owns and closes them all."""

    def __init__(self, placed: Mapping[str, Executor]) -> None:
        """``placed`` is the executor of each model, by the model's name."""
        self._placed = dict(placed)

    @property
    def executors(self) -> list[Executor]:
        """Each of them once."""
        return list({id(executor): executor for executor in self._placed.values()}.values())

    async def load(self, model: str) -> None:
        """Bring the model up where it runs."""
        await self._find(model).load(model)

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
        return await self._find(model).infer(
            model, request, deadline=deadline, priority=priority, supersede=supersede
        )

    def stream(
        self,
        model: str,
        request: Any,
        *,
        deadline: float | None = None,
        priority: int = 0,
        supersede: str = "",
    ) -> AsyncGenerator[Any, None]:
        """The parts of one result as they are made."""
        return self._find(model).stream(
            model, request, deadline=deadline, priority=priority, supersede=supersede
        )

    def buffer(
        self, model: str, shape: tuple[int, ...], dtype: DTypeLike = "uint8"
    ) -> NDArray[np.generic]:
        """An array in memory that the model can see, if it runs where there is such."""
        return self._find(model).buffer(model, shape, dtype)

    @property
    def loaded(self) -> list[str]:
        """Names of the models that are up, wherever."""
        return [name for name, executor in self._placed.items() if name in executor.loaded]

    async def close(self) -> None:
        """Close them all, at the same time; the first error is raised when all are closed."""
        executors = {id(executor): executor for executor in self._placed.values()}
        closing = (executor.close() for executor in executors.values())
        for error in await asyncio.gather(*closing, return_exceptions=True):
            if error is not None:
                raise error

    def _find(self, model: str) -> Executor:
        try:
            return self._placed[model]
        except KeyError:
            known = ", ".join(sorted(self._placed))
            raise ModelError(model, f"is not among the models of this session: {known}") from None
