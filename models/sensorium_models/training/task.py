"""What there is to learn: the one contract between a system and the trainer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Protocol, TypeVar, runtime_checkable

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

from sensorium.errors import BadInput

BatchT = TypeVar("BatchT")


@dataclass(frozen=True, slots=True)
class Draw:
    """Which batch is asked for. The same draw gives the same batch, in any process.

    That is all an exact resume needs: no state of a loader is kept.
    """

    index: int
    """From 0: batches drawn before this one in the whole of training."""
    size: int
    """Items."""
    seed: int
    stage: str = ""
    """Name of the curriculum's stage, and"""
    settings: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    """what it asks for."""
    chosen: NDArray[np.int64] | None = None
    """(size,) the rows that the sampler chose, where there is one."""

    @property
    def rows(self) -> NDArray[np.int64]:
        """The rows to take. Raises BadInput where training was given no sampler."""
        if self.chosen is None:
            raise BadInput("this task takes rows: give fit a sampler, Passes(count) for example")
        return self.chosen

    def rng(self) -> np.random.Generator:
        """For what is random in this batch: always the same numbers."""
        return np.random.default_rng([self.seed, self.index, 7])


class Task(Protocol[BatchT]):
    """A system that can be trained.

    ``score`` names the figure of :meth:`validate` by which weights are chosen; the higher, the
    better (for an error give its negative). Optional: ``shared(network)``, the parameters of the
    last layer that all losses share (GradNorm needs it), and ``name``, for messages.
    """

    score: str

    def build(self, seed: int) -> nn.Module:
        """A new network; the same for the same ``seed`` (torch is seeded with it already)."""

    def batch(self, draw: Draw) -> BatchT:
        """The items of one draw: a tree of tensors, on the CPU."""

    def losses(self, network: Any, batch: BatchT) -> Mapping[str, Tensor]:
        """One or several named losses, each a scalar that falls as the network learns."""

    def validate(self, network: Any) -> Mapping[str, float]:
        """Named figures on data that is not learnt from; the network is in eval mode."""


@runtime_checkable
class Shares(Protocol):
    """A task whose losses share layers."""

    def shared(self, network: Any) -> list[nn.Parameter]:
        """Parameters of the last layer that all losses share."""


def name_of(task: object) -> str:
    """What messages call a task."""
    return str(getattr(task, "name", type(task).__name__))
