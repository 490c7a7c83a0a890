"""Worlds that turn against an agent, and a session of one agent with everything it said."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import gymnasium
from minigrid.core.world_object import Ball, Door
from minigrid.envs.babyai.core.roomgrid_level import RoomGridLevel
from minigrid.envs.babyai.core.verifier import GoToInstr, ObjDesc, PickupInstr

from sensorium import DeliveryPolicy, Session, VirtualClock
from sensorium.errors import BusClosed
from sensorium_agents.embodied import compose

if TYPE_CHECKING:
    from sensorium.bus import Subscription
    from sensorium.events import AnyEvent
    from sensorium.plugins import Plugins

BLOCKED = "test/DoorShutInTheFace-v0"
STOLEN = "test/BallStolen-v0"


class DoorShutInTheFace(RoomGridLevel):
    """Four rooms in a ring. The door next to the ball's room falls into its lock as the agent
    steps into it; the way round stays open."""

    shut = 0
    """How often that happened, in this process."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(room_size=6, num_rows=2, num_cols=2, **kwargs)

    def gen_mission(self) -> None:
        self.add_door(0, 0, 0, "red", locked=False)
        self.add_door(0, 0, 1, "green", locked=False)
        self.add_door(0, 1, 0, "blue", locked=False)
        self.add_door(1, 0, 1, "grey", locked=False)
        self.add_object(1, 0, "ball", "purple")
        self.place_agent(0, 0)
        self.instrs = GoToInstr(ObjDesc("ball", "purple"))

    def step(self, action: Any) -> Any:
        ahead = self.grid.get(*self.front_pos)
        steps_in = action == self.actions.forward and isinstance(ahead, Door) and ahead.is_open
        if steps_in and ahead.color == "red":
            ahead.is_open, ahead.is_locked = False, True
            type(self).shut += 1
        observation, reward, terminated, truncated, info = super().step(action)
        return observation, reward, terminated, truncated, info | {"is_success": reward > 0}


class BallStolen(RoomGridLevel):
    """The ball is gone when it is reached for, and lies elsewhere in the room."""

    stolen = 0

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(room_size=8, num_rows=1, num_cols=1, **kwargs)

    def gen_mission(self) -> None:
        self.place_agent()
        self.add_object(0, 0, "ball", "purple")
        self.gone = False
        self.instrs = PickupInstr(ObjDesc("ball", "purple"))

    def step(self, action: Any) -> Any:
        ahead = self.grid.get(*self.front_pos)
        if action == self.actions.pickup and isinstance(ahead, Ball) and not self.gone:
            self.grid.set(*self.front_pos, None)
            self.place_obj(ahead)
            self.gone = True
            type(self).stolen += 1
        observation, reward, terminated, truncated, info = super().step(action)
        return observation, reward, terminated, truncated, info | {"is_success": reward > 0}


def register() -> None:
    """Make them known to Gymnasium."""
    for name, made in ((BLOCKED, DoorShutInTheFace), (STOLEN, BallStolen)):
        if name not in gymnasium.registry:
            gymnasium.register(name, entry_point=made)


async def everything(
    planner: str, environment: dict[str, Any], plugins: Plugins, *layers: Any
) -> list[AnyEvent]:
    """Every event of a session, in order."""
    settings = compose(planner, environment, plugins, *layers)
    clock, events = VirtualClock(), []

    async def listen(heard: Subscription) -> None:
        with suppress(BusClosed):
            while True:
                events.append(await heard.get())

    moving = asyncio.ensure_future(clock.run())
    async with Session(settings, plugins, clock) as session:
        heard = session.bus.subscribe("#", DeliveryPolicy.block(), name="test")
        session.scope.spawn(listen(heard), name="test listens")
        await session.wait()
        while (event := heard.get_nowait()) is not None:
            events.append(event)
    moving.cancel()
    return events


def payloads(events: list[AnyEvent], kind: type[Any]) -> list[Any]:
    """Those of one kind."""
    return [event.payload for event in events if isinstance(event.payload, kind)]
