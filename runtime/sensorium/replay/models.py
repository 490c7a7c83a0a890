"""What a replay lends its components of models: the recorded answers, when they came."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager
from typing import Any

from sensorium.errors import SensoriumError
from sensorium.recording.digest import request_digest
from sensorium.replay.comparison import Comparison
from sensorium.replay.options import ReplayOptions
from sensorium.replay.script import Call, Role
from sensorium.replay.turns import Turns
from sensorium.workers.executor import ModelHandle
from sensorium.workers.pool.faults import rebuild

_OF_TIME = ("Cancelled", "DeadlineExceeded", "WorkerLost")  # errors that the model cannot help


class ReplayedModel(ModelHandle):
    """One model as one component sees it in a replay.

    The answer to a request is that of the first call of the same request that has not been
    answered again. Where requests cannot be the same, for the pictures in the recording are
    compressed with loss, it is that of the next call. A request that has no answer in the
    recording, and every one to a model that is recomputed, goes to the model itself; but what
    ended for a reason of time (a newer request, a deadline, a lost worker) ends so again.
    """

    def __init__(
        self,
        handle: ModelHandle,
        turns: Turns,
        component: str,
        role: Role,
        comparison: Comparison,
        options: ReplayOptions,
    ) -> None:
        self.name = handle.name
        self._handle = handle
        self._turns = turns
        self._component = component
        self._role = role
        self._calls = role.calls[handle.name]
        self._comparison = comparison
        self._options = options
        self._recompute = options.recompute(handle.name)

    async def load(self) -> None:
        """Load the model if it is recomputed."""
        if self._recompute:
            await self._handle.load()

    async def infer(self, request: Any, **options: Any) -> Any:
        """The recorded answer, or the model's own."""
        call = self._find(request)
        if call is None or (self._recompute and not _is_of_time(call)):
            return await self._infer_anew(request, call, options)
        async with aclosing(self._recorded(call)) as parts:
            return await anext(parts)

    @asynccontextmanager
    async def stream(self, request: Any, **options: Any) -> AsyncIterator[AsyncIterator[Any]]:
        """The recorded parts, or the model's own."""
        call = self._find(request)
        anew = call is None or (self._recompute and call.error.get("type") not in _OF_TIME)
        if call is None or anew:
            source = self._stream_anew(request, call, options)
        else:
            source = self._recorded(call)
        async with aclosing(source) as parts:
            yield parts

    def _find(self, request: Any) -> Call | None:
        """The recorded call, unless its end was lost though the recording is whole."""
        wanted = request_digest(request)
        found = next((call for call in self._calls if call.request == wanted), None)
        if found is None and self._calls and not self._options.lossless:
            found = self._calls[0]
        if found is None:
            now = self._turns.clock.now()
            self._comparison.other_request(now, self._where(), request)
            return None
        self._calls.remove(found)
        lost = not found.outcome and self._options.whole
        return None if lost else found

    async def _infer_anew(self, request: Any, call: Call | None, options: dict[str, Any]) -> Any:
        try:
            answer = await self._handle.infer(request, **options)
        except SensoriumError as error:
            self._compare(call, [], type(error).__name__)
            await self._turn_of(call, 0)
            raise
        self._compare(call, [answer], "")
        await self._turn_of(call, 0)
        return answer

    async def _stream_anew(
        self, request: Any, call: Call | None, options: dict[str, Any]
    ) -> AsyncGenerator[Any, None]:
        made: list[Any] = []
        try:
            async with self._handle.stream(request, **options) as parts:
                async for part in parts:
                    await self._turn_of(call, len(made))
                    made.append(part)
                    yield part
        except SensoriumError as error:
            self._compare(call, made, type(error).__name__)
            await self._turn_of(call, None)
            raise
        self._compare(call, made, "")
        await self._turn_of(call, None)

    async def _turn_of(self, call: Call | None, place: int | None) -> None:
        """Wait until that part of the recorded answer came, or until the answer ended."""
        if call is None:
            return
        if place is not None and place < len(call.parts):
            await self._turns.come(call.parts[place][0], self._role)
        elif call.outcome in ("done", "failed") and call.end is not None:
            await self._turns.come(call.end, self._role)
        else:  # whoever stopped waiting then does so now
            await asyncio.get_running_loop().create_future()

    def _compare(self, call: Call | None, made: list[Any], error: str) -> None:
        if call is None:
            return
        recorded = [value for _, value in call.parts]
        failed = str(call.error.get("type", ""))
        if call.outcome in ("", "cancelled"):  # as far as it was read
            made, error = made[: len(recorded)], failed
        if failed != error or request_digest(recorded) != request_digest(made):
            then, now = [*recorded, failed], [*made, error]
            self._comparison.other_answer(self._turns.clock.now(), self._where(), then, now)

    def _where(self) -> str:
        return f"{self._component} asks {self.name}"

    async def _recorded(self, call: Call) -> AsyncGenerator[Any, None]:
        """The parts of a recorded answer, each in its turn, and the way it ended."""
        for place, (_, value) in enumerate(call.parts):
            await self._turn_of(call, place)
            yield value
        await self._turn_of(call, None)
        if call.outcome == "failed":
            raise rebuild(self.name, call.error)


def _is_of_time(call: Call) -> bool:
    return call.outcome in ("", "cancelled") or call.error.get("type") in _OF_TIME
