"""Shared by the tests of simulations."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import faulty_environments
import pytest

from sensorium import ComponentOptions, Input, Output, Planner, load_plugins
from sensorium.payloads.acting import Plan
from sensorium.plugins import hookimpl
from sensorium_sims.bridge.payloads import Observed

if TYPE_CHECKING:
    from sensorium.plugins import Plugins


class Fixed(Planner):
    """Plans what its options say at each observation; thinks ``think_s`` on the clock first."""

    class Options(ComponentOptions):
        steps: tuple[str, ...] = ("1",)
        think_s: float = 0.0
        every: int = 1

    takes = {"observed": Input("sim/+/+/observed", Observed)}
    gives = {"plan": Output("plan/+/+", Plan)}

    async def process(self, event: Any, emit: Any) -> None:
        told = event.payload
        if told.final or told.step % self.options.every:
            return
        if self.options.think_s:
            await self.context.clock.sleep(self.options.think_s)
        topic = f"plan/{told.environment}/{told.index}"
        await emit(Plan("fixed", self.options.steps), topic=topic)


class TestPlanners:
    __test__ = False

    @hookimpl
    def sensorium_register_planners(self, registry: Any) -> None:
        registry.add("fixed", Fixed)


@pytest.fixture(scope="session")
def plugins() -> Plugins:
    loaded = load_plugins(extra=[("test-planners", TestPlanners())])
    assert not loaded.failures
    return loaded


@pytest.fixture
def steady() -> str:
    return faulty_environments.register()
