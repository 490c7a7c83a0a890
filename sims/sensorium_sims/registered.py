"""What Sensorium registers in its own name: its world, and families that others make.

Imports no Gymnasium: plugins are loaded at each start of the command line.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sensorium_sims import AVWORLD, DOOM, TABLE_TOP

if TYPE_CHECKING:
    from sensorium.plugins.environments import EnvironmentRegistry

_SUMMARIES = {
    "Refer": "find the thing that the instruction names by look and sound",
    "AudioGoal": "go to the one thing that sounds",
    "Fetch": "bring a key to the box with a sound",
    "Spoken": "find the thing that a voice names, in noise",
    "SilentAfter": "find the thing although its sound soon stops",
    "MovingSource": "find the thing while everything wanders about",
}
_DOOM_SUMMARIES = {
    "Find": "go to the one of four pillars that sounds (ViZDoom)",
    "Told": "go to the pillar whose colour a sound names (ViZDoom)",
}


def register_bundled(registry: EnvironmentRegistry) -> None:
    """The environments that Sensorium brings or knows how to bring."""
    for name, task in AVWORLD.items():
        registry.add(
            name,
            "sensorium_sims.avworld.env:AVWorld",
            summary=_SUMMARIES[task],
            options={"task": task},
            expert="sensorium_sims.experts:AVWorldExpert",
        )
    registry.add(
        TABLE_TOP,
        "sensorium_sims.mujoco.env:TableTop",
        summary="push a cube to a target; continuous actions (MuJoCo)",
        expert="sensorium_sims.mujoco.env:TableTopExpert",
        check="sensorium_sims.mujoco.graphics:check",
        extra="sim",
    )
    for name, task in DOOM.items():
        registry.add(
            name,
            "sensorium_sims.doom.arena:DoomArena",
            summary=_DOOM_SUMMARIES[task],
            options={"task": task},
            expert="sensorium_sims.doom.arena:DoomExpert",
            extra="sim",
        )
    registry.add(
        "BabyAI-*",
        "minigrid",
        summary="instructions in a grid world (MiniGrid)",
        success="reward",
        expert="sensorium_sims.experts:BabyAIExpert",
        extra="sim",
    )
    registry.add("MiniGrid-*", "minigrid", summary="grid worlds", success="reward", extra="sim")
    registry.add(
        "Vizdoom*",
        "sensorium_sims.doom",
        summary="Doom; ids with Audio have stereo sound",
        check="sensorium_sims.doom:check",
        extra="sim",
    )
