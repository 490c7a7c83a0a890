"""``sensorium sim suite``: a whole table of agents and environments."""

from __future__ import annotations

import json
import sys
from contextlib import redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from sensorium.plugins import load_plugins
from sensorium_agents.commands.sim_agent import compose_for

if TYPE_CHECKING:
    from sensorium.settings import Settings
    from sensorium_sims.bridge.payloads import EpisodeEnded
    from sensorium_sims.suites import Row
    from sensorium_sims.suites.running import Cell


@click.command()
@click.argument("name")
@click.option("--agents", default="", help="These instead of the suite's own: NAME,NAME or .toml.")
@click.option("--episodes", type=click.IntRange(1), help="Of each row, instead of its own number.")
@click.option("--seed", default=0, show_default=True, type=click.IntRange(0))
@click.option("--workers", default=1, show_default=True, type=click.IntRange(1, 256),
              help="Processes that share the episodes of a row.")  # fmt: skip
@click.option("--only", multiple=True, metavar="TASK", help="Only this row; more than once too.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout.")
@click.option("--report", type=click.Path(path_type=Path, file_okay=False), metavar="DIR",
              help="Also write a page with plots there.")  # fmt: skip
def suite(
    name: str, agents: str, episodes: int | None, seed: int, workers: int,
    only: tuple[str, ...], as_json: bool, report: Path | None,
) -> None:  # fmt: skip
    """Run the suite NAME (babyai, balrog, avworld, doom, or a .toml file) and print its table.

    What goes wrong in one row fails its episodes, by name, and the suite goes on.
    """
    from sensorium_sims.suites import load_suite
    from sensorium_sims.suites.running import run_suite
    from sensorium_sims.suites.table import as_text

    wanted = load_suite(name)
    if only:
        wanted = wanted.only(only)
    named = [agent.strip() for agent in agents.split(",") if agent.strip()]
    plugins = load_plugins()
    for agent in named:
        if not agent.endswith(".toml"):
            plugins.component(agent)  # a mistake in a name is said before a long run
    with redirect_stdout(sys.stderr):
        filled = run_suite(
            wanted, _compose, agents=named, episodes=episodes, seed=seed, workers=workers,
            on_cell=_Lines(), on_episode=_Dots(),
        )  # fmt: skip
    told = filled.as_json()
    click.echo(json.dumps(told) if as_json else as_text(told))
    if report is not None:
        from sensorium_sims.reporting import write_report

        click.echo(f"report: {write_report(report, [told])}", err=True)


def _compose(row: Row, agent: str, asked: dict[str, Any]) -> Settings:
    settings, _ = compose_for(agent, asked, row.unplugged, row.settings)
    return settings


class _Dots:
    """A dot an episode on stderr, on a terminal."""

    def __call__(self, ended: EpisodeEnded) -> None:
        if sys.stderr.isatty():
            click.echo("x" if ended.error else ".", nl=False, err=True)


class _Lines:
    """A line a row on stderr."""

    def __call__(self, cell: Cell) -> None:
        result = cell.result
        if result is None:
            how = f"not run: {cell.error}"
        elif cell.error:
            how = f"failed: {cell.error}"
        elif result["success_rate"] is None:
            how = f"{result['episodes']} episodes"
        else:
            how = f"{result['success_rate']:.1%} of {result['episodes']}"
        click.echo(f"{cell.row.task}  {cell.agent}  {how}", err=True)
