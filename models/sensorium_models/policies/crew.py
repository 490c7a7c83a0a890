"""Demonstrations by several processes at a time.

Each worker (:mod:`sensorium_models.policies.worker`) plays a shard after another. One that says
nothing for long hangs where no signal reaches it, in C or asleep: it is killed, and the shard played
again without the episode at which it stopped. One that dies is replaced, and its shard played again.
"""  # noqa: E501

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sensorium.errors import BadInput, SimulationError
from sensorium_models.policies.coaching import PATIENCE
from sensorium_models.policies.demonstrations import (
    SEEDS,
    SHARD,
    Demonstrations,
    joined,
    read,
    shard_path,
)

START_S, SILENT_S = 120.0, 60.0
"""Seconds of real time in which a worker says nothing, on a machine however busy: at first, and
between two episodes."""
TRIES = 3
"""Times a shard is begun."""
COMMAND = (sys.executable, "-m", "sensorium_models.policies.worker")
_LINE = 1 << 20


@dataclass(slots=True)
class _Job:
    level: str
    first: int
    path: Path
    weights: str
    modules: tuple[str, ...]
    patience: int
    skip: list[int] = field(default_factory=list)
    tries: int = 0

    def line(self) -> bytes:
        told = {
            "level": self.level, "first": self.first, "count": SHARD, "path": str(self.path),
            "weights": self.weights, "patience": self.patience, "skip": self.skip,
            "modules": self.modules,
        }  # fmt: skip
        return json.dumps(told).encode() + b"\n"


def gather(
    level: str,
    count: int,
    seed: int,
    folder: Path,
    *,
    workers: int = 1,
    weights: Path | None = None,
    patience: int = PATIENCE,
    from_first: int = 0,
    modules: Sequence[str] = (),
    on_shard: Callable[[int, int], None] | None = None,
) -> Demonstrations:
    """``count`` episodes (a whole number of shards is played) of ``level``'s expert.

    With ``weights`` the policy in that file plays and the expert says what it would have done
    (:mod:`.coaching`); such episodes begin with number ``from_first`` of the seed. Shards that
    ``folder`` holds are read, the others played by ``workers`` processes and written: they hold the
    same however many there are. ``on_shard`` is told of each: episodes there are, episodes wanted.
    ``modules`` are plugins to load in them, beside those installed.

    Raises :class:`BadInput` for more than ``SEEDS`` episodes and what :class:`Stage` refuses, and
    :class:`SimulationError` where the level cannot be made or has no expert, or workers die.
    """
    if not 0 < count <= SEEDS - from_first:
        raise BadInput(f"between 1 and {SEEDS:,} demonstrations can be made of a seed, not {count}")
    if workers < 1:
        raise BadInput(f"demonstrations take 1 worker or more, not {workers}")
    folder.mkdir(parents=True, exist_ok=True)
    starts = range(from_first, from_first + count, SHARD)
    paths = [shard_path(folder, level, seed, start) for start in starts]
    begin = (seed + 1) * SEEDS
    wanted = deque(
        _Job(level, begin + start, path, str(weights or ""), tuple(modules), patience)
        for start, path in zip(starts, paths, strict=True)
        if not path.exists()
    )
    there = len(paths) - len(wanted)
    if there and on_shard is not None:
        on_shard(min(SHARD * there, count), count)

    def tell() -> None:
        nonlocal there
        there += 1
        if on_shard is not None:
            on_shard(min(SHARD * there, count), count)

    if wanted:
        asyncio.run(_play_all(wanted, workers, tell))
    kept = joined([read(path) for path in paths])
    if not len(kept):
        raise SimulationError(level, f"its expert solved none of {count:,} episodes")
    return kept.first(count)


async def _play_all(wanted: deque[_Job], workers: int, tell: Callable[[], None]) -> None:
    try:
        async with asyncio.TaskGroup() as group:
            for _ in range(min(workers, len(wanted))):
                group.create_task(_work_off(wanted, tell))
    except BaseExceptionGroup as several:
        raise several.exceptions[0] from None


async def _work_off(wanted: deque[_Job], tell: Callable[[], None]) -> None:
    worker: asyncio.subprocess.Process | None = None
    try:
        while wanted:
            job = wanted.popleft()
            worker = worker or await _hire()
            if await _play(worker, job):
                tell()
                continue
            await _dismiss(worker)
            worker = None
            wanted.appendleft(job)
    finally:
        if worker is not None:
            await _dismiss(worker)


async def _play(worker: asyncio.subprocess.Process, job: _Job) -> bool:
    """Whether the shard was played; if not, the worker must be replaced."""
    assert worker.stdin is not None
    assert worker.stdout is not None
    job.tries += 1
    at: int | None = None
    limit = START_S
    with suppress(ConnectionError, TimeoutError):
        worker.stdin.write(job.line())
        while line := await asyncio.wait_for(worker.stdout.readline(), limit):
            limit = SILENT_S
            answer: dict[str, Any] = json.loads(line)
            if "failed" in answer:
                raise _error(job.level, answer["failed"], answer["message"])
            if "done" in answer:
                return True
            at = answer["at"]
    silent = worker.returncode is None and not worker.stdout.at_eof()
    if job.tries >= TRIES + len(job.skip):
        how = "hung" if silent else "died"
        raise SimulationError(job.level, f"the process that played it {how} {job.tries} times"
                              f" in the episodes from seed {job.first}")  # fmt: skip
    if silent and at is not None and not job.weights:
        job.skip.append(at)
    return False


def _error(level: str, kind: str, message: str) -> Exception:
    if kind == "BadInput":
        return BadInput(message)
    prefix = f"environment {level!r}: "
    return SimulationError(level, message.removeprefix(prefix))


async def _hire() -> asyncio.subprocess.Process:
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    return await asyncio.create_subprocess_exec(
        *COMMAND, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
        env=environment, limit=_LINE, start_new_session=True,
    )  # fmt: skip


async def _dismiss(worker: asyncio.subprocess.Process) -> None:
    """End it, whatever it does: its half shard is nobody's loss."""
    with suppress(ProcessLookupError):
        worker.kill()
    await worker.wait()
    transport = getattr(worker, "_transport", None)
    if transport is not None:
        transport.close()
