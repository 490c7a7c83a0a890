"""``sensorium sim``: environments, and agents in them."""

from __future__ import annotations

import asyncio
import json
import sys
from contextlib import redirect_stdout
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import click

from sensorium.errors import BadInput, OutputFailed
from sensorium.logs import configure_logs
from sensorium.plugins import Plugins, load_plugins
from sensorium.settings import Layer, Settings, load_settings


@click.group()
def sim() -> None:
    """Run agents in simulation: any Gymnasium environment, in lockstep or free-running."""


@sim.command("list")
@click.argument("pattern", default="*")
@click.option("--json", "as_json", is_flag=True, help="As one JSON object.")
def list_(pattern: str, as_json: bool) -> None:
    """List environments that plugins registered; PATTERN ('BabyAI-*') spells families out.

    Any other id that Gymnasium knows can be run as well, also as "package.module:Id-v0".
    """
    from sensorium_sims.environments import known

    registry = load_plugins().environments
    found = {id_: entry for id_, entry in known(registry).items() if fnmatchcase(id_, pattern)}
    if as_json:
        click.echo(json.dumps({id_: _described(entry) for id_, entry in found.items()}, indent=2))
        return
    rows: dict[str, tuple[int, str]] = {}
    for id_, entry in found.items():
        if isinstance(entry, str):
            rows[id_] = 0, entry
        else:
            shown = entry.id if pattern == "*" else id_
            rows[shown] = rows.get(shown, (0, ""))[0] + 1, entry.summary
    width = max((len(id_) for id_ in rows), default=0)
    for id_, (count, summary) in rows.items():
        many = f" ({count} ids)" if count > 1 else ""
        click.echo(f"{id_:<{width}}  {summary}{many}")


def _described(entry: Any) -> dict[str, Any]:
    if isinstance(entry, str):
        return {"error": entry}
    return {"plugin": entry.plugin, "summary": entry.summary, "expert": bool(entry.expert)}


@sim.command()
@click.argument("env")
@click.option(
    "--agent", default="random", show_default=True,
    help="A planner's name (random, oracle, …), or the settings file of an agent.",
)  # fmt: skip
@click.option("--episodes", default=10, show_default=True, type=click.IntRange(1))
@click.option("--seed", default=0, show_default=True, type=click.IntRange(0))
@click.option("--count", default=1, show_default=True, help="Environments side by side.")
@click.option("--rate", type=float, help="Free-running at this many steps a second of real time.")
@click.option("--idle-action", default="", help="Done where the agent planned nothing.")
@click.option("--max-steps", type=click.IntRange(1), help="Truncate episodes.")
@click.option("--option", "options", multiple=True, help="KEY=VALUE for the environment's class.")
@click.option("--unplug", "unplugged", multiple=True,
              help="Take a sensor away: camera, microphone, ears, text or state.")  # fmt: skip
@click.option("--video", type=click.Path(path_type=Path), help="Film the episodes: an .mp4 file.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout.")
def run(
    env: str, agent: str, episodes: int, seed: int, count: int, rate: float | None,
    idle_action: str, max_steps: int | None, options: tuple[str, ...],
    unplugged: tuple[str, ...], video: Path | None, as_json: bool,
) -> None:  # fmt: skip
    """Run an agent in ENV, a Gymnasium id, and say how it did.

    In lockstep, the default, simulated time stands still while the agent thinks: the same seed
    gives the same episodes. With --rate nothing waits, and late actions are counted.
    """
    from sensorium.clocks import WallClock
    from sensorium_sims.suite import play, report

    asked: dict[str, Any] = {
        "id": env,
        "episodes": episodes,
        "seed": seed,
        "count": count,
        "idle_action": idle_action,
        "options": dict(_option(text) for text in options),
        "max_steps": max_steps,
    }
    if rate is not None:
        asked |= {"mode": "free", "rate_hz": rate}
    if video is not None:
        _check_writable(video)
        asked["video"] = str(video)
    settings, plugins = _compose(agent, asked, unplugged)
    configure_logs(settings.log)
    with redirect_stdout(sys.stderr):  # some environments print; stdout is for the result
        _try_once(asked, plugins)
        clock = WallClock() if rate is not None else None
        played = asyncio.run(play(settings, plugins, clock=clock, on_episode=_Progress(episodes)))
    result = report(played, environment=env, agent=agent, seed=seed)
    click.echo(json.dumps(result) if as_json else _in_words(result))


def _try_once(asked: dict[str, Any], plugins: Plugins) -> None:
    """An unknown id or a missing library is the user's to mend: no episode can do without."""
    from sensorium_sims.environments import make

    environment, _ = make(asked["id"], plugins.environments, **asked["options"])
    environment.close()


