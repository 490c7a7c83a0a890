"""Ours: a source, a perceiver and a model, with the defaults of all three."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, ClassVar

from sensorium import (
    ComponentOptions,
    Emit,
    Event,
    Image,
    Input,
    Model,
    Output,
    Perceiver,
    Session,
    Source,
    hookimpl,
    load_plugins,
    load_settings,
)
from sensorium.workers import ModelOptions
from sensorium_benchmarks.frames.frame import Camera as Frames
from sensorium_benchmarks.freshness.scene import GRACE_S, HEIGHT, WIDTH, Eye, Pace, Seen, account


class Camera(Source):
    """Gives a frame every 1/rate s."""

    class Options(ComponentOptions):
        """How many frames, and how often."""

        frames: int
        rate_hz: float

    gives = {"image": Output("camera/{name}/image", Image)}

    async def run(self, emit: Emit) -> None:
        """See :class:`Source`."""
        clock, camera = self.context.clock, Frames(WIDTH, HEIGHT, 8, live=True)
        pace = Pace(self.options.rate_hz, clock.now() / 1e9)
        for _ in range(self.options.frames):
            await clock.sleep(pace.wait_s(clock.now() / 1e9))
            await emit(Image(camera.frame()))


class Looker(Perceiver):
    """Has every picture that it gets to looked at."""

    takes = {"image": Input("camera/+/image", Image)}

    async def setup(self) -> None:
        """Load the model."""
        await self.model("eye").load()

    async def process(self, event: Event[Image], emit: Emit) -> None:
        """See :class:`Perceiver`."""
        await self.model("eye").infer(event.payload.data)


class EyeModel(Model[Any, float]):
    """The model, in the place that a session gives one by default."""

    seen: ClassVar[list[Seen]] = []

    class Options(ModelOptions):
        """How long it takes."""

        busy_ms: float

    def load(self, device: str) -> None:
        """See :class:`Model`."""
        self.eye = Eye(self.options.busy_ms)
        EyeModel.seen = self.eye.seen

    def infer(self, batch: Sequence[Any]) -> list[float]:
        """See :class:`Model`."""
        return [self.eye.see(frame) for frame in batch]


class _Plugin:
    @hookimpl
    def sensorium_register_sources(self, registry: Any) -> None:
        """See the hook."""
        registry.add("bench_camera", Camera)

    @hookimpl
    def sensorium_register_perceivers(self, registry: Any) -> None:
        """See the hook."""
        registry.add("looker", Looker)

    @hookimpl
    def sensorium_register_models(self, registry: Any) -> None:
        """See the hook."""
        registry.add("eye", EyeModel)


def watch(frames: int, rate_hz: float, busy_ms: float) -> dict[str, float]:
    """Run the session, and read what it counted."""
    plugins = load_plugins(installed=False, extra=[("bench", _Plugin())])
    options = {"frames": frames, "rate_hz": rate_hz}
    settings = load_settings(
        overrides={
            "models": {"eye": {"options": {"busy_ms": busy_ms}}},
            "components": {"bench_camera": {"options": options}, "looker": {}},
        }
    )

    async def run() -> dict[str, float]:
        async with Session(settings, plugins) as session:
            await session.runners["bench_camera"].ended.wait()
            await asyncio.sleep(GRACE_S)
            (mailbox,) = [s for s in session.bus.statistics() if s.name == "looker.image"]
        return account(list(EyeModel.seen), mailbox.published, sum(mailbox.dropped.values()))

    return asyncio.run(run())
