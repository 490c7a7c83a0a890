"""A teacher's process: plays the shards it is told of on stdin, and says so on stdout.

Both are JSON lines. A job is ``{"level", "first", "count", "path", "weights", "patience", "skip",
"modules"}``: seeds, where the shard goes, and the policy that plays (none: the expert shows it
itself). Answers are ``{"at": seed}``, and at the end ``{"done": episodes}`` or
``{"failed": kind, "message"}``. It ends when stdin does.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sensorium.errors import EnvironmentFailed, EnvironmentHung
from sensorium.plugins import load_plugins
from sensorium_models.policies.demonstrations import Demonstrations, write
from sensorium_models.policies.playing import Stage

if TYPE_CHECKING:
    from sensorium.plugins.environments import EnvironmentRegistry


class Desk:
    """Reads jobs, writes answers; what environments print goes nowhere."""

    def __init__(self) -> None:
        self._out = os.fdopen(os.dup(1), "w", encoding="utf-8")
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)

    def tell(self, **what: Any) -> None:
        """One line."""
        self._out.write(json.dumps(what) + "\n")
        self._out.flush()

    def jobs(self) -> Iterator[dict[str, Any]]:
        """Until stdin ends."""
        for line in sys.stdin:
            yield json.loads(line)


def shown(job: dict[str, Any], registry: EnvironmentRegistry, desk: Desk) -> Demonstrations:
    """Have the expert play."""
    stage = Stage(job["level"], registry)
    episodes: list[Any] = []
    try:
        for seed in range(job["first"], job["first"] + job["count"]):
            desk.tell(at=seed)
            episode = None if seed in job["skip"] else _show(stage, seed)
            if episode is not None:
                episodes.append(episode)
    finally:
        stage.close()
    left_out = job["count"] - len(episodes)
    return Demonstrations.of(episodes, {"solved": len(episodes), "left_out": left_out})


def _show(stage: Stage, seed: int) -> Any:
    """Instruction, views and actions; None where the expert did not get there."""
    views, actions = [], []
    try:
        sight, action = stage.reset(seed), None
        while not sight.over:
            action = stage.advise(action)
            views.append(sight.view)
            actions.append(action)
            sight = stage.step(action)
    except (EnvironmentHung, EnvironmentFailed):
        return None
    return (stage.mission, views, actions) if sight.solved else None


def coached(job: dict[str, Any], registry: EnvironmentRegistry, desk: Desk) -> Demonstrations:
    """Have the policy play, and its teacher advise."""
    import torch

    from sensorium_models.policies.coaching import play
    from sensorium_models.policies.files import load_network

    torch.set_num_threads(1)
    network, _ = load_network(Path(job["weights"]))
    seeds = range(job["first"], job["first"] + job["count"])
    kept, counts = [], Counter[str]()
    playing = play(job["level"], seeds, registry, network, taught=True, patience=job["patience"])
    for episode in playing:
        desk.tell(at=episode.seed)
        counts.update(
            solved=episode.solved, helped=episode.helped, stuck=bool(episode.stuck),
            left_out=not episode.views,
        )  # fmt: skip
        if episode.views:
            advised = episode.advised[: len(episode.views)]
            kept.append((episode.seed, (episode.mission, episode.views, advised)))
    kept.sort(key=lambda pair: pair[0])  # they end in another order than they begin
    return Demonstrations.of([episode for _, episode in kept], counts)


def main() -> None:
    """See the module."""
    desk = Desk()
    registry: EnvironmentRegistry | None = None
    for job in desk.jobs():
        try:
            if registry is None:
                registry = load_plugins(modules=job["modules"]).environments
            began = time.process_time()
            shard = (coached if job["weights"] else shown)(job, registry, desk)
            shard.counts["played"] = job["count"]
            shard.counts["cpu_ms"] = round((time.process_time() - began) * 1000)
            write(Path(job["path"]), shard)
            desk.tell(done=len(shard))
        except BrokenPipeError:
            return  # whoever gave the job has gone
        except Exception as error:  # noqa: BLE001 - whoever gave the job is to know
            desk.tell(failed=type(error).__name__, message=str(error))


if __name__ == "__main__":
    main()
