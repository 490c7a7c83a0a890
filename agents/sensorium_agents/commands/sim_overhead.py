"""``sensorium sim overhead``: what the runtime adds to a step of an agent."""

from __future__ import annotations

import json
import sys
from contextlib import redirect_stdout
from typing import TYPE_CHECKING, Any

import click

from sensorium.plugins import Plugins, load_plugins
from sensorium_agents.commands.sim_agent import compose_for

if TYPE_CHECKING:
    from sensorium_sims.direct import MakePolicy, Policy

AGENTS = ("random", "oracle", "policy")


@click.command()
@click.argument("environment", metavar="ENV")
@click.option("--agent", type=click.Choice(AGENTS), default="policy", show_default=True)
@click.option("--episodes", default=50, show_default=True, type=click.IntRange(2),
              help="The first one warms up and is not counted.")  # fmt: skip
@click.option("--runs", default=9, show_default=True, type=click.IntRange(1))
@click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout.")
def overhead(environment: str, agent: str, episodes: int, runs: int, as_json: bool) -> None:
    """Play the same episodes of ENV over the bus and in a plain loop, by turns.

    Both must come to the same actions. The time of a plain loop is the agent's own: its model and
    the environment's step. `policy` is for BabyAI.
    """
    from sensorium_sims.overhead import measure

    plugins = load_plugins()
    settings, _ = compose_for(agent, {"id": environment, "episodes": episodes})
    with redirect_stdout(sys.stderr):  # some environments print
        found = measure(
            settings, plugins, _policy(agent, environment, plugins), runs=runs,
            tell=lambda line: click.echo(line, err=True),
        )  # fmt: skip
    if as_json:
        click.echo(json.dumps(found))
        return
    click.echo(
        f"{agent} in {environment}, {found['steps']:,} steps, medians of {runs} runs by turns:\n"
        f"  a plain loop  {found['plain_loop_ms']:.3f} ms a step\n"
        f"  the runtime   {found['overhead_ms']:.3f} ms more"
        f" ({found['overhead_processor_ms']:.3f} ms of the processor),"
        f" {found['overhead_share']:.0%} of the agent's own time"
    )


def _policy(agent: str, environment: str, plugins: Plugins) -> MakePolicy:
    from sensorium_sims.direct import expert_of, guessing

    if agent == "random":
        return guessing
    if agent == "oracle":
        return expert_of(plugins.environments, environment)
    return _learned(environment)


def _learned(level: str) -> MakePolicy:
    """The planner ``policy`` without a bus: the same model, asked the same."""
    from sensorium_models.policies.model import BabyAIPolicy, BabyAIPolicyOptions

    model = BabyAIPolicy(BabyAIPolicyOptions())
    model.load("cpu")

    def begin(env: Any, words: Any, seed: int) -> Policy:
        memory: Any = None

        def decide(observation: Any, last: Any) -> Any:
            nonlocal memory
            view, mission = observation["image"], observation["mission"]
            (found,) = model.infer(
                [{"view": view, "mission": mission, "memory": memory, "level": level}]
            )
            memory = found["memory"]
            return found["action"]

        return decide

    return begin
