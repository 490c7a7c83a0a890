"""Simulations: environments, the bridge between them and an agent's events, and their measure.

Importing this package after Gymnasium makes the bundled environments known to it;
``gymnasium.make("sensorium_sims:sensorium/AVWorld-Refer-v0")`` does so by itself.
"""

from __future__ import annotations

import sys

AVWORLD_TASKS = ("Refer", "AudioGoal", "Fetch", "Spoken", "SilentAfter", "MovingSource")
AVWORLD = {f"sensorium/AVWorld-{task}-v0": task for task in AVWORLD_TASKS}
"""Ids of the bundled audio-visual-language world, with its tasks."""
TABLE_TOP = "sensorium/TableTop-v0"
DOOM_TASKS = ("Find", "Told")
DOOM = {f"sensorium/Doom{task}-v0": task for task in DOOM_TASKS}
"""Ids of the arenas in ViZDoom where one has to listen, with their tasks."""


def register() -> None:
    """Make the bundled environments known to Gymnasium."""
    import gymnasium

    for name, task in AVWORLD.items():
        if name not in gymnasium.registry:
            gymnasium.register(
                name, entry_point="sensorium_sims.avworld.env:AVWorld", kwargs={"task": task}
            )
    for name, task in DOOM.items():
        if name not in gymnasium.registry:
            gymnasium.register(
                name, entry_point="sensorium_sims.doom.arena:DoomArena", kwargs={"task": task}
            )
    if TABLE_TOP not in gymnasium.registry:
        gymnasium.register(TABLE_TOP, entry_point="sensorium_sims.mujoco.env:TableTop")


if "gymnasium" in sys.modules:  # else it stays unloaded: agents without a body do not need it
    register()
