"""What the runtime adds to a step: the same episodes over the bus and in a plain loop, in turns.

``python -m sensorium_sims.overhead BabyAI-GoTo-v0 --agent random --episodes 5 --runs 9``
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import time
from contextlib import redirect_stdout
from statistics import median
from typing import Any

from sensorium.errors import SimulationError
from sensorium.plugins import Plugins, load_plugins
from sensorium_sims.direct import expert_of, guessing, run_direct
from sensorium_sims.suite import play, settings_for, versions


def measure(
    environment: str, agent: str, *, episodes: int, runs: int, plugins: Plugins
) -> dict[str, Any]:
    """Medians over ``runs`` of the difference per step, in ms, by the clock and by the processor.

    ``agent`` is ``random`` or ``oracle``. Making the environment and the session count in both.
    Raises :class:`SimulationError` when the episodes differ.
    """
    settings = settings_for(
        agent, {"id": environment, "episodes": episodes, "advice": agent == "oracle"}
    )
    registry = plugins.environments
    policy = guessing if agent == "random" else expert_of(registry, environment)
    wall, processor, plain, steps = [], [], [], 0
    for _ in range(runs):
        begin = time.perf_counter(), time.process_time()
        played = asyncio.run(play(settings, plugins)).episodes
        middle = time.perf_counter(), time.process_time()
        direct = run_direct(environment, policy, episodes=episodes, registry=registry)
        end = time.perf_counter(), time.process_time()
        if [e.actions for e in played] != [e.actions for e in direct]:
            raise SimulationError(environment, "the bus and a plain loop gave other episodes")
        steps = sum(e.steps for e in played)
        wall.append((middle[0] - begin[0] - (end[0] - middle[0])) / steps * 1000)
        processor.append((middle[1] - begin[1] - (end[1] - middle[1])) / steps * 1000)
        plain.append((end[0] - middle[0]) / steps * 1000)
    return {
        "env": environment,
        "agent": agent,
        "steps": steps,
        "runs": runs,
        "overhead_ms": round(median(wall), 4),
        "overhead_processor_ms": round(median(processor), 4),
        "plain_loop_ms": round(median(plain), 4),
        "versions": versions(),
    }


def main() -> None:
    """Measure what the command line asks for; one JSON object on stdout."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("environment")
    parser.add_argument("--agent", default="random", choices=["random", "oracle"])
    parser.add_argument("--episodes", type=int, default=5)
    parser.add_argument("--runs", type=int, default=9)
    asked = parser.parse_args()
    with redirect_stdout(sys.stderr):  # some environments print
        found = measure(
            asked.environment, asked.agent, episodes=asked.episodes, runs=asked.runs,
            plugins=load_plugins(),
        )  # fmt: skip
    sys.stdout.write(json.dumps(found) + "\n")


if __name__ == "__main__":
    main()
