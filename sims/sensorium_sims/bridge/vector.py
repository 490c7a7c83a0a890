"""Environments that step together, as one vector environment of Gymnasium."""

from __future__ import annotations

import asyncio
import logging
from functools import partial
from multiprocessing import TimeoutError as PipeTimeout
from multiprocessing.connection import wait
from typing import Any, Literal

from gymnasium.vector import AsyncVectorEnv, AutoresetMode, SyncVectorEnv
from gymnasium.vector.utils import concatenate, create_empty_array

import sensorium.errors
from sensorium.clocks import Clock
from sensorium.errors import EnvironmentFailed, EnvironmentHung, SensoriumError, SimulationError
from sensorium_sims.bridge.inside import Inside, Moment, Recipe
from sensorium_sims.bridge.member import TOLD, Account, Fault, MakeMember
from sensorium_sims.bridge.spaces import Vocabulary
from sensorium_sims.bridge.threads import EnvironmentThread

log = logging.getLogger("sensorium.sims")

GRACE_S = 2.0
"""For members that interrupt themselves, before the whole vector environment is given up."""
CLOSE_S = 10.0
DYING_S = 1.0
"""How long a process whose pipe broke may take to be gone."""
Kind = Literal["sync", "async"]
Turns = dict[int, tuple[int | None, Any]]
"""By member: the seed of an episode that begins, or an action."""


class PlayAgain(SimulationError):
    """The episode was cut off by the fault of another one: it is played again from its start."""


class VectorGroup:
    """One vector environment and its members' turns: it steps once all that play have chosen.

    ``NextStep`` autoreset, ``shared_memory=False``. A member that raises, or hangs in Python in a
    process of its own, fails alone. What takes the whole vector environment with it (a process
    that dies, a hang in this process) fails the episode it happened in; the others under way are
    played again in a new one.
    """

    def __init__(self, kind: Kind, recipes: list[Recipe], name: str, clock: Clock) -> None:
        self._kind, self._recipes, self._name, self._clock = kind, recipes, name, clock
        self._thread: EnvironmentThread | None = None
        self._env: Any = None
        self._idle: Any = None
        self._playing: set[int] = set()
        self._turns: Turns = {}
        self._answers: dict[int, asyncio.Future[Account]] = {}
        self.probe = Inside(recipes[0])
        """Tells the vocabulary and the length of a step."""

    async def turn(self, index: int, seed: int | None, action: Any) -> Moment:
        """Begin the episode of ``seed``, or do ``action``; returns once all others have, too."""
        self._playing.add(index)
        self._turns[index] = seed, action
        answer = self._answers[index] = asyncio.get_running_loop().create_future()
        await self._go_if_complete()
        account = await answer
        if not isinstance(account, Moment):
            self._playing.discard(index)
            assert account is not None
            raise _error_of(account, self._recipes[index].id)
        if account.terminated or account.truncated:
            self._playing.discard(index)
        return account

    async def leave(self, index: int) -> None:
        """A member plays no longer: nobody waits for it."""
        self._playing.discard(index)
        self._turns.pop(index, None)
        await self._go_if_complete()

    async def close(self) -> bool:
        """Close all; False where something would not end."""
        self._playing.clear()
        return await self._discard(self._env, terminate=False)

    async def _go_if_complete(self) -> None:
        if not self._playing or not self._turns or self._playing - self._turns.keys():
            return
        turns, self._turns = self._turns, {}
        answers, self._answers = self._answers, {}
        try:
            with self._clock.hold():
                accounts = await self._round(turns)
        except Exception as error:  # noqa: BLE001 - each of those who wait raises it
            for answer in answers.values():
                if not answer.done():
                    answer.set_exception(error)
            return
        except BaseException:
            for answer in answers.values():
                answer.cancel()
            raise
        for index, answer in answers.items():
            if not answer.done():
                answer.set_result(accounts[index])

    async def _round(self, turns: Turns) -> list[Account]:
        recipe, count = self._recipes[0], len(self._recipes)
        begins = any(seed is not None for seed, _ in turns.values())
        limit_s = recipe.make_limit_s if begins else recipe.step_limit_s
        limit_s = limit_s * count if self._kind == "sync" else limit_s + GRACE_S
        if self._thread is None:
            self._thread = EnvironmentThread(self._name)
        try:
            if self._env is None:
                making_s = (recipe.make_limit_s + GRACE_S) * count
                await self._thread.call(recipe.id, "making it", making_s, self._make)
            accounts: list[Account] = await self._thread.call(
                recipe.id, "step", limit_s + GRACE_S, self._step, turns, limit_s
            )
        except SimulationError as error:
            return await self._lost(error, turns)
        except (PipeTimeout, EOFError, OSError) as error:
            return await self._lost(error, turns)
        except SensoriumError:
            raise
        except Exception as error:
            raise EnvironmentFailed(recipe.id, f"{type(error).__name__}: {error}") from error
        return accounts

    async def _lost(self, error: Exception, turns: Turns) -> list[Account]:
        """The vector environment is gone: whose fault was it?"""
        env, name = self._env, self._recipes[0].id
        guilty = set(turns)
        if env is not None and self._kind == "sync":
            guilty = {n for n in turns if env.envs[n].busy} or guilty
        elif env is not None:
            guilty = _guilty(env, turns, died=not isinstance(error, PipeTimeout))
        if isinstance(error, SimulationError):
            fault = Fault(type(error).__name__, str(error))
        elif isinstance(error, PipeTimeout):
            hung = EnvironmentHung(name, "step", self._recipes[0].step_limit_s)
            fault = Fault("EnvironmentHung", str(hung))
        else:
            fault = Fault("EnvironmentFailed", str(EnvironmentFailed(name, "its process died")))
        if not await self._discard(env, terminate=True):
            log.warning("what hangs goes on in a thread of its own")
        again = Fault("PlayAgain", str(PlayAgain(name, "another one took it along")))
        return [fault if n in guilty else again for n in range(len(self._recipes))]

    async def _discard(self, env: Any, *, terminate: bool) -> bool:
        thread, self._thread, self._env = self._thread, None, None
        if thread is None:
            return True
        if thread.stuck:
            return False
        if not thread.alive:
            thread = EnvironmentThread(self._name)
        if env is None:
            return await thread.close(CLOSE_S)
        closing = partial(_kill, env) if terminate and self._kind == "async" else env.close
        try:
            await thread.call(self._recipes[0].id, "close", CLOSE_S, closing)
        except EnvironmentHung:
            return not thread.stuck
        except Exception as error:  # noqa: BLE001 - it is over, whatever it says
            log.warning(
                "closing %s raised %s: %s", self._recipes[0].id, type(error).__name__, error
            )
        return await thread.close(CLOSE_S)

    # --- in the thread ------------------------------------------------------------------------

    def _make(self) -> None:
        self.probe.make()
        alone = self.probe.forget()
        if alone is not None:
            alone.close()
        makers = [MakeMember(recipe, n) for n, recipe in enumerate(self._recipes)]
        mode = AutoresetMode.NEXT_STEP
        env: Any
        if self._kind == "sync":
            env = SyncVectorEnv(makers, autoreset_mode=mode)
        else:
            env = AsyncVectorEnv(makers, shared_memory=False, context="spawn", autoreset_mode=mode)
        env.reset()
        self._idle = env.single_action_space.sample()
        self._env = env

    def _step(self, turns: Turns, limit_s: float) -> list[Account]:
        env, count = self._env, len(self._recipes)
        seeds = [turns.get(n, (None, None))[0] for n in range(count)]
        if any(seed is not None for seed in seeds):
            env.call("prepare", seeds)
        chosen = [
            turns[n][1] if n in turns and seeds[n] is None else self._idle for n in range(count)
        ]
        space = env.single_action_space
        batch: Any = create_empty_array(space, count)
        actions = concatenate(space, chosen, batch)
        if self._kind == "async":
            env.step_async(actions)
            *_, infos = env.step_wait(limit_s)
        else:
            *_, infos = env.step(actions)
        return list(infos[TOLD])