def _compose(
    agent: str, asked: dict[str, Any], unplugged: tuple[str, ...]
) -> tuple[Settings, Plugins]:
    """The agent with the environment in place of its sensors and as what it acts in."""
    from sensorium_agents.embodied import compose, wants
    from sensorium_plugins.embodied.payloads import Senses

    if not agent.endswith(".toml"):
        plugins = load_plugins()
        if unplugged and not wants(plugins, agent, Senses):
            raise BadInput(f"--unplug is for planners that take senses; {agent} does not")
        return compose(agent, asked, plugins, unplugged=unplugged), plugins
    path = Path(agent)
    held = load_settings(path)
    plugins = load_plugins(modules=held.plugins.modules, disabled=held.plugins.disabled)
    return load_settings(path, overrides=_in_world(held, plugins, asked, unplugged)), plugins


def _in_world(
    held: Settings, plugins: Plugins, asked: dict[str, Any], unplugged: tuple[str, ...]
) -> Layer:
    """What lies over an agent's settings to put it into an environment."""
    from sensorium_agents.embodied import senses_for, wants
    from sensorium_plugins.embodied.payloads import Senses
    from sensorium_sims.bridge.payloads import Advice
    from sensorium_sims.suite import ENVIRONMENT

    used = {name: component.use or name for name, component in held.components.items()}
    layer: Layer = {
        name: {"enabled": False}
        for name, use in used.items()
        if plugins.component(use).kind == "source"
    }
    advice = any(wants(plugins, use, Advice) for use in used.values())
    layer[ENVIRONMENT] = {"use": "environment", "options": asked | {"advice": advice}}
    if "environment_actuator" not in used.values():
        act = {"use": "environment_actuator", "options": {"environment": ENVIRONMENT}}
        layer["environment_actuator"] = act
    joined = any(wants(plugins, use, Senses) for use in used.values())
    if joined and "senses" not in used.values():
        layer |= senses_for(ENVIRONMENT, asked["count"], unplugged)
    elif unplugged:
        raise BadInput(
            "--unplug is for agents that take senses and do not say in their settings how these"
            " are joined (the option `unplugged` of `senses`)"
        )
    return {"components": layer}


def _option(text: str) -> tuple[str, Any]:
    key, equals, value = text.partition("=")
    if not equals or not key.isidentifier():
        raise click.BadParameter(f"{text!r} is not KEY=VALUE", param_hint="--option")
    try:
        return key, json.loads(value)
    except ValueError:
        return key, value


def _check_writable(path: Path) -> None:
    """Say so before a long run, not after it."""
    if path.suffix.lower() != ".mp4":
        raise OutputFailed(f"cannot write {path}: films are .mp4 files")
    if not path.resolve().parent.is_dir():
        raise OutputFailed(f"cannot write {path}: there is no folder {path.resolve().parent}")


class _Progress:
    """A line an episode, on stderr."""

    def __init__(self, episodes: int) -> None:
        self._episodes = episodes
        self._done = 0

    def __call__(self, ended: Any) -> None:
        self._done += 1
        if ended.error:
            how = f"failed: {ended.error}"
        else:
            how = {True: "success", False: "no success", None: ended.ending}[ended.success]
        click.echo(
            f"{self._done}/{self._episodes}  seed {ended.seed}  {ended.steps} steps  {how}",
            err=True,
        )


def _in_words(result: dict[str, Any]) -> str:
    count = result["episodes"]
    lines = [f"{result['agent']} in {result['env']}, {count} episode{'s' * (count > 1)}:"]
    if result["success_rate"] is not None:
        low, high = result["ci95"]
        rate = result["success_rate"]
        lines.append(f"  success    {rate:.1%} (95 % interval {low:.1%} to {high:.1%})")
    for key, name in (("spl", "SPL"), ("soft_spl", "soft SPL"), ("sna", "SNA")):
        if result[key] is not None:
            lines.append(f"  {name:<10} {result[key]:.3f}")
    lines.append(f"  steps      {result['mean_steps']:.1f} an episode")
    lines.append(f"  reward     {result['mean_reward']:.3f} an episode")
    step = result["step_ms"]
    if step["p50"] is not None:
        lines.append(f"  step       {step['p50']:.2f} ms median, {step['p99']:.2f} ms p99")
    for kind, count in result["failed"].items():
        lines.append(f"  {kind}: {count}")
    if result["missed_deadlines"]:
        lines.append(f"  missed deadlines: {result['missed_deadlines']}")
    return "\n".join(lines)
