"""``sensorium sim run``: one agent in one environment."""

from __future__ import annotations

import asyncio
import json
import sys
from contextlib import redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from sensorium.errors import OutputFailed
from sensorium.logs import configure_logs
from sensorium_agents.commands.sim_agent import compose_for

if TYPE_CHECKING:
    from sensorium.plugins import Plugins
    from sensorium.settings import Layer, Settings
    from sensorium_sims.suite import Played

FIELDS = (
    "env", "agent", "episodes", "seed", "success_rate", "ci95", "spl", "soft_spl", "sna",
    "mean_steps", "hangs", "missed_deadlines", "step_ms", "versions",
)  # fmt: skip
"""Keys of the object that ``--json`` prints; ``--full`` prints those of :func:`report`."""


@click.command()
@click.argument("env")
@click.option(
    "--agent", default="random", show_default=True,
    help="A planner's name (random, oracle, …), or the settings file of an agent.",
)  # fmt: skip
@click.option("--episodes", default=10, show_default=True, type=click.IntRange(1))
@click.option("--seed", default=0, show_default=True, type=click.IntRange(0))
@click.option("--workers", default=1, show_default=True, type=click.IntRange(1, 256),
              help="Processes that share the episodes; the results are the same.")  # fmt: skip
@click.option("--count", default=1, show_default=True, type=click.IntRange(1, 64),
              help="Environments side by side in a process.")  # fmt: skip
@click.option("--vector", type=click.Choice(["sync", "async"]),
              help="Those as one gymnasium.vector environment.")  # fmt: skip
@click.option("--rate", type=click.FloatRange(min=0, min_open=True),
              help="Free-running at this many steps a second of real time.")  # fmt: skip
@click.option("--idle-action", default="", help="Done where the agent planned nothing.")
@click.option("--max-steps", type=click.IntRange(1), help="Truncate episodes.")
@click.option("--option", "options", multiple=True, help="KEY=VALUE for the environment's class.")
@click.option("--unplug", "unplugged", multiple=True,
              help="Take a sensor away: camera, microphone, ears, text or state.")  # fmt: skip
@click.option("--record", type=click.Path(path_type=Path),
              help="Record the session: an .mcap file for `sensorium replay`.")  # fmt: skip
@click.option("--video", type=click.Path(path_type=Path), help="Film the episodes: an .mp4 file.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout.")
@click.option("--full", is_flag=True,
              help="With --json: also what failed by name, rewards, unanswered steps.")  # fmt: skip
def run(
    env: str, agent: str, episodes: int, seed: int, workers: int, count: int, vector: str | None,
    rate: float | None, idle_action: str, max_steps: int | None, options: tuple[str, ...],
    unplugged: tuple[str, ...], record: Path | None, video: Path | None, as_json: bool,
    full: bool,
) -> None:  # fmt: skip
    """Run an agent in ENV, a Gymnasium id, and say how it did.

    In lockstep, the default, simulated time stands still while the agent thinks: the same seed
    gives the same episodes. With --rate nothing waits, and late actions are counted.
    """
    from sensorium_sims.results import report

    asked: dict[str, Any] = {
        "id": env,
        "episodes": episodes,
        "seed": seed,
        "count": count,
        "idle_action": idle_action,
        "options": dict(_option(text) for text in options),
        "max_steps": max_steps,
    }
    if vector is not None:
        asked["vector"] = vector
    if rate is not None:
        asked |= {"mode": "free", "rate_hz": rate}
    if video is not None:
        _check_writable(video, ".mp4", "films", overwrites=True)
        asked["video"] = str(video)
    settings, plugins = compose_for(agent, asked, unplugged, *_recording(record))
    configure_logs(settings.log)
    with redirect_stdout(sys.stderr):  # some environments print; stdout is for the result
        _try_once(asked, plugins)
        progress = Progress(episodes)
        played = _play(settings, plugins, workers, live=rate is not None, tell=progress)
    result = report(played, environment=env, agent=agent, seed=seed)
    if as_json:
        shown = result if full else {key: result[key] for key in FIELDS}
        click.echo(json.dumps(shown))
    else:
        click.echo(in_words(result))


def _play(
    settings: Settings, plugins: Plugins, workers: int, *, live: bool, tell: Progress
) -> Played:
    from sensorium.clocks import WallClock
    from sensorium_sims.parallel import play_parallel
    from sensorium_sims.suite import play

    if workers > 1:
        return asyncio.run(play_parallel(settings, workers, live=live, on_episode=tell))
    clock = WallClock() if live else None
    return asyncio.run(play(settings, plugins, clock=clock, on_episode=tell))


def _recording(path: Path | None) -> list[Layer]:
    """The table of a recorder."""
    if path is None:
        return []
    _check_writable(path, ".mcap", "recordings", overwrites=False)
    return [{"components": {"recorder": {"options": {"path": str(path)}}}}]


def _try_once(asked: dict[str, Any], plugins: Plugins) -> None:
    """An unknown id or a missing library is the user's to mend: no episode can do without."""
    from sensorium_sims.environments import make

    environment, _ = make(asked["id"], plugins.environments, **asked["options"])
    environment.close()


def _option(text: str) -> tuple[str, Any]:
    key, equals, value = text.partition("=")
    if not equals or not key.isidentifier():
        raise click.BadParameter(f"{text!r} is not KEY=VALUE", param_hint="--option")
    try:
        return key, json.loads(value)
    except ValueError:
        return key, value


def _check_writable(path: Path, suffix: str, what: str, *, overwrites: bool) -> None:
    """Say so before a long run, not after it."""
    if path.suffix.lower() != suffix:
        raise OutputFailed(f"cannot write {path}: {what} are {suffix} files")
    if not path.resolve().parent.is_dir():
        raise OutputFailed(f"cannot write {path}: there is no folder {path.resolve().parent}")
    if path.is_dir() or (not overwrites and path.exists()):
        raise OutputFailed(f"cannot write {path}: it exists already, and is not overwritten")


class Progress:
    """A line an episode, on stderr."""

    def __init__(self, episodes: int) -> None:
        self._episodes = episodes
        self._done = 0

    def __call__(self, ended: Any) -> None:
        """Say how an episode went."""
        self._done += 1
        if ended.error:
            how = f"failed: {ended.error}"
        else:
            how = {True: "success", False: "no success", None: ended.ending}[ended.success]
        click.echo(
            f"{self._done}/{self._episodes}  seed {ended.seed}  {ended.steps} steps  {how}",
            err=True,
        )


def in_words(result: dict[str, Any]) -> str:
    """What :func:`sensorium_sims.results.report` says, for people."""
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
