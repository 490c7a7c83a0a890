"""``sensorium sim``: environments, and agents in them."""

from __future__ import annotations

import json
from fnmatch import fnmatchcase
from typing import Any

import click

from sensorium.plugins import load_plugins
from sensorium_agents.commands.sim_overhead import overhead
from sensorium_agents.commands.sim_report import report
from sensorium_agents.commands.sim_run import run
from sensorium_agents.commands.sim_suite import suite


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


sim.add_command(run)
sim.add_command(suite)
sim.add_command(report)
sim.add_command(overhead)
