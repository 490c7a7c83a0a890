"""What a benchmark is.

A benchmark runs *workloads*; each workload is run by *contenders*: the limit (the same work with
nothing around it), ours, and peers (other people's libraries). One run is one call of one plain
function in a process of its own. To add a benchmark, write a module that defines a
:class:`Benchmark` and name it in :mod:`sensorium_benchmarks.suite`.

A contender's module holds one function for each workload, named as :attr:`Workload.function`. It
takes the workload's parameters as keywords and returns its figures by metric name::

    def throughput(events: int) -> dict[str, float]: ...
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any


class Role(StrEnum):
    """What a contender is in the comparison."""

    LIMIT = "limit"
    OURS = "ours"
    PEER = "peer"


DEBIAN_PYTHON = "/usr/lib/python3/dist-packages"
"""Where Debian's packages put theirs."""


class Better(StrEnum):
    """Which way a metric is good; ``NEITHER`` for one that only describes the run."""

    HIGHER = "higher"
    LOWER = "lower"
    NEITHER = "neither"


@dataclass(frozen=True, slots=True)
class Contender:
    """Somebody who does the work."""

    name: str
    role: Role
    module: str
    """Module with the functions, imported only in the process of a run."""
    needs: str = ""
    """Distribution without which it cannot run."""
    install: str = ""
    """Requirement for pip, of the version that the published figures are of."""
    share: float = 1.0
    """Part of the workload's events that this one gets: a slow peer need not take minutes."""
    debian: str = ""
    """Debian's package, for one that only Debian brings."""


@dataclass(frozen=True, slots=True)
class Metric:
    """One figure of a run."""

    name: str
    unit: str
    better: Better
    digits: int = 0
    """Decimals that the table shows."""


@dataclass(frozen=True, slots=True)
class Target:
    """A bound for our figure: itself, or divided by the figure of another contender."""

    metric: str
    bound: float
    against: str = ""
    """Name of the contender; empty when the bound is for the figure itself."""
    at_least: bool = False

    def met(self, value: float) -> bool:
        """Say whether ``value`` is within the bound."""
        return value >= self.bound if self.at_least else value <= self.bound

    def __str__(self) -> str:
        sign = ">=" if self.at_least else "<="
        return f"{self.metric} {sign} {self.bound:g}" + (
            f" x {self.against}" if self.against else ""
        )


@dataclass(frozen=True, slots=True)
class Workload:
    """One piece of work."""

    name: str
    title: str
    function: str
    metrics: tuple[Metric, ...]
    targets: tuple[Target, ...] = ()
    parameters: Mapping[str, Any] = field(default_factory=dict)
    scaled: tuple[str, ...] = ("events",)
    """Names of the parameters that a contender's share makes smaller."""
    among: tuple[str, ...] = ()
    """Names of the contenders that can do it; all of them if empty."""

    def parameters_for(self, contender: Contender, scale: float = 1.0) -> dict[str, Any]:
        """Parameters of ``contender``'s runs, all work taken ``scale`` times."""
        parameters = dict(self.parameters)
        for name in self.scaled:
            if name in parameters:
                parameters[name] = max(1, round(parameters[name] * contender.share * scale))
        return parameters


@dataclass(frozen=True, slots=True)
class Benchmark:
    """Workloads and who runs them."""

    name: str
    title: str
    contenders: tuple[Contender, ...]
    workloads: tuple[Workload, ...]
    repetitions: int = 5

    def with_parameters(self, **parameters: Any) -> Benchmark:
        """The same benchmark with these parameters laid over those of every workload."""
        workloads = [
            replace(work, parameters={**work.parameters, **parameters}) for work in self.workloads
        ]
        return replace(self, workloads=tuple(workloads))
