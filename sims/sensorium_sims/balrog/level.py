"""BabyAI's level MixedTrainLocal, of which BALROG takes its five tasks."""

# mypy: disable-error-code="no-untyped-call"

from __future__ import annotations

from typing import Any

from minigrid.core.world_object import Door
from minigrid.envs.babyai.core.roomgrid_level import RejectSampling, RoomGridLevel
from minigrid.envs.babyai.core.verifier import (
    AfterInstr,
    BeforeInstr,
    GoToInstr,
    Instr,
    ObjDesc,
    OpenInstr,
    PickupInstr,
    PutNextInstr,
    pos_next_to,
)

from sensorium.errors import EnvironmentFailed
from sensorium_sims.balrog import TASKS, environment_id

LEFT_OUT = {("box", "yellow"), ("key", "red"), ("ball", "green")}
"""What no instruction names: the level keeps it for tests of generalisation."""
DOOR_COLORS = ("yellow", "green", "blue", "purple")
_ROOM = 8
Kind = tuple[str, str]


class MixedTrainLocal(RoomGridLevel):
    """One of the five tasks of BALROG's BabyAI.

    ## Description
    A room of 6x6 cells; for ``open`` a second one behind a locked door, whose key lies in the
    first. Things lie about at random; there are no others than the instruction needs, unless
    ``num_dists`` says so.

    ## Observation Space
    MiniGrid's: ``image`` (7, 7, 3) of what is in view, ``direction``, ``mission``.

    ## Action Space
    MiniGrid's seven: left, right, forward, pickup, drop, toggle, done.

    ## Rewards
    1 - 0.9 * steps / limit when the instruction is carried out, else 0. ``info["is_success"]``
    says the same as BALROG's score.

    ## Episode End
    Success, or the limit: 64 steps for goto and pickup, 128 for the others.

    ## Arguments
    ``task``: a key of :data:`sensorium_sims.balrog.TASKS`; ``num_dists``: distractors, 0 in BALROG.

    ## References
    Carta et al., 2023, "Grounding Large Language Models in Interactive Environments with Online
    Reinforcement Learning" (the level); Paglieri et al., 2024 (the protocol).
    """

    def __init__(self, task: str = "goto", num_dists: int = 0, **kwargs: Any) -> None:
        if task not in TASKS:
            raise EnvironmentFailed(
                environment_id(task), f"no task {task!r}; there are: {', '.join(TASKS)}"
            )
        self.task = task
        self.num_dists = num_dists
        columns = 2 if task == "open" else 1
        super().__init__(room_size=_ROOM, num_rows=1, num_cols=columns, **kwargs)

    def step(self, action: Any) -> tuple[Any, Any, bool, bool, dict[str, Any]]:
        """MiniGrid's step; ``info`` says whether the instruction has been carried out."""
        observation, reward, terminated, truncated, info = super().step(action)
        info["is_success"] = float(reward) > 0
        return observation, reward, terminated, truncated, info

    def gen_mission(self) -> None:
        """Lay out the room and choose the instruction."""
        if self.task == "open":
            self.instrs = self._locked_door()
        else:
            self.place_agent()
            self.instrs = self._in_one_room()
        self.add_distractors(*self._agents_room(), num_distractors=self.num_dists, all_unique=False)
        if not self.check_objs_reachable(raise_exc=False):
            raise RejectSampling("something cannot be reached")

    def _in_one_room(self) -> Instr:
        first = self._kind()
        if self.task in ("goto", "pickup"):
            self.add_object(0, 0, *first)
            about = ObjDesc(*first)
            return GoToInstr(about) if self.task == "goto" else PickupInstr(about)
        second = self._kind()
        while second == first and self.task == "putnext":
            second = self._kind()
        here, there = (self.add_object(0, 0, *kind)[1] for kind in (first, second))
        if self.task == "putnext":
            if pos_next_to(here, there):
                raise RejectSampling("they lie next to each other")
            return PutNextInstr(ObjDesc(*first), ObjDesc(*second))
        fetch, reach = PickupInstr(ObjDesc(*first)), GoToInstr(ObjDesc(*second))
        if self._rand_bool():
            return BeforeInstr(fetch, reach)
        return AfterInstr(reach, fetch)

    def _locked_door(self) -> Instr:
        color = self._rand_elem(DOOR_COLORS)
        locked = self._rand_int(0, 2)  # the room behind the door; the agent starts in the other
        door, _ = self.add_door(locked, 0, 0 if locked == 0 else 2, color, locked=True)
        assert isinstance(door, Door)
        self.add_object(1 - locked, 0, "key", color)
        self.place_agent(1 - locked, 0)
        return OpenInstr(ObjDesc("door", self._rand_elem([None, color])))

    def _kind(self) -> Kind:
        while True:
            kind = self._rand_elem(["key", "ball", "box"]), self._rand_color()
            if kind not in LEFT_OUT:
                return kind

    def _agents_room(self) -> tuple[int, int]:
        return int(self.agent_pos[0] // (_ROOM - 1)), 0
