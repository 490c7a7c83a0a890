"""A run in several processes: the same episodes, seed by seed, as in one."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from typing import Any

from sensorium.errors import (
    EnvironmentFailed,
    EnvironmentHung,
    RunFailed,
    SettingsError,
    SimulationError,
)
from sensorium.settings import Settings
from sensorium_sims.bridge.payloads import EpisodeEnded
from sensorium_sims.bridge.tally import Tally
from sensorium_sims.shares import Share, ended_from, split
from sensorium_sims.suite import Played, environments_of

SILENCE_S = 60.0
"""A process that says nothing for so long hangs: the bridge's own limits end all other waits."""
SHARES_EACH = 2
"""Sessions of each process: a process that is done early takes another's."""
_LINE = 64 * 1024 * 1024
OnEpisode = Callable[[EpisodeEnded], None]


async def play_parallel(
    settings: Settings,
    workers: int,
    *,
    live: bool = False,
    on_episode: OnEpisode | None = None,
    silence_s: float = SILENCE_S,
) -> Played:
    """Run an agent with one environment component, its episodes shared among ``workers`` processes.

    In lockstep an episode depends on its seed alone, so the result equals that of one process;
    planners draw what is random by the episode's seed for that. Where a process dies or hangs, the
    episode it was at is played again in a new one; when that ends, too, the episode has failed as
    :class:`EnvironmentFailed` or :class:`EnvironmentHung`, and the run goes on after it. ``live``
    is the machine's own clock. Films and recordings are one file a process, with the first
    seed in the name. Raises :class:`SettingsError` for agents in several environments, and
    :class:`RunFailed` with the name of what stopped a session: an unknown id, say.
    """
    name, options = _only_environment(settings)
    files = bool(options.get("video")) or any(
        (one.use or key) == "recorder" for key, one in settings.components.items()
    )
    shares = split(options.get("episodes", 1), workers if files else workers * SHARES_EACH)
    pool = _Pool(settings, name, deque(shares), live, on_episode, silence_s)
    async with asyncio.TaskGroup() as group:
        for number in range(min(workers, len(shares))):
            group.create_task(pool.work(), name=f"process {number}")
    if pool.error is not None:
        raise pool.error
    pool.ended.sort(key=lambda one: one.episode)
    return Played(tuple(pool.ended), tuple(pool.seconds))


def _only_environment(settings: Settings) -> tuple[str, dict[str, Any]]:
    using = environments_of(settings)
    if len(using) != 1:
        raise SettingsError(
            f"several processes share the episodes of one environment; this agent has {len(using)}:"
            " run it without --workers"
        )
    ((name, component),) = using.items()
    return name, dict(component.options)


class _Pool:
    """The shares that are left, and what came of the others."""

    def __init__(
        self, settings: Settings, environment: str, shares: deque[Share], live: bool,
        on_episode: OnEpisode | None, silence_s: float,
    ) -> None:  # fmt: skip
        self.ended: list[EpisodeEnded] = []
        self.seconds: list[float] = []
        self.error: RunFailed | None = None
        """What no further episode can do without."""
        self._settings, self._environment, self._shares = settings, environment, shares
        self._id = str(settings.components[environment].options.get("id", ""))
        self._live, self._on_episode, self._silence_s = live, on_episode, silence_s

    async def work(self) -> None:
        """Play shares in a process, in a new one when that dies, until none is left."""
        process: _Process | None = None
        try:
            while self._shares and self.error is None:
                share = self._shares.popleft()
                process = process or await _Process.start()
                played = 0
                try:
                    await process.ask(share.of(self._settings, self._environment), self._live)
                    async for line in process.answers(self._id, self._silence_s):
                        played += self._hear(line, share)
                except SimulationError as error:
                    await process.kill()
                    process = None
                    self._again(share, played, error)
        finally:
            if process is not None:
                await process.close()

    def _hear(self, line: dict[str, Any], share: Share) -> int:
        if "ended" in line:
            self._count(ended_from(line, share.first))
            return 1
        self.seconds.extend(line.get("done", ()))
        if "failed" in line:
            self.error = RunFailed(self._id, line["failed"]["kind"], line["failed"]["text"])
        return 0

    def _again(self, share: Share, played: int, error: SimulationError) -> None:
        """The process ended in episode ``played`` of its share."""
        first, left = share.first + played, share.episodes - played
        if not left:
            return
        if share.again and not played:
            tally = Tally(self._environment, 0, first, self._seed + first, self._id)
            tally.fail(error)
            self._count(tally.ended())
            if left > 1:
                self._shares.appendleft(Share(first + 1, left - 1))
        else:
            self._shares.appendleft(Share(first, left, again=True))

    @property
    def _seed(self) -> int:
        return int(self._settings.components[self._environment].options.get("seed", 0))

    def _count(self, ended: EpisodeEnded) -> None:
        self.ended.append(ended)
        if self._on_episode is not None:
            self._on_episode(ended)


class _Process:
    """A Python of its own that plays shares."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self._process, self._in, self._out = process, process.stdin, process.stdout

    @classmethod
    async def start(cls) -> _Process:
        """Start one. It computes on one thread: the others have processes of their own."""
        pipe = asyncio.subprocess.PIPE
        environ = {"OMP_NUM_THREADS": "1"} | os.environ
        return cls(
            await asyncio.create_subprocess_exec(
                sys.executable, "-m", "sensorium_sims.shares",
                stdin=pipe, stdout=pipe, env=environ, limit=_LINE, start_new_session=True,
            )
        )  # fmt: skip

    async def ask(self, settings: dict[str, Any], live: bool) -> None:
        """Hand over a share."""
        self._in.write(json.dumps({"settings": settings, "live": live}).encode() + b"\n")
        with suppress(ConnectionError):  # it has died: reading its answers says so
            await self._in.drain()

    async def answers(self, environment: str, silence_s: float) -> AsyncIterator[dict[str, Any]]:
        """Its lines, up to the last of the share. Raises :class:`SimulationError` when it ends
        before, or says nothing for ``silence_s``."""
        while True:
            try:
                line = await asyncio.wait_for(self._out.readline(), silence_s)
            except TimeoutError:
                raise EnvironmentHung(environment, "its process", silence_s) from None
            if not line.endswith(b"\n"):
                how = _how(await self._process.wait())
                raise EnvironmentFailed(environment, f"the process it ran in ended {how}")
            told = json.loads(line)
            yield told
            if "done" in told or "failed" in told:
                return

    async def kill(self) -> None:
        """End it and what it started."""
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        await self._process.wait()
        await self._drained()

    async def close(self) -> None:
        """Let it end by itself."""
        self._in.close()
        try:
            await asyncio.wait_for(self._drained(), 10)
            await asyncio.wait_for(self._process.wait(), 10)
        except TimeoutError:
            await self.kill()

    async def _drained(self) -> None:
        self._in.close()
        while await self._out.read(65536):
            pass


def _how(code: int) -> str:
    return f"by {signal.Signals(-code).name}" if code < 0 else f"with status {code}"