class VectorHost:
    """A member of a :class:`VectorGroup` where an environment alone has an ``EnvironmentHost``."""

    together = True

    def __init__(self, group: VectorGroup, index: int) -> None:
        self._group, self._index = group, index

    @property
    def step_s(self) -> float:
        """Simulated seconds of a step."""
        return self._group.probe.step_s

    @property
    def words(self) -> Vocabulary:
        """What a plan may hold."""
        return self._group.probe.words

    @property
    def space(self) -> str:
        """The action space as Gymnasium writes it."""
        return self._group.probe.space

    @property
    def success(self) -> str:
        """Where success is read: ``info`` or ``reward``."""
        return self._group.probe.success

    async def reset(self, seed: int) -> Moment:
        """Begin an episode, in the step in which the others do their next action."""
        return await self._group.turn(self._index, seed, None)

    async def step(self, action: Any, *, alone: bool = False) -> Moment:
        """Do one action together with the others."""
        del alone
        return await self._group.turn(self._index, None, action)

    async def leave(self) -> None:
        """The episode is over: the others do not wait for it."""
        await self._group.leave(self._index)

    async def discard(self) -> bool:
        """The episode failed; the others go on."""
        await self._group.leave(self._index)
        return True

    async def close(self) -> bool:
        """Close the whole vector environment."""
        return await self._group.close()


def _guilty(env: Any, turns: Turns, *, died: bool) -> set[int]:
    """Those whose process died, or has not answered; all, where none stands out."""
    if died:
        gone = wait([process.sentinel for process in env.processes], timeout=DYING_S)
        found = {n for n in turns if env.processes[n].sentinel in gone}
    else:
        found = {n for n in turns if not env.parent_pipes[n].poll(0)}
    return found or set(turns)


def _kill(env: Any) -> None:
    """End the processes of an AsyncVectorEnv whose pipes are out of step."""
    for process in env.processes:
        process.kill()
    for process in env.processes:
        process.join()
    for pipe in env.parent_pipes:
        if pipe is not None:
            pipe.close()
    env.closed = True


def _error_of(fault: Fault, environment: str) -> SimulationError:
    """The error a member told of, with its own name."""
    if fault.kind == "PlayAgain":
        return PlayAgain(environment, "another one took it along")
    kind = getattr(sensorium.errors, fault.kind, None)
    if not (isinstance(kind, type) and issubclass(kind, SimulationError)):
        kind = EnvironmentFailed
    error: SimulationError = kind.__new__(kind)
    Exception.__init__(error, fault.text)
    error.environment = environment
    return error
