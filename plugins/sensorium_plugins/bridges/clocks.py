"""The clocks of the machines that a bridge hears from."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from sensorium.clocks import Clock
from sensorium.errors import BadInput
from sensorium.events import NS_PER_S
from sensorium.fusion.clock_model import ClockModel
from sensorium.payloads.base import Payload
from sensorium.payloads.fusion import ClockEstimate

REPORT_EVERY_S = 10.0
CLOCKS = 256  # a bridge that hears of more is being told stories


class ClockBook:
    """A model of each clock by name; says what is known of one, every ten seconds at most."""

    def __init__(
        self, component: str, clock: Clock, announce: Callable[[Payload], Awaitable[None]]
    ) -> None:
        self.models: dict[str, ClockModel] = {}
        self._component = component
        self._clock = clock
        self._announce = announce
        self._next: dict[str, int] = {}

    async def correct(self, name: str, time: int, arrival: int) -> int:
        """What ``time`` of that clock is on ours (ns); ``arrival`` is when the message came.

        Raises :class:`BadInput` when there are more clocks than there can be.
        """
        model = self.models.get(name)
        if model is None:
            if len(self.models) >= CLOCKS:
                raise BadInput(f"names clock {name!r}, and {CLOCKS} are known already")
            model = self.models[name] = ClockModel()
        resets = model.resets
        corrected = model.observe(time, arrival)
        now = self._clock.now()
        if now >= self._next.get(name, 0) or model.resets > resets:
            self._next[name] = now + round(REPORT_EVERY_S * NS_PER_S)
            await self._report(name, model)
        return corrected

    async def _report(self, name: str, model: ClockModel) -> None:
        reading = model.reading
        assert reading is not None
        await self._announce(
            ClockEstimate(
                self._component,
                name,
                reading.offset,
                reading.drift_ppm,
                reading.residual,
                reading.samples,
                reading.resets,
                reading.outliers,
            )
        )
