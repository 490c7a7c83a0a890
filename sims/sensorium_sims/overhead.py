"""What the runtime adds to a step: the same episodes over the bus and in a plain loop, in turns."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from statistics import median
from typing import TYPE_CHECKING, Any

from sensorium.errors import SimulationError
from sensorium_sims.direct import MakePolicy, Policy, run_direct
from sensorium_sims.suite import environments_of, play, versions

if TYPE_CHECKING:
    from sensorium.plugins import Plugins
    from sensorium.settings import Settings


def measure(
    settings: Settings,
    plugins: Plugins,
    policy: MakePolicy,
    *,
    runs: int,
    tell: Callable[[str], None] = lambda line: None,
) -> dict[str, Any]:
    """Medians over ``runs`` of the difference per step, in ms, by the clock and by the processor.

    ``settings`` are an agent with one environment, ``policy`` decides as its planner does. The
    first episode warms up: counted is from the start of the second to the end of the last, so not
    the start of the session, not loading the model and not making the environment. Raises
    :class:`SimulationError` when the episodes differ, ValueError for fewer than two.
    """
    ((_, component),) = environments_of(settings).items()
    environment, episodes = component.options["id"], component.options.get("episodes", 1)
    if episodes < 2:
        raise ValueError(f"two episodes at least are needed, the first to warm up, not {episodes}")
    wall, processor, plain, share = [], [], [], []
    steps = 0
    for run in range(runs):
        over_bus = _Span()
        played = asyncio.run(
            play(settings, plugins, on_start=over_bus.begin, on_episode=over_bus.end)
        ).episodes
        direct = _Span()
        episode = run_direct(
            environment, _watched(policy, direct), episodes=episodes,
            seed=component.options.get("seed", 0), registry=plugins.environments,
        )  # fmt: skip
        direct.end()
        if [e.actions for e in played] != [e.actions for e in episode]:
            raise SimulationError(environment, "the bus and a plain loop gave other episodes")
        steps = sum(e.steps for e in played[1:])
        wall.append((over_bus.wall - direct.wall) / steps * 1000)
        processor.append((over_bus.processor - direct.processor) / steps * 1000)
        plain.append(direct.wall / steps * 1000)
        share.append(wall[-1] / plain[-1])
        tell(f"run {run + 1}/{runs}: {wall[-1]:.3f} ms over {plain[-1]:.3f} ms a step")
    return {
        "env": environment,
        "agent": settings.agent.name,
        "episodes": episodes,
        "steps": steps,
        "runs": runs,
        "overhead_ms": round(median(wall), 6),
        "overhead_processor_ms": round(median(processor), 6),
        "plain_loop_ms": round(median(plain), 6),
        "overhead_share": round(median(share), 6),
        "versions": versions(),
    }


class _Span:
    """Seconds from the second call of ``begin`` to the last of ``end``."""

    wall = processor = 0.0

    def __init__(self) -> None:
        self._calls = 0
        self._begun = (0.0, 0.0)

    def begin(self, event: object = None) -> None:
        self._calls += 1
        if self._calls == 2:
            self._begun = time.perf_counter(), time.process_time()

    def end(self, event: object = None) -> None:
        self.wall = time.perf_counter() - self._begun[0]
        self.processor = time.process_time() - self._begun[1]


def _watched(policy: MakePolicy, span: _Span) -> MakePolicy:
    def make(env: Any, words: Any, seed: int) -> Policy:
        span.begin()
        return policy(env, words, seed)

    return make
