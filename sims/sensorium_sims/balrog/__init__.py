"""The BabyAI protocol of BALROG, rebuilt from its description on today's minigrid.

Paglieri et al., 2024, "BALROG: Benchmarking Agentic LLM and VLM Reasoning On Games": five tasks in
one room without distractors (two rooms to open a locked door), the level's own limit of 64 or 128
steps, a score of 0 or 1 an episode, 25 episodes a task. :mod:`.level` is the environment,
:mod:`.words` tells what is seen as BALROG does, :mod:`.protocol` plays and scores. Give it an agent
as a function of the environment's options (``sensorium_agents.embodied.compose`` makes one)::

    scores = await play_all(lambda world: compose("subgoals", world, plugins), plugins)
    print(table(scores))

``gymnasium.make("sensorium_sims.balrog:sensorium/BALROG-goto-v0")`` makes a task by itself.
`sensorium sim suite balrog` prints the tasks beside what was published.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sensorium.plugins.environments import EnvironmentRegistry

TASKS = {
    "goto": "go to a thing",
    "pickup": "pick a thing up",
    "open": "fetch the key of a locked door and open it",
    "putnext": "put one thing next to another",
    "pick_up_seq_go_to": "pick one thing up, then go to another",
}
"""The tasks by name, in BALROG's order, each with what is to be done."""
LEVEL = "sensorium_sims.balrog.level:MixedTrainLocal"


def environment_id(task: str) -> str:
    """The id that Gymnasium knows the task by."""
    return f"sensorium/BALROG-{task}-v0"


def register() -> None:
    """Make the tasks known to Gymnasium."""
    import gymnasium

    for task in TASKS:
        if environment_id(task) not in gymnasium.registry:
            gymnasium.register(environment_id(task), entry_point=LEVEL, kwargs={"task": task})


def register_balrog(registry: EnvironmentRegistry) -> None:
    """Register the tasks as environments, with BabyAI's bot as their expert."""
    for task, summary in TASKS.items():
        registry.add(
            environment_id(task),
            LEVEL,
            summary=f"{summary} (BALROG's BabyAI)",
            options={"task": task},
            expert="sensorium_sims.experts:BabyAIExpert",
            extra="sim",
        )


if "gymnasium" in sys.modules:  # else it stays unloaded, as in sensorium_sims
    register()
